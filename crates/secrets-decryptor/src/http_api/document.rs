//! The body of a request: one SealedSecret as JSON or YAML.

use crds::SealedSecret;
use serde::Deserialize as _;
use serde_json::Value;
use thiserror::Error;

/// Why a body is not taken.
#[derive(Debug, Error)]
pub(super) enum DocumentError {
    /// It is neither JSON nor YAML.
    #[error("the body is neither JSON nor YAML")]
    Syntax(#[source] serde_yaml::Error),
    /// It holds several documents, or none.
    #[error("the body must hold exactly one object")]
    NotOne,
    /// It is another kind of object.
    #[error("the object is {kind:?} of {api_version:?}; a SealedSecret of bitnami.com/v1alpha1 is needed")]
    Kind {
        /// `kind` as given.
        kind: String,
        /// `apiVersion` as given.
        api_version: String,
    },
    /// A field has the wrong form.
    #[error("the SealedSecret cannot be read")]
    Form(#[source] serde_json::Error),
}

/// One SealedSecret, read, and as it was sent.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) object: SealedSecret,
    pub(super) json: Value,
}

impl Document {
    pub(super) fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        // JSON is YAML, so one reader serves both.
        let mut json = None;
        for document in serde_yaml::Deserializer::from_slice(body) {
            let value = Value::deserialize(document).map_err(DocumentError::Syntax)?;
            // A lone `---` in front or behind is an empty document.
            if !value.is_null() && json.replace(value).is_some() {
                return Err(DocumentError::NotOne);
            }
        }
        let json = json.ok_or(DocumentError::NotOne)?;
        let text = |field: &str| json.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, api_version) = (text("kind"), text("apiVersion"));
        if kind != "SealedSecret" || api_version != "bitnami.com/v1alpha1" {
            return Err(DocumentError::Kind { kind, api_version });
        }
        let object = SealedSecret::deserialize(&json).map_err(DocumentError::Form)?;
        Ok(Self { object, json })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sealed_secret_and_nothing_else() {
        let check = |body: &str, expected: &str| {
            let answer = match Document::parse(body.as_bytes()) {
                Ok(document) => document.object.metadata.name.unwrap_or_default(),
                Err(error) => service_kit::chain(&error),
            };
            assert!(answer.contains(expected), "{body:?}: {answer}");
        };
        let yaml = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\nspec: {}\n";
        check(yaml, "a");
        check(&format!("---\n{yaml}---\n"), "a");
        check(
            r#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"b"},"spec":{}}"#,
            "b",
        );
        check(&format!("{yaml}---\n{yaml}"), "exactly one object");
        check("", "exactly one object");
        check("{", "neither JSON nor YAML");
        check("kind: Secret\napiVersion: v1\n", r#"the object is "Secret" of "v1""#);
        check("- 1\n", r#"the object is "" of """#);
        check(&yaml.replace("spec: {}", "spec: {encryptedData: 5}"), "the SealedSecret cannot be read");
    }
}
