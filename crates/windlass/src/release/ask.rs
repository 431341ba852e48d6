//! The connection to release-operator. The only module that knows gRPC, and the runtime that it needs.
//!
//! The runtime is one thread, started here and for these commands only. Calls are never made again by themselves: what changes something is
//! asked for once.

mod follow;

use std::io;
use std::time::Duration;

use api::release::v1::WatchResponse;
use api::release::v1::release_service_client::ReleaseServiceClient;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Code, Request, Response, Status};

use super::ReleaseError;
use crate::command::{Invocation, chain};
use crate::disk::{self, FileError};
use crate::flags::{Flag, Kind, duration};

/// The flags of every command that asks.
pub(super) const FLAGS: &[Flag] = &[
    Flag::new(
        "release-operator",
        Kind::Text,
        "URL of release-operator; without it WINDLASS_RELEASE_OPERATOR_URL, or else http://127.0.0.1:9090",
    ),
    Flag::new(
        "tls-dir",
        Kind::Text,
        "folder with tls.crt, tls.key and ca.crt for an https URL; without it WINDLASS_TLS_DIR",
    ),
    Flag::new(
        "tls-server-name",
        Kind::Text,
        "name in release-operator's certificate, if it is not the URL's host",
    ),
    Flag::new("timeout", Kind::Duration, "longest to wait for an answer, 0 for ever; 5m without it"),
];

const DEFAULT_URL: &str = "http://127.0.0.1:9090";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer in bytes, as long as one that Windlass's services take from each other.
const MOST_ANSWER: usize = 32 << 20;
/// The most bytes of a TLS file.
const MOST_FILE: u64 = 1 << 20;

/// A client of release-operator.
type Client = ReleaseServiceClient<Channel>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AskError {
    #[error("{0:?} is not the URL of a service; write http://HOST:PORT, or https://HOST:PORT with --tls-dir")]
    Url(String),
    #[error("{0} asks for TLS, and without --tls-dir there is no certificate to call it with")]
    NoCertificate(String),
    #[error("the TLS files for calling {0} cannot be read")]
    Files(String, #[source] FileError),
    #[error("the TLS files for calling {0} cannot be used")]
    Tls(String, #[source] tonic::transport::Error),
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    #[error("--timeout {0:?} cannot be used")]
    Timeout(String),
    #[error(
        "release-operator cannot be reached at {url}{}", match default {
            true => " (forward its port by \"kubectl -n NAMESPACE port-forward deployment/windlass-release-operator 9090\", or name another URL by --release-operator)",
            false => "",
        }
    )]
    Unreachable {
        url: String,
        default: bool,
        #[source]
        source: tonic::transport::Error,
    },
    #[error("release-operator has not answered within {0:?} (--timeout); what it was asked to do goes on")]
    Late(Duration),
    #[error("release-operator does not know how to do this; it is older than this windlass")]
    Unknown,
    #[error("{0}")]
    Refused(String),
    #[error("release-operator failed ({code:?}): {message}")]
    Failed { code: Code, message: String },
}

impl AskError {
    /// Whether arguments or environment are what is wrong.
    pub(super) fn is_usage(&self) -> bool {
        matches!(self, Self::Url(_) | Self::NoCertificate(_) | Self::Timeout(_))
    }
}

/// The connection.
pub(super) struct Operator {
    runtime: Runtime,
    client: Client,
    timeout: Option<Duration>,
}

impl Operator {
    /// Connects to where flags and environment say.
    pub(super) fn connect(invocation: &Invocation<'_, '_>) -> Result<Self, AskError> {
        let (flags, process) = (invocation.flags, &*invocation.process);
        let stated = |flag: &str, variable: &str| {
            let text = flags.text(flag).map(str::to_owned).or_else(|| process.text(variable));
            text.filter(|text| !text.is_empty())
        };
        let url = stated("release-operator", "WINDLASS_RELEASE_OPERATOR_URL");
        let default = url.is_none();
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        let folder = stated("tls-dir", "WINDLASS_TLS_DIR");
        let endpoint = endpoint(&url, folder.as_deref(), flags.text("tls-server-name"))?;
        let timeout = match flags.text("timeout") {
            None => DEFAULT_TIMEOUT,
            Some(text) => duration(text).map_err(|_| AskError::Timeout(text.to_owned()))?,
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(AskError::Runtime)?;
        let channel = runtime.block_on(endpoint.connect()).map_err(|source| AskError::Unreachable {
            url,
            default,
            source,
        })?;
        let client = ReleaseServiceClient::new(channel).max_decoding_message_size(MOST_ANSWER);
        Ok(Self { runtime, client, timeout: (!timeout.is_zero()).then_some(timeout) })
    }

    /// Makes one call.
    pub(super) fn ask<M, T>(
        &mut self,
        message: M,
        call: impl AsyncFnOnce(&mut Client, Request<M>) -> Result<Response<T>, Status>,
    ) -> Result<T, AskError> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        let answer = self.runtime.block_on(call(&mut self.client, request));
        answer.map(Response::into_inner).map_err(|status| self.failed(&status))
    }

    /// Gives each message of `Watch` to `show`, for `limit` if there is one.
    pub(super) fn follow(
        &mut self,
        namespace: &str,
        limit: Option<Duration>,
        show: &mut dyn FnMut(&WatchResponse) -> io::Result<()>,
    ) -> Result<(), ReleaseError> {
        let following = follow::follow(&mut self.client, namespace, show);
        self.runtime.block_on(async {
            match limit {
                None => following.await,
                Some(limit) => tokio::time::timeout(limit, following).await.unwrap_or(Ok(())),
            }
        })
    }

    fn failed(&self, status: &Status) -> AskError {
        // The end of the time that the request itself names is told so, by either side.
        let late = status.code() == Code::Cancelled || status.message() == "Timeout expired";
        match self.timeout {
            Some(timeout) if late => AskError::Late(timeout),
            _ => refused(status),
        }
    }
}

/// What a status says, as a sentence.
fn refused(status: &Status) -> AskError {
    let message = status.message();
    match status.code() {
        Code::Unimplemented => AskError::Unknown,
        code @ (Code::Unknown | Code::Internal) => AskError::Failed { code, message: with_causes(status) },
        code if message.is_empty() => AskError::Failed { code, message: code.description().to_owned() },
        _ => AskError::Refused(message.to_owned()),
    }
}

fn with_causes(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(|cause| format!(": {}", chain(cause)));
    format!("{}{}", status.message(), cause.unwrap_or_default())
}

fn endpoint(url: &str, folder: Option<&str>, server_name: Option<&str>) -> Result<Endpoint, AskError> {
    let bad = || AskError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let host = uri.host().ok_or_else(bad)?.to_owned();
    let scheme = uri.scheme_str().map(str::to_owned);
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        // A peer that is gone without a word is noticed by what only listens.
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(10));
    match (scheme.as_deref(), folder) {
        (Some("http"), _) => Ok(endpoint),
        (Some("https"), None) => Err(AskError::NoCertificate(url.to_owned())),
        (Some("https"), Some(folder)) => {
            let read = |name: &str| {
                let path = std::path::Path::new(folder).join(name);
                disk::read_file(path, MOST_FILE).map_err(|error| AskError::Files(url.to_owned(), error))
            };
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(read("ca.crt")?))
                .identity(Identity::from_pem(read("tls.crt")?, read("tls.key")?))
                .domain_name(server_name.unwrap_or(&host));
            endpoint.tls_config(tls).map_err(|error| AskError::Tls(url.to_owned(), error))
        }
        _ => Err(bad()),
    }
}
