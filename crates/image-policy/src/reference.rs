//! Image references as people write them, and the repository they mean.
//!
//! Flux v1's reading: `alpine` is a library image of Docker Hub; of two path elements the first is a registry
//! host only if it looks like one; of three or more the first always is. What was written is kept, so that an
//! update changes the tag and nothing else; [`ImageRef::repository`] gives the canonical form.

use std::fmt;
use std::str::FromStr;

/// Docker Hub's canonical host, for references that name `docker.io` or no host at all.
const DOCKER_HUB: &str = "index.docker.io";

/// The longest repository name, host included, that registries accept.
const MAX_NAME: usize = 255;

/// Why a text is no image reference, tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Nothing is there.
    #[error("the image is empty: write it as repository:tag")]
    Empty,
    /// A path element breaks the grammar of repository names.
    #[error(
        "image {image:?}: {element:?} is no valid part of a repository name \
         (lower-case letters and digits, joined by '.', '_', '__' or '-')"
    )]
    Path {
        /// The whole text.
        image: String,
        /// The element at fault.
        element: String,
    },
    /// The registry host is malformed.
    #[error("image {image:?}: {host:?} is no valid registry host (write host or host:port)")]
    Host {
        /// The whole text.
        image: String,
        /// The host at fault.
        host: String,
    },
    /// The repository name is too long.
    #[error("image {image:?}: the repository name is longer than {MAX_NAME} characters")]
    TooLong {
        /// The whole text.
        image: String,
    },
    /// The tag is malformed.
    #[error(
        "{tag:?} is no valid tag (letters, digits, '_', '.' and '-', at most 128, not starting with '.' or '-')"
    )]
    Tag {
        /// The tag at fault.
        tag: String,
    },
    /// The digest is malformed.
    #[error("{digest:?} is no valid digest (write it as sha256: and 64 hexadecimal digits)")]
    Digest {
        /// The digest at fault.
        digest: String,
    },
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` (OCI distribution specification).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts_well = text.bytes().next().is_some_and(word);
        let rest = text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'));
        if starts_well && rest && text.len() <= 128 {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::Tag { tag: text.to_owned() })
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A content digest, `sha256:<64 hex>` or `sha512:<128 hex>`, lower-case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// The digest's text, algorithm included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let valid = text.split_once(':').is_some_and(|(algorithm, hex)| {
            let length = match algorithm {
                "sha256" => 64,
                "sha512" => 128,
                _ => return false,
            };
            hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        if valid { Ok(Self(text.to_owned())) } else { Err(ParseError::Digest { digest: text.to_owned() }) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository by its canonical name: lower-case host (`index.docker.io` for Docker Hub) and full path
/// (`library/` put before Docker Hub's single names). Equal exactly when two references mean the same place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// The canonical host, with its port when it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path below the host, such as `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The canonical form of a registry host that a person wrote: `docker.io` becomes `index.docker.io`.
    pub fn canonical_host(host: &str) -> String {
        match host.to_ascii_lowercase().as_str() {
            "" | "docker.io" => DOCKER_HUB.to_owned(),
            other => other.to_owned(),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// An image reference, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageRef {
    host: Option<String>,
    path: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageRef {
    /// The registry host as written; `None` when the reference names none.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The path as written, without `library/` unless it was written.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, when one is written. A reference without tag and digest means `latest` to a container runtime.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest the image is pinned by.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The repository it names, canonically.
    pub fn repository(&self) -> Repository {
        let host = Repository::canonical_host(self.host.as_deref().unwrap_or_default());
        let path = if host == DOCKER_HUB && !self.path.contains('/') {
            format!("library/{}", self.path)
        } else {
            self.path.clone()
        };
        Repository { host, path }
    }

    /// The same reference with another tag. A digest is dropped: it would still name the old image.
    #[must_use]
    pub fn with_tag(&self, tag: &Tag) -> Self {
        Self { host: self.host.clone(), path: self.path.clone(), tag: Some(tag.clone()), digest: None }
    }
}

impl FromStr for ImageRef {
    type Err = ParseError;

    fn from_str(image: &str) -> Result<Self, ParseError> {
        if image.is_empty() {
            return Err(ParseError::Empty);
        }
        let (rest, digest) = match image.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (image, None),
        };
        let (host, rest) = split_host(rest);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag.parse()?)),
            None => (rest, None),
        };
        if let Some(host) = host.filter(|host| !valid_host(host)) {
            return Err(ParseError::Host { image: image.to_owned(), host: host.to_owned() });
        }
        if let Some(element) = path.split('/').find(|element| !valid_element(element)) {
            return Err(ParseError::Path { image: image.to_owned(), element: element.to_owned() });
        }
        if host.map_or(0, str::len) + path.len() > MAX_NAME {
            return Err(ParseError::TooLong { image: image.to_owned() });
        }
        Ok(Self { host: host.map(str::to_owned), path: path.to_owned(), tag, digest })
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        f.write_str(&self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Splits off the host by Flux's rule. One case is added: `name:5000/app`, which Flux cannot read at all.
fn split_host(text: &str) -> (Option<&str>, &str) {
    let Some((first, rest)) = text.split_once('/') else {
        return (None, text);
    };
    if rest.contains('/') || first.contains("localhost") || first.contains(':') || has_dotted_domain(first) {
        (Some(first), rest)
    } else {
        (None, text)
    }
}

/// Whether a dot stands between two letters or digits anywhere in the text.
fn has_dotted_domain(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| {
        window[0].is_ascii_alphanumeric() && window[1] == b'.' && window[2].is_ascii_alphanumeric()
    })
}

