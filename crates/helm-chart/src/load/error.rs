//! Why files are no chart.

use go_yaml::ReadError;

use crate::archive::ArchiveError;
use crate::decode::WrongType;
use crate::ignore::InvalidRule;
use crate::limits::LimitExceeded;
use crate::metadata::{InvalidMetadata, LockFault};
use crate::values::ValuesError;

/// Why files are no chart. With its causes, joined by `: `, the text is Helm's where Helm refuses too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A path that no file of a chart may have.
    #[error("{path:?} is no path of a chart's file")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        fault: PathFault,
    },
    /// A symbolic link. Helm follows them; here a chart consists of its own files.
    #[error(
        "{0:?} is a symbolic link, which a chart must not contain: put the file itself there or list it in .helmignore"
    )]
    Symlink(String),
    /// `.helmignore` cannot be read.
    #[error(transparent)]
    Ignore(InvalidRule),
    /// There is no Chart.yaml.
    #[error("Chart.yaml file is missing")]
    NoChartYaml,
    /// An archive without a Chart.yaml.
    #[error("unable to detect chart version, no Chart.yaml found")]
    NoChartYamlInArchive,
    /// A chart of `apiVersion` v3, which Helm 4 can read and refuses to install.
    #[error("invalid chart apiVersion")]
    Version3,
    /// An `apiVersion` other than v1, v2 and v3.
    #[error("unsupported chart version")]
    UnsupportedVersion,
    /// The archive is not gzipped.
    #[error("stream does not appear to be a valid chart file (details: gzip: invalid header)")]
    NotGzip,
    /// The archive cannot be unpacked. (The program `helm` prints no cause.)
    #[error("unable to load chart archive")]
    UnreadableArchive(#[source] ArchiveError),
    /// A file is not YAML.
    #[error("cannot load {file}: error converting YAML to JSON")]
    Yaml {
        /// Chart.yaml, Chart.lock, requirements.yaml or requirements.lock.
        file: &'static str,
        /// What is wrong.
        #[source]
        source: ReadError,
    },
    /// Chart.lock or requirements.lock has a field of the wrong type.
    #[error("cannot load {file}")]
    Lock {
        /// The file.
        file: &'static str,
        /// What is wrong.
        #[source]
        source: LockFault,
    },
    /// Chart.yaml or requirements.yaml has a field of the wrong type.
    #[error("cannot load {file}")]
    Metadata {
        /// The file.
        file: &'static str,
        /// What is wrong.
        #[source]
        source: WrongType,
    },
    /// values.yaml cannot be read.
    #[error("cannot load values.yaml")]
    Values(#[source] ValuesError),
    /// Chart.yaml breaks a rule.
    #[error(transparent)]
    Invalid(#[from] InvalidMetadata),
    /// A dependency in `charts/` is no chart.
    #[error("error unpacking subchart {name} in {chart}")]
    Dependency {
        /// Its folder.
        name: String,
        /// The chart that contains it.
        chart: String,
        /// What is wrong with it.
        #[source]
        source: Box<LoadError>,
    },
    /// A folder in `charts/` has the name of an archive.
    #[error("error unpacking subchart tar in {chart}: expected {name}, got {found}")]
    FolderAsArchive {
        /// The folder.
        name: String,
        /// The chart that contains it.
        chart: String,
        /// The first file in it.
        found: String,
    },
    /// A packed dependency cannot be unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// It is empty or has an empty part.
    #[error("it is empty, absolute or has an empty part")]
    Empty,
    /// It has a part `.` or `..`.
    #[error("it has a part \".\" or \"..\"")]
    Dots,
    /// It has a backslash or a control character.
    #[error("it has a backslash or a control character")]
    Character,
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// Two files have it.
    #[error("the chart has two files of this path")]
    Twice,
}
