//! The adapter for container registries (OCI distribution specification, Docker's registry API v2).
//!
//! Invariants: every answer is bounded in bytes and time; content asked by digest is verified against it; nothing is
//! sent to a host that needs a mirror and has none, by redirect or token server neither; no credentials are sent.

mod challenge;
mod error;
pub mod manifest;
pub mod mirrors;
mod tags;
mod token;

use std::time::Duration;

use image_policy::{Created, Digest, Repository, Tag};
use reqwest::header::{ACCEPT, AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, Response, StatusCode};
use url::Url;

pub use error::{Reach, RegistryError};
use manifest::{Manifest, ManifestError};
use mirrors::{Endpoint, Mirrors};
use token::Tokens;

/// The longest manifest read, in bytes (the OCI specification asks registries to take 4 MiB).
const MAX_MANIFEST: usize = 4 << 20;

/// The longest image configuration read, in bytes.
const MAX_CONFIGURATION: usize = 8 << 20;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// One request, from connecting to the end of the body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known of a tag's image.
#[derive(Debug)]
pub struct Image {
    /// Digest of the manifest or index behind the tag.
    pub digest: String,
    /// When the image was built; or why that cannot be read.
    pub created: Result<Created, RegistryError>,
}

/// A client for all registries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    mirrors: Mirrors,
    /// For registries on the internet, through a proxy where the environment names one.
    outside: Client,
    /// For mirrors, which are addresses of one's own network.
    inside: Client,
    tokens: Tokens,
}

