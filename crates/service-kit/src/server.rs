//! The gRPC server with health, reflection, access rules, spans and metrics, and the HTTP port beside it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use prometheus::HistogramVec;
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::access::{Access, Caller};
use crate::args::KitArgs;
use crate::connection;
use crate::http as http_port;
use crate::kit::Kit;
use crate::tls::{TlsError, TlsFolder};
use crate::trace_context;

/// What ends a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("{flag} {address} cannot be listened on")]
    Listen {
        /// The flag that names it.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The files of `--tls-dir` cannot be used.
    #[error("--tls-dir cannot be used")]
    Tls(#[source] TlsError),
    /// The descriptors for reflection cannot be read; a build fault.
    #[error("server reflection cannot be set up")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// Metrics could not be registered; a name is taken.
    #[error("the server's metrics cannot be registered")]
    Metrics(#[source] prometheus::Error),
    /// The gRPC server failed.
    #[error("the gRPC server failed")]
    Grpc(#[source] tonic::transport::Error),
    /// The HTTP server failed.
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
}

/// The gRPC services of a process: what is served, and under which names reflection lists it.
#[derive(Debug, Clone, Default)]
pub struct Services {
    routes: Routes,
    names: Vec<&'static str>,
}

impl Services {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a generated server.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.names.push(S::NAME);
        self
    }
}

pub(crate) async fn serve(
    kit: &Kit,
    args: &KitArgs,
    access: Access,
    services: Services,
) -> Result<(), ServeError> {
    let grpc = listen("--listen", args.listen).await?;
    let http = listen("--http-listen", args.http_listen).await?;
    let tls =
        args.tls_dir.as_deref().map(TlsFolder::load).transpose().map_err(ServeError::Tls)?.map(Arc::new);
    let edge = EdgeLayer { access: Arc::new(access), durations: durations(&kit.metrics)? };
    let routes = with_health_and_reflection(kit, services).await?;
    if let (Ok(grpc), Ok(http)) = (grpc.local_addr(), http.local_addr()) {
        tracing::info!(%grpc, %http, tls = tls.is_some(), "serving");
    }
    let incoming = connection::incoming(grpc, tls, kit);
    let grpc = tonic::transport::Server::builder()
        // A client that is gone without a word must not hold a stream for ever.
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .layer(edge)
        .add_routes(routes)
        .serve_with_incoming_shutdown(ReceiverStream::new(incoming), kit.shutdown.clone().cancelled_owned());
    let http = axum::serve(http, http_port::router(kit.readiness.clone(), kit.metrics.clone()))
        .with_graceful_shutdown(kit.shutdown.clone().cancelled_owned());
    tokio::try_join!(async { grpc.await.map_err(ServeError::Grpc) }, async {
        http.await.map_err(ServeError::Http)
    },)?;
    Ok(())
}

async fn listen(flag: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { flag, address, source })
}

async fn with_health_and_reflection(kit: &Kit, services: Services) -> Result<Routes, ServeError> {
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        // The descriptors are those of every API; only what this process serves is listed.
        services.names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    // grpcurl still asks for v1alpha first; both are served.
    let v1 = reflection().build_v1().map_err(ServeError::Reflection)?;
    let v1alpha = reflection().build_v1alpha().map_err(ServeError::Reflection)?;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let shutdown = kit.shutdown.clone();
    kit.spawn("health", async move {
        shutdown.cancelled().await;
        // Balancers turn away while calls in flight still end.
        reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        Ok(())
    });
    Ok(services.routes.add_service(health).add_service(v1).add_service(v1alpha))
}

fn durations(registry: &prometheus::Registry) -> Result<HistogramVec, ServeError> {
    let options = prometheus::HistogramOpts::new(
        "rpc_server_call_duration_seconds",
        "Time from a call's arrival to its answer (for a stream, to its beginning).",
    );
    let durations =
        HistogramVec::new(options, &["rpc_method", "rpc_status_code"]).map_err(ServeError::Metrics)?;
    registry.register(Box::new(durations.clone())).map_err(ServeError::Metrics)?;
    Ok(durations)
}

/// Stands before every RPC: may this caller call it, in which trace, and how long did it take.
#[derive(Debug, Clone)]
struct EdgeLayer {
    access: Arc<Access>,
    durations: HistogramVec,
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { inner, layer: self.clone() }
    }
}

#[derive(Debug, Clone)]
struct Edge<S> {
    inner: S,
    layer: EdgeLayer,
}

impl<S> Service<http::Request<Body>> for Edge<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let caller = request.extensions().get::<Caller>().cloned();
        let Some(caller) = caller.filter(|caller| self.layer.access.permits(caller, &path)) else {
            tracing::warn!(rpc.method = path, "a call was refused: this caller may not make it");
            let refusal = Status::permission_denied(format!("this caller may not call {path}"));
            return Box::pin(async move { Ok(refusal.into_http()) });
        };
        let span = span_of(&path, &caller, request.headers());
        let durations = self.layer.durations.clone();
        // The service that was polled ready is the one to call; the clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let call = async move {
            let began = Instant::now();
            let answer = inner.call(request).await;
            if let Ok(response) = &answer {
                let code =
                    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
                // A path nobody serves is the caller's text, and labels must be bounded.
                let method =
                    if code == Code::Unimplemented { "unknown" } else { path.trim_start_matches('/') };
                durations
                    .with_label_values(&[method, &format!("{code:?}")])
                    .observe(began.elapsed().as_secs_f64());
            }
            answer
        };
        Box::pin(call.instrument(span))
    }
}

/// A server span in the caller's trace; none for health and reflection, which would only be noise.
fn span_of(path: &str, caller: &Caller, headers: &http::HeaderMap) -> tracing::Span {
    if path.starts_with("/grpc.") {
        return tracing::Span::none();
    }
    let span = tracing::info_span!(
        "rpc",
        otel.name = path.trim_start_matches('/'),
        otel.kind = "server",
        rpc.system.name = "grpc",
        %caller,
    );
    if let Some(parent) = headers.get("traceparent").and_then(|value| value.to_str().ok()) {
        trace_context::continue_from(&span, parent);
    }
    span
}
