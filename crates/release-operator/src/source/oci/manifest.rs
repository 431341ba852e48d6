//! Manifests of charts, as bytes: pure.

use serde::Deserialize;

/// The media types asked for.
pub(super) const ACCEPT: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// What Helm calls a chart's metadata and archive, and the archive in its first version.
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const ARCHIVE: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const OLD_ARCHIVE: &str = "application/tar+gzip";

/// Why a manifest is none of a chart.
#[derive(Debug)]
pub(super) enum Fault {
    /// Not the JSON of a manifest.
    Json(serde_json::Error),
    /// Something else is stored there.
    NotAChart(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
}

/// The digest of the archive, as `sha256:<hex>`. Of several archives Helm takes the last.
pub(super) fn parse(bytes: &[u8]) -> Result<String, Fault> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(Fault::Json)?;
    let Some(config) = manifest.config else {
        let what = manifest.media_type.unwrap_or_else(|| "something of unknown type".to_owned());
        return Err(Fault::NotAChart(format!("{what} is stored there")));
    };
    if config.media_type != CONFIG {
        return Err(Fault::NotAChart(format!(
            "what is stored there has a configuration of type {:?}",
            config.media_type
        )));
    }
    let is_archive = |layer: &&Descriptor| layer.media_type == ARCHIVE || layer.media_type == OLD_ARCHIVE;
    let Some(archive) = manifest.layers.iter().rev().find(is_archive) else {
        return Err(Fault::NotAChart(format!("it has no layer of type {ARCHIVE}")));
    };
    let is_sha256 =
        |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match archive.digest.strip_prefix("sha256:").is_some_and(is_sha256) {
        true => Ok(archive.digest.clone()),
        false => Err(Fault::NotAChart(format!("its archive's digest {:?} is no SHA-256", archive.digest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let layer =
            |kind: &str, digest: &str| format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":1}}"#);
        let manifest = |config: &str, layers: &[String]| {
            format!(
                r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
                layer(config, "x"),
                layers.join(",")
            )
        };
        let provenance = layer("application/vnd.cncf.helm.chart.provenance.v1.prov", "y");
        for (text, expected) in [
            (manifest(CONFIG, &[provenance.clone(), layer(ARCHIVE, &digest)]), digest.as_str()),
            (manifest(CONFIG, &[layer(OLD_ARCHIVE, &digest)]), &digest),
            (manifest(CONFIG, &[layer(ARCHIVE, "sha256:1"), layer(ARCHIVE, &digest)]), &digest),
            (manifest(CONFIG, &[layer(ARCHIVE, "sha512:00")]), "is no SHA-256"),
            (manifest(CONFIG, &[layer(ARCHIVE, &digest.to_uppercase())]), "is no SHA-256"),
            (manifest(CONFIG, &[provenance]), "has no layer"),
            (
                manifest("application/vnd.oci.image.config.v1+json", &[]),
                "configuration of type \"application/vnd.oci.image.config.v1+json\"",
            ),
            (
                r#"{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#.into(),
                "image.index.v1+json is stored",
            ),
            ("{}".into(), "unknown type"),
            ("[]".into(), "json"),
            ("<html>".into(), "json"),
        ] {
            let got = match parse(text.as_bytes()) {
                Ok(digest) => digest,
                Err(Fault::Json(_)) => "json".to_owned(),
                Err(Fault::NotAChart(reason)) => reason,
            };
            assert!(got.contains(expected), "{text}: {got}");
        }
    }
}
