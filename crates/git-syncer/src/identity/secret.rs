//! The Secret that keeps the deploy key, in the service's own namespace.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use zeroize::Zeroizing;

use super::{DeployKey, KeyError};
use crate::cluster::FIELD_MANAGER;

/// Key of the private half, as in Flux's Secret.
const PRIVATE: &str = "identity";
/// Key of the public half.
const PUBLIC: &str = "identity.pub";
/// Tries against another writer before giving up; two are enough for one race.
const TRIES: usize = 4;

/// Why the deploy key could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The key is unusable.
    #[error("the Secret {namespace}/{name} cannot be used as a deploy key")]
    Key {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The API server refused, or did not answer.
    #[error("cannot read or write the Secret {namespace}/{name}")]
    Kube {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// Others keep changing it.
    #[error("the Secret {namespace}/{name} kept changing while the deploy key was to be stored")]
    Contended {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
}

/// Reads the deploy key, or makes and stores one when there is none.
///
/// Safe against a second writer and against being killed at any point: the key that is in the Secret is the one that
/// counts, and a key that could not be stored is forgotten.
///
/// # Errors
/// [`SecretError`]; transient ones may be tried again.
pub async fn load_or_create(
    client: kube::Client,
    namespace: &str,
    name: &str,
) -> Result<DeployKey, SecretError> {
    let api: Api<Secret> = Api::namespaced(client, namespace);
    let unusable = |source| SecretError::Key { namespace: namespace.into(), name: name.into(), source };
    let failed = |source: kube::Error| SecretError::Kube {
        namespace: namespace.into(),
        name: name.into(),
        source: Box::new(source),
    };
    for _ in 0..TRIES {
        let found = api.get_opt(name).await.map_err(failed)?;
        if let Some(private) = found.as_ref().and_then(private_half) {
            return DeployKey::parse(private).map_err(unusable);
        }
        let key = DeployKey::generate().map_err(unusable)?;
        service_kit::failpoint!("identity.before-store");
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let stored = match found {
            // An empty Secret that an installer has put there: its resource version guards against a race.
            Some(existing) => api.replace(name, &params, &with_key(existing, &key)).await,
            None => api.create(&params, &with_key(new_secret(name), &key)).await,
        };
        match stored {
            Ok(_) => {
                service_kit::failpoint!("identity.after-store");
                return Ok(key);
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(SecretError::Contended { namespace: namespace.into(), name: name.into() })
}

fn private_half(secret: &Secret) -> Option<Zeroizing<String>> {
    let bytes = &secret.data.as_ref()?.get(PRIVATE)?.0;
    let text = String::from_utf8_lossy(bytes).into_owned();
    (!text.trim().is_empty()).then(|| Zeroizing::new(text))
}

fn new_secret(name: &str) -> Secret {
    let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "windlass".to_owned())]);
    let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
    Secret { metadata, type_: Some("Opaque".to_owned()), ..Secret::default() }
}

fn with_key(mut secret: Secret, key: &DeployKey) -> Secret {
    let data = secret.data.get_or_insert_default();
    data.insert(PRIVATE.to_owned(), ByteString(key.private_text().as_bytes().to_vec()));
    data.insert(PUBLIC.to_owned(), ByteString(format!("{}\n", key.public_line()).into_bytes()));
    secret
}
