//! Where charts come from: the port that the reconciler sees. The adapter is [`grpc`]; [`repository`] has the charts of chart
//! repositories.

pub mod grpc;
mod http_repository;
mod oci;
pub mod repository;
pub mod sources;
mod web;

use std::sync::Arc;
use std::time::Duration;

use crds::RepositoryChart;
use futures::future::BoxFuture;
use helm_chart::LoadError;
use helm_engine::LoadedChart;

use crate::chart_path::ChartPath;
use repository::RepositoryError;

/// A chart and where it comes from.
#[derive(Debug, Clone)]
pub struct ChartSource {
    /// The chart, its templates parsed at most once.
    pub chart: Arc<LoadedChart>,
    /// `sha256:<hex>` of its files, or of its archive if it comes from a chart repository.
    pub digest: String,
    /// The applied git revision that it was read at, or `<version>@<digest>` if it comes from a chart repository.
    pub revision: String,
    /// Why its repository gives no newer one at present; this is what it gave before.
    pub trouble: Option<String>,
}

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No such directory at the applied revision.
    #[error(
        "there is no chart {chart} below the charts path of the repository; correct spec.chartGitPath, or add the chart"
    )]
    NotFound {
        /// The path.
        chart: String,
    },
    /// The directory is served, and holds no chart that can be used.
    #[error("the chart {chart} cannot be used")]
    Unusable {
        /// The path.
        chart: String,
        /// What is wrong with it.
        #[source]
        source: Box<LoadError>,
    },
    /// A chart repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// What the object says of its chart cannot be used.
    #[error("{message}")]
    Stated {
        /// The field, and what is wrong with it.
        message: String,
    },
    /// git-syncer will not serve it.
    #[error("git-syncer does not serve the chart {chart}: {message}")]
    Refused {
        /// The path.
        chart: String,
        /// git-syncer's words.
        message: String,
    },
    /// git-syncer does not answer, or has nothing applied yet.
    #[error("the chart {chart} cannot be fetched from git-syncer at present: {message}")]
    Unavailable {
        /// The path.
        chart: String,
        /// What is known.
        message: String,
    },
}

impl SourceError {
    /// Whether trying again can help although the chart does not change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Repository(error) => error.is_transient(),
            _ => false,
        }
    }
}

impl SourceError {
    /// How long the chart's server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Repository(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// Serves charts at the newest applied revision.
pub trait Charts: Send + Sync + 'static {
    /// The chart at a path, fetched once per digest.
    fn fetch<'a>(&'a self, chart: &'a ChartPath) -> BoxFuture<'a, Result<ChartSource, SourceError>>;

    /// The chart at a path of another applied git revision; not kept.
    fn fetch_at<'a>(
        &'a self,
        chart: &'a ChartPath,
        revision: &'a str,
    ) -> BoxFuture<'a, Result<ChartSource, SourceError>>;

    /// The chart of a chart repository that an object of `namespace` states, fetched once per digest. Whether the repository is asked now
    /// or only after its interval says `is_asked`.
    fn fetch_from_repository<'a>(
        &'a self,
        namespace: &'a str,
        chart: &'a RepositoryChart,
        is_asked: bool,
    ) -> BoxFuture<'a, Result<ChartSource, SourceError>>;

    /// Whether charts are served at this git revision or a later one. An object annotated with a revision that is still being
    /// applied must wait for it: its chart may have changed in the same commit.
    fn reached<'a>(
        &'a self,
        revision: &'a str,
        chart: &'a ChartPath,
    ) -> BoxFuture<'a, Result<bool, SourceError>>;

    /// The present digest of a chart and the trace that led to it, as far as the watch told.
    fn cause(&self, chart: &ChartPath) -> Option<Cause>;
}

/// Where a chart's digest comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The digest.
    pub digest: String,
    /// The trace.
    pub traceparent: String,
}

/// What changed in the repository, as the watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceChange {
    /// The charts with another digest than the one last fetched.
    pub charts: Vec<ChartPath>,
}
