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
//! - All numbers of YAML in [`Values`] are 64-bit floats, because Helm reads YAML by way of JSON; those of `--set` are
//!   64-bit integers ([`SetKind::Typed`]).
//!
//! The reference is Helm 4.3.

mod archive;
mod chart;
mod coalesce;
mod decode;
mod dependencies;
mod go_text;
mod ignore;
mod index;
mod limits;
mod load;
mod metadata;
mod path_match;
mod schema;
mod semver_range;
mod set;
mod tables;
mod values;
mod warning;

pub use archive::{ArchiveError, NotAnArchive, expect_archive, unpack_archive};
pub use chart::{Chart, ChartFile, Crd, Mode, SourceFile};
pub use coalesce::{CoalesceError, Coalesced, coalesce_tables, coalesce_values};
pub use decode::{Fields, WrongType, json_type};
pub use dependencies::process_dependencies;
pub use ignore::{IgnoreRules, InvalidRule};
pub use index::{
    ChartIndex, ChartVersion, ChartVersions, IndexError, IndexReader, VersionConstraint, versions_of_tags,
};
pub use limits::{LimitExceeded, Limits};
pub use load::{LoadError, PathFault};
pub use metadata::{ChartType, Dependency, InvalidMetadata, LockFault, Maintainer, Metadata};
pub use path_match::{BadPattern, matches as path_matches};
pub use schema::{ChartFault, SchemaCache, SchemaError, validate_values};
pub use semver_range::is_compatible_range;
pub use set::{MAX_INDEX, MAX_ITEMS, MAX_NAME_LEVELS, ReadFileError, SetError, SetFault, SetKind};
pub use sprig::SemverError;
pub use values::{UnreadableYaml, Values, ValuesError};
pub use warning::{Warning, WarningLevel};
