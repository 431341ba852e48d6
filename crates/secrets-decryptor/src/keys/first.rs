//! Making the first key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::PostParams;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    RsaKeySize,
};
use service_kit::failpoint;
use thiserror::Error;

use super::load::{Standing, standing};
use super::{FIRST_KEY_NAME, KEY_LABEL, KEY_LABEL_ACTIVE};
use crate::FIELD_MANAGER;

/// How long a certificate is valid: the original's ten years of 365 days.
const VALIDITY: Duration = Duration::from_secs(87_600 * 3600);

/// Why there is no first key yet.
#[derive(Debug, Error)]
pub(super) enum FirstKeyError {
    /// The Secrets of the namespace cannot be read.
    #[error("the key Secrets cannot be listed")]
    List(#[source] kube::Error),
    /// The key cannot be made.
    #[error("a sealing key cannot be made")]
    Generate(#[source] rcgen::Error),
    /// Making the key was interrupted.
    #[error("a sealing key cannot be made")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The Secret cannot be written.
    #[error("the Secret of the first sealing key cannot be created")]
    Create(#[source] kube::Error),
}

/// Sees to it that the namespace holds a key Secret: makes one when there is none.
///
/// Several processes may do this at once: the Secret has a fixed name, the first to create it wins and the others
/// take its key. When the Secret of that name has been taken out of use by its label, the new key gets a name of its
/// own behind the same prefix; then two processes may each add a key, and both keys are used.
pub(super) async fn ensure(secrets: &Api<Secret>) -> Result<(), FirstKeyError> {
    let listed = secrets.list(&super::follow::key_secrets()).await.map_err(FirstKeyError::List)?;
    let standings: Vec<_> = listed.items.iter().map(standing).collect();
    if standings.contains(&Standing::Active) {
        return Ok(());
    }
    let name_is_taken = standings.contains(&Standing::Retired);
    tracing::info!("there is no sealing key; making one (RSA, 4096 bits)");
    let pair = tokio::task::spawn_blocking(|| generate(SystemTime::now()))
        .await
        .map_err(FirstKeyError::Interrupted)?
        .map_err(FirstKeyError::Generate)?;
    failpoint!("key.before-create");
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let created = secrets.create(&params, &secret(pair, name_is_taken)).await;
    failpoint!("key.after-create");
    match created {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(FirstKeyError::Create(error)),
    }
}

/// A private key and its certificate, both in PEM.
struct Pair {
    key: zeroize::Zeroizing<String>,
    certificate: String,
}

/// An RSA-4096 key and the certificate that the original would make for it: self-signed, a CA, for enciphering only.
fn generate(now: SystemTime) -> Result<Pair, rcgen::Error> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::EncipherOnly];
    params.not_before =
        rcgen::date_time_ymd(1970, 1, 1) + now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    params.not_after = params.not_before + VALIDITY;
    let certificate = params.self_signed(&key)?.pem();
    Ok(Pair { key: key.serialize_pem().into(), certificate })
}

fn secret(pair: Pair, name_is_taken: bool) -> Secret {
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let name = Some(FIRST_KEY_NAME.to_owned());
    Secret {
        metadata: ObjectMeta {
            name: name.clone().filter(|_| !name_is_taken),
            generate_name: name.filter(|_| name_is_taken),
            labels: Some([(KEY_LABEL.to_owned(), KEY_LABEL_ACTIVE.to_owned())].into()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(
            [("tls.key".to_owned(), bytes(&pair.key)), ("tls.crt".to_owned(), bytes(&pair.certificate))]
                .into(),
        ),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::load::sealing_key;

    #[test]
    fn a_generated_key_is_a_sealing_key_of_ten_years() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let secret = secret(generate(now).expect("a key"), false);
        assert_eq!(standing(&secret), Standing::Active);
        assert_eq!(secret.metadata.name.as_deref(), Some("sealed-secrets-key"));
        let key = sealing_key("sealed-secrets-key", &secret).expect("a sealing key");
        assert_eq!(key.certificate().not_before(), 1_800_000_000);
        assert_eq!(key.certificate().not_after(), 1_800_000_000 + 315_360_000);
        assert_eq!(key.bits(), 4096);
    }
}
