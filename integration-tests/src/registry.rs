//! An OCI registry, and pushing small real images to it by its HTTP API (OCI distribution specification).

use std::sync::Arc;

use anyhow::{Context, bail};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::host::{Host, LOOPBACK};
use crate::keeper::{Process, Signal};
use crate::server::{self, ServerSpec};
use crate::tools;

const CONFIG: &str = include_str!("../testbed/registry.yml");
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A running registry that speaks plain HTTP on loopback and permits deletion.
pub struct Registry {
    port: u16,
    http: reqwest::Client,
    pub(crate) process: Process,
}

/// An image to push.
#[derive(Clone, Debug)]
pub struct ImagePush {
    /// The repository, such as `stefanprodan/podinfo`.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The image config's `created`, which the `glob` policy orders by; left out when `None`.
    pub created: Option<jiff::Timestamp>,
    /// The image config's labels.
    pub labels: Vec<(String, String)>,
}

impl ImagePush {
    /// An image without labels.
    pub fn new(repository: &str, tag: &str, created: jiff::Timestamp) -> Self {
        Self { repository: repository.into(), tag: tag.into(), created: Some(created), labels: Vec::new() }
    }
}

impl Registry {
    pub(crate) async fn start(host: Arc<Host>) -> anyhow::Result<Self> {
        let program = tools::debian("docker-registry", &["/usr/bin/docker-registry"])?;
        let config = host.write("registry.yml", CONFIG)?;
        let data = host.make_folder("registry")?;
        let spec = |[port]: [u16; 1]| {
            let env = vec![
                ("REGISTRY_HTTP_ADDR", format!("127.0.0.1:{port}")),
                ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", data.display().to_string()),
                // It would ask for a collector's endpoint otherwise.
                ("OTEL_TRACES_EXPORTER", "none".into()),
            ];
            let args = vec!["serve".into(), config.display().to_string()];
            Ok(ServerSpec { program: program.clone(), args, env, user: None, stop: Signal::Kill })
        };
        let http = reqwest::Client::builder().no_proxy().build()?;
        let ready = |[port]: [u16; 1]| server::succeeds(http.get(format!("http://127.0.0.1:{port}/v2/")));
        let (process, [port]) = server::start(&host, "docker-registry", LOOPBACK, spec, ready).await?;
        // A client's connections belong to the runtime they were made in: none is kept beyond a request,
        // so that a testbed shared by tests works in each test's runtime.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
        Ok(Self { port, http, process })
    }

    /// `127.0.0.1:PORT`, as it stands in an image reference.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Pushes an image with one layer (a tar with one small file) and returns its manifest's digest.
    ///
    /// # Errors
    /// The registry refuses a step: the message names it.
    pub async fn push(&self, image: &ImagePush) -> anyhow::Result<String> {
        let content = format!("{}:{}\n", image.repository, image.tag);
        let layer = tar_with_one_file("image.txt", content.as_bytes());
        let mut config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": image.labels.iter().cloned().collect::<std::collections::BTreeMap<_, _>>()},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        if let Some(created) = image.created {
            config["created"] = created.to_string().into();
        }
        let config = serde_json::to_vec(&config)?;
        self.push_blob(&image.repository, &layer).await?;
        self.push_blob(&image.repository, &config).await?;
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": IMAGE_CONFIG, "digest": digest(&config), "size": config.len()},
            "layers": [{"mediaType": LAYER, "digest": digest(&layer), "size": layer.len()}],
        }))?;
        self.push_manifest(&image.repository, &image.tag, manifest).await
    }

    /// Puts a blob into a repository and returns its digest.
    ///
    /// # Errors
    /// The registry refuses it.
    pub async fn push_blob(&self, repository: &str, blob: &[u8]) -> anyhow::Result<String> {
        let start = format!("{}/v2/{repository}/blobs/uploads/", self.url());
        let started = expect(self.http.post(start), StatusCode::ACCEPTED, "starting an upload").await?;
        let location = started.headers().get(LOCATION).context("an upload without a location")?.to_str()?;
        let mut url = reqwest::Url::parse(&self.url())?.join(location)?;
        let digest = digest(blob);
        url.query_pairs_mut().append_pair("digest", &digest);
        let put = self.http.put(url).body(blob.to_vec());
        expect(put, StatusCode::CREATED, "uploading a blob").await?;
        Ok(digest)
    }

    /// Puts a manifest under a tag and returns its digest.
    ///
    /// # Errors
    /// The registry refuses it.
    pub async fn push_manifest(
        &self,
        repository: &str,
        tag: &str,
        manifest: Vec<u8>,
    ) -> anyhow::Result<String> {
        let digest = digest(&manifest);
        let put = self.http.put(format!("{}/v2/{repository}/manifests/{tag}", self.url()));
        let put = put.header(CONTENT_TYPE, MANIFEST).body(manifest);
        expect(put, StatusCode::CREATED, "pushing a manifest").await?;
        Ok(digest)
    }

    /// Deletes a manifest by digest, and with it every tag that names it.
    ///
    /// # Errors
    /// There is no such manifest.
    pub async fn delete(&self, repository: &str, digest: &str) -> anyhow::Result<()> {
        let delete = self.http.delete(format!("{}/v2/{repository}/manifests/{digest}", self.url()));
        expect(delete, StatusCode::ACCEPTED, "deleting a manifest").await.map(drop)
    }

    /// The tags of a repository, sorted.
    ///
    /// # Errors
    /// There is no such repository.
    pub async fn tags(&self, repository: &str) -> anyhow::Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Tags {
            tags: Option<Vec<String>>,
        }
        let get = self.http.get(format!("{}/v2/{repository}/tags/list", self.url()));
        let tags: Tags = expect(get, StatusCode::OK, "listing tags").await?.json().await?;
        let mut tags = tags.tags.unwrap_or_default();
        tags.sort();
        Ok(tags)
    }
}

async fn expect(
    request: reqwest::RequestBuilder,
    status: StatusCode,
    what: &str,
) -> anyhow::Result<reqwest::Response> {
    let response = request.send().await.with_context(|| format!("{what} failed"))?;
    if response.status() != status {
        let got = response.status();
        bail!("{what}: the registry answered {got}: {}", response.text().await.unwrap_or_default());
    }
    Ok(response)
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A tar archive (POSIX ustar) of one file owned by root and last changed at the epoch.
fn tar_with_one_file(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |offset: usize, field: &[u8]| header[offset..offset + field.len()].copy_from_slice(field);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let checksum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
