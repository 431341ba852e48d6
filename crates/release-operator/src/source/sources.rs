//! All charts: those of the config repository from git-syncer, those of chart repositories from these.

use std::sync::Arc;
use std::time::Duration;

use crds::RepositoryChart;
use futures::future::BoxFuture;

use super::grpc::GrpcCharts;
use super::repository::{Credentials, Freshness, RepositoryChartRef, RepositoryCharts};
use super::{Cause, ChartSource, Charts, SourceError};
use crate::chart_path::ChartPath;
use crate::cluster::Cluster;
use crate::reconcile::validate;

/// Charts from everywhere.
pub struct Sources {
    git: Arc<GrpcCharts>,
    repositories: RepositoryCharts,
    cluster: Cluster,
    /// How often a repository is asked, where the object does not say.
    interval: Duration,
}

impl Sources {
    /// Credentials are read by `cluster`.
    pub fn new(
        git: Arc<GrpcCharts>,
        repositories: RepositoryCharts,
        cluster: Cluster,
        interval: Duration,
    ) -> Self {
        Self { git, repositories, cluster, interval }
    }

    async fn of_repository(
        &self,
        namespace: &str,
        stated: &RepositoryChart,
        is_asked: bool,
    ) -> Result<ChartSource, SourceError> {
        let field = |message: String| SourceError::Stated { message };
        let chart = RepositoryChartRef::parse(&stated.repository, &stated.name, stated.version.as_deref())
            .map_err(|error| field(service_kit::chain(&error)))?;
        let interval = validate::duration("spec.chart.interval", stated.interval.as_deref())
            .map_err(|error| field(service_kit::chain(&error)))?;
        let credentials = match &stated.secret_ref {
            None => None,
            Some(secret) => Some(self.credentials(namespace, &secret.name, &chart).await?),
        };
        let how = match is_asked {
            true => Freshness::Now,
            false => Freshness::WithinInterval(interval.unwrap_or(self.interval)),
        };
        Ok(self.repositories.fetch(&chart, credentials.as_ref(), how).await?)
    }

    async fn credentials(
        &self,
        namespace: &str,
        name: &str,
        chart: &RepositoryChartRef,
    ) -> Result<Credentials, SourceError> {
        let read = self.cluster.secret(namespace, name).await;
        let data = read.map_err(|error| SourceError::Unavailable {
            chart: chart.name.clone(),
            message: service_kit::chain(&error),
        })?;
        let stated = |message: String| SourceError::Stated {
            message: format!("spec.chart.secretRef: Secret {namespace}/{name}: {message}"),
        };
        let data = data.ok_or_else(|| stated("it does not exist".to_owned()))?;
        Credentials::from_secret(&data, &chart.repository).map_err(|error| stated(service_kit::chain(&error)))
    }
}

impl Charts for Sources {
    fn fetch<'a>(&'a self, chart: &'a ChartPath) -> BoxFuture<'a, Result<ChartSource, SourceError>> {
        Box::pin(self.git.fetch_chart(chart))
    }

    fn fetch_at<'a>(
        &'a self,
        chart: &'a ChartPath,
        revision: &'a str,
    ) -> BoxFuture<'a, Result<ChartSource, SourceError>> {
        Box::pin(self.git.fetch_chart_at(chart, revision))
    }

    fn fetch_from_repository<'a>(
        &'a self,
        namespace: &'a str,
        chart: &'a RepositoryChart,
        is_asked: bool,
    ) -> BoxFuture<'a, Result<ChartSource, SourceError>> {
        Box::pin(self.of_repository(namespace, chart, is_asked))
    }

    fn reached<'a>(
        &'a self,
        revision: &'a str,
        chart: &'a ChartPath,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        Box::pin(self.git.is_applied(revision, chart))
    }

    fn cause(&self, chart: &ChartPath) -> Option<Cause> {
        self.git.cause(chart)
    }
}
