//! The Secret that holds a record: name, type, labels and data.

use std::collections::BTreeMap;

use crate::codec::{self, DecodeError, EncodeError};
use crate::record::Release;

/// The `type` of a release's Secret.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";

/// The key in the Secret's `data` that holds the record.
pub const DATA_KEY: &str = "release";

/// The label that marks Helm's Secrets, and its value: `owner=helm`.
pub const OWNER: (&str, &str) = ("owner", "helm");

/// The most bytes that the API server takes in a Secret's data.
pub const MAX_SECRET_BYTES: usize = 1024 * 1024;

/// Labels that Helm sets itself; a user's labels must not use them.
pub const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// The content of a release's Secret.
///
/// `Debug` leaves out the record.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseSecret {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `data.release`, as text that the API server's own base64 is still to be put around (`stringData.release`).
    pub release: String,
}

impl std::fmt::Debug for ReleaseSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReleaseSecret")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// Whether the Secret is written for the first time or again, and when, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// First time: the label `createdAt`.
    Created(i64),
    /// Again: the label `modifiedAt`. Helm drops `createdAt` then, and so does this.
    Modified(i64),
}

/// Why no Secret could be made of a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The record cannot be encoded.
    #[error("cannot encode the release record")]
    Encode(#[from] EncodeError),
    /// The record is too large for a Secret.
    #[error(
        "the record of release {name} revision {revision} has {size} bytes when compressed, and a Secret holds {MAX_SECRET_BYTES}: \
         remove large files from the chart, list them in .helmignore, or render fewer objects"
    )]
    TooLarge {
        /// The release.
        name: String,
        /// The revision.
        revision: u32,
        /// The size of `data.release` in bytes.
        size: usize,
    },
    /// A user's label has a name that Helm uses itself.
    #[error("label \"{0}\" is reserved by Helm; use another name")]
    ReservedLabel(String),
}

/// The name of the Secret of one revision: `sh.helm.release.v1.<name>.v<revision>`.
pub fn secret_name(release: &str, revision: u32) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

/// The label selector for all Secrets of one release.
pub fn selector(release: &str) -> String {
    format!("name={release},{}={}", OWNER.0, OWNER.1)
}

/// The Secret of a record.
///
/// # Errors
/// If the record cannot be encoded, is too large for a Secret, or carries a label that Helm reserves.
pub fn to_secret(release: &Release, stamp: Stamp) -> Result<ReleaseSecret, SecretError> {
    if let Some(label) = release.labels.keys().find(|label| SYSTEM_LABELS.contains(&label.as_str())) {
        return Err(SecretError::ReservedLabel(label.clone()));
    }
    let data = codec::encode(release)?;
    if data.len() > MAX_SECRET_BYTES {
        return Err(SecretError::TooLarge {
            name: release.name.clone(),
            revision: release.revision,
            size: data.len(),
        });
    }
    let (stamp_label, seconds) = match stamp {
        Stamp::Created(seconds) => ("createdAt", seconds),
        Stamp::Modified(seconds) => ("modifiedAt", seconds),
    };
    let mut labels = release.labels.clone();
    labels.extend([
        (stamp_label.to_owned(), seconds.to_string()),
        ("name".to_owned(), release.name.clone()),
        (OWNER.0.to_owned(), OWNER.1.to_owned()),
        ("status".to_owned(), release.info.status.to_string()),
        ("version".to_owned(), release.revision.to_string()),
    ]);
    Ok(ReleaseSecret {
        name: secret_name(&release.name, release.revision),
        namespace: release.namespace.clone(),
        labels,
        release: data,
    })
}

/// The record in a Secret: `data` is what `data.release` holds after the API server's own base64 is taken off.
///
/// # Errors
/// If `data` is no record.
pub fn from_secret(data: &[u8], labels: &BTreeMap<String, String>) -> Result<Release, DecodeError> {
    let mut release = codec::decode(data)?;
    let user_label = |(name, _): &(&String, &String)| !SYSTEM_LABELS.contains(&name.as_str());
    release.labels =
        labels.iter().filter(user_label).map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(release)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReleaseName, Status};

    fn release() -> Release {
        let mut release = Release::new(ReleaseName::new("podinfo-dev").unwrap(), "dev", 7);
        release.info.status = Status::Superseded;
        release.labels.insert("team".into(), "a".into());
        release
    }

    #[test]
    fn a_secret_gives_back_its_record() {
        let secret = to_secret(&release(), Stamp::Created(1_795_000_000)).unwrap();
        assert_eq!(secret.name, "sh.helm.release.v1.podinfo-dev.v7");
        let labels = secret.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let expected = [
            "createdAt=1795000000",
            "name=podinfo-dev",
            "owner=helm",
            "status=superseded",
            "team=a",
            "version=7",
        ];
        assert_eq!(labels, expected);
        assert_eq!(from_secret(secret.release.as_bytes(), &secret.labels).unwrap(), release());
        let again = to_secret(&release(), Stamp::Modified(5)).unwrap();
        assert_eq!(again.labels.get("modifiedAt").map(String::as_str), Some("5"));
        assert!(!again.labels.contains_key("createdAt"));
    }

    #[test]
    fn refuses_a_reserved_label_and_a_record_too_large_for_a_secret() {
        let mut reserved = release();
        reserved.labels.insert("owner".into(), "me".into());
        assert!(
            matches!(to_secret(&reserved, Stamp::Created(0)), Err(SecretError::ReservedLabel(label)) if label == "owner")
        );

        // A text that does not compress: the numbers of a linear congruential generator.
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + (state >> 33) as u8 % 64)
        };
        let mut large = release();
        large.manifest = std::iter::repeat_with(&mut next).take(1_500_000).collect();
        let error = to_secret(&large, Stamp::Created(0)).unwrap_err();
        assert!(matches!(error, SecretError::TooLarge { size, .. } if size > MAX_SECRET_BYTES), "{error}");
    }
}
