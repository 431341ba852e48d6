//! What a repository with a large index takes at most, in a process of its own: one test, so that nothing else counts.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::IntoFuture as _;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use release_operator::source::repository::{Freshness, RepositoryChartRef, RepositoryCharts, Settings};

const CHARTS: usize = 4000;
const VERSIONS: usize = 50;

/// A chart's part of an index, as `helm repo index` writes it: some 17 KB.
fn part(chart: usize) -> String {
    let mut out = format!("  chart-{chart}:\n");
    for version in (0..VERSIONS).rev() {
        let digest = format!("0a{version:062x}");
        write!(
            out,
            "  - apiVersion: v2\n    appVersion: 1.16.{version}\n    created: \"2024-05-11T11:15:00.104313873+02:00\"\n    \
             description: 'Deploys what it is named after, \"quoted\" and: folded'\n    digest: {digest}\n    \
             name: chart-{chart}\n    type: application\n    urls:\n    - charts/chart-{chart}-1.{version}.0.tgz\n    version: 1.{version}.0\n"
        )
        .unwrap();
    }
    out
}

/// The most memory that this process had, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_index_is_never_in_memory() {
    let parts = || {
        let charts = (0..CHARTS).map(part);
        let all = std::iter::once("apiVersion: v1\nentries:\n".to_owned()).chain(charts);
        futures::stream::iter(all.map(Ok::<_, Infallible>))
    };
    let bytes: usize = (0..CHARTS).map(|chart| part(chart).len()).sum();
    assert!(bytes > 60 << 20, "{bytes} bytes");
    let router = Router::new().route("/index.yaml", get(async move || Body::from_stream(parts())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    let charts = RepositoryCharts::new(Settings::default()).unwrap();
    let before = peak();
    for (chart, wanted) in [("chart-77", ""), ("chart-3999", "~1.7")] {
        let chart = RepositoryChartRef::parse(&origin, chart, Some(wanted)).unwrap();
        let error = charts.fetch(&chart, None, Freshness::Now).await.unwrap_err().to_string();
        // The index is all that there is.
        let minor = if wanted.is_empty() { 49 } else { 7 };
        let archive = format!("charts/{}-1.{minor}.0.tgz is not found", chart.name);
        assert!(error.contains(&archive), "{error}");
    }
    let more = peak() - before;
    println!("an index of {} MiB took {more} KiB", bytes >> 20);
    assert!(more < 16 << 10, "{more} KiB for {bytes} bytes");
}
