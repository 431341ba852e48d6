//! `index.yaml` of a chart repository, of any size: what it says of a few charts.
//!
//! A repository's index lists every version of every chart; some are larger than 50 MB, as text. [`IndexReader`] is fed with
//! the text as it arrives and keeps nothing of it but the versions of the charts that are asked for. It follows the
//! structure of the text as far as `entries` and the charts' names, in block style as `helm repo index` writes it and in
//! brackets (JSON); each wanted version is then read by `go-yaml` on its own.
//!
//! Invariant: what is in memory is one version as text and as a tree, and what is kept ([`ChartVersion`]).

mod choose;
mod entry;
mod scan;
mod walk;

use std::collections::BTreeMap;

use go_yaml::ReadError;

use scan::{Scanner, TooDeep};
use walk::Walker;

pub use choose::{VersionConstraint, versions_of_tags};
pub use entry::ChartVersion;

/// The longest name of a chart in an index, in bytes, with its quotes.
const MAX_KEY: usize = 4096;
/// The longest text of one version of a chart, in bytes.
const MAX_ENTRY: usize = 1 << 20;
/// The most versions of one chart.
const MAX_VERSIONS: usize = 50_000;
/// The most bytes that are kept of all wanted charts together.
const MAX_KEPT: usize = 32 << 20;
/// How much of the text is looked at at once.
const WINDOW: usize = 64 << 10;

/// Why an index cannot be used. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// No bytes, or comments only.
    #[error("the index is empty")]
    Empty,
    /// Something else, such as a list or a page of a web site.
    #[error("this is no index of a chart repository: it is no mapping")]
    NoMapping,
    /// Helm refuses an index without it.
    #[error("this is no index of a chart repository: it states no apiVersion")]
    NoApiVersion,
    /// Neither a key nor a value that goes on.
    #[error("line {line} of the index begins with something that is no key")]
    NoKey {
        /// The line.
        line: usize,
    },
    /// Less indentation than the first line has.
    #[error("line {line} of the index is indented less than the lines before it")]
    Indentation {
        /// The line.
        line: usize,
    },
    /// A key after `?`. No program writes an index so.
    #[error("line {line} of the index has a key that is marked by \"?\", which is not supported there")]
    Question {
        /// The line.
        line: usize,
    },
    /// A `<<` among the charts.
    #[error("line {line} of the index merges a mapping into another by \"<<\", which is not supported there")]
    Merge {
        /// The line.
        line: usize,
    },
    /// A key that does not end.
    #[error("line {line} of the index has a key of more than {MAX_KEY} bytes")]
    LongKey {
        /// The line.
        line: usize,
    },
    /// A version that does not end.
    #[error("what begins in line {line} of the index takes more than {MAX_ENTRY} bytes")]
    LongEntry {
        /// The line.
        line: usize,
    },
    /// Too many collections inside each other.
    #[error("in line {line} of the index collections nest too deep")]
    Deep {
        /// The line.
        line: usize,
    },
    /// The charts are no mapping.
    #[error("the entries of the index, in line {line}, are no mapping of the charts' names")]
    Entries {
        /// The line.
        line: usize,
    },
    /// Which of the two counts is not defined.
    #[error("the index has the chart {chart:?} twice, the second time in line {line}")]
    Twice {
        /// The chart.
        chart: String,
        /// The line.
        line: usize,
    },
    /// A chart's versions are no list.
    #[error("the versions of the chart {chart:?} in line {line} of the index are no list")]
    Chart {
        /// The chart.
        chart: String,
        /// The line.
        line: usize,
    },
    /// A wanted version is no YAML by itself.
    #[error(
        "a version of the chart {chart:?}, in line {line} of the index, cannot be read; an alias of something \
         outside of it is not supported"
    )]
    Entry {
        /// The chart.
        chart: String,
        /// The line that it begins in.
        line: usize,
        /// What is wrong. Its lines count from there.
        #[source]
        source: ReadError,
    },
    /// Another value is no YAML by itself.
    #[error("the value in line {line} of the index cannot be read; an alias is not supported there")]
    Yaml {
        /// The line that it begins in.
        line: usize,
        /// What is wrong. Its lines count from there.
        #[source]
        source: ReadError,
    },
    /// More than anybody needs.
    #[error("the index has more than {MAX_VERSIONS} versions of the chart {chart:?}")]
    Versions {
        /// The chart.
        chart: String,
    },
    /// More than is kept.
    #[error("what the index says of the chart {chart:?} and others takes more than {MAX_KEPT} bytes")]
    Kept {
        /// The chart that is too much.
        chart: String,
    },
    /// It breaks off inside of brackets or quotes.
    #[error("the index ends in the middle, in line {line}")]
    Truncated {
        /// The line.
        line: usize,
    },
}

