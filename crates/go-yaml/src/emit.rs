//! Printing: how values are handed to a printer, and the YAML printer itself.

mod analysis;
mod quick;
mod scalar;
mod through_json;
mod yaml;

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chars;
use crate::error::ReadError;
use crate::json;
use crate::limits::MAX_DEPTH;
use crate::value::Value;

pub use yaml::YamlWriter;

/// Why a value could not be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A number JSON cannot express.
    #[error("json: unsupported value: {text}")]
    NotJson {
        /// `NaN`, `+Inf` or `-Inf`.
        text: &'static str,
    },
    /// A character that YAML texts may not contain, such as U+007F. Only the YAML printer refuses it: Go prints JSON
    /// with the raw character first, which its YAML reader then rejects.
    #[error("yaml: control characters are not allowed")]
    ControlCharacter,
    /// A key whose JSON form is longer than 1024 characters or holds U+0085, a line break. Only the YAML printer
    /// refuses it, for the same reason.
    #[error("yaml: did not find expected ',' or '}}'")]
    UnreadableKey,
    /// A string in which U+0085, a line break, stands before `---` or `...`. Only the YAML printer refuses it, for the
    /// same reason.
    #[error("yaml: found unexpected document indicator")]
    DocumentIndicator,
    /// The JSON text of the value is no YAML, as [`to_string`] found by reading it.
    #[error(transparent)]
    Unreadable(ReadError),
    /// Collections nest deeper than [`MAX_DEPTH`], probably by containing themselves.
    #[error("json: unsupported value: encountered a cycle or more than {MAX_DEPTH} levels")]
    TooDeep,
    /// The value itself could not be shown, with the reason of its owner.
    #[error("{0}")]
    Value(String),
}

/// A printer. Values are handed over piece by piece, in document order; a mapping gets a `key` before each value.
pub trait Sink {
    /// `null`.
    fn null(&mut self);

    /// `true` or `false`.
    fn boolean(&mut self, value: bool);

    /// A whole number.
    fn int(&mut self, number: i64);

    /// A whole number, for those beyond [`i64::MAX`].
    fn uint(&mut self, number: u64);

    /// Another number. Whole ones print without a fraction, as JSON has them.
    ///
    /// # Errors
    /// [`WriteError::NotJson`]
    fn float(&mut self, number: f64) -> Result<(), WriteError>;

    /// Text.
    ///
    /// # Errors
    /// [`WriteError::ControlCharacter`]
    fn string(&mut self, text: &str) -> Result<(), WriteError>;

    /// Text that need not be UTF-8, as Go's strings: an invalid byte prints as U+FFFD, in JSON as its escape.
    ///
    /// # Errors
    /// As [`Sink::string`].
    fn raw_string(&mut self, text: &[u8]) -> Result<(), WriteError> {
        self.string(&chars::lossy(text))
    }

    /// A key that need not be UTF-8; see [`Sink::raw_string`].
    ///
    /// # Errors
    /// As [`Sink::key`].
    fn raw_key(&mut self, key: &[u8]) -> Result<(), WriteError> {
        self.key(&chars::lossy(key))
    }

    /// Bytes that are no text (Go's `[]byte`): base64 in JSON and YAML, a list of numbers in TOML.
    ///
    /// # Errors
    /// As [`Sink::string`].
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.string(&STANDARD.encode(bytes))
    }

    /// Begins a list of `len` values.
    ///
    /// # Errors
    /// [`WriteError::TooDeep`]
    fn begin_sequence(&mut self, len: usize) -> Result<(), WriteError>;

    /// Ends the list.
    fn end_sequence(&mut self);

    /// Begins a map of `len` entries, to be given in the order of [`Sink::compare_keys`].
    ///
    /// # Errors
    /// [`WriteError::TooDeep`]
    fn begin_mapping(&mut self, len: usize) -> Result<(), WriteError>;

    /// The key of the next value.
    ///
    /// # Errors
    /// [`WriteError::ControlCharacter`], [`WriteError::UnreadableKey`]
    fn key(&mut self, key: &str) -> Result<(), WriteError>;

    /// Ends the map.
    fn end_mapping(&mut self);

    /// The order in which this printer shows keys: natural for YAML, by bytes for JSON. See [`sort_entries`].
    fn compare_keys(&self, a: &str, b: &str) -> Ordering;
}

