//! Why a text sets nothing, in Helm's words.

use super::{MAX_INDEX, MAX_ITEMS, MAX_NAME_LEVELS, SetKind};

/// Why a file of `--set-file` cannot be read.
pub type ReadFileError = Box<dyn std::error::Error + Send + Sync>;

/// A text that cannot be set. It may quote a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The pairs of a flag.
    #[error("failed parsing --{} data", .kind.flag())]
    Pairs {
        /// The flag.
        kind: SetKind,
        /// What is wrong.
        #[source]
        cause: SetFault,
    },
    /// A text of `--set-json`, of which Helm tells no cause.
    #[error("failed parsing --set-json {form}{text}")]
    Json {
        /// `data ` for pairs, `data JSON: ` for an object.
        form: &'static str,
        /// The text.
        text: String,
    },
}

/// What is wrong with a text of pairs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetFault {
    /// A key at the end.
    #[error("key {} has no value", quoted(.0))]
    NoValue(String),
    /// A key before a comma.
    #[error("key {} has no value (cannot end with ,)", quoted(.0))]
    NoValueBeforeComma(String),
    /// A key whose table stays empty.
    #[error("key map {} has no value", quoted(.0))]
    EmptyTable(String),
    /// Too many dots.
    #[error("value name nested level is greater than maximum supported nested level of {MAX_NAME_LEVELS}")]
    NameLevels,
    /// An index that is no whole number, or too large for one.
    #[error("error parsing index: strconv.Atoi: parsing {}: {reason}", quoted(.text))]
    Index {
        /// What stands in the brackets.
        text: String,
        /// Go's reason.
        reason: &'static str,
    },
    /// An index below zero.
    #[error("negative {0} index not allowed")]
    NegativeIndex(i64),
    /// An index beyond [`MAX_INDEX`].
    #[error("index of {0} is greater than maximum supported index of {MAX_INDEX}")]
    IndexTooLarge(i64),
    /// Something between `]` and what may follow it.
    #[error("unexpected data at end of array index: {}", quoted_chars(.0))]
    AfterIndex(String),
    /// A `{` without its `}`.
    #[error("list must terminate with '}}'")]
    UnterminatedList,
    /// The key has a value of another kind already.
    #[error("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")]
    OtherType {
        /// The Go type that is there.
        found: &'static str,
        /// The Go type that the key needs.
        wanted: &'static str,
    },
    /// A value of `--set-json`.
    #[error(transparent)]
    Json(#[from] go_yaml::json::JsonError),
    /// A file of `--set-file`.
    #[error(transparent)]
    File(ReadFileError),
    /// Not Helm's: lists and tables nest too deep.
    #[error("lists and tables nest more than {} levels", go_yaml::limits::MAX_DEPTH)]
    TooDeep,
    /// Not Helm's: the lists are too long.
    #[error("lists of more than {MAX_ITEMS} items together")]
    TooManyItems,
}

/// `%q` of a string.
pub(crate) fn quoted(text: &str) -> String {
    String::from_utf8_lossy(&go_template::quote_bytes(text.as_bytes(), false)).into_owned()
}

/// `%q` of a rune.
pub(crate) fn quoted_char(char: char) -> String {
    match char {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => format!("'{}'", quoted(other.encode_utf8(&mut [0; 4])).trim_matches('"')),
    }
}

/// `%q` of a slice of runes.
fn quoted_chars(text: &str) -> String {
    format!("[{}]", text.chars().map(quoted_char).collect::<Vec<_>>().join(" "))
}
