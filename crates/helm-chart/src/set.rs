//! Values from the command line: `--set`, `--set-string`, `--set-file`, `--set-json`, `--set-literal`
//! (`helm.sh/helm/v4/pkg/strvals`).
//!
//! A text is `key=value,other.key=value,list[0]=value,list={a,b}`; `\` takes a character for itself.
//!
//! Invariants: no input panics. A list has at most [`MAX_INDEX`] + 1 items; one text makes at most [`MAX_ITEMS`] items,
//! which nest at most [`go_yaml::limits::MAX_DEPTH`] levels.

mod fault;
mod parser;

use crate::values::Values;

pub use fault::{ReadFileError, SetError, SetFault};
pub(crate) use fault::{quoted, quoted_char};
pub(crate) use parser::{atoi, go_type};

use parser::{Parser, Reading};

/// The largest index of a list, as in Helm.
pub const MAX_INDEX: usize = 65536;

/// The most levels that a key's dots may lead down, as in Helm.
pub const MAX_NAME_LEVELS: usize = 30;

/// The most items of lists that one text may make. Helm has no limit.
pub const MAX_ITEMS: usize = 4 << 20;

/// What the values in a text are, in the order in which Helm applies its flags, files (`-f`) coming before all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetKind {
    /// `--set-json`: JSON after each `=`, or the whole text is a JSON object that is merged. Its numbers are floats.
    Json,
    /// `--set`: `true`, `false` and `null` in any case, and whole numbers, are what they look like: a number is a
    /// [`go_yaml::Value::Int`], unlike those of YAML. Anything else is text: `1.5`, `012`, `0x1f`, `1e3`.
    Typed,
    /// `--set-string`: text.
    Text,
    /// `--set-file`: the content of a file; see [`Values::set_file`].
    File,
    /// `--set-literal`: text to the end, with commas, braces and backslashes; one pair only.
    Literal,
}

impl SetKind {
    /// Helm's flag, without the dashes.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Json => "set-json",
            Self::Typed => "set",
            Self::Text => "set-string",
            Self::File => "set-file",
            Self::Literal => "set-literal",
        }
    }
}

impl Values {
    /// Sets what `text` says, as Helm's flag of this kind does. For [`SetKind::File`] see [`Self::set_file`]: here it
    /// fails as if no file existed.
    ///
    /// # Errors
    /// In Helm's words. Some pairs of the text may be set then: give the values up.
    ///
    /// ```
    /// use helm_chart::{SetKind, Values};
    ///
    /// let mut values = Values::from_yaml("image: {tag: v1}\n").unwrap();
    /// values.set(SetKind::Typed, r"image.tag=v2,ports[0].number=80,names={a,b\,c}").unwrap();
    /// let expected = "image: {tag: v2}\nports: [{number: 80}]\nnames: [a, 'b,c']\n";
    /// let mut expected = Values::from_yaml(expected).unwrap();
    /// // Whole numbers of --set are int64, those of YAML are float64.
    /// assert_ne!(values, expected);
    /// expected.set(SetKind::Typed, "ports[0].number=80").unwrap();
    /// assert_eq!(values, expected);
    ///
    /// let error = values.set(SetKind::Typed, "image[0]=x").unwrap_err();
    /// assert_eq!(error.to_string(), "failed parsing --set data");
    /// ```
    pub fn set(&mut self, kind: SetKind, text: &str) -> Result<(), SetError> {
        let pairs = |cause| SetError::Pairs { kind, cause };
        match kind {
            SetKind::Json => self.set_json(text),
            SetKind::Typed => self.parse(text, Reading::Typed).map_err(pairs),
            SetKind::Text => self.parse(text, Reading::Text).map_err(pairs),
            SetKind::Literal => self.parse(text, Reading::Literal).map_err(pairs),
            SetKind::File => {
                self.set_file(text, &mut |path| Err(format!("open {path}: no such file or directory").into()))
            }
        }
    }

    /// `--set-file`: like [`SetKind::Text`], where each value is the path of a file whose content `read` gives.
    ///
    /// # Errors
    /// As [`Self::set`], and what `read` fails with.
    ///
    /// ```
    /// use helm_chart::Values;
    ///
    /// let mut values = Values::new();
    /// values.set_file("script=run.sh", &mut |path| Ok(format!("content of {path}"))).unwrap();
    /// assert_eq!(values, Values::from_yaml("script: content of run.sh").unwrap());
    /// ```
    pub fn set_file(
        &mut self,
        text: &str,
        read: &mut dyn FnMut(&str) -> Result<String, ReadFileError>,
    ) -> Result<(), SetError> {
        let pairs = |cause| SetError::Pairs { kind: SetKind::File, cause };
        self.parse(text, Reading::File(read)).map_err(pairs)
    }

    fn set_json(&mut self, text: &str) -> Result<(), SetError> {
        let trimmed = text.trim();
        if !trimmed.starts_with('{') {
            return self
                .parse(text, Reading::Json)
                .map_err(|_| SetError::Json { form: "data ", text: text.to_owned() });
        }
        let object = go_yaml::json::from_str(trimmed).ok().and_then(|value| Values::try_from(value).ok());
        let object = object.ok_or_else(|| SetError::Json { form: "data JSON: ", text: text.to_owned() })?;
        *self = std::mem::take(self).merged_with(object);
        Ok(())
    }

    fn parse(&mut self, text: &str, reading: Reading<'_>) -> Result<(), SetFault> {
        Parser::new(text, reading).run(self.map_mut())
    }
}
