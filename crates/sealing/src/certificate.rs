//! The certificate that carries the public key: what people seal with.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{KeyError, PublicKey};

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The text holds no certificate in PEM.
    #[error("it holds no certificate in PEM (\"CERTIFICATE\")")]
    NotPem(#[source] rustls_pki_types::pem::Error),
    /// The bytes are no X.509 certificate.
    #[error("it is not an X.509 certificate")]
    NotX509(#[source] x509_parser::nom::Err<x509_parser::error::X509Error>),
    /// The public key cannot seal.
    #[error("its public key cannot be used for sealing")]
    Key(#[source] KeyError),
}

/// The first X.509 certificate of a PEM text.
#[derive(Clone, Debug)]
pub struct Certificate {
    pem: String,
    public_key: PublicKey,
    not_before: i64,
    not_after: i64,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`CertificateError`] when there is none, or its key is not RSA of a supported size.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(CertificateError::NotPem)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(CertificateError::NotX509)?;
        let public_key = PublicKey::from_spki_der(parsed.public_key().raw).map_err(CertificateError::Key)?;
        let validity = parsed.validity();
        Ok(Self {
            pem: pem.to_owned(),
            public_key,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// The PEM text that it was read from.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The key to seal with.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Start of the validity, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// End of the validity, in seconds since 1970-01-01 UTC. Opening goes on after it.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }
}
