//! Charts of chart repositories: which chart is meant, and what came of asking for it.
//!
//! [`RepositoryCharts`] is the entry. Behind it are two adapters, [`http_repository`](super::http_repository) for repositories
//! with an `index.yaml` and [`oci`](super::oci) for registries, which share their HTTP ([`web`](super::web)).

mod charts;
mod credentials;
mod error;
mod resolved;

use std::fmt;
use std::time::Duration;

use helm_chart::VersionConstraint;
use url::Url;

pub use charts::{RepositoryCharts, Settings};
pub(super) use credentials::CredentialsId;
pub use credentials::{Credentials, CredentialsError};
pub use error::{Problem, RepositoryError};

/// The longest URL of a repository, in bytes.
const MAX_URL: usize = 2048;
/// The longest name of a chart, in bytes.
const MAX_NAME: usize = 253;

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RepositoryUrl {
    /// A chart repository: there is an `index.yaml` below this URL.
    Http(Url),
    /// A registry, and the part of its repositories' names before the charts' names.
    Oci(OciRegistry),
}

/// `oci://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OciRegistry {
    /// Host with its port, if one is given, as it is written.
    pub(super) host: String,
    /// Without slashes around it; may be empty.
    pub(super) path: String,
}

/// A chart of a repository: `spec.chart` of a FluxHelmRelease, checked.
#[derive(Clone, Debug)]
pub struct RepositoryChartRef {
    /// The repository.
    pub repository: RepositoryUrl,
    /// The chart's name there.
    pub name: String,
    /// The version or the range of versions.
    pub version: VersionConstraint,
}

/// What is wrong with `spec.chart`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChartRef {
    /// Another scheme, or none.
    #[error("spec.chart.repository {0:?} is neither an https://, http:// nor an oci:// URL")]
    Scheme(String),
    /// No URL.
    #[error("spec.chart.repository is no URL")]
    Url(#[source] url::ParseError),
    /// Too long a URL.
    #[error("spec.chart.repository is longer than {MAX_URL} bytes")]
    LongUrl,
    /// It would be shown wherever the URL is.
    #[error(
        "spec.chart.repository holds a user name or password; put them into a Secret and name it in spec.chart.secretRef"
    )]
    Credentials,
    /// It would not be sent.
    #[error("spec.chart.repository has a fragment (\"#…\"); leave it out")]
    Fragment,
    /// No place of a registry.
    #[error(
        "spec.chart.repository oci://{0} is no place of a registry: it is a host and path parts of lower-case letters, \
         digits and single separators, without a tag or digest; the version belongs into spec.chart.version"
    )]
    Registry(String),
    /// No name of a chart.
    #[error("spec.chart.name {0:?} is no name of a chart")]
    Name(String),
    /// No version and no range.
    #[error("spec.chart.version {version:?} is neither a version nor a range of versions such as ^1.2")]
    Version {
        /// The text.
        version: String,
        /// Why.
        #[source]
        source: helm_chart::SemverError,
    },
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The repository need not be asked if it was asked within this time.
    WithinInterval(Duration),
    /// The repository is asked, unless it is left alone because it wants to be.
    Now,
}

impl RepositoryUrl {
    /// Reads `spec.chart.repository`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidChartRef> {
        if text.len() > MAX_URL {
            return Err(InvalidChartRef::LongUrl);
        }
        match text.split_once("://") {
            Some(("oci", rest)) => OciRegistry::parse(rest).map(Self::Oci),
            Some(("https" | "http", _)) => {
                let url = Url::parse(text).map_err(InvalidChartRef::Url)?;
                if !url.username().is_empty() || url.password().is_some() {
                    return Err(InvalidChartRef::Credentials);
                }
                if url.fragment().is_some() {
                    return Err(InvalidChartRef::Fragment);
                }
                Ok(Self::Http(url))
            }
            _ => Err(InvalidChartRef::Scheme(text.to_owned())),
        }
    }

    /// Host and port, for looking up credentials. The port is left out where it is the scheme's own.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::Http(url) => {
                let host = url.host_str().unwrap_or_default();
                url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
            }
            Self::Oci(registry) => registry.host.clone(),
        }
    }
}

/// Without the query, which may hold a secret.
impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(&super::web::shown(url)),
            Self::Oci(registry) => write!(f, "oci://{registry}"),
        }
    }
}

