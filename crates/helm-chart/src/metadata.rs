//! Chart.yaml.

mod fields;
mod lock;
mod validate;

use std::collections::BTreeMap;

use go_yaml::Value;

use crate::go_text::percent_q;

pub(crate) use fields::RawMetadata;
pub use lock::LockFault;
pub(crate) use lock::read_lock;

/// What a chart is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartType {
    /// It can be installed; stated or, when `type` is missing, implied.
    Application,
    /// Its partials are used by other charts, and it cannot be installed.
    Library,
}

/// What Chart.yaml says. The texts are cleaned as Helm does: white space becomes a blank, what cannot be printed goes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// `name`: not empty, neither `.` nor `..`, without `/`.
    pub name: String,
    /// `home`.
    pub home: String,
    /// `sources`.
    pub sources: Vec<String>,
    /// `version`: a semantic version, possibly with a leading `v` or without its last parts.
    pub version: String,
    /// `description`.
    pub description: String,
    /// `keywords`.
    pub keywords: Vec<String>,
    /// `maintainers`.
    pub maintainers: Vec<Maintainer>,
    /// `icon`.
    pub icon: String,
    /// `apiVersion`; `v1` if the file does not state it.
    pub api_version: String,
    /// `condition`.
    pub condition: String,
    /// `tags`.
    pub tags: String,
    /// `appVersion`.
    pub app_version: String,
    /// `deprecated`.
    pub deprecated: bool,
    /// `annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `kubeVersion`: the range of Kubernetes versions that the chart is for.
    pub kube_version: String,
    /// `dependencies`, of a v1 chart those in requirements.yaml.
    pub dependencies: Vec<Dependency>,
    /// Whether there is a list of dependencies at all. Helm leaves a chart without one and its dependencies alone.
    pub(crate) states_dependencies: bool,
    /// `type` as written: empty, `application` or `library`.
    pub type_text: String,
    /// `type`.
    pub chart_type: ChartType,
}

/// A person or organisation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Maintainer {
    /// `name`.
    pub name: String,
    /// `email`.
    pub email: String,
    /// `url`.
    pub url: String,
}

/// A chart that another depends on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dependency {
    /// `name`; once the dependencies are processed, the alias if there is one.
    pub name: String,
    /// `version`: a range.
    pub version: String,
    /// `repository`.
    pub repository: String,
    /// `condition`: paths into the values, separated by commas; the first that leads to a boolean decides.
    pub condition: String,
    /// `tags`: names below `tags` in the values.
    pub tags: Vec<String>,
    /// Whether it takes part; the file's `enabled` is overwritten when the dependencies are processed.
    pub enabled: bool,
    /// `import-values`: each a name below the dependency's `exports`, or a map with `child` and `parent`.
    pub import_values: Vec<Value>,
    /// `alias`: letters, digits, `_` and `-`.
    pub alias: String,
}

/// What is wrong with Chart.yaml. The texts are Helm's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMetadata {
    /// A field that must be given is missing.
    #[error("validation: chart.metadata.{0} is required")]
    Required(&'static str),
    /// A name that is a path's `.` or `..`.
    #[error("validation: chart.metadata.name {} is not allowed", percent_q(.0))]
    NameNotAllowed(String),
    /// A name that is a path.
    #[error("validation: chart.metadata.name {} is invalid", percent_q(.0))]
    Name(String),
    /// A version that is no semantic version; Helm takes `v1.2.3`, `1.2` and `1`.
    #[error("validation: chart.metadata.version {} is invalid", percent_q(.0))]
    Version(String),
    /// An unknown type.
    #[error("validation: chart.metadata.type must be application or library")]
    Type,
    /// An empty entry in a list.
    #[error("validation: {0} must not contain empty or null nodes")]
    EmptyEntry(&'static str),
    /// An alias with characters that it must not have.
    #[error("validation: dependency {} has disallowed characters in the alias", percent_q(.0))]
    Alias(String),
    /// Two dependencies of one name.
    #[error("validation: more than one dependency with name or alias {}", percent_q(.0))]
    Duplicate(String),
}
