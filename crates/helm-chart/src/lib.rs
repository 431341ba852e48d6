//! Helm charts from their files: metadata, templates, values, dependencies.
//!
//! A [`Chart`] is made once from (path, mode, bytes) ([`Chart::load`]) and is then a value: cheap to clone, `Send` and
//! `Sync`. For a release, [`process_dependencies`] leaves the dependencies that the values enable, and
//! [`coalesce_values`] makes the values that the templates see.
//!
//! Invariants:
//! - No file system, network or clock.
//! - What a chart's author wrote can exhaust neither memory nor stack: [`Limits`].
//! - No file's path leads out of the chart, and none is a link.
//! - All numbers in [`Values`] are 64-bit floats, because Helm reads YAML by way of JSON.
//!
//! The reference is Helm 4.3.

mod archive;
mod chart;
mod coalesce;
mod decode;
mod dependencies;
mod ignore;
mod limits;
mod load;
mod metadata;
mod path_match;
mod semver_range;
mod values;

pub use archive::ArchiveError;
pub use chart::{Chart, ChartFile, Crd, Mode, SourceFile};
pub use coalesce::{CoalesceError, Coalesced, coalesce_values};
pub use decode::{Fields, WrongType};
pub use dependencies::process_dependencies;
pub use ignore::InvalidRule;
pub use limits::{LimitExceeded, Limits};
pub use load::{LoadError, PathFault};
pub use metadata::{ChartType, Dependency, InvalidMetadata, Maintainer, Metadata};
pub use path_match::BadPattern;
pub use semver_range::is_compatible_range;
pub use values::{UnreadableYaml, Values, ValuesError};
