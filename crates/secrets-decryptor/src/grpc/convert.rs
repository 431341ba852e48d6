//! Between the messages of the API and the types of this service.

use api::sealing::v1::{GetCertificateResponse, ListKeysResponse, SealingKey as KeyMessage};
use crds::SealedSecret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use prost_types::Timestamp;
use sealing::{Keyring, SealingKey};

/// An object that is no SealedSecret: what it says about itself, and what is wrong.
pub(super) struct NotSealedSecret {
    pub(super) metadata: Box<ObjectMeta>,
    pub(super) message: String,
}

/// Reads one SealedSecret as JSON.
pub(super) fn sealed_secret(bytes: &[u8]) -> Result<SealedSecret, NotSealedSecret> {
    let refuse = |metadata: ObjectMeta, message: String| NotSealedSecret {
        metadata: Box::new(metadata),
        message: format!("this object cannot be read: {message}"),
    };
    let guard: DeserializeGuard<SealedSecret> =
        serde_json::from_slice(bytes).map_err(|error| refuse(ObjectMeta::default(), error.to_string()))?;
    guard.0.map_err(|invalid| refuse(invalid.metadata, invalid.error))
}

pub(super) fn to_certificate(key: &SealingKey) -> GetCertificateResponse {
    GetCertificateResponse {
        certificate_pem: key.certificate().pem().to_owned(),
        fingerprint: key.fingerprint().to_string(),
    }
}

pub(super) fn to_list(keyring: &Keyring) -> ListKeysResponse {
    let message = |(index, key): (usize, &std::sync::Arc<SealingKey>)| KeyMessage {
        secret_name: key.name().to_owned(),
        fingerprint: key.fingerprint().to_string(),
        not_before: Some(timestamp(key.certificate().not_before())),
        not_after: Some(timestamp(key.certificate().not_after())),
        current: index == 0,
    };
    ListKeysResponse { keys: keyring.keys().iter().enumerate().map(message).collect() }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}
