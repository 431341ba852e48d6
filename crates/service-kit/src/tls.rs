//! Mutual TLS from files that may change under a running process (a mounted Secret that cert-manager renews).
//!
//! There is no watcher: the files' stamps are looked at when a connection is made, and the files are read again when one moved. Files
//! that cannot be used leave the last good configuration in place, and the log says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::telemetry::chain;

/// What is wrong with the TLS files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Read(PathBuf, #[source] io::Error),
    /// A file is not the PEM it should be.
    #[error("{0} is not the PEM file it should be")]
    Pem(PathBuf, #[source] rustls_pki_types::pem::Error),
    /// A file holds no certificate.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// The certificates and the key do not work together.
    #[error("the certificates and the key in {0} cannot be used together")]
    Unusable(PathBuf, #[source] rustls::Error),
    /// The CA cannot verify clients.
    #[error("ca.crt in {0} cannot be used to verify clients")]
    Verifier(PathBuf, #[source] rustls::server::VerifierBuilderError),
}

const FILES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

/// The configurations of both sides, made from the three files of one folder.
#[derive(Debug, Clone)]
pub(crate) struct Configs {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
}

type Stamps = [Option<(SystemTime, u64)>; 3];

/// A folder of TLS files and what was last made of them.
#[derive(Debug)]
pub(crate) struct TlsFolder {
    folder: PathBuf,
    current: Mutex<(Stamps, Configs)>,
}

impl TlsFolder {
    pub(crate) fn load(folder: &Path) -> Result<Self, TlsError> {
        // The stamps are taken before the files are read: a change in between is seen next time.
        let stamps = stamps(folder);
        let current = Mutex::new((stamps, read(folder)?));
        Ok(Self { folder: folder.to_owned(), current })
    }

    /// The configurations as the files are now, or the last good ones.
    pub(crate) fn configs(&self) -> Configs {
        let stamps = stamps(&self.folder);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != stamps {
            match read(&self.folder) {
                Ok(configs) => {
                    tracing::info!(folder = %self.folder.display(), "TLS files changed and were read again");
                    *current = (stamps, configs);
                }
                Err(error) => {
                    tracing::warn!(
                        "TLS files changed and cannot be used, the old ones stay: {}",
                        chain(&error)
                    );
                }
            }
        }
        current.1.clone()
    }
}

fn stamps(folder: &Path) -> Stamps {
    FILES.map(|name| {
        let metadata = std::fs::metadata(folder.join(name)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(folder: &Path) -> Result<Configs, TlsError> {
    let [certificate, key, ca] = FILES.map(|name| folder.join(name));
    let chain = certificates(&certificate)?;
    let key_pem = std::fs::read(&key).map_err(|error| TlsError::Read(key.clone(), error))?;
    let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| TlsError::Pem(key, error))?;
    let unusable = |error| TlsError::Unusable(folder.to_owned(), error);
    let mut roots = RootCertStore::empty();
    for root in certificates(&ca)? {
        roots.add(root).map_err(unusable)?;
    }
    let roots = Arc::new(roots);
    let verifier = WebPkiClientVerifier::builder(roots.clone())
        .build()
        .map_err(|error| TlsError::Verifier(folder.to_owned(), error))?;
    let mut server = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), private.clone_key())
        .map_err(unusable)?;
    let mut client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, private)
        .map_err(unusable)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    client.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Configs { server: Arc::new(server), client: Arc::new(client) })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = std::fs::read(path).map_err(|error| TlsError::Read(path.to_owned(), error))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Pem(path.to_owned(), error))?;
    if found.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(found) }
}