/// What an index says of the charts that were asked for. A fault of one takes nothing from the others.
#[derive(Debug, Default)]
pub struct ChartIndex {
    charts: BTreeMap<String, Result<ChartVersions, IndexError>>,
}

impl ChartIndex {
    /// The chart of this name; none if the index has none, or if it was not asked for.
    ///
    /// # Errors
    /// If what the index says of the chart cannot be used.
    pub fn get(&self, chart: &str) -> Result<Option<&ChartVersions>, IndexError> {
        let chart = self.charts.get(chart).map(|chart| chart.as_ref().map_err(Clone::clone));
        chart.transpose()
    }

    /// The charts that were asked for and that there are, by name.
    pub fn into_charts(self) -> BTreeMap<String, Result<ChartVersions, IndexError>> {
        self.charts
    }
}

/// The versions of one chart.
#[derive(Debug, Default)]
pub struct ChartVersions {
    newest_first: Vec<ChartVersion>,
    skipped: usize,
    first_fault: Option<String>,
}

impl ChartVersions {
    /// The versions by their precedence, the newest first.
    pub fn newest_first(&self) -> &[ChartVersion] {
        &self.newest_first
    }

    /// How many entries are left out because they describe no chart, as Helm leaves them out, and what is wrong with the
    /// first of them.
    pub fn skipped(&self) -> (usize, Option<&str>) {
        (self.skipped, self.first_fault.as_deref())
    }

    /// The version that Helm takes: see [`VersionConstraint::choose`].
    pub fn choose(&self, constraint: &VersionConstraint) -> Option<&ChartVersion> {
        let chosen = constraint.choose(self.newest_first.iter().map(|entry| entry.version.as_str()))?;
        self.newest_first.iter().find(|entry| std::ptr::eq(entry.version.as_str(), chosen))
    }
}

/// Reads an index piece by piece.
///
/// Taken is what Helm takes, and more: fields that Helm does not know, entries with fields of a wrong type (which are left
/// out), and faults in the entries of other charts, are no errors. Not supported, and errors, are keys marked by `?` and
/// `<<` on the way to the charts, and aliases of what is outside of a version.
///
/// ```
/// use helm_chart::{IndexReader, VersionConstraint};
///
/// let mut reader = IndexReader::new(["web".to_owned()]);
/// for chunk in ["apiVersion: v1\nentries:\n  db: []\n  we", "b:\n  - {name: web, version: 1.0.0, urls: [web-1.0.0.tgz]}\n"] {
///     reader.feed(chunk.as_bytes())?;
/// }
/// let index = reader.finish()?;
/// let web = index.get("web")?.ok_or("there is no such chart")?;
/// assert_eq!(web.choose(&VersionConstraint::parse("")?).map(|version| version.version.as_str()), Some("1.0.0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IndexReader {
    scanner: Scanner,
    walker: Walker,
    /// What was fed and not looked at.
    window: Vec<u8>,
    line: usize,
}

impl IndexReader {
    /// A reader that looks for these charts.
    pub fn new(charts: impl IntoIterator<Item = String>) -> Self {
        let walker = Walker::new(charts.into_iter().collect());
        Self { scanner: Scanner::new(), walker, window: Vec::new(), line: 1 }
    }

    /// The next bytes of the index, in pieces of any size.
    ///
    /// # Errors
    /// If the index cannot be used. The reader is of no use then.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), IndexError> {
        for part in chunk.chunks(WINDOW) {
            self.window.extend_from_slice(part);
            self.read(false)?;
        }
        Ok(())
    }

    /// What the index says, once all of it was fed.
    ///
    /// # Errors
    /// If the index cannot be used, whatever chart is meant.
    pub fn finish(mut self) -> Result<ChartIndex, IndexError> {
        self.read(true)?;
        if !self.walker.finished && self.scanner.is_open() {
            return Err(IndexError::Truncated { line: self.line });
        }
        let charts = self.walker.finish()?.into_iter().map(|(name, versions)| {
            let chart = match versions.fault {
                Some(fault) => Err(fault),
                None => Ok(ChartVersions {
                    newest_first: choose::sort(versions.usable),
                    skipped: versions.skipped,
                    first_fault: versions.first_fault,
                }),
            };
            (name, chart)
        });
        Ok(ChartIndex { charts: charts.collect() })
    }

    fn read(&mut self, last: bool) -> Result<(), IndexError> {
        let mut at = 0;
        while !self.walker.finished {
            let rest = &self.window[at..];
            let deep = |TooDeep| IndexError::Deep { line: self.line };
            let Some(piece) = self.scanner.next(rest, last).map_err(deep)? else { break };
            let bytes = &rest[..piece.len];
            self.walker.take(piece, bytes, self.line)?;
            self.line += memchr::memchr_iter(b'\n', bytes).count();
            at += piece.len;
        }
        if self.walker.finished {
            at = self.window.len();
        }
        self.window.drain(..at);
        Ok(())
    }
}
