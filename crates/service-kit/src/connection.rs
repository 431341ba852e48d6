//! Incoming connections, plain or TLS, each with the caller that it proves.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::access::Caller;
use crate::tls::TlsFolder;

/// A handshake that takes longer is somebody holding a socket.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections shaken hands with and not yet taken by the server.
const BACKLOG: usize = 64;
/// Handshakes under way at once.
const HANDSHAKES: usize = 128;

#[derive(Debug)]
enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One incoming connection.
#[derive(Debug)]
pub(crate) struct Connection {
    io: Io,
    caller: Caller,
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

/// Accepts connections until told to stop. With `tls`, only clients with a certificate of the CA get through.
pub(crate) fn incoming(
    listener: TcpListener,
    tls: Option<Arc<TlsFolder>>,
    shutdown: CancellationToken,
) -> mpsc::Receiver<io::Result<Connection>> {
    let (send, receive) = mpsc::channel(BACKLOG);
    // Ends with the token or with the receiver, whichever goes first.
    tokio::spawn(accept(listener, tls, shutdown, send));
    receive
}

async fn accept(
    listener: TcpListener,
    tls: Option<Arc<TlsFolder>>,
    shutdown: CancellationToken,
    send: mpsc::Sender<io::Result<Connection>>,
) {
    let mut handshakes = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if handshakes.len() < HANDSHAKES => accepted,
            Some(_) = handshakes.join_next() => continue,
            () = shutdown.cancelled() => break,
            () = send.closed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a connection gone before it was taken. Neither ends the server; the
                // pause keeps the first from becoming a busy loop.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        match &tls {
            None => {
                let connection = Connection { io: Io::Plain(stream), caller: Caller::Anonymous };
                if send.send(Ok(connection)).await.is_err() {
                    break;
                }
            }
            Some(tls) => {
                let (acceptor, send) = (TlsAcceptor::from(tls.configs().server), send.clone());
                handshakes.spawn(async move {
                    if let Some(connection) = shake_hands(acceptor, stream, peer).await {
                        let _ = send.send(Ok(connection)).await;
                    }
                });
            }
        }
    }
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let Some(caller) = caller_of(&stream) else {
                tracing::warn!(%peer, "a client's certificate has no common name; the connection is closed");
                return None;
            };
            Some(Connection { io: Io::Tls(Box::new(stream)), caller })
        }
        Ok(Err(error)) => {
            tracing::warn!(%peer, %error, "a client was refused");
            None
        }
        Err(_) => {
            tracing::warn!(%peer, "a client did not finish the TLS handshake in time");
            None
        }
    }
}

/// The subject common name of the client's certificate, which the handshake has verified.
fn caller_of(stream: &TlsStream<TcpStream>) -> Option<Caller> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    Some(Caller::Named(name.to_owned()))
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
