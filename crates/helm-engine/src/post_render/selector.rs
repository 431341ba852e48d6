//! Choosing objects by what they are and how they are labelled, as kustomize's patch targets do.

use std::borrow::Cow;

use go_yaml::Value;
use regex::{Regex, RegexBuilder};

use super::kinds;
use super::requirements::{Requirements, RequirementsError};

/// A selector as it is written: whatever is given must fit, and what is empty fits everything.
///
/// The first five are regular expressions in Go's syntax that must match in full; the others are label selectors as `kubectl
/// -l` takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectorSpec {
    /// API group. `^$` is the core group.
    pub group: String,
    /// API version without its group.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Labels.
    pub label_selector: String,
    /// Annotations, in the same notation.
    pub annotation_selector: String,
}

/// Chooses objects.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Requirements,
    annotations: Requirements,
}

/// Why a selector cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// A regular expression is malformed or too large.
    #[error("{field}: {fault}")]
    Pattern {
        /// The field of the selector: `name`.
        field: &'static str,
        /// What is wrong.
        fault: PatternFault,
    },
    /// A label selector is malformed.
    #[error("{field}")]
    Requirements {
        /// `labelSelector` or `annotationSelector`.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: RequirementsError,
    },
    /// A text is longer than anybody writes.
    #[error("{field}: the text has {bytes} bytes; more than {MAX_TEXT} are not read")]
    TooLong {
        /// The field of the selector.
        field: &'static str,
        /// The text's length.
        bytes: usize,
    },
}

/// What is wrong with a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// It is malformed, in Go's words.
    #[error("error parsing regexp: {0}")]
    Malformed(String),
    /// Its compiled form takes too much memory.
    #[error("the regular expression is too large")]
    TooLarge,
}

/// Bytes of an expression or a label selector.
const MAX_TEXT: usize = 4096;

/// Bytes that a compiled expression may take, and as much again while it runs. Names need a few thousand.
const MAX_COMPILED: usize = 1 << 17;

/// kustomize's namespace of objects that have none.
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// kustomize's namespace of objects that leave theirs to whoever applies them.
pub(super) const UNSTATED_NAMESPACE: &str = "default";

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// If a regular expression or a label selector is malformed or too large.
    pub fn parse(spec: &SelectorSpec) -> Result<Self, SelectorError> {
        let pattern = |field: &'static str, text: &str| {
            check_length(field, text)?;
            if text.is_empty() {
                return Ok(None);
            }
            let compiled = compile(&format!("^(?:{text})$"));
            compiled.map(Some).map_err(|fault| SelectorError::Pattern { field, fault })
        };
        let requirements = |field: &'static str, text: &str| {
            check_length(field, text)?;
            Requirements::parse(text).map_err(|source| SelectorError::Requirements { field, source })
        };
        Ok(Self {
            group: pattern("group", &spec.group)?,
            version: pattern("version", &spec.version)?,
            kind: pattern("kind", &spec.kind)?,
            name: pattern("name", &spec.name)?,
            namespace: pattern("namespace", &spec.namespace)?,
            labels: requirements("labelSelector", &spec.label_selector)?,
            annotations: requirements("annotationSelector", &spec.annotation_selector)?,
        })
    }

    /// Whether the object is chosen. One that states no namespace is in `default_namespace`; of a built-in kind that has no
    /// namespace, it is in none, which only an expression such as `.*` fits.
    pub fn matches(&self, object: &Value, default_namespace: &str) -> bool {
        let id = ObjectId::of(object, default_namespace);
        self.chooses(object, &[&id.name], &[&id.namespace])
    }

    /// Whether one of the names and one of the namespaces fit, and the rest of the object does.
    pub(super) fn chooses(&self, object: &Value, names: &[&str], namespaces: &[&str]) -> bool {
        let fits = |pattern: &Option<Regex>, texts: &[&str]| {
            pattern.as_ref().is_none_or(|pattern| texts.iter().any(|text| pattern.is_match(text)))
        };
        let api_version = field(object, &["apiVersion"]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        fits(&self.namespace, namespaces)
            && fits(&self.name, names)
            && fits(&self.group, &[group])
            && fits(&self.version, &[version])
            && fits(&self.kind, &[&field(object, &["kind"])])
            && self.labels.are_met(|key| entry(object, "labels", key))
            && self.annotations.are_met(|key| entry(object, "annotations", key))
    }
}

fn check_length(field: &'static str, text: &str) -> Result<(), SelectorError> {
    if text.len() > MAX_TEXT {
        return Err(SelectorError::TooLong { field, bytes: text.len() });
    }
    Ok(())
}

