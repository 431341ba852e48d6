//! Who the operator is to a repository.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::RepositoryUrl;
use crate::source::web::secret_header;

/// Keys of a Secret.
const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// A user name and a password. They can be sent and compared, not printed.
#[derive(Clone)]
pub struct Credentials {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
}

/// Tells credentials apart without being them: of use in this process only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::source) struct CredentialsId([u8; 32]);

/// Why a Secret holds no credentials for a repository. Holds nothing of the Secret but names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Neither form is there.
    #[error("it has neither the keys username and password nor .dockerconfigjson")]
    Missing,
    /// One without the other.
    #[error("it has only one of the keys username and password, or one of them is empty")]
    Half,
    /// Bytes that cannot be sent.
    #[error("its {0} is no text that can be sent to a repository")]
    Text(&'static str),
    /// Not the JSON of a Docker configuration.
    #[error("its .dockerconfigjson is not the JSON of a Docker configuration")]
    Json,
    /// Credentials for other registries.
    #[error("its .dockerconfigjson has no credentials for {0}")]
    NoHost(String),
    /// A kind of credentials that is not known here.
    #[error(
        "its .dockerconfigjson has for {0} no user name and password (a token or a helper program is not supported)"
    )]
    Kind(String),
}

impl Credentials {
    /// From both parts.
    ///
    /// # Errors
    /// If one is empty or cannot be sent.
    pub fn new(username: String, password: String) -> Result<Self, CredentialsError> {
        let (username, password) = (Zeroizing::new(username), Zeroizing::new(password));
        if username.is_empty() || password.is_empty() {
            return Err(CredentialsError::Half);
        }
        if username.contains(':') || username.chars().any(char::is_control) {
            return Err(CredentialsError::Text(USERNAME));
        }
        if password.chars().any(char::is_control) {
            return Err(CredentialsError::Text(PASSWORD));
        }
        Ok(Self { username, password })
    }

    /// From the data of a Secret: `username` and `password`, otherwise what `.dockerconfigjson` has for the repository's host.
    ///
    /// # Errors
    /// Says what the Secret lacks.
    pub fn from_secret(
        data: &BTreeMap<String, ByteString>,
        repository: &RepositoryUrl,
    ) -> Result<Self, CredentialsError> {
        let text = |key: &'static str| {
            data.get(key).map(|bytes| {
                let text = std::str::from_utf8(&bytes.0).map_err(|_| CredentialsError::Text(key))?;
                // An editor's line end is not part of it.
                Ok(text.trim_end_matches(['\n', '\r']).to_owned())
            })
        };
        match (text(USERNAME).transpose()?, text(PASSWORD).transpose()?) {
            (None, None) => {}
            (Some(username), Some(password)) => return Self::new(username, password),
            _ => return Err(CredentialsError::Half),
        }
        let config = data.get(DOCKER_CONFIG).ok_or(CredentialsError::Missing)?;
        from_docker_config(&config.0, repository)
    }

    /// The value of the header `Authorization`.
    pub(in crate::source) fn basic(&self) -> HeaderValue {
        let pair = Zeroizing::new(format!("{}:{}", *self.username, *self.password));
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        secret_header(&text).expect("base64 consists of characters that a header may hold")
    }

    pub(in crate::source) fn id(&self) -> CredentialsId {
        static KEY: LazyLock<[u8; 32]> = LazyLock::new(rand::random);
        let mut hash = Sha256::new();
        hash.update(*KEY);
        hash.update((self.username.len() as u64).to_be_bytes());
        hash.update(self.username.as_bytes());
        hash.update(self.password.as_bytes());
        CredentialsId(hash.finalize().into())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl fmt::Debug for CredentialsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsId")
    }
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    auth: Option<Zeroizing<String>>,
    username: Option<Zeroizing<String>>,
    password: Option<Zeroizing<String>>,
}

fn from_docker_config(bytes: &[u8], repository: &RepositoryUrl) -> Result<Credentials, CredentialsError> {
    let config: DockerConfig = serde_json::from_slice(bytes).map_err(|_| CredentialsError::Json)?;
    let host = repository.authority();
    let place = match repository {
        RepositoryUrl::Oci(registry) => registry.to_string(),
        RepositoryUrl::Http(_) => host.clone(),
    };
    let covering = config.auths.iter().filter_map(|(key, auth)| Some((fit(key, &host, &place)?, auth)));
    // As kubelet does: the entry of the longest path counts.
    let found = covering.max_by_key(|(length, _)| *length);
    let Some((_, auth)) = found else { return Err(CredentialsError::NoHost(host)) };
    let decoded = auth.auth.as_ref().and_then(|auth| STANDARD.decode(auth.trim()).ok()).map(Zeroizing::new);
    let decoded = decoded.as_ref().and_then(|pair| std::str::from_utf8(pair).ok());
    let pair = match (decoded.and_then(|pair| pair.split_once(':')), &auth.username, &auth.password) {
        (Some((username, password)), _, _) => Some((username.to_owned(), password.to_owned())),
        (None, Some(username), Some(password)) => Some((username.to_string(), password.to_string())),
        _ => None,
    };
    let (username, password) = pair.ok_or_else(|| CredentialsError::Kind(host.clone()))?;
    Credentials::new(username, password.trim_end_matches('\0').to_owned())
        .map_err(|_| CredentialsError::Kind(host))
}

