//! One version of a chart.

use go_yaml::{ReadError, Value};

use crate::decode::{Fields, WrongType};
use crate::metadata::{InvalidMetadata, RawMetadata};

use super::IndexError;

/// A version of a chart, as an index tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChartVersion {
    /// The version as it is written, which is a semantic version in Helm's wider sense (`v1.2` is one).
    pub version: String,
    /// Where the archive is, absolute or relative to the repository's URL. Helm takes the first one.
    pub urls: Vec<String>,
    /// SHA-256 of the archive in hexadecimal digits, with or without `sha256:` before it; empty if it is not stated.
    pub digest: String,
    /// `appVersion`.
    pub app_version: String,
    /// When the version was added, as it is written.
    pub created: String,
    /// Whether the chart is given up.
    pub deprecated: bool,
}

/// The versions of a chart so far.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) usable: Vec<ChartVersion>,
    /// How many entries there were.
    pub(super) seen: usize,
    /// How many of them are no version of a chart, and what is wrong with the first such.
    pub(super) skipped: usize,
    pub(super) first_fault: Option<String>,
    /// Why the chart cannot be used at all.
    pub(super) fault: Option<IndexError>,
}

/// Why Helm leaves out an entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryFault {
    #[error("it is empty")]
    Empty,
    #[error(transparent)]
    Type(#[from] WrongType),
    #[error(transparent)]
    Invalid(#[from] InvalidMetadata),
}

impl Versions {
    /// Adds what an entry holds. Says how many bytes it takes.
    pub(super) fn add(&mut self, version: Result<ChartVersion, EntryFault>) -> usize {
        self.seen += 1;
        match version {
            Ok(version) => {
                let texts = [&version.version, &version.digest, &version.app_version, &version.created];
                let bytes =
                    texts.into_iter().chain(&version.urls).map(|text| text.len() + size_of::<String>());
                let bytes = bytes.sum();
                self.usable.push(version);
                bytes
            }
            Err(fault) => {
                self.skipped += 1;
                self.first_fault.get_or_insert_with(|| fault.to_string());
                0
            }
        }
    }
}

/// Reads a list, which has one entry as a rule.
pub(super) fn read(text: &[u8]) -> Result<Vec<Result<ChartVersion, EntryFault>>, ReadError> {
    // JSON has escapes that YAML has not.
    let json = text.starts_with(b"[").then(|| go_yaml::json::from_slice(text).ok()).flatten();
    let value = match json {
        Some(value) => value,
        None => go_yaml::from_slice(text)?,
    };
    let items = match value {
        Value::Seq(items) => items,
        Value::Null => Vec::new(),
        other => vec![other],
    };
    Ok(items.iter().map(entry).collect())
}

fn entry(value: &Value) -> Result<ChartVersion, EntryFault> {
    if value.is_null() {
        return Err(EntryFault::Empty);
    }
    let fields = Fields::of("ChartVersion", "repo.ChartVersion", value)?;
    let text = |key| fields.string(key).map(Option::unwrap_or_default);
    let urls = match fields.get("urls") {
        None => Vec::new(),
        Some(Value::Seq(urls)) => urls.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(other) => return Err(fields.wrong("urls", other, "[]string").into()),
    };
    let mut raw = RawMetadata::default();
    raw.read(value)?;
    if raw.api_version.is_empty() {
        raw.api_version = "v1".to_owned();
    }
    let (version, deprecated) = (text("version")?, fields.get("deprecated").and_then(Value::as_bool));
    match raw.validate() {
        Ok(_) => {}
        // What Helm lets pass in an index: some repositories leave out the aliases.
        Err(InvalidMetadata::Duplicate(_)) => {}
        Err(fault) => return Err(fault.into()),
    }
    Ok(ChartVersion {
        version,
        urls,
        digest: text("digest")?,
        app_version: text("appVersion")?,
        created: text("created")?,
        deprecated: deprecated.unwrap_or(false),
    })
}
