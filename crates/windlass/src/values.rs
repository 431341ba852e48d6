//! `--values`, `--set` and their like: the values that a user lays over a chart's.

use helm_chart::{SetError, SetKind, Values, ValuesError};

use crate::disk::{self, FileError};
use crate::flags::{Flag, Kind, Parsed};
use crate::process::Process;

/// The flags.
pub(crate) const FLAGS: &[Flag] = &[
    Flag::new(
        "values",
        Kind::CommaTexts,
        "YAML file with values, - for standard input; may be given many times, later ones over earlier ones",
    )
    .short('f'),
    Flag::new(
        "set",
        Kind::Texts,
        "values as key=value,other.key=value,list[0]=value; numbers, true, false and null are recognised",
    ),
    Flag::new("set-string", Kind::Texts, "as --set, all values being strings"),
    Flag::new(
        "set-file",
        Kind::Texts,
        "as --set, each value being the path of a file whose content is taken",
    ),
    Flag::new("set-json", Kind::Texts, "values as key=JSON, or one JSON object"),
    Flag::new("set-literal", Kind::Texts, "one value as key=value, the value being taken to the letter"),
];

/// The order in which Helm applies the flags, whatever their order on the command line.
const ORDER: [SetKind; 5] = [SetKind::Json, SetKind::Typed, SetKind::Text, SetKind::File, SetKind::Literal];

/// The most bytes of a file with values.
const MOST_BYTES: u64 = 100 << 20;

/// Why there are no values. With the causes, joined by `: `, the texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UserValuesError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("--{flag} {url}: files are read from this machine only; download it first")]
    Url { flag: &'static str, url: String },
    #[error("standard input cannot be read")]
    Stdin(#[source] std::io::Error),
    #[error("standard input has more than {MOST_BYTES} bytes")]
    StdinTooLong,
    #[error("failed to parse {path}")]
    Yaml { path: String, source: ValuesError },
    #[error("{0} is not UTF-8")]
    NotText(String),
    #[error(transparent)]
    Set(#[from] SetError),
}

/// The values that the flags give.
pub(crate) fn merge(flags: &Parsed, process: &mut Process<'_>) -> Result<Values, UserValuesError> {
    let mut values = Values::new();
    for path in flags.list("values") {
        let bytes = read("values", path, process)?;
        let wrap = |source| UserValuesError::Yaml { path: path.clone(), source };
        let text = String::from_utf8(bytes).map_err(|_| UserValuesError::NotText(path.clone()))?;
        values = values.merged_with(Values::from_yaml(&text).map_err(wrap)?);
    }
    for kind in ORDER {
        for text in flags.list(kind.flag()) {
            match kind {
                SetKind::File => values.set_file(text, &mut |path| content(path, process))?,
                kind => values.set(kind, text)?,
            }
        }
    }
    Ok(values)
}

fn content(path: &str, process: &mut Process<'_>) -> Result<String, helm_chart::ReadFileError> {
    let bytes = read("set-file", path, process)?;
    Ok(String::from_utf8(bytes).map_err(|_| UserValuesError::NotText(path.to_owned()))?)
}

fn read(flag: &'static str, path: &str, process: &mut Process<'_>) -> Result<Vec<u8>, UserValuesError> {
    if path.trim() == "-" {
        let bytes = process.read_stdin(MOST_BYTES + 1).map_err(UserValuesError::Stdin)?;
        return if bytes.len() as u64 > MOST_BYTES { Err(UserValuesError::StdinTooLong) } else { Ok(bytes) };
    }
    if ["http://", "https://", "oci://"].iter().any(|scheme| path.starts_with(scheme)) {
        return Err(UserValuesError::Url { flag, url: path.to_owned() });
    }
    Ok(disk::read_file(path, MOST_BYTES)?)
}
