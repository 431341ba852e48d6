//! Calling another service: a lazy, self-healing connection that carries the trace along and proves who is calling.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

use crate::run::BoxError;
use crate::tls::{TlsError, TlsFolder};
use crate::trace_context;

/// A connection to another service; hand it to a generated client.
pub type Connection = InterceptedService<Channel, TraceParent>;

/// What stands in the way of connecting; the other side has not been asked yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not a URL that gRPC can be called at.
    #[error("{0:?} is not the URL of a service; write http://HOST:PORT, or https://HOST:PORT with --tls-dir")]
    Url(String, #[source] Option<http::uri::InvalidUri>),
    /// An `https` URL and no certificate to show.
    #[error("{0} asks for TLS, and without --tls-dir there is no certificate to call it with")]
    NoCertificate(String),
    /// There is no runtime to open the connection on later.
    #[error("the connection to {0} is made outside of an async runtime")]
    NoRuntime(String, #[source] tokio::runtime::TryCurrentError),
    /// The TLS files cannot be used.
    #[error("the TLS files for calling {0} cannot be used")]
    Tls(String, #[source] TlsError),
}

/// Longest message in bytes that Windlass's services take from each other where a message holds a list. gRPC's usual 4 MiB are
/// passed by a few thousand entries; lists are bounded to 10 000 of them, which at 1 to 3 KiB each stay below this.
pub const MESSAGE_MAX: usize = 32 << 20;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes a connection to `url` that is opened when it is first used and again whenever it broke. With TLS files, `https` URLs are called by
/// mutual TLS; `http` URLs are called in plain text.
///
/// # Errors
/// A URL that is none, TLS files that cannot be used, or no runtime around: the connection lives on the one it is made in.
pub fn connect(url: &str, tls_dir: Option<&Path>) -> Result<Connection, ConnectError> {
    connect_as(url, None, tls_dir)
}

/// As [`connect`], to an address that its certificate does not name: over TLS the other side has to prove that it is `name`.
///
/// # Errors
/// As [`connect`].
pub fn connect_to_replica(url: &str, name: &str, tls_dir: Option<&Path>) -> Result<Connection, ConnectError> {
    connect_as(url, Some(name), tls_dir)
}

fn connect_as(url: &str, name: Option<&str>, tls_dir: Option<&Path>) -> Result<Connection, ConnectError> {
    tokio::runtime::Handle::try_current().map_err(|error| ConnectError::NoRuntime(url.to_owned(), error))?;
    let uri: Uri = url.parse().map_err(|error| ConnectError::Url(url.to_owned(), Some(error)))?;
    let host = uri.host().ok_or_else(|| ConnectError::Url(url.to_owned(), None))?.to_owned();
    let channel = match uri.scheme_str() {
        Some("http") => endpoint(url)?.connect_lazy(),
        Some("https") => {
            let folder = tls_dir.ok_or_else(|| ConnectError::NoCertificate(url.to_owned()))?;
            let tls = TlsFolder::load(folder).map_err(|error| ConnectError::Tls(url.to_owned(), error))?;
            secure(url, &uri, &host, name.unwrap_or(&host), Arc::new(tls))?
        }
        _ => return Err(ConnectError::Url(url.to_owned(), None)),
    };
    Ok(InterceptedService::new(channel, TraceParent))
}

fn endpoint(url: &str) -> Result<Endpoint, ConnectError> {
    let endpoint =
        Endpoint::from_shared(url.to_owned()).map_err(|_| ConnectError::Url(url.to_owned(), None))?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        // A peer that is gone without a word is noticed by the long-lived Watch streams only by this.
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true))
}

/// tonic's own TLS fixes the certificates when the channel is made; ours are looked at for each connection. The endpoint
/// is given as `http` so that tonic leaves TLS to the connector, with the real URL as its origin.
fn secure(
    url: &str,
    uri: &Uri,
    host: &str,
    name: &str,
    tls: Arc<TlsFolder>,
) -> Result<Channel, ConnectError> {
    let bad = || ConnectError::Url(url.to_owned(), None);
    let port = uri.port_u16().unwrap_or(443);
    let name = ServerName::try_from(name.to_owned()).map_err(|_| bad())?;
    let address = format!("{host}:{port}");
    let endpoint = endpoint(&format!("http://{address}"))?.origin(uri.clone());
    Ok(endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
        let (address, name, tls) = (address.clone(), name.clone(), tls.clone());
        async move {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let connector = TlsConnector::from(tls.configs().client);
            Ok::<_, BoxError>(TokioIo::new(connector.connect(name, stream).await?))
        }
    })))
}

/// Puts the current span's `traceparent` into the metadata of each call.
#[derive(Debug, Clone, Copy)]
pub struct TraceParent;

impl Interceptor for TraceParent {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = trace_context::current_traceparent()
            && let Ok(value) = MetadataValue::try_from(value)
        {
            request.metadata_mut().insert("traceparent", value);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_runtime_there_is_an_error() {
        let error = connect("http://127.0.0.1:1", None).unwrap_err();
        assert!(matches!(error, ConnectError::NoRuntime(..)), "{error}");
    }
}
