//! What goes wrong with a registry, and how far it reaches.

use std::time::Duration;

use super::manifest::ManifestError;
use super::mirrors::NoMirror;

/// Why a registry did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry must not be asked.
    #[error(transparent)]
    NoMirror(#[from] NoMirror),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
    /// No answer.
    #[error("registry {host} does not answer")]
    Transport {
        /// The registry as asked.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The registry wants fewer requests.
    #[error("registry {host} limits the rate of requests")]
    RateLimited {
        /// The registry as asked.
        host: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The registry wants credentials, or has no such repository and does not say so.
    #[error(
        "registry {host} denies access to {what}: it wants credentials, or the repository does not exist there"
    )]
    Denied {
        /// The registry as asked.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// The token server is unusable.
    #[error("registry {host} asks for a token, and its token server {realm:?} gives none: {reason}")]
    Token {
        /// The registry as asked.
        host: String,
        /// Address of the token server.
        realm: String,
        /// Why.
        reason: &'static str,
    },
    /// It is not there.
    #[error("registry {host} has no {what}")]
    NotFound {
        /// The registry as asked.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// The repository is not there (yet).
    #[error("registry {host} has no repository {path}; it appears there with the first image that is pushed")]
    NoRepository {
        /// The registry as asked.
        host: String,
        /// The repository's path.
        path: String,
    },
    /// An answer with a status that nothing can be done with.
    #[error("registry {host} answers with status {status} when asked for {what}")]
    Status {
        /// The registry as asked.
        host: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is longer than any honest one.
    #[error("the answer of registry {host} for {what} is longer than {limit} bytes")]
    TooLong {
        /// The registry as asked.
        host: String,
        /// What was asked for.
        what: String,
        /// The bound.
        limit: usize,
    },
    /// More tags or pages than are kept.
    #[error("repository {repository} has more than {limit} {what}, more than are scanned")]
    TooMany {
        /// The repository.
        repository: String,
        /// `tags` or `pages`.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The list of tags is unusable.
    #[error("the list of tags that registry {host} gives is not valid JSON of the expected form")]
    List {
        /// The registry as asked.
        host: String,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// The next page is somewhere else.
    #[error("registry {host} continues its list of tags at {next:?}, which is not an address of its own")]
    Page {
        /// The registry as asked.
        host: String,
        /// Where.
        next: String,
    },
    /// The image itself is unusable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// How far an error reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The tag alone: the scan goes on without it.
    Tag,
    /// The repository: the scan ends, and the state before it stands.
    Repository,
    /// Every repository of the host: nothing is sent there for a while.
    Host {
        /// How long the registry asks for, when it says so.
        pause: Option<Duration>,
    },
}

impl RegistryError {
    /// How far an error reaches that was met while reading one tag. Met while listing, it concerns the repository
    /// at least.
    pub fn reach(&self) -> Reach {
        match self {
            Self::RateLimited { retry_after, .. } => Reach::Host { pause: *retry_after },
            // A gateway that cannot reach its registry says nothing about this tag; a plain 500 often does.
            Self::Status { status: 502..=504, .. } => Reach::Repository,
            Self::Manifest(_) | Self::NotFound { .. } | Self::Status { .. } | Self::TooLong { .. } => {
                Reach::Tag
            }
            _ => Reach::Repository,
        }
    }
}
