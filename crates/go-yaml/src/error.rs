//! Why a text could not be read.

use std::borrow::Cow;

use crate::limits::{MAX_BYTES, MAX_DEPTH, MAX_NODES};

/// Why a text could not be read. The texts are go-yaml's, so that what users know from Helm and kubectl appears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text is not YAML.
    #[error("yaml: {}{problem}", shown_line(*shown))]
    Syntax {
        /// The line number go-yaml would print. It counts some errors from zero, and prints none for the first line.
        shown: Option<usize>,
        /// The real line, from 1.
        line: usize,
        /// What is wrong, in go-yaml's words.
        problem: Cow<'static, str>,
    },
    /// An alias names an anchor that does not precede it.
    #[error("yaml: unknown anchor '{name}' referenced")]
    UnknownAnchor {
        /// The name after `*`.
        name: String,
        /// The alias' line, from 1.
        line: usize,
    },
    /// An alias stands inside the value it refers to.
    #[error("yaml: anchor '{name}' value contains itself")]
    SelfAlias {
        /// The anchor's name.
        name: String,
    },
    /// Aliases multiply the document beyond go-yaml's ratio or beyond [`crate::limits::MAX_ALIASED_BYTES`].
    #[error("yaml: document contains excessive aliasing")]
    ExcessiveAliasing,
    /// The value of a `<<` key is not a mapping or a list of mappings.
    #[error("yaml: map merge requires map or sequence of maps as the value")]
    MergeNeedsMap,
    /// A collection was used as a key.
    #[error("yaml: invalid map key: {key}")]
    CollectionKey {
        /// The key in Go's syntax (`%#v`), of at most 64 KiB.
        key: String,
        /// The key's line, from 1.
        line: usize,
    },
    /// A key that JSON cannot express: null, or a whole number beyond 63 bits.
    #[error("unsupported map key of type: {go_type}, key: {key}, value: {value}")]
    UnsupportedKey {
        /// Go's name of the key's type.
        go_type: &'static str,
        /// The key as Go prints it.
        key: String,
        /// The key's value in Go's syntax (`%#v`), of at most 64 KiB.
        value: String,
        /// The key's line, from 1.
        line: usize,
    },
    /// An explicit tag does not fit its scalar.
    #[error("yaml: cannot decode {found} `{text}` as a {wanted}")]
    TagMismatch {
        /// The type the text has by itself, such as `!!str`.
        found: &'static str,
        /// The scalar's text.
        text: String,
        /// The tag that was asked for.
        wanted: String,
    },
    /// A `!!binary` scalar is not base64.
    #[error("yaml: !!binary value contains invalid base64 data")]
    Binary,
    /// A number that JSON cannot express: an infinity or not-a-number.
    #[error("json: unsupported value: {text}")]
    NotJson {
        /// `+Inf`, `-Inf` or `NaN`.
        text: &'static str,
    },
    /// The text is longer than [`MAX_BYTES`].
    #[error("yaml: text of {bytes} bytes exceeds the limit of {MAX_BYTES} bytes")]
    TooLarge {
        /// The text's length.
        bytes: usize,
    },
    /// Collections nest deeper than [`MAX_DEPTH`].
    #[error("yaml: exceeded max depth of {MAX_DEPTH}")]
    TooDeep,
    /// A document has more than [`MAX_NODES`] nodes.
    #[error("yaml: document has more than {MAX_NODES} nodes")]
    TooManyNodes,
}

impl ReadError {
    /// The line the error points at, from 1, where it has one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            ReadError::Syntax { line, .. }
            | ReadError::UnknownAnchor { line, .. }
            | ReadError::CollectionKey { line, .. }
            | ReadError::UnsupportedKey { line, .. } => Some(*line),
            _ => None,
        }
    }
}

fn shown_line(shown: Option<usize>) -> String {
    shown.map(|line| format!("line {line}: ")).unwrap_or_default()
}
