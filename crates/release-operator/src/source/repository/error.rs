//! Why a repository gave no chart.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use helm_chart::{IndexError, LoadError};

use super::RepositoryChartRef;

/// Why there is no chart: [`Problem`], with the chart and the repository.
#[derive(Debug)]
pub struct RepositoryError {
    repository: String,
    chart: String,
    problem: Box<Problem>,
}

/// What went wrong. URLs are shown without their queries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The index does not name the chart, or the registry has no such repository.
    #[error("the repository has no chart of this name; correct spec.chart.name, or publish the chart there")]
    NoChart,
    /// Nothing fits.
    #[error("no version fits {}; {newest}", fits(.wanted))]
    NoVersion {
        /// The range; empty for the newest stable version.
        wanted: String,
        /// The newest versions that there are, as a part of a sentence.
        newest: String,
    },
    /// There is no repository at the URL.
    #[error("there is no chart repository: {url} is not found; correct spec.chart.repository")]
    NoRepository {
        /// The index.
        url: String,
    },
    /// What the index or manifest names is not there.
    #[error("{url} is not found, although the repository names it")]
    NotFound {
        /// The address.
        url: String,
    },
    /// The index cannot be used.
    #[error("{url} cannot be used as the index of a chart repository")]
    Index {
        /// The index.
        url: String,
        /// What is wrong with it.
        #[source]
        source: Box<IndexError>,
    },
    /// The index names no usable address.
    #[error("the index gives version {version} no address that a chart can be fetched from: {reason}")]
    Address {
        /// The version.
        version: String,
        /// What is wrong.
        reason: String,
    },
    /// The digest is none.
    #[error("the repository states {digest:?} as the digest of version {version}, which is no SHA-256")]
    StatedDigest {
        /// The version.
        version: String,
        /// What it states.
        digest: String,
    },
    /// Other bytes than were promised.
    #[error("what {url} serves is not what the repository names: its digest is {found}, not {expected}")]
    Digest {
        /// The address.
        url: String,
        /// The digest that is stated.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// No credentials, wrong ones, or too few rights.
    #[error("{host} denies access to {url} (status {status}); {}", advice(*.sent))]
    Denied {
        /// The host.
        host: String,
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Whether credentials were sent.
        sent: bool,
    },
    /// The registry's token server is unusable.
    #[error("{host} asks for a token from {realm:?}, which gives none: {reason}")]
    Token {
        /// The registry.
        host: String,
        /// The token server.
        realm: String,
        /// Why.
        reason: &'static str,
    },
    /// No answer, or one that breaks off.
    #[error("{host} cannot be reached or does not finish its answer")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It could not be reached just now, and is not tried again at once.
    #[error(
        "{host} could not be reached a moment ago ({reason}); it is tried again in {} s", .wait.as_secs().max(1)
    )]
    Down {
        /// The host.
        host: String,
        /// Why.
        reason: String,
        /// How long it is not tried.
        wait: Duration,
    },
    /// The host wants to be left alone.
    #[error("{host} asks for fewer requests; it is left alone for another {} s", .wait.as_secs().max(1))]
    Busy {
        /// The host.
        host: String,
        /// How long.
        wait: Duration,
    },
    /// Our own requests wait for each other.
    #[error("too many requests to {host} are under way")]
    Crowded {
        /// The host.
        host: String,
    },
    /// A status that nothing can be done with.
    #[error("{url} answers with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A redirect that is not followed.
    #[error("{url} redirects to {to:?}, which is not followed: {reason}")]
    Redirect {
        /// The address.
        url: String,
        /// Where to.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// More than is read.
    #[error("what {url} serves is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The bound.
        limit: u64,
    },
    /// More tags or pages than are read.
    #[error("the registry has more than {limit} tags of the chart; name a version instead of a range")]
    TooManyTags {
        /// The bound.
        limit: usize,
    },
    /// An answer of a registry that is not the JSON it should be.
    #[error("{url} does not answer as a registry does")]
    Registry {
        /// The address.
        url: String,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// The next page of tags is somewhere else.
    #[error("{host} continues its list of tags at {next:?}, which is no page of it")]
    Page {
        /// The registry.
        host: String,
        /// Where.
        next: String,
    },
    /// Something else than a chart is stored there.
    #[error("{url} is no Helm chart: {reason}")]
    NotAChart {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The archive holds no chart that can be used.
    #[error("what {url} serves is no chart that can be used")]
    Unusable {
        /// The address.
        url: String,
        /// What is wrong with it.
        #[source]
        source: Box<LoadError>,
    },
    /// Loading the chart failed for a reason of ours.
    #[error("the chart cannot be loaded: {0}")]
    Internal(String),
}

fn fits(wanted: &str) -> String {
    if wanted.is_empty() {
        "(only stable ones do, as none is named)".to_owned()
    } else {
        format!("{wanted:?}")
    }
}

fn advice(sent: bool) -> &'static str {
    match sent {
        true => "check the credentials in the Secret that spec.chart.secretRef names, and what they allow",
        false => "name a Secret with credentials in spec.chart.secretRef, or check whether it exists",
    }
}

impl Problem {
    /// Whether trying again can help although nothing changes in the object or the repository's content.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Down { .. } | Self::Busy { .. } | Self::Crowded { .. } => true,
            Self::Internal(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
}

impl RepositoryError {
    pub(super) fn new(chart: &RepositoryChartRef, problem: Problem) -> Self {
        Self {
            repository: chart.repository.to_string(),
            chart: chart.name.clone(),
            problem: Box::new(problem),
        }
    }

    /// Whether trying again can help although nothing changes in the object or the repository's content.
    pub fn is_transient(&self) -> bool {
        self.problem.is_transient()
    }

    /// How long the repository is not asked at all, if so: trying earlier is of no use.
    pub fn retry_after(&self) -> Option<Duration> {
        match *self.problem {
            Problem::Busy { wait, .. } | Problem::Down { wait, .. } => Some(wait),
            _ => None,
        }
    }

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for RepositoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the chart {} of {} cannot be had: {}", self.chart, self.repository, self.problem)
    }
}

impl Error for RepositoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.source()
    }
}
