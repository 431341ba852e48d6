//! Charts of registries (OCI distribution specification), stored as `helm push` stores them.
//!
//! Invariants: what is asked by digest is verified against it; plain HTTP is spoken with this machine only; credentials go to
//! the registry and to the token server that it names.

mod auth;
mod challenge;
mod manifest;
mod tags;

use std::fmt;
use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::repository::{Credentials, OciRegistry, Problem, api_of, is_repository_name};
use super::web::{self, Answer, Ask, Web};
use auth::Tokens;
use challenge::Challenge;

/// The longest manifest, in bytes (the specification asks registries to take 4 MiB).
const MAX_MANIFEST: usize = 4 << 20;
/// The longest tag (the specification's bound).
const MAX_TAG: usize = 128;

/// All registries.
pub(super) struct Registries {
    web: Arc<Web>,
    tokens: Tokens,
}

/// A repository of a registry: the place of one chart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OciRepository {
    /// The registry's API: `https://host/`.
    api: Url,
    /// The name: `charts/web`.
    name: String,
}

/// A chart's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChartManifest {
    /// `sha256:<hex>` of the manifest.
    pub(super) digest: String,
    /// `sha256:<hex>` of the archive.
    pub(super) archive: String,
}

impl OciRepository {
    /// The place of a chart; none if the two make no repository's name.
    pub(super) fn of_chart(registry: &OciRegistry, chart: &str) -> Option<Self> {
        let name =
            if registry.path.is_empty() { chart.to_owned() } else { format!("{}/{chart}", registry.path) };
        Self::new(&registry.host, name)
    }

    /// Reads `oci://host/name:tag`, as an index may give it.
    pub(super) fn parse(reference: &str) -> Option<(Self, String)> {
        let (host, rest) = reference.strip_prefix("oci://")?.split_once('/')?;
        let (name, tag) = rest.rsplit_once(':')?;
        let is_tag = !tag.is_empty()
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte));
        let repository = Self::new(host, name.to_owned())?;
        is_tag.then(|| (repository, tag.to_owned()))
    }

    fn new(host: &str, name: String) -> Option<Self> {
        // What everybody calls docker.io speaks the protocol under another name.
        let host =
            if matches!(host, "docker.io" | "index.docker.io") { "registry-1.docker.io" } else { host };
        let mut api = api_of(host)?;
        if web::is_loopback(&api) {
            api = Url::parse(&format!("http://{host}/")).ok()?;
        }
        is_repository_name(&name).then_some(Self { api, name })
    }

    fn url(&self, what: &str) -> Url {
        let mut url = self.api.clone();
        // Names, tags and digests need no escaping.
        url.set_path(&format!("/v2/{}/{what}", self.name));
        url
    }

    fn host(&self) -> String {
        web::host(&self.api)
    }
}

/// As an index writes it.
impl fmt::Display for OciRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.host(), self.name)
    }
}

impl Registries {
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self { web, tokens: Tokens::default() }
    }

    /// The manifest of a version; none if there is no such tag, or no such repository.
    pub(super) async fn manifest(
        &self,
        repository: &OciRepository,
        version: &str,
        credentials: Option<&Credentials>,
    ) -> Result<Option<ChartManifest>, Problem> {
        // A tag cannot hold the `+` before build metadata.
        let tag = version.replace('+', "_");
        if tag.len() > MAX_TAG {
            return Ok(None);
        }
        let url = repository.url(&format!("manifests/{tag}"));
        let answer = self.send(repository, url, manifest::ACCEPT, credentials).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = answer.expect_success(|url| Problem::NotFound { url })?;
        let url = answer.shown();
        let bytes = answer.body(MAX_MANIFEST).await?;
        let archive = manifest::parse(&bytes).map_err(|fault| match fault {
            manifest::Fault::Json(source) => Problem::Registry { url: url.clone(), source },
            manifest::Fault::NotAChart(reason) => Problem::NotAChart { url: url.clone(), reason },
        })?;
        Ok(Some(ChartManifest { digest: digest_of(&bytes), archive }))
    }

    /// An archive by its digest, of at most `limit` bytes. It is for the caller to verify it.
    pub(super) async fn archive(
        &self,
        repository: &OciRepository,
        digest: &str,
        credentials: Option<&Credentials>,
        limit: usize,
    ) -> Result<(Vec<u8>, String), Problem> {
        let url = repository.url(&format!("blobs/{digest}"));
        let answer = self.send(repository, url.clone(), "*/*", credentials).await?;
        let answer = answer.expect_success(|url| Problem::NotFound { url })?;
        Ok((answer.body(limit).await?, web::shown(&url)))
    }

    /// Sends, as who the registry wants us to be, and gives any answer but that it wants more.
    async fn send(
        &self,
        repository: &OciRepository,
        url: Url,
        accept: &'static str,
        credentials: Option<&Credentials>,
    ) -> Result<Answer, Problem> {
        let held = self.tokens.held(repository, credentials);
        let answer = self.try_once(repository, url.clone(), accept, held).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let challenges = answer.headers().get_all(WWW_AUTHENTICATE).into_iter();
        let challenge = challenges.filter_map(|value| challenge::parse(value.to_str().ok()?)).next();
        let challenge = challenge.filter(|challenge| *challenge != Challenge::Basic || credentials.is_some());
        let Some(challenge) = challenge else { return Ok(answer) };
        // The token server may be the same host, which answers only so many at once.
        drop(answer);
        let authorization = self.tokens.obtain(&self.web, repository, &challenge, credentials).await?;
        self.try_once(repository, url, accept, Some(authorization)).await
    }

    async fn try_once(
        &self,
        repository: &OciRepository,
        url: Url,
        accept: &'static str,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, Problem> {
        let authorization = authorization.map(|value| (value, &repository.api));
        self.web.get(Ask { url, accept, authorization, headers: Vec::new() }).await
    }
}

/// `sha256:<hex>` of bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_of_charts() {
        use super::super::repository::RepositoryUrl;
        for (registry, expected) in [
            ("oci://registry.example.com/charts", Some("https://registry.example.com/v2/charts/web/x")),
            ("oci://registry.example.com:5000", Some("https://registry.example.com:5000/v2/web/x")),
            ("oci://docker.io/library", Some("https://registry-1.docker.io/v2/library/web/x")),
            ("oci://127.0.0.1:5000/a", Some("http://127.0.0.1:5000/v2/a/web/x")),
            ("oci://localhost:5000/a", Some("http://localhost:5000/v2/a/web/x")),
        ] {
            let RepositoryUrl::Oci(registry) = RepositoryUrl::parse(registry).unwrap() else { panic!() };
            let url = OciRepository::of_chart(&registry, "web").map(|place| place.url("x"));
            assert_eq!(url.as_ref().map(Url::as_str), expected);
        }
    }

    #[test]
    fn references_in_an_index() {
        let read = |text| OciRepository::parse(text).map(|(place, tag)| format!("{} {tag}", place.url("")));
        for (text, expected) in [
            (
                "oci://registry.example.com/charts/web:1.0.0",
                Some("https://registry.example.com/v2/charts/web/ 1.0.0"),
            ),
            ("oci://127.0.0.1:5000/web:1.0.0+a", Some("http://127.0.0.1:5000/v2/web/ 1.0.0+a")),
            ("oci://registry.example.com/charts/web", None),
            ("oci://registry.example.com/charts/web:", None),
            ("oci://registry.example.com/charts/web:a/b", None),
            ("oci://registry.example.com/Web:1", None),
            ("oci://me@registry.example.com?/web:1", None),
            ("https://registry.example.com/web:1", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }
}