/// A value that can be printed as YAML or JSON.
///
/// ```
/// use go_yaml::{Emit, Sink, WriteError};
///
/// struct Pair(i64, i64);
///
/// impl Emit for Pair {
///     fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
///         sink.begin_sequence(2)?;
///         sink.int(self.0);
///         sink.int(self.1);
///         sink.end_sequence();
///         Ok(())
///     }
/// }
///
/// assert_eq!(go_yaml::to_string(&Pair(1, 2)).unwrap(), "- 1\n- 2\n");
/// ```
pub trait Emit {
    /// Hands the value to `sink`.
    ///
    /// # Errors
    /// Those of the sink, and [`WriteError::Value`].
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError>;
}

impl<T: Emit + ?Sized> Emit for &T {
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
        (**self).emit(sink)
    }
}

/// The entries of a map in the order `sink` wants.
pub fn sort_entries<K: AsRef<str>, V, S: Sink>(sink: &S, entries: Vec<(K, V)>) -> Vec<(K, V)> {
    crate::order::sort_by(entries, &|a: &(K, V), b: &(K, V)| sink.compare_keys(a.0.as_ref(), b.0.as_ref()))
}

/// Hands a map to `sink`, its entries in the order the sink wants. Nothing is copied if they come in that order.
///
/// # Errors
/// Those of the sink and of the values.
pub fn emit_entries<K, V, S, I>(sink: &mut S, entries: I) -> Result<(), WriteError>
where
    K: AsRef<str>,
    V: Emit,
    S: Sink,
    I: ExactSizeIterator<Item = (K, V)> + Clone,
{
    sink.begin_mapping(entries.len())?;
    let keys = entries.clone().map(|(key, _)| key);
    if keys.is_sorted_by(|a, b| sink.compare_keys(a.as_ref(), b.as_ref()) != Ordering::Greater) {
        for (key, value) in entries {
            sink.key(key.as_ref())?;
            value.emit(sink)?;
        }
    } else {
        for (key, value) in sort_entries(sink, entries.collect()) {
            sink.key(key.as_ref())?;
            value.emit(sink)?;
        }
    }
    sink.end_mapping();
    Ok(())
}

impl Emit for Value {
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
        match self {
            Value::Null => sink.null(),
            Value::Bool(value) => sink.boolean(*value),
            Value::Int(number) => sink.int(*number),
            Value::Uint(number) => sink.uint(*number),
            Value::Float(number) => sink.float(*number)?,
            Value::String(text) => sink.string(text)?,
            Value::Seq(items) => {
                sink.begin_sequence(items.len())?;
                for item in items {
                    item.emit(sink)?;
                }
                sink.end_sequence();
            }
            Value::Map(map) => emit_entries(sink, map.iter())?,
        }
        Ok(())
    }
}

/// Prints `value` as `sigs.k8s.io/yaml`'s `Marshal` does, with a final newline.
///
/// # Errors
/// The value cannot be expressed in JSON, or not in YAML: see [`WriteError`]. Helm's `toYaml` then gives an empty
/// text.
pub fn to_string(value: &impl Emit) -> Result<String, WriteError> {
    let mut writer = YamlWriter::new();
    match value.emit(&mut writer) {
        Ok(()) => Ok(writer.finish()),
        Err(
            error
            @ (WriteError::ControlCharacter | WriteError::UnreadableKey | WriteError::DocumentIndicator),
        ) => Err(as_read(value, error)),
        Err(error) => Err(error),
    }
}

/// The error that Go gives instead of `error`: of all that its YAML reader refuses in the JSON text, what it meets
/// first.
fn as_read(value: &impl Emit, error: WriteError) -> WriteError {
    match json::to_string(value, json::Style::Compact).map(|text| crate::from_str(&text)) {
        Ok(Err(read)) if read.to_string() != error.to_string() => WriteError::Unreadable(read),
        Ok(_) => error,
        Err(error) => error,
    }
}

/// Fails if another level below `depth` would be too many.
pub(crate) fn check_depth(depth: usize) -> Result<(), WriteError> {
    if depth >= MAX_DEPTH { Err(WriteError::TooDeep) } else { Ok(()) }
}
