//! Charts from chart repositories, against real ones: charts packaged and indexed by the real helm, served by a static file
//! server, and pushed by it to the real registry of the package docker-registry.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

mod files;
mod helm;
mod http;
mod oci;
mod registry;
mod tokens;

use std::time::Duration;

use release_operator::source::ChartSource;
use release_operator::source::repository::{
    Credentials, Freshness, RepositoryChartRef, RepositoryCharts, RepositoryError, Settings,
};

/// Long enough that nothing is asked twice within a test.
const HOUR: Freshness = Freshness::WithinInterval(Duration::from_secs(3600));

fn charts() -> RepositoryCharts {
    RepositoryCharts::new(Settings::default()).unwrap()
}

fn chart(repository: &str, name: &str, version: &str) -> RepositoryChartRef {
    RepositoryChartRef::parse(repository, name, Some(version)).unwrap()
}

fn me(password: &str) -> Credentials {
    Credentials::new("me".into(), password.into()).unwrap()
}

/// The version of what was fetched; it must be without trouble, and be what it says.
fn version(fetched: Result<ChartSource, RepositoryError>) -> String {
    let source = fetched.unwrap_or_else(|error| panic!("{}", service_kit::chain(&error)));
    assert_eq!(source.trouble, None);
    let (version, digest) = source.revision.split_once('@').unwrap();
    assert_eq!(digest, source.digest);
    assert_eq!(source.chart.chart().metadata.version, version);
    version.to_owned()
}

/// The text of an error that is, or is not, one that goes by.
fn fault(fetched: Result<ChartSource, RepositoryError>, transient: bool) -> String {
    let error = match fetched {
        Ok(fetched) => panic!("{:?} {:?}", fetched.revision, fetched.trouble),
        Err(error) => error,
    };
    let text = service_kit::chain(&error);
    assert_eq!(error.is_transient(), transient, "{text}");
    text
}
