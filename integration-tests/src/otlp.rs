//! A receiver of OTLP traces that keeps them in memory and answers questions about them.
//!
//! It runs on a thread of its own, so that it outlives the runtime of the test that started it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as wire;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::host::LOOPBACK;

/// The most spans kept; the oldest go first.
const MAX_SPANS: usize = 100_000;

/// A span as it was exported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The parent's span id; `None` for the root of a trace.
    pub parent_id: Option<String>,
    /// The resource's `service.name`; empty when it has none.
    pub service: String,
    /// The span's name.
    pub name: String,
    /// Start and end in nanoseconds since the epoch.
    pub start: u64,
    /// See `start`.
    pub end: u64,
    /// True when the span's status is an error.
    pub failed: bool,
    /// The span's attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The trace ids that the span links to.
    pub links: Vec<String>,
}

/// A running receiver; dropping it stops it.
pub struct OtlpReceiver {
    address: SocketAddr,
    spans: Store,
    stop: CancellationToken,
}

type Store = Arc<Mutex<VecDeque<Span>>>;

impl OtlpReceiver {
    /// Starts a receiver at a free loopback port.
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((LOOPBACK, 0)).context("no port for the OTLP receiver")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let spans = Store::default();
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (store, stopped) = (spans.clone(), stop.clone());
        let serve = move || runtime.block_on(serve(listener, store, stopped));
        std::thread::Builder::new().name("otlp-receiver".into()).spawn(serve)?;
        Ok(Self { address, spans, stop })
    }

    /// What goes into `OTEL_EXPORTER_OTLP_ENDPOINT` (gRPC).
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of a trace received so far, by start time.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let mut spans: Vec<Span> =
            self.lock().iter().filter(|span| span.trace_id == trace_id).cloned().collect();
        spans.sort_by_key(|span| (span.start, span.end));
        spans
    }

    /// The ids of the traces that have a span with this attribute, oldest first.
    pub fn traces_with(&self, attribute: &str, value: &str) -> Vec<String> {
        let spans = self.lock();
        let found =
            spans.iter().filter(|span| span.attributes.get(attribute).is_some_and(|has| has == value));
        distinct(found)
    }

    /// The ids of the traces whose root span has this attribute, oldest first.
    pub fn traces_with_root(&self, attribute: &str, value: &str) -> Vec<String> {
        let spans = self.lock();
        let found = spans.iter().filter(|span| {
            span.parent_id.is_none() && span.attributes.get(attribute).is_some_and(|has| has == value)
        });
        distinct(found)
    }

    /// The names of the services that have sent spans of a trace.
    pub fn services_of(&self, trace_id: &str) -> BTreeSet<String> {
        self.trace(trace_id).into_iter().map(|span| span.service).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Span>> {
        self.spans.lock().expect("no code panics while it holds this lock")
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn distinct<'a>(spans: impl Iterator<Item = &'a Span>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    spans.map(|span| &span.trace_id).filter(|id| seen.insert(*id)).cloned().collect()
}

async fn serve(listener: std::net::TcpListener, store: Store, stop: CancellationToken) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Receiver { store }))
        .add_service(MetricsServiceServer::new(MetricsSink));
    // Exporters keep their connections open: a graceful end would wait for the services.
    tokio::select! {
        _ = server.serve_with_incoming(TcpListenerStream::new(listener)) => {}
        () = stop.cancelled() => {}
    }
}

struct Receiver {
    store: Store,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut store = self.store.lock().expect("no code panics while it holds this lock");
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| texts(resource.attributes)).unwrap_or_default();
            let service = attributes.get("service.name").cloned().unwrap_or_default();
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            store.extend(spans.map(|span| from_wire(&service, span)));
        }
        let excess = store.len().saturating_sub(MAX_SPANS);
        store.drain(..excess);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Services export metrics to the same endpoint; they are accepted and forgotten.
struct MetricsSink;

#[tonic::async_trait]
impl MetricsService for MetricsSink {
    async fn export(
        &self,
        _request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn from_wire(service: &str, span: wire::Span) -> Span {
    let is_error = |status: wire::Status| status.code() == wire::status::StatusCode::Error;
    Span {
        trace_id: hex::encode(&span.trace_id),
        span_id: hex::encode(&span.span_id),
        parent_id: (!span.parent_span_id.is_empty()).then(|| hex::encode(&span.parent_span_id)),
        service: service.to_owned(),
        name: span.name,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        failed: span.status.is_some_and(is_error),
        attributes: texts(span.attributes),
        links: span.links.into_iter().map(|link| hex::encode(link.trace_id)).collect(),
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|KeyValue { key, value, .. }| (key, text(value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BytesValue(value)) => hex::encode(value),
        Some(Value::ArrayValue(array)) => {
            array.values.into_iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(",")
        }
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}
