//! Manifests, indexes and image configurations, as bytes: pure.
//!
//! Read are Docker's schema 2 (image and list) and OCI's manifest and index. Of an index the linux/amd64 image counts
//! (Flux v1).

use image_policy::{Created, Digest};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The media types asked for, in an `Accept` header.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// Why one image cannot be read. Concerns its tag and no other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not the JSON that is expected.
    #[error("its {what} is not valid JSON of the expected form")]
    Json {
        /// `manifest` or `configuration`.
        what: &'static str,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// The bytes are others than the digest says.
    #[error("its {what} does not have the digest it should have ({expected})")]
    Digest {
        /// `manifest` or `configuration`.
        what: &'static str,
        /// The digest.
        expected: String,
    },
    /// A digest in a manifest is malformed.
    #[error("its manifest names a malformed digest")]
    BadDigest(#[source] image_policy::ParseError),
    /// Neither an image nor an index, or both at once.
    #[error("its manifest is neither a schema 2 or OCI image nor an index of such images")]
    Kind,
    /// The index has no image for the platform that counts.
    #[error("its index has no image for linux/amd64")]
    Platform,
    /// The configuration states no time.
    #[error("its configuration states no build time")]
    NoTime,
    /// The configuration's time cannot be read.
    #[error("the build time in its configuration cannot be read")]
    Time(#[source] jiff::Error),
}

/// What a manifest leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Manifest {
    /// An image, with the digest of its configuration.
    Image(Digest),
    /// An index, with the digest of its linux/amd64 manifest.
    Index(Digest),
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct Document {
    config: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
struct Configuration {
    created: Option<String>,
}

/// Reads a manifest. A document that is image and index at once is refused, since registries and runtimes disagree
/// about what it is.
///
/// # Errors
/// When it is neither.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|source| ManifestError::Json { what: "manifest", source })?;
    let digest = |descriptor: &Descriptor| descriptor.digest.parse().map_err(ManifestError::BadDigest);
    match (document.config, document.manifests) {
        (Some(config), None) => Ok(Manifest::Image(digest(&config)?)),
        (None, Some(manifests)) => {
            let ours = |descriptor: &&Descriptor| {
                descriptor
                    .platform
                    .as_ref()
                    .is_some_and(|platform| platform.os == "linux" && platform.architecture == "amd64")
            };
            let descriptor = manifests.iter().find(ours).ok_or(ManifestError::Platform)?;
            Ok(Manifest::Index(digest(descriptor)?))
        }
        _ => Err(ManifestError::Kind),
    }
}

/// Reads the build time out of an image configuration.
///
/// # Errors
/// When it states none (Go's zero time included) or one that is no RFC 3339 time.
pub fn parse_created(bytes: &[u8]) -> Result<Created, ManifestError> {
    let configuration: Configuration = serde_json::from_slice(bytes)
        .map_err(|source| ManifestError::Json { what: "configuration", source })?;
    let text = configuration.created.ok_or(ManifestError::NoTime)?;
    let time: jiff::Timestamp = text.parse().map_err(ManifestError::Time)?;
    Created::from_unix_nanos(time.as_nanosecond()).ok_or(ManifestError::NoTime)
}

/// The SHA-256 digest of bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Checks bytes against the digest they were asked by. Digests other than SHA-256 cannot be checked and are refused.
///
/// # Errors
/// When they differ.
pub fn verify(what: &'static str, bytes: &[u8], expected: &Digest) -> Result<(), ManifestError> {
    if digest_of(bytes) == expected.as_str() {
        Ok(())
    } else {
        Err(ManifestError::Digest { what, expected: expected.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn manifests_lead_to_the_configuration_of_the_amd64_image() {
        let entry = |digest: &str, os: &str, architecture: &str| {
            format!(r#"{{"digest":"{digest}","platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#)
        };
        let index =
            |entries: &[String]| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
        for (text, expected) in [
            (
                format!(r#"{{"schemaVersion":2,"config":{{"digest":"{A}","size":1}},"layers":[]}}"#),
                format!("Image({A})"),
            ),
            (index(&[entry(B, "linux", "arm64"), entry(A, "linux", "amd64")]), format!("Index({A})")),
            (
                index(&[entry(A, "unknown", "unknown"), format!(r#"{{"digest":"{B}"}}"#)]),
                "Platform".to_owned(),
            ),
            (index(&[entry("sha256:12", "linux", "amd64")]), "BadDigest".to_owned()),
            (format!(r#"{{"config":{{"digest":"{A}"}},"manifests":[]}}"#), "Kind".to_owned()),
            (r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#.to_owned(), "Kind".to_owned()),
            ("[]".to_owned(), "Json".to_owned()),
            ("<html>".to_owned(), "Json".to_owned()),
        ] {
            let answer = match parse_manifest(text.as_bytes()) {
                Ok(Manifest::Image(digest)) => format!("Image({digest})"),
                Ok(Manifest::Index(digest)) => format!("Index({digest})"),
                Err(error) => format!("{error:?}"),
            };
            assert!(answer.starts_with(&expected), "{text}: {answer}, not {expected}");
        }
    }

    #[test]
    fn build_times_keep_their_nanoseconds() {
        for (text, expected) in [
            (r#"{"created":"2018-07-20T16:51:52.000000001Z"}"#, "1532105512000000001"),
            (r#"{"created":"1970-01-01T00:00:00Z","os":"linux"}"#, "0"),
            (r#"{"created":"2018-07-20T18:51:52+02:00"}"#, "1532105512000000000"),
            (r#"{"created":"0001-01-01T00:00:00Z"}"#, "NoTime"),
            (r#"{"created":null}"#, "NoTime"),
            ("{}", "NoTime"),
            (r#"{"created":"yesterday"}"#, "Time"),
            (r#"{"created":7}"#, "Json"),
        ] {
            let answer = match parse_created(text.as_bytes()) {
                Ok(created) => created.unix_nanos().to_string(),
                Err(error) => format!("{error:?}"),
            };
            assert!(answer.starts_with(expected), "{text}: {answer}");
        }
    }

    #[test]
    fn digests_are_verified() {
        // sha256 of the empty text, as `sha256sum </dev/null` prints it
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(verify("manifest", b"", &empty.parse().unwrap()).is_ok());
        assert!(verify("manifest", b"x", &empty.parse().unwrap()).is_err());
    }
}
