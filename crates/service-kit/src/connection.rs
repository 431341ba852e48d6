//! Incoming connections, plain or TLS, each with the caller that it proves.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::access::Caller;
use crate::kit::Kit;
use crate::tls::TlsFolder;

/// A handshake that takes longer is somebody holding a socket.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections shaken hands with and not yet taken by the server.
const BACKLOG: usize = 64;
/// Handshakes under way at once.
const HANDSHAKES: usize = 128;
/// Connections open at once, plain or TLS; more wait in the listener's own queue. Each costs a file descriptor, of which a
/// process usually has 1024.
const CONNECTIONS: usize = 512;

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
    /// Held for its drop: the connection counts as open until then.
    _slot: OwnedSemaphorePermit,
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
    kit: &Kit,
) -> mpsc::Receiver<io::Result<Connection>> {
    incoming_up_to(CONNECTIONS, listener, tls, kit)
}

fn incoming_up_to(
    connections: usize,
    listener: TcpListener,
    tls: Option<Arc<TlsFolder>>,
    kit: &Kit,
) -> mpsc::Receiver<io::Result<Connection>> {
    let (send, receive) = mpsc::channel(BACKLOG);
    let (slots, shutdown) = (Arc::new(Semaphore::new(connections)), kit.shutdown.clone());
    kit.spawn("accept", async move {
        // Ends with the token or with the receiver, whichever goes first.
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = accept(listener, tls, slots, send) => {}
        }
        Ok(())
    });
    receive
}

async fn accept(
    listener: TcpListener,
    tls: Option<Arc<TlsFolder>>,
    slots: Arc<Semaphore>,
    send: mpsc::Sender<io::Result<Connection>>,
) {
    // Handshakes end with this set: none outlives the accepting.
    let mut handshakes = tokio::task::JoinSet::new();
    loop {
        let slot = async {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            accepted = slot, if handshakes.len() < HANDSHAKES => accepted,
            Some(_) = handshakes.join_next() => continue,
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
                let connection = Connection { io: Io::Plain(stream), caller: Caller::Anonymous, _slot: slot };
                if send.send(Ok(connection)).await.is_err() {
                    break;
                }
            }
            Some(tls) => {
                let (acceptor, send) = (TlsAcceptor::from(tls.configs().server), send.clone());
                handshakes.spawn(async move {
                    if let Some(connection) = shake_hands(acceptor, stream, peer, slot).await {
                        let _ = send.send(Ok(connection)).await;
                    }
                });
            }
        }
    }
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
) -> Option<Connection> {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let Some(caller) = caller_of(&stream) else {
                tracing::warn!(%peer, "a client's certificate has no common name; the connection is closed");
                return None;
            };
            Some(Connection { io: Io::Tls(Box::new(stream)), caller, _slot: slot })
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::KitArgs;

    #[derive(clap::Parser)]
    struct Args {
        #[command(flatten)]
        kit: KitArgs,
    }

    #[tokio::test]
    async fn open_connections_are_bounded_and_accepting_is_drained() {
        let kit = Kit::new("test", &Args::parse_from(["test"]).kit);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = incoming_up_to(1, listener, None, &kit);
        let (_one, _two) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let first = incoming.recv().await.unwrap().unwrap();
        // Let the accepting task go as far as it can.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(incoming.try_recv().is_err(), "the second waits for the first to end");
        drop(first);
        assert!(incoming.recv().await.unwrap().is_ok());
        kit.shutdown.cancel();
        kit.drained().await;
        assert!(incoming.recv().await.is_none());
    }
}