/// A regular expression of Go, compiled within bounds.
pub(super) fn compile(pattern: &str) -> Result<Regex, PatternFault> {
    let translated = sprig::re2(pattern).map_err(PatternFault::Malformed)?;
    let built = RegexBuilder::new(&translated).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternFault::TooLarge,
        _ => PatternFault::Malformed(format!("invalid expression: `{pattern}`")),
    })
}

/// What tells an object from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ObjectId {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    /// Never empty: see [`NO_NAMESPACE`] and [`UNSTATED_NAMESPACE`].
    pub(super) namespace: String,
}

impl ObjectId {
    pub(super) fn of(object: &Value, default_namespace: &str) -> Self {
        let api_version = field(object, &["apiVersion"]).into_owned();
        let kind = field(object, &["kind"]).into_owned();
        let stated = field(object, &["metadata", "namespace"]);
        let namespace = match stated.as_ref() {
            _ if kinds::is_cluster_scoped(&api_version, &kind) => NO_NAMESPACE,
            "" => default_namespace,
            stated => stated,
        };
        let namespace = namespace.to_owned();
        Self { api_version, kind, name: field(object, &["metadata", "name"]).into_owned(), namespace }
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        match self.namespace.as_str() {
            NO_NAMESPACE | UNSTATED_NAMESPACE => Ok(()),
            namespace => write!(f, " in namespace {namespace}"),
        }
    }
}

/// The text of a field; empty if there is none.
pub(super) fn field<'v>(object: &'v Value, path: &[&str]) -> Cow<'v, str> {
    object.at(path).filter(|value| !value.is_null()).map(scalar_text).unwrap_or_default()
}

fn entry<'v>(object: &'v Value, map: &str, key: &str) -> Option<Cow<'v, str>> {
    object.at(&["metadata", map, key]).map(scalar_text)
}

/// A plain value as text; empty for a list or a map.
pub(super) fn scalar_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed("null"),
        Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Uint(number) => Cow::Owned(number.to_string()),
        // A number that JSON cannot express is never read.
        Value::Float(_) => {
            let text = go_yaml::json::to_string(value, go_yaml::json::Style::Compact);
            Cow::Owned(text.unwrap_or_default())
        }
        Value::Seq(_) | Value::Map(_) => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Value {
        go_yaml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_given_must_fit_in_full() {
        let object = object(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web-1, labels: {app: web}, annotations: {a: b}}}",
        );
        let rows: [(&str, &str, bool); 16] = [
            ("group", "apps", true),
            ("group", "app", false),
            ("group", "app|apps", true),
            ("group", "^$", false),
            ("version", "v[0-9]+", true),
            ("kind", "Deploy", false),
            ("kind", "(Deploy|Stateful).*", true),
            ("name", "web-\\d", true),
            ("name", "eb-1", false),
            ("namespace", "space", true),
            ("namespace", "default", false),
            ("labelSelector", "app=web", true),
            ("labelSelector", "app!=web", false),
            ("annotationSelector", "a in (b)", true),
            ("annotationSelector", "!a", false),
            ("", "", true),
        ];
        for (field, text, expected) in rows {
            let selector = Selector::parse(&spec(field, text)).unwrap();
            assert_eq!(selector.matches(&object, "space"), expected, "{field}: {text}");
        }
    }

    #[test]
    fn kinds_without_namespace_are_in_none() {
        let role =
            object("{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}}");
        for (namespace, expected) in [("space", false), (".*", true)] {
            let selector = Selector::parse(&spec("namespace", namespace)).unwrap();
            assert_eq!(selector.matches(&role, "space"), expected, "{namespace}");
        }
    }

    #[test]
    fn says_which_field_is_wrong() {
        let long = "a".repeat(5000);
        let rows = [
            ("name", "(a", "name: error parsing regexp: missing closing ): `^(?:(a)$`"),
            ("kind", "(\\pL{1000}){1000}", "kind: error parsing regexp: invalid repeat count"),
            ("kind", "\\pL{900}", "kind: the regular expression is too large"),
            ("labelSelector", "a,", "labelSelector"),
            ("group", &long, "group: the text has 5000 bytes; more than 4096 are not read"),
        ];
        for (field, text, expected) in rows {
            let error = Selector::parse(&spec(field, text)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    fn spec(field: &str, text: &str) -> SelectorSpec {
        let mut spec = SelectorSpec::default();
        let place = match field {
            "group" => &mut spec.group,
            "version" => &mut spec.version,
            "kind" => &mut spec.kind,
            "name" => &mut spec.name,
            "namespace" => &mut spec.namespace,
            "annotationSelector" => &mut spec.annotation_selector,
            _ => &mut spec.label_selector,
        };
        *place = text.to_owned();
        spec
    }
}
