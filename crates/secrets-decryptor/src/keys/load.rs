//! From a Secret to a sealing key. Pure.

use k8s_openapi::api::core::v1::Secret;
use sealing::{SealingKey, SealingKeyError};
use thiserror::Error;

use super::{FIRST_KEY_NAME, KEY_LABEL, KEY_LABEL_ACTIVE};

/// Why a key Secret cannot be used.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    /// A field is not there.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A field is not text.
    #[error("its {0} is not text")]
    NotText(&'static str),
    /// The fields are no key.
    #[error("its content cannot be used")]
    Content(#[source] SealingKeyError),
}

/// What a Secret is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A key in use.
    Active,
    /// The Secret with the first key's name, taken out of use by its label.
    Retired,
    /// No key.
    None,
}

/// A key in use is labelled so, or is the unlabelled Secret with the name that the original used before labels.
pub(super) fn standing(secret: &Secret) -> Standing {
    let label = secret.metadata.labels.as_ref().and_then(|labels| labels.get(KEY_LABEL));
    let first = secret.metadata.name.as_deref() == Some(FIRST_KEY_NAME);
    match label.map(String::as_str) {
        Some(KEY_LABEL_ACTIVE) => Standing::Active,
        None if first => Standing::Active,
        Some(_) if first => Standing::Retired,
        _ => Standing::None,
    }
}

/// Reads the key of a Secret.
pub(super) fn sealing_key(name: &str, secret: &Secret) -> Result<SealingKey, LoadError> {
    let field = |field: &'static str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(field)).ok_or(LoadError::Missing(field))?;
        std::str::from_utf8(&bytes.0).map_err(|_| LoadError::NotText(field))
    };
    SealingKey::from_pem(name, field("tls.key")?, field("tls.crt")?).map_err(LoadError::Content)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(name: &str, label: Option<&str>) -> Secret {
        let labels = label.map(|label| json!({ KEY_LABEL: label }));
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).expect("a Secret")
    }

    #[test]
    fn which_secrets_are_keys() {
        let check = |name: &str, label: Option<&str>, expected: Standing| {
            assert_eq!(standing(&secret(name, label)), expected, "{name} {label:?}");
        };
        check("sealed-secrets-key", Some("active"), Standing::Active);
        check("sealed-secrets-key", None, Standing::Active);
        check("sealed-secrets-key", Some("compromised"), Standing::Retired);
        check("sealed-secrets-keyx7k2p", Some("active"), Standing::Active);
        check("sealed-secrets-keyx7k2p", Some("compromised"), Standing::None);
        check("sealed-secrets-keyx7k2p", None, Standing::None);
        check("my-own-key", Some("active"), Standing::Active);
        check("database", None, Standing::None);
    }

    #[test]
    fn faults_name_the_field() {
        let message = |data: serde_json::Value| {
            let secret: Secret = serde_json::from_value(json!({"data": data})).expect("a Secret");
            sealing_key("k", &secret).err().map(|error| service_kit::chain(&error)).unwrap_or_default()
        };
        assert_eq!(message(json!({})), "it has no tls.key");
        assert_eq!(message(json!({"tls.key": "AAAA"})), "it has no tls.crt");
        assert_eq!(message(json!({"tls.key": "/w==", "tls.crt": ""})), "its tls.key is not text");
        assert!(
            message(json!({"tls.key": "AAAA", "tls.crt": ""}))
                .contains("tls.key cannot be used as a sealing key")
        );
    }
}