fn valid_host(host: &str) -> bool {
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn valid_element(element: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = element.as_bytes();
    let ends_well = bytes.first().is_some_and(word) && bytes.last().is_some_and(word);
    ends_well
        && bytes
            .split(word)
            .filter(|separator| !separator.is_empty())
            .all(|separator| matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> String {
        format!("sha256:{}", "0f".repeat(32))
    }

    #[test]
    fn references_are_read_as_flux_reads_them_and_printed_as_written() {
        let pinned = format!("quay.io/coreos/etcd:v3@{}", digest());
        // written, host as written, canonical repository, tag
        let table: &[(&str, Option<&str>, &str, Option<&str>)] = &[
            ("alpine", None, "index.docker.io/library/alpine", None),
            ("alpine:3.5", None, "index.docker.io/library/alpine", Some("3.5")),
            ("library/alpine:3.5", None, "index.docker.io/library/alpine", Some("3.5")),
            ("docker.io/alpine:3.5", Some("docker.io"), "index.docker.io/library/alpine", Some("3.5")),
            ("docker.io/library/alpine", Some("docker.io"), "index.docker.io/library/alpine", None),
            ("index.docker.io/a/b:c", Some("index.docker.io"), "index.docker.io/a/b", Some("c")),
            ("stefanprodan/podinfo:dev-1", None, "index.docker.io/stefanprodan/podinfo", Some("dev-1")),
            ("localhost/hello:v1.1", Some("localhost"), "localhost/hello", Some("v1.1")),
            (
                "localhost:5000/path/to/repo/alpine:3.5",
                Some("localhost:5000"),
                "localhost:5000/path/to/repo/alpine",
                Some("3.5"),
            ),
            ("registry:5000/app:1", Some("registry:5000"), "registry:5000/app", Some("1")),
            ("example.com:5000/app", Some("example.com:5000"), "example.com:5000/app", None),
            ("GCR.io/p/app:1", Some("GCR.io"), "gcr.io/p/app", Some("1")),
            ("a/b/c:1", Some("a"), "a/b/c", Some("1")),
            (&pinned, Some("quay.io"), "quay.io/coreos/etcd", Some("v3")),
        ];
        for (written, host, repository, tag) in table {
            let image: ImageRef = written.parse().unwrap();
            assert_eq!(image.to_string(), *written);
            assert_eq!(image.host(), *host, "{written}");
            assert_eq!(image.repository().to_string(), *repository, "{written}");
            assert_eq!(image.tag().map(Tag::as_str), *tag, "{written}");
            let again: ImageRef = repository.parse().unwrap();
            assert_eq!(again.repository(), image.repository(), "the canonical name means the same place");
        }
    }

    #[test]
    fn malformed_references_name_the_part_at_fault() {
        let long = format!("example.com/{}", "a".repeat(MAX_NAME));
        for (written, fault) in [
            ("", "empty"),
            ("/app", "\"\""),
            ("app/", "\"\""),
            ("a//b", "\"\""),
            ("App:1", "\"App\""),
            ("example.com/../app", "\"..\""),
            ("example.com/a..b:1", "\"a..b\""),
            ("app:", "no valid tag"),
            (":1", "\"\""),
            ("app:1:2", "\"1:2\""),
            ("app:-x", "\"-x\""),
            ("app@sha256:12", "\"sha256:12\""),
            ("-x.com/a/b", "\"-x.com\""),
            ("host:0/app", "\"host:0\""),
            ("app\n:1", "app\\n"),
            (&long, "255"),
        ] {
            let error = written.parse::<ImageRef>().expect_err(written).to_string();
            assert!(error.contains(fault), "{written:?}: {error}");
        }
    }

    #[test]
    fn another_tag_keeps_the_form_and_drops_the_digest() {
        for (written, expected) in [
            ("docker.io/alpine:3.5".to_owned(), "docker.io/alpine:4"),
            ("alpine".to_owned(), "alpine:4"),
            (format!("quay.io/a/b:1@{}", digest()), "quay.io/a/b:4"),
        ] {
            let image: ImageRef = written.parse().unwrap();
            assert_eq!(image.with_tag(&"4".parse().unwrap()).to_string(), expected);
        }
    }
}
