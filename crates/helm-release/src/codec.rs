//! The record's encoding: JSON, gzipped, in base64.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::record::Release;

/// The most bytes of JSON that a record may hold. A Secret holds 1 MiB, from which a hostile writer could make 1 GiB.
pub const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Why a record could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The record has no JSON form.
    #[error("release record {name} v{revision} cannot be written as JSON")]
    Json {
        /// The release.
        name: String,
        /// The revision.
        revision: u32,
        /// What the JSON writer says.
        #[source]
        source: serde_json::Error,
    },
    /// The compressor failed.
    #[error("release record {name} v{revision} cannot be compressed")]
    Gzip {
        /// The release.
        name: String,
        /// The revision.
        revision: u32,
        /// What the compressor says.
        #[source]
        source: std::io::Error,
    },
}

/// Why data is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not base64.
    #[error("the release record is not base64")]
    Base64(#[source] base64::DecodeError),
    /// Broken gzip.
    #[error("the release record cannot be decompressed")]
    Gzip(#[source] std::io::Error),
    /// Larger than [`MAX_RECORD_BYTES`] when decompressed.
    #[error("the release record is larger than {MAX_RECORD_BYTES} bytes when decompressed")]
    TooLarge,
    /// Not the JSON of a record.
    #[error("the release record is not the JSON that Helm writes")]
    Json(#[source] serde_json::Error),
}

/// Encodes a record as the text that `data.release` of its Secret holds (before the API server's own base64).
///
/// # Errors
/// If the record cannot be written as JSON or compressed. The size is checked by [`crate::secret::to_secret`].
pub fn encode(release: &Release) -> Result<String, EncodeError> {
    let name = || release.name.clone();
    let revision = release.revision;
    let json =
        serde_json::to_vec(release).map_err(|source| EncodeError::Json { name: name(), revision, source })?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let compressed = encoder.write_all(&json).and_then(|()| encoder.finish());
    let compressed = compressed.map_err(|source| EncodeError::Gzip { name: name(), revision, source })?;
    Ok(STANDARD.encode(compressed))
}

/// Decodes what `data.release` of a release's Secret holds. The JSON need not be compressed: before 2016 Helm did not.
///
/// The labels are not part of it: [`crate::secret::from_secret`] fills them in.
///
/// # Errors
/// If `data` is no record, or a larger one than [`MAX_RECORD_BYTES`].
pub fn decode(data: &[u8]) -> Result<Release, DecodeError> {
    let bytes = STANDARD.decode(data).map_err(DecodeError::Base64)?;
    let json = if bytes.len() > GZIP_MAGIC.len() && bytes.starts_with(&GZIP_MAGIC) {
        decompress(&bytes)?
    } else {
        bytes
    };
    serde_json::from_slice(&json).map_err(DecodeError::Json)
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut json = Vec::new();
    let limit = MAX_RECORD_BYTES as u64 + 1;
    MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut json).map_err(DecodeError::Gzip)?;
    if json.len() > MAX_RECORD_BYTES { Err(DecodeError::TooLarge) } else { Ok(json) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip_base64(bytes: &[u8]) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    #[test]
    fn reads_a_record_that_is_not_compressed() {
        let data = STANDARD.encode(r#"{"name":"a","version":3,"info":{"status":"deployed","deleted":""}}"#);
        let release = decode(data.as_bytes()).unwrap();
        assert_eq!((release.name.as_str(), release.revision), ("a", 3));
        assert_eq!(release.info.deleted, None);
    }

    #[test]
    fn unknown_fields_and_words_survive() {
        let json = serde_json::json!({
            "name": "a", "version": 1, "namespace": "n", "apply_method": "later", "new": {"x": [1, null]},
            "info": {"status": "resting", "later": true},
            "chart": {"metadata": {"name": "c", "icon": "i"}, "lock": {"digest": "d"}, "templates": null,
                "values": {"n": 1.5}, "schema": null, "files": null, "schemamodtime": "0001-01-01T00:00:00Z"},
            "hooks": [{"name": "h", "last_run": {"phase": "Dreaming", "x": 1}, "events": ["pre-dawn"], "y": 2}],
        });
        let release = decode(STANDARD.encode(json.to_string()).as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&release).unwrap(), json);
    }

    #[test]
    fn refuses_what_is_no_record() {
        let bomb = gzip_base64(&vec![b' '; MAX_RECORD_BYTES + 1]);
        let truncated = &gzip_base64(b"{\"name\":\"a\"}")[..20];
        let cases: [(&[u8], &str); 5] = [
            (b"%%%", "the release record is not base64"),
            (truncated.as_bytes(), "the release record cannot be decompressed"),
            (bomb.as_bytes(), "the release record is larger than 67108864 bytes when decompressed"),
            (b"e30K", ""),
            (b"W10=", "the release record is not the JSON that Helm writes"),
        ];
        for (data, message) in cases {
            let error = decode(data).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error, message);
        }
    }
}
