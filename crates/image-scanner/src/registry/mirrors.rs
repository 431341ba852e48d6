//! Which address stands for which registry.

use std::collections::BTreeMap;

use image_policy::Repository;
use url::{Origin, Url};

/// Docker Hub's API has another name than Docker Hub.
const DOCKER_HUB_API: &str = "https://registry-1.docker.io";

/// Registry hosts and the addresses that stand for them.
#[derive(Debug, Clone, Default)]
pub struct Mirrors {
    by_host: BTreeMap<String, Url>,
    required: bool,
}

/// Where a registry is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Base address; its path is `/`.
    pub url: Url,
    /// Whether it is a mirror, which is an address of one's own network.
    pub mirror: bool,
}

/// Why a mirror cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// Not `host=url`.
    #[error(
        "--registry-mirror {0:?} cannot be read; write host=url, such as docker.io=http://127.0.0.1:5000"
    )]
    Form(String),
    /// The address is no URL.
    #[error("--registry-mirror {0:?} does not name an address")]
    Url(String, #[source] url::ParseError),
    /// The address has parts that a registry's base address cannot have.
    #[error("--registry-mirror {0:?}: the address has to be http or https with a host and nothing behind it")]
    Parts(String),
    /// A host has two.
    #[error("--registry-mirror {0:?}: this host already has a mirror")]
    Twice(String),
}

/// A registry that must not be asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "registry {host} has no mirror, and --registry-require-mirror is set, so nothing was sent; \
     add --registry-mirror {host}=url"
)]
pub struct NoMirror {
    host: String,
}

impl Mirrors {
    /// Reads the values of `--registry-mirror`; gives every fault, not only the first.
    ///
    /// # Errors
    /// One for each value that cannot be used.
    pub fn parse(values: &[String], required: bool) -> Result<Self, Vec<MirrorError>> {
        let mut by_host = BTreeMap::new();
        let mut faults = Vec::new();
        for value in values {
            match parse_one(value) {
                Ok((host, url)) => {
                    if by_host.insert(host, url).is_some() {
                        faults.push(MirrorError::Twice(value.clone()));
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self { by_host, required }) } else { Err(faults) }
    }

    /// Where the registry of a repository is reached.
    ///
    /// # Errors
    /// When mirrors are required and its host has none.
    pub fn endpoint(&self, repository: &Repository) -> Result<Endpoint, NoMirror> {
        let host = repository.host();
        if let Some(url) = self.by_host.get(host) {
            return Ok(Endpoint { url: url.clone(), mirror: true });
        }
        let address = match host {
            _ if self.required => None,
            "index.docker.io" => Url::parse(DOCKER_HUB_API).ok(),
            host => Url::parse(&format!("https://{host}")).ok(),
        };
        address.map(|url| Endpoint { url, mirror: false }).ok_or_else(|| NoMirror { host: host.to_owned() })
    }

    /// Whether a request may leave for this address (a redirect, a token server).
    pub fn permits(&self, url: &Url) -> bool {
        let origin: Origin = url.origin();
        !self.required || self.by_host.values().any(|mirror| mirror.origin() == origin)
    }
}

fn parse_one(value: &str) -> Result<(String, Url), MirrorError> {
    let (host, address) = value.split_once('=').ok_or_else(|| MirrorError::Form(value.to_owned()))?;
    if host.is_empty() || host.contains('/') {
        return Err(MirrorError::Form(value.to_owned()));
    }
    let url = Url::parse(address).map_err(|error| MirrorError::Url(value.to_owned(), error))?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if bare { Ok((Repository::canonical_host(host), url)) } else { Err(MirrorError::Parts(value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use image_policy::ImageRef;

    use super::*;

    fn endpoint(mirrors: &Mirrors, image: &str) -> Option<String> {
        let repository = image.parse::<ImageRef>().unwrap().repository();
        mirrors.endpoint(&repository).ok().map(|endpoint| endpoint.url.to_string())
    }

    #[test]
    fn hosts_lead_to_their_mirror_or_to_themselves() {
        let values =
            ["docker.io=http://127.0.0.1:5000".to_owned(), "QUAY.io=https://mirror.example".to_owned()];
        let open = Mirrors::parse(&values, false).unwrap();
        let strict = Mirrors::parse(&values, true).unwrap();
        for (image, address, required) in [
            ("stefanprodan/podinfo:1", "http://127.0.0.1:5000/", true),
            ("index.docker.io/library/nginx", "http://127.0.0.1:5000/", true),
            ("quay.io/coreos/etcd", "https://mirror.example/", true),
            ("gcr.io/a/b", "https://gcr.io/", false),
            ("localhost:5000/a", "https://localhost:5000/", false),
        ] {
            assert_eq!(endpoint(&open, image).as_deref(), Some(address));
            assert_eq!(endpoint(&strict, image).is_some(), required, "{image}");
        }
        assert_eq!(endpoint(&Mirrors::default(), "nginx").as_deref(), Some("https://registry-1.docker.io/"));
        assert!(strict.permits(&Url::parse("http://127.0.0.1:5000/token").unwrap()));
        assert!(!strict.permits(&Url::parse("http://127.0.0.1:5001/token").unwrap()));
        assert!(!strict.permits(&Url::parse("https://auth.docker.io/token").unwrap()));
    }

    #[test]
    fn every_bad_value_is_reported() {
        let values = [
            "docker.io",
            "=http://a",
            "a=b",
            "a=ftp://b",
            "a=http://b/c",
            "a=http://u:p@b",
            "a=http://b?x",
            "x=http://b",
            "x=http://c",
        ];
        let faults = Mirrors::parse(&values.map(str::to_owned), false).unwrap_err();
        assert_eq!(faults.len(), values.len() - 1);
        assert!(faults.iter().all(|fault| fault.to_string().starts_with("--registry-mirror")));
    }
}
