//! The adapter to git-syncer's `SourceService`: fetches by digest, follows changes by `Watch`.
//!
//! Each watch begins with a snapshot: only that tells that what is known is right again after a break. While the watch is live, a chart
//! whose digest did not move costs no call. When it is not, each look asks git-syncer whether the digest that is held is still right, so
//! that a broken watch delays nothing and loses nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::source::v1::source_service_client::SourceServiceClient;
use api::source::v1::{
    FetchRequest, FetchResponse, SourceHeader, WatchRequest, WatchResponse, fetch_response::Part,
};
use helm_chart::{Chart, Limits, Mode, SourceFile};
use helm_engine::LoadedChart;
use service_kit::client::Connection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use super::{Cause, ChartSource, SourceChange, SourceError};
use crate::backoff::Backoff;
use crate::chart_path::ChartPath;

/// The longest that one fetch may take.
const FETCH: Duration = Duration::from_secs(60);
/// Charts held in memory; the least recently inserted go first.
const MAX_CHARTS: usize = 512;
/// Applied revisions remembered.
const MAX_REVISIONS: usize = 256;

/// A chart's place in the cache. Its lock makes callers that want the same chart share one fetch.
type Cell = Arc<tokio::sync::Mutex<Option<ChartSource>>>;

#[derive(Default)]
struct State {
    /// What the watch said of each chart path; complete only while `live`.
    digests: HashMap<String, Known>,
    live: bool,
    newest: String,
    applied: VecDeque<String>,
    cells: HashMap<ChartPath, Cell>,
    inserted: VecDeque<ChartPath>,
    /// Digest that each cell holds, readable without its lock.
    held: HashMap<ChartPath, String>,
}

struct Known {
    digest: String,
    traceparent: Option<String>,
}

/// Charts from git-syncer.
pub struct GrpcCharts {
    client: SourceServiceClient<Connection>,
    state: Mutex<State>,
}

impl GrpcCharts {
    /// Uses a connection; nothing is called yet.
    pub fn new(connection: Connection) -> Self {
        Self { client: SourceServiceClient::new(connection), state: Mutex::default() }
    }