impl OciRegistry {
    fn parse(text: &str) -> Result<Self, InvalidChartRef> {
        if text.split('/').next().is_some_and(|host| host.contains('@')) {
            return Err(InvalidChartRef::Credentials);
        }
        let text = text.trim_end_matches('/');
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        if api_of(host).is_none() || (!path.is_empty() && !is_repository_name(path)) {
            return Err(InvalidChartRef::Registry(text.to_owned()));
        }
        Ok(Self { host: host.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for OciRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}

impl RepositoryChartRef {
    /// Checks `spec.chart`: its repository, name and version. Without a version the newest stable one is meant.
    ///
    /// # Errors
    /// Names the field and what is wrong with it.
    pub fn parse(repository: &str, name: &str, version: Option<&str>) -> Result<Self, InvalidChartRef> {
        let repository = RepositoryUrl::parse(repository)?;
        let is_name = match &repository {
            RepositoryUrl::Http(_) => !name.is_empty() && !name.chars().any(char::is_control),
            RepositoryUrl::Oci(_) => is_repository_name(name),
        };
        if !is_name || name.len() > MAX_NAME {
            return Err(InvalidChartRef::Name(name.to_owned()));
        }
        let version = version.unwrap_or_default().trim();
        let version = VersionConstraint::parse(version)
            .map_err(|source| InvalidChartRef::Version { version: version.to_owned(), source })?;
        Ok(Self { repository, name: name.to_owned(), version })
    }
}

/// `https://host/` of a host and perhaps a port, if it is one.
pub(super) fn api_of(host: &str) -> Option<Url> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_plain) {
        return None;
    }
    Url::parse(&format!("https://{host}/")).ok()
}

/// Parts of lower-case letters and digits, inside of which may be one `.`, one or two `_`, or any number of `-` at a place
/// (OCI distribution specification).
pub(super) fn is_repository_name(path: &str) -> bool {
    path.len() <= 255 && path.split('/').all(is_name_part)
}

fn is_name_part(part: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = bytes.first().is_some_and(is_plain) && bytes.last().is_some_and(is_plain);
    let separators = bytes.split(is_plain).filter(|run| !run.is_empty());
    let is_separator =
        |run: &[u8]| matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-');
    ends && separators.into_iter().all(is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_repositories() {
        let rows = [
            ("https://charts.example.com/stable", Ok("https://charts.example.com/stable")),
            ("https://charts.example.com", Ok("https://charts.example.com/")),
            ("http://127.0.0.1:8080/charts/", Ok("http://127.0.0.1:8080/charts/")),
            ("https://charts.example.com/stable?token=secret", Ok("https://charts.example.com/stable")),
            ("oci://registry.example.com/charts", Ok("oci://registry.example.com/charts")),
            ("oci://127.0.0.1:5000", Ok("oci://127.0.0.1:5000")),
            ("oci://[::1]:5000/a/b_c/d--e/", Ok("oci://[::1]:5000/a/b_c/d--e")),
            ("charts.example.com", Err("neither an https://")),
            ("file:///charts", Err("neither an https://")),
            ("HTTPS://charts.example.com", Err("neither an https://")),
            ("https://", Err("is no URL")),
            ("https://me:secret@charts.example.com", Err("put them into a Secret")),
            ("https://charts.example.com/#stable", Err("fragment")),
            ("oci://", Err("no place of a registry")),
            ("oci://registry.example.com:port/a", Err("no place of a registry")),
            ("oci://me@registry.example.com/charts", Err("put them into a Secret")),
            ("oci://registry.example.com/Charts", Err("no place of a registry")),
            ("oci://registry.example.com/charts:1.0", Err("no place of a registry")),
            ("oci://registry.example.com/charts@sha256:00", Err("no place of a registry")),
            ("oci://registry.example.com/a//b", Err("no place of a registry")),
            ("oci://registry.example.com/a._b", Err("no place of a registry")),
            ("oci://registry.example.com/-b", Err("no place of a registry")),
            ("oci://registry.example.com?x=y", Err("no place of a registry")),
        ];
        for (text, expected) in rows {
            match (RepositoryUrl::parse(text), expected) {
                (Ok(url), Ok(shown)) => assert_eq!(url.to_string(), shown, "{text}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
        let long = format!("https://charts.example.com/{}", "x".repeat(MAX_URL));
        assert!(matches!(RepositoryUrl::parse(&long), Err(InvalidChartRef::LongUrl)));
    }

    #[test]
    fn names_and_versions() {
        let parse = |repository, name, version| {
            RepositoryChartRef::parse(repository, name, version).map_err(|error| error.to_string())
        };
        let http = "https://charts.example.com";
        assert_eq!(parse(http, "Web", Some(" ^1.2 ")).unwrap().version.as_str(), "^1.2");
        assert_eq!(parse(http, "web", None).unwrap().version.as_str(), "");
        assert!(parse(http, "", None).unwrap_err().contains("spec.chart.name \"\""));
        assert!(parse(http, "a\nb", None).unwrap_err().contains("spec.chart.name"));
        assert!(parse("oci://registry.example.com", "Web", None).unwrap_err().contains("spec.chart.name"));
        assert!(parse("oci://registry.example.com", "a/web", None).is_ok());
        assert!(parse(http, "web", Some("newest")).unwrap_err().contains("spec.chart.version \"newest\""));
    }
}
