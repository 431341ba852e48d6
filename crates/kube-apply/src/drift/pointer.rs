//! Which field: JSON pointers (RFC 6901).

use std::fmt;
use std::str::FromStr;

/// The longest text that is read as a pointer.
const LONGEST: usize = 2048;

/// The place of a field in an object: `/spec/replicas`. The empty pointer is the whole object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer(Vec<String>);

/// Why a text is no pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It is neither empty nor begins with `/`.
    #[error("{0:?} is no JSON pointer: it must begin with `/`, as in `/spec/replicas`")]
    Begin(String),
    /// A `~` that escapes nothing.
    #[error("{0:?} is no JSON pointer: `~` is written `~0`, and `/` inside of a name `~1`")]
    Escape(String),
    /// It is too long.
    #[error("a JSON pointer of {0} characters is longer than {LONGEST}")]
    Long(usize),
}

impl Pointer {
    /// The names and list positions on the way, as they are in the object.
    pub fn tokens(&self) -> &[String] {
        &self.0
    }

    /// Whether the other one is this field, or lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Goes down to a field.
    pub(super) fn push(&mut self, token: impl Into<String>) {
        self.0.push(token.into());
    }

    /// Comes up again.
    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        if text.len() > LONGEST {
            return Err(PointerError::Long(text.chars().count()));
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        let tokens = text.strip_prefix('/').ok_or_else(|| PointerError::Begin(text.to_owned()))?;
        let unescaped = |token: &str| {
            let escapes = token.matches('~').count();
            let known = token.matches("~0").count() + token.matches("~1").count();
            (escapes == known).then(|| token.replace("~1", "/").replace("~0", "~"))
        };
        let tokens: Option<_> = tokens.split('/').map(unescaped).collect();
        tokens.map(Self).ok_or_else(|| PointerError::Escape(text.to_owned()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

/// Whether one of the rules is this field or one that it lies in. The empty pointer covers every field.
pub fn ignored(pointer: &Pointer, rules: &[Pointer]) -> bool {
    rules.iter().any(|rule| rule.covers(pointer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_and_printed_as_rfc_6901_says() {
        let rows: [(&str, Result<&[&str], &str>); 9] = [
            ("", Ok(&[])),
            ("/", Ok(&[""])),
            ("/spec/replicas", Ok(&["spec", "replicas"])),
            ("/metadata/annotations/example.org~1a", Ok(&["metadata", "annotations", "example.org/a"])),
            ("/a~01/~1~0", Ok(&["a~1", "/~"])),
            ("spec", Err("\"spec\" is no JSON pointer: it must begin with `/`, as in `/spec/replicas`")),
            ("#/spec", Err("\"#/spec\" is no JSON pointer: it must begin with `/`, as in `/spec/replicas`")),
            ("/a~", Err("\"/a~\" is no JSON pointer: `~` is written `~0`, and `/` inside of a name `~1`")),
            ("/a~2", Err("\"/a~2\" is no JSON pointer: `~` is written `~0`, and `/` inside of a name `~1`")),
        ];
        for (text, expected) in rows {
            match (text.parse::<Pointer>(), expected) {
                (Ok(pointer), Ok(tokens)) => {
                    assert_eq!(pointer.tokens(), tokens, "{text}");
                    assert_eq!(pointer.to_string(), text);
                }
                (Err(error), Err(told)) => assert_eq!(error.to_string(), told),
                (actual, _) => panic!("{text}: {actual:?}"),
            }
        }
        assert_eq!("/".repeat(3000).parse::<Pointer>(), Err(PointerError::Long(3000)));
    }

    #[test]
    fn a_rule_covers_its_field_and_what_lies_in_it() {
        let rows = [
            ("", "", true),
            ("", "/spec", true),
            ("/spec", "/spec", true),
            ("/spec", "/spec/replicas", true),
            ("/spec", "/specs", false),
            ("/spec/replicas", "/spec", false),
        ];
        for (rule, pointer, expected) in rows {
            let read = |text: &str| text.parse::<Pointer>().unwrap();
            assert_eq!(ignored(&read(pointer), &[read("/other"), read(rule)]), expected, "{rule} {pointer}");
        }
        assert!(!ignored(&Pointer::default(), &[]));
    }
}