/// How much of a place a key of a Docker configuration covers, if it does: a host, a URL of one, or a host and a path.
fn fit(key: &str, host: &str, place: &str) -> Option<usize> {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let is_hub = |host: &str| matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    let (key_host, path) = key.split_once('/').unwrap_or((key, ""));
    if !(key_host == host || is_hub(key_host) && is_hub(host)) {
        return None;
    }
    // The parts of Docker's own URLs.
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let rest = place.split_once('/').map_or("", |(_, rest)| rest);
    let covers =
        path.is_empty() || rest == path || rest.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    covers.then_some(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[(&str, &str)], repository: &str) -> Result<String, CredentialsError> {
        let data = data.iter().map(|(key, text)| ((*key).to_owned(), ByteString(text.as_bytes().to_vec())));
        let repository = RepositoryUrl::parse(repository).unwrap();
        let credentials = Credentials::from_secret(&data.collect(), &repository)?;
        Ok(format!("{} {}", *credentials.username, *credentials.password))
    }

    #[test]
    fn secrets_with_a_name_and_a_password() {
        let http = "https://charts.example.com/stable";
        let check = |data, expected: Result<&str, CredentialsError>| {
            assert_eq!(read(data, http), expected.map(str::to_owned), "{data:?}");
        };
        check(&[("username", "me\n"), ("password", "secret ü:\r\n")], Ok("me secret ü:"));
        check(&[("username", "me")], Err(CredentialsError::Half));
        check(&[("username", "me"), ("password", "\n")], Err(CredentialsError::Half));
        check(&[("username", "m:e"), ("password", "x")], Err(CredentialsError::Text("username")));
        check(&[("username", "me"), ("password", "x\ny")], Err(CredentialsError::Text("password")));
        check(&[("token", "x")], Err(CredentialsError::Missing));
        check(&[(".dockerconfigjson", "{")], Err(CredentialsError::Json));
    }

    #[test]
    fn docker_configurations() {
        // me:secret and you:other
        let config = r#"{"auths": {
            "registry.example.com": {"auth": "bWU6c2VjcmV0"},
            "https://registry.example.com/team/": {"auth": "eW91Om90aGVy"},
            "https://index.docker.io/v1/": {"username": "hub", "password": "pass"},
            "127.0.0.1:5000": {"auth": "bm90IGEgcGFpcg=="},
            "token.example.com": {"identitytoken": "x"}
        }}"#;
        for (repository, expected) in [
            ("oci://registry.example.com/charts", Ok("me secret")),
            ("oci://registry.example.com/teams", Ok("me secret")),
            ("oci://registry.example.com/team", Ok("you other")),
            ("oci://registry.example.com/team/web", Ok("you other")),
            ("https://registry.example.com/charts", Ok("me secret")),
            ("oci://registry-1.docker.io/bitnamicharts", Ok("hub pass")),
            ("oci://docker.io/library", Ok("hub pass")),
            (
                "oci://registry.example.com:5000/charts",
                Err(CredentialsError::NoHost("registry.example.com:5000".into())),
            ),
            ("oci://127.0.0.1:5000/charts", Err(CredentialsError::Kind("127.0.0.1:5000".into()))),
            ("oci://token.example.com", Err(CredentialsError::Kind("token.example.com".into()))),
        ] {
            let got = read(&[(".dockerconfigjson", config)], repository);
            assert_eq!(got, expected.map(str::to_owned), "{repository}");
        }
    }

    #[test]
    fn credentials_are_told_apart_and_not_shown() {
        let make = |name: &str, word: &str| Credentials::new(name.into(), word.into()).unwrap();
        assert_eq!(make("me", "secret").id(), make("me", "secret").id());
        assert_ne!(make("me", "secret").id(), make("mes", "ecret").id());
        assert_eq!(format!("{:?}", make("me", "secret")), "Credentials");
        let header = make("me", "secret").basic();
        assert_eq!((header.to_str().unwrap(), header.is_sensitive()), ("Basic bWU6c2VjcmV0", true));
    }
}