impl Registry {
    /// Sets the client up. Nothing is sent.
    ///
    /// # Errors
    /// When the TLS set-up of this machine is unusable.
    pub fn new(mirrors: Mirrors) -> Result<Self, RegistryError> {
        let builder = || {
            let mirrors = mirrors.clone();
            Client::builder()
                .user_agent(concat!("windlass-image-scanner/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(10))
                .timeout(REQUEST_TIMEOUT)
                .redirect(Policy::custom(move |attempt| redirect(&mirrors, attempt)))
        };
        let outside = builder().build().map_err(RegistryError::Client)?;
        let inside = builder().no_proxy().build().map_err(RegistryError::Client)?;
        Ok(Self { mirrors, outside, inside, tokens: Tokens::default() })
    }

    /// The digest behind a tag, by a request that no registry counts as a pull; `None` when the registry does
    /// not tell it.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn digest(&self, repository: &Repository, tag: &Tag) -> Result<Option<String>, RegistryError> {
        let call = self.call(repository, format!("manifests/{tag}"))?;
        match self.send(&call, Method::HEAD).await {
            Ok(response) => Ok(digest_header(&response)),
            Err(RegistryError::Status { status: 405, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the image behind a tag.
    ///
    /// # Errors
    /// See [`RegistryError`]. When the manifest is there and something behind it is unusable, the digest is
    /// given and the error is in [`Image::created`].
    pub async fn image(&self, repository: &Repository, tag: &Tag) -> Result<Image, RegistryError> {
        let call = self.call(repository, format!("manifests/{tag}"))?;
        let response = self.send(&call, Method::GET).await?;
        let stated = digest_header(&response);
        let bytes = body(&call, response, MAX_MANIFEST).await?;
        let digest = manifest::digest_of(&bytes);
        if let Some(expected) = stated.filter(|stated| stated.starts_with("sha256:") && *stated != digest) {
            return Err(ManifestError::Digest { what: "manifest", expected }.into());
        }
        let created = match self.created(repository, &bytes).await {
            Err(error) if error.reach() != Reach::Tag => return Err(error),
            created => created,
        };
        Ok(Image { digest, created })
    }

    async fn created(&self, repository: &Repository, bytes: &[u8]) -> Result<Created, RegistryError> {
        let configuration = match manifest::parse_manifest(bytes)? {
            Manifest::Image(configuration) => configuration,
            Manifest::Index(digest) => {
                let call = self.call(repository, format!("manifests/{digest}"))?;
                let bytes = self.verified("manifest", &call, &digest, MAX_MANIFEST).await?;
                match manifest::parse_manifest(&bytes)? {
                    Manifest::Image(configuration) => configuration,
                    Manifest::Index(_) => return Err(ManifestError::Kind.into()),
                }
            }
        };
        let call = self.call(repository, format!("blobs/{configuration}"))?;
        let bytes = self.verified("configuration", &call, &configuration, MAX_CONFIGURATION).await?;
        Ok(manifest::parse_created(&bytes)?)
    }

    async fn verified(
        &self,
        what: &'static str,
        call: &Call<'_>,
        digest: &Digest,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let response = self.send(call, Method::GET).await?;
        let bytes = body(call, response, limit).await?;
        manifest::verify(what, &bytes, digest)?;
        Ok(bytes)
    }

    /// A call below `/v2/<repository>/`.
    fn call<'a>(&self, repository: &'a Repository, what: String) -> Result<Call<'a>, RegistryError> {
        let endpoint = self.mirrors.endpoint(repository)?;
        let mut url = endpoint.url.clone();
        // Repository names and what stands below them consist of characters that need no escaping.
        url.set_path(&format!("/v2/{}/{what}", repository.path()));
        Ok(Call { repository, endpoint, url, what })
    }

    /// Sends, with a token if the registry wants one, and sorts out the answers that are none.
    async fn send(&self, call: &Call<'_>, method: Method) -> Result<Response, RegistryError> {
        let held = self.tokens.held(call.repository);
        let response = self.try_once(call, method.clone(), held.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return judge(call, response);
        }
        let header = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let Some(challenge) = header.and_then(challenge::parse) else {
            return judge(call, response);
        };
        let token = self.fetch_token(call, &challenge).await?;
        let response = self.try_once(call, method, Some(&token)).await?;
        judge(call, response)
    }

    async fn try_once(
        &self,
        call: &Call<'_>,
        method: Method,
        token: Option<&str>,
    ) -> Result<Response, RegistryError> {
        let mut request =
            self.client(&call.endpoint).request(method, call.url.clone()).header(ACCEPT, manifest::ACCEPT);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.send().await.map_err(|source| call.transport(source))
    }

    fn client(&self, endpoint: &Endpoint) -> &Client {
        if endpoint.mirror { &self.inside } else { &self.outside }
    }
}

/// One thing asked of one repository.
struct Call<'a> {
    repository: &'a Repository,
    endpoint: Endpoint,
    url: Url,
    what: String,
}

impl Call<'_> {
    /// The registry as asked: its address when it is a mirror, so that a person looks at the right one.
    fn host(&self) -> String {
        match (self.endpoint.mirror, self.endpoint.url.host_str()) {
            (true, Some(_)) => format!(
                "{} (mirror {})",
                self.repository.host(),
                self.endpoint.url.origin().ascii_serialization()
            ),
            _ => self.repository.host().to_owned(),
        }
    }

    fn what(&self) -> String {
        format!("{} of {}", self.what, self.repository.path())
    }

    fn transport(&self, source: reqwest::Error) -> RegistryError {
        RegistryError::Transport { host: self.host(), source }
    }
}

/// Follows few redirects, never from https to http, and none to a host that must not be asked. (Blobs are often
/// served from another host; their digest is verified.)
fn redirect(mirrors: &Mirrors, attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let downgrade = attempt.url().scheme() != "https"
        && attempt.previous().last().is_some_and(|previous| previous.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else if downgrade {
        attempt.error("a redirect from https to http is not followed")
    } else if !mirrors.permits(attempt.url()) {
        attempt.error("a redirect to a host without a mirror is not followed")
    } else {
        attempt.follow()
    }
}

fn judge(call: &Call<'_>, response: Response) -> Result<Response, RegistryError> {
    let status = response.status();
    match status {
        status if status.is_success() => Ok(response),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(RegistryError::RateLimited { host: call.host(), retry_after: retry_after(&response) })
        }
        StatusCode::SERVICE_UNAVAILABLE if response.headers().contains_key(RETRY_AFTER) => {
            Err(RegistryError::RateLimited { host: call.host(), retry_after: retry_after(&response) })
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(RegistryError::Denied { host: call.host(), what: call.what() })
        }
        StatusCode::NOT_FOUND => Err(RegistryError::NotFound { host: call.host(), what: call.what() }),
        status => {
            Err(RegistryError::Status { host: call.host(), what: call.what(), status: status.as_u16() })
        }
    }
}

/// `Retry-After` in seconds. Its other form, a date, would need this machine's clock to be right.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn digest_header(response: &Response) -> Option<String> {
    let text = response.headers().get("docker-content-digest")?.to_str().ok()?;
    text.parse::<Digest>().ok().map(|digest| digest.to_string())
}

/// Reads a body to its end, which must come within `limit` bytes.
async fn body(call: &Call<'_>, mut response: Response, limit: usize) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| call.transport(source))? {
        if bytes.len() + chunk.len() > limit {
            return Err(RegistryError::TooLong { host: call.host(), what: call.what(), limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