    /// Follows the changes until `shutdown`, reconnecting with back-off. Each message is told to `changes`.
    pub async fn watch(&self, changes: mpsc::Sender<SourceChange>, shutdown: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(15));
        loop {
            let ended = tokio::select! {
                () = shutdown.cancelled() => return,
                ended = self.follow(&changes, &mut backoff) => ended,
            };
            self.lock().live = false;
            let wait = backoff.next_delay();
            match ended {
                Ok(()) => tracing::debug!("git-syncer ended the watch of sources"),
                Err(status) => {
                    tracing::warn!(code = ?status.code(), "the watch of sources broke: {}; again in {wait:?}", status.message())
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn follow(
        &self,
        changes: &mpsc::Sender<SourceChange>,
        backoff: &mut Backoff,
    ) -> Result<(), Status> {
        // Without a token: with one, no message need come for hours, and nobody knows meanwhile whether the token was still known.
        let request = WatchRequest { resume_token: String::new() };
        let mut stream = self.client.clone().watch(request).await?.into_inner();
        while let Some(message) = stream.message().await? {
            backoff.reset();
            let change = self.take_up(message);
            if changes.send(change).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take_up(&self, message: WatchResponse) -> SourceChange {
        let mut state = self.lock();
        let traceparent = Some(message.traceparent).filter(|text| !text.is_empty());
        if message.snapshot {
            let named: Vec<_> = message.sources.iter().map(|source| source.chart_path.as_str()).collect();
            state.digests.retain(|path, _| named.contains(&path.as_str()));
            state.live = true;
        }
        let mut changed = Vec::new();
        for source in message.sources {
            let Ok(path) = ChartPath::parse(&source.chart_path) else { continue };
            if state.held.get(&path) != Some(&source.digest) {
                changed.push(path.clone());
            }
            let moved = state.digests.get(path.as_str()).is_none_or(|known| known.digest != source.digest);
            match (source.digest.is_empty(), moved) {
                (true, _) => drop(state.digests.remove(path.as_str())),
                (false, true) => {
                    let known = Known { digest: source.digest, traceparent: traceparent.clone() };
                    state.digests.insert(path.as_str().to_owned(), known);
                }
                (false, false) => {}
            }
        }
        state.note_applied(message.revision);
        SourceChange { charts: changed }
    }

    /// The chart at a path, fetched once per digest.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn fetch_chart(&self, chart: &ChartPath) -> Result<ChartSource, SourceError> {
        let cell = self.lock().cell(chart);
        let mut held = cell.lock().await;
        if let Some(held) = held.as_ref()
            && let Some(revision) = self.lock().still_right(chart, &held.digest)
        {
            return Ok(ChartSource { revision, ..held.clone() });
        }
        let request = FetchRequest {
            path: chart.to_string(),
            revision: String::new(),
            known_digest: held.as_ref().map(|held| held.digest.clone()).unwrap_or_default(),
            under_charts_path: true,
        };
        let (header, files) = self.call(chart, request).await?;
        let source = match (header.unchanged, held.as_ref()) {
            (true, Some(held)) => ChartSource { revision: header.revision, ..held.clone() },
            _ => ChartSource {
                chart: load(chart, files).await?,
                digest: header.digest,
                revision: header.revision,
                trouble: None,
            },
        };
        let mut state = self.lock();
        state.note_applied(source.revision.clone());
        state.held.insert(chart.clone(), source.digest.clone());
        *held = Some(source.clone());
        Ok(source)
    }

    async fn call(
        &self,
        chart: &ChartPath,
        request: FetchRequest,
    ) -> Result<(SourceHeader, Vec<SourceFile>), SourceError> {
        let unavailable = |message: &str| SourceError::Unavailable {
            chart: chart.to_string(),
            message: message.to_owned(),
        };
        let call = async {
            let mut stream = self.client.clone().fetch(request).await?.into_inner();
            receive(&mut stream).await
        };
        match tokio::time::timeout(FETCH, call).await {
            Err(_) => Err(unavailable("no answer within 60 s")),
            Ok(Ok(received)) => Ok(received),
            Ok(Err(status)) => Err(match status.code() {
                Code::NotFound => SourceError::NotFound { chart: chart.to_string() },
                Code::InvalidArgument
                | Code::ResourceExhausted
                | Code::PermissionDenied
                | Code::Unauthenticated => {
                    SourceError::Refused { chart: chart.to_string(), message: status.message().to_owned() }
                }
                _ => unavailable(status.message()),
            }),
        }
    }

    /// Whether charts are served at this git revision or a later one. Asks for the chart at that very revision, and reads no more than the answer's head.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn is_applied(&self, revision: &str, chart: &ChartPath) -> Result<bool, SourceError> {
        {
            let state = self.lock();
            if state.newest == revision || state.applied.iter().any(|applied| applied == revision) {
                return Ok(true);
            }
        }
        let request = FetchRequest {
            path: chart.to_string(),
            revision: revision.to_owned(),
            known_digest: String::new(),
            under_charts_path: true,
        };
        let unavailable = |message: &str| SourceError::Unavailable {
            chart: chart.to_string(),
            message: message.to_owned(),
        };
        let call = async { self.client.clone().fetch(request).await?.into_inner().message().await };
        let applied = match tokio::time::timeout(FETCH, call).await {
            Err(_) => return Err(unavailable("no answer within 60 s")),
            Ok(Ok(_)) => true,
            Ok(Err(status)) => match status.code() {
                Code::FailedPrecondition => false,
                // The revision is served, and this path is not in it.
                Code::NotFound | Code::ResourceExhausted => true,
                // A revision that nobody can apply is no reason to wait for ever.
                Code::InvalidArgument => true,
                _ => return Err(unavailable(status.message())),
            },
        };
        if applied {
            self.lock().remember(revision.to_owned());
        }
        Ok(applied)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GrpcCharts {
    /// The present digest of a chart and the trace that led to it, as far as the watch told.
    pub fn cause(&self, chart: &ChartPath) -> Option<Cause> {
        let state = self.lock();
        let known = state.digests.get(chart.as_str())?;
        Some(Cause { digest: known.digest.clone(), traceparent: known.traceparent.clone()? })
    }

    /// The chart at a path of another applied git revision; not kept.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn fetch_chart_at(
        &self,
        chart: &ChartPath,
        revision: &str,
    ) -> Result<ChartSource, SourceError> {
        let request = FetchRequest {
            path: chart.to_string(),
            revision: revision.to_owned(),
            known_digest: String::new(),
            under_charts_path: true,
        };
        let (header, files) = self.call(chart, request).await?;
        let loaded = load(chart, files).await?;
        Ok(ChartSource { chart: loaded, digest: header.digest, revision: header.revision, trouble: None })
    }
}

impl State {
    /// The newest applied revision, when the watch vouches for the digest.
    fn still_right(&self, chart: &ChartPath, digest: &str) -> Option<String> {
        let known = self.digests.get(chart.as_str())?;
        (self.live && known.digest == digest).then(|| self.newest.clone())
    }

    fn cell(&mut self, chart: &ChartPath) -> Cell {
        if let Some(cell) = self.cells.get(chart) {
            return cell.clone();
        }
        if self.inserted.len() >= MAX_CHARTS
            && let Some(oldest) = self.inserted.pop_front()
        {
            self.cells.remove(&oldest);
            self.held.remove(&oldest);
        }
        self.inserted.push_back(chart.clone());
        self.cells.entry(chart.clone()).or_default().clone()
    }

    fn note_applied(&mut self, revision: String) {
        if !revision.is_empty() && self.newest != revision {
            self.newest.clone_from(&revision);
            self.remember(revision);
        }
    }

    fn remember(&mut self, revision: String) {
        if self.applied.contains(&revision) {
            return;
        }
        if self.applied.len() >= MAX_REVISIONS {
            self.applied.pop_front();
        }
        self.applied.push_back(revision);
    }
}

/// Puts the stream's pieces together; bounded by what a chart may consist of.
async fn receive(stream: &mut Streaming<FetchResponse>) -> Result<(SourceHeader, Vec<SourceFile>), Status> {
    let limits = Limits::default();
    let Some(Part::Header(header)) = stream.message().await?.and_then(|message| message.part) else {
        return Err(Status::internal("git-syncer sent no header"));
    };
    let (mut files, mut total) = (Vec::new(), 0);
    let mut open: Option<(String, Vec<u8>)> = None;
    while let Some(message) = stream.message().await? {
        let Some(Part::Chunk(chunk)) = message.part else {
            return Err(Status::internal("git-syncer sent a second header"));
        };
        total += chunk.data.len();
        if total > limits.total_bytes || files.len() >= limits.files {
            return Err(Status::resource_exhausted("it has more files or bytes than a chart may have"));
        }
        let (path, bytes) = open.get_or_insert_with(|| (chunk.path.clone(), Vec::new()));
        if *path != chunk.path {
            return Err(Status::internal("git-syncer mixed the pieces of two files"));
        }
        bytes.extend_from_slice(&chunk.data);
        if chunk.last
            && let Some((path, bytes)) = open.take()
        {
            files.push(SourceFile { path, mode: Mode::File, bytes: bytes.into() });
        }
    }
    // A stream that was cut off must not look like a chart with fewer files.
    if open.is_some() || files.len() != header.file_count as usize {
        return Err(Status::unavailable("the stream of files ended early"));
    }
    Ok((header, files))
}

async fn load(chart: &ChartPath, files: Vec<SourceFile>) -> Result<Arc<LoadedChart>, SourceError> {
    let loaded = tokio::task::spawn_blocking(move || Chart::load(files, &Limits::default())).await;
    match loaded {
        Ok(Ok(chart)) => Ok(Arc::new(LoadedChart::new(chart))),
        Ok(Err(error)) => Err(SourceError::Unusable { chart: chart.to_string(), source: Box::new(error) }),
        Err(error) => Err(SourceError::Refused { chart: chart.to_string(), message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use api::source::v1::SourceDigest;

    use super::*;

    fn charts() -> GrpcCharts {
        GrpcCharts::new(service_kit::client::connect("http://127.0.0.1:1", None).unwrap())
    }

    /// `podinfo=1 openfaas=2`; a chart without a digest is gone.
    fn message(snapshot: bool, revision: &str, sources: &str) -> WatchResponse {
        let source = |word: &str| {
            let (path, digest) = word.split_once('=').unwrap();
            SourceDigest { path: format!("charts/{path}"), chart_path: path.into(), digest: digest.into() }
        };
        WatchResponse {
            resume_token: revision.into(),
            snapshot,
            revision: revision.into(),
            sources: sources.split_whitespace().map(source).collect(),
            traceparent: format!("trace-{revision}"),
        }
    }

    #[tokio::test]
    async fn only_charts_with_another_digest_are_told() {
        let charts = charts();
        let path = |text: &str| ChartPath::parse(text).unwrap();
        let told = |message| charts.take_up(message).charts;
        assert_eq!(told(message(true, "r1", "podinfo=1 openfaas=1")), [path("podinfo"), path("openfaas")]);
        charts.lock().held.insert(path("podinfo"), "1".into());
        charts.lock().held.insert(path("openfaas"), "1".into());
        // Another snapshot after a reconnect.
        assert_eq!(told(message(true, "r1", "podinfo=1 openfaas=1")), []);
        assert_eq!(told(message(false, "r2", "podinfo=2")), [path("podinfo")]);
        assert_eq!(charts.lock().still_right(&path("podinfo"), "1"), None);
        assert_eq!(charts.lock().still_right(&path("openfaas"), "1").as_deref(), Some("r2"));
        let trace = |chart: &str| charts.cause(&path(chart)).unwrap().traceparent;
        assert_eq!((trace("podinfo"), trace("openfaas")), ("trace-r2".to_owned(), "trace-r1".to_owned()));
        // Gone, by message and by absence from a snapshot.
        assert_eq!(told(message(false, "r3", "podinfo=")), [path("podinfo")]);
        assert_eq!(charts.lock().still_right(&path("podinfo"), "2"), None);
        assert_eq!(told(message(true, "r4", "")), []);
        assert_eq!(charts.lock().still_right(&path("openfaas"), "1"), None);
        assert!(charts.is_applied("r2", &path("podinfo")).await.unwrap());
        // Without the watch nothing is vouched for.
        assert_eq!(told(message(true, "r5", "openfaas=1")), []);
        assert!(charts.lock().still_right(&path("openfaas"), "1").is_some());
        charts.lock().live = false;
        assert_eq!(charts.lock().still_right(&path("openfaas"), "1"), None);
        // Nor by the watch that comes next, until its snapshot.
        told(message(false, "r6", "podinfo=3"));
        assert_eq!(charts.lock().still_right(&path("openfaas"), "1"), None);
        told(message(true, "r6", "podinfo=3 openfaas=1"));
        assert_eq!(charts.lock().still_right(&path("openfaas"), "1").as_deref(), Some("r6"));
    }
}
