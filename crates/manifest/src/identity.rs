//! Which object a document states.

use std::fmt;

use go_yaml::Value;

/// An object's identity as its manifest writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// `apiVersion`: `v1`, `apps/v1`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`; `None` if absent or empty. Whether the kind is namespaced at all is for the API server
    /// to say.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectId {
    /// The API group: empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The API version without its group.
    #[must_use]
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&self.api_version, |(_, version)| version)
    }

    /// Reads the identity; the error is the field at fault and what to do.
    pub(crate) fn of(object: &Value) -> Result<Self, (&'static str, &'static str)> {
        const ABSENT: &str = "is missing or empty; every object needs one";
        const NOT_TEXT: &str = "is not a text; put its value in quotes";
        let required = |field: &'static str, path: &[&str]| match object.at(path) {
            None | Some(Value::Null) => Err((field, ABSENT)),
            Some(Value::String(text)) if text.is_empty() => Err((field, ABSENT)),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err((field, NOT_TEXT)),
        };
        let api_version = required("apiVersion", &["apiVersion"])?;
        let kind = required("kind", &["kind"])?;
        let name = required("metadata.name", &["metadata", "name"])?;
        let namespace = match object.at(&["metadata", "namespace"]) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
            Some(_) => return Err(("metadata.namespace", NOT_TEXT)),
        };
        Ok(ObjectId { api_version, kind, namespace, name })
    }
}

/// `apps/v1 Deployment dev/web`, for messages.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.api_version, self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}
