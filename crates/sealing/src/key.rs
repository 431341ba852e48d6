//! RSA keys: the public half seals, the private half opens.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::Label;
use crate::blob::{self, SESSION_KEY_LEN};

/// SHA-256 of a key's SubjectPublicKeyInfo: names the key without revealing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(spki: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, spki);
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// `sha256:<hex>`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a private key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text holds no private key in PEM.
    #[error("it holds no unencrypted private key in PEM (\"RSA PRIVATE KEY\" or \"PRIVATE KEY\")")]
    NotPem(#[source] rustls_pki_types::pem::Error),
    /// The key is for another algorithm than RSA.
    #[error("it is not an RSA key")]
    NotRsa,
    /// The key is broken or of a size that is not supported.
    #[error("it is not a valid RSA private key of 2048 to 8192 bits")]
    Rejected,
}

/// A value could not be sealed: the random source or the cipher failed.
#[derive(Debug, Error)]
#[error("the value could not be sealed with this key")]
#[non_exhaustive]
pub struct SealError;

/// The public half of a sealing key: anyone may seal with it.
#[derive(Clone, Debug)]
pub struct PublicKey {
    oaep: Arc<OaepPublicEncryptingKey>,
    fingerprint: Fingerprint,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] when it is no RSA key of a supported size.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        let key = PublicEncryptingKey::from_der(spki).map_err(|_| KeyError::Rejected)?;
        let oaep = OaepPublicEncryptingKey::new(key).map_err(|_| KeyError::Rejected)?;
        Ok(Self { oaep: Arc::new(oaep), fingerprint: Fingerprint::of(spki) })
    }

    /// Names the key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Seals one value for `label`: the text of one item of `spec.encryptedData`.
    ///
    /// # Errors
    /// [`SealError`] when the random source or the cipher fails.
    pub fn seal(&self, plaintext: &[u8], label: &Label) -> Result<String, SealError> {
        let mut session_key = Zeroizing::new([0_u8; SESSION_KEY_LEN]);
        aws_lc_rs::rand::fill(session_key.as_mut_slice()).map_err(|_| SealError)?;
        let mut wrapped = vec![0; self.oaep.ciphertext_size()];
        let wrapped = self
            .oaep
            .encrypt(&OAEP_SHA256_MGF1SHA256, session_key.as_slice(), &mut wrapped, label.for_oaep())
            .map_err(|_| SealError)?;
        blob::encode(wrapped, session_key.as_slice(), plaintext).map_err(|_| SealError)
    }
}

/// The private half of a sealing key. It cannot be printed or serialized.
pub struct PrivateKey {
    oaep: OaepPrivateDecryptingKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads an RSA private key in PEM, PKCS#1 (as the original and `openssl genrsa -traditional` write it) or PKCS#8.
    ///
    /// # Errors
    /// [`KeyError`], which never quotes the text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let mut der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(KeyError::NotPem)?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(pkcs8) => Self::from_pkcs8(pkcs8.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(pkcs1) => Self::from_pkcs8(&pkcs8_of_pkcs1(pkcs1.secret_pkcs1_der())),
            _ => Err(KeyError::NotRsa),
        };
        der.zeroize();
        key
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| KeyError::Rejected)?;
        let spki =
            AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key()).map_err(|_| KeyError::Rejected)?;
        let public = PublicKey::from_spki_der(spki.as_ref())?;
        let oaep = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Rejected)?;
        Ok(Self { oaep, public })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.oaep.key_size_bits()
    }

    /// Opens a wrapped session key; `None` when it was wrapped for another key or label.
    pub(crate) fn unwrap_session_key(&self, wrapped: &[u8], label: &Label) -> Option<Zeroizing<Vec<u8>>> {
        if wrapped.len() != self.oaep.key_size_bytes() {
            return None;
        }
        let mut session_key = Zeroizing::new(vec![0; self.oaep.min_output_size()]);
        let length = self
            .oaep
            .decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut session_key, label.for_oaep())
            .ok()?
            .len();
        session_key.truncate(length);
        Some(session_key)
    }
}

/// Wraps an RSAPrivateKey (RFC 8017 A.1.2) into a PrivateKeyInfo (RFC 5208 §5), the only form the provider reads.
fn pkcs8_of_pkcs1(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    /// `version 0`, then the AlgorithmIdentifier of rsaEncryption with its NULL parameters.
    const HEAD: [u8; 18] = [
        0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
        0x00,
    ];
    let octets = der_element(0x04, &[pkcs1]);
    der_element(0x30, &[&HEAD, &octets])
}

/// One DER element (X.690 §8.1): tag, length, the parts of its content.
fn der_element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let big_endian = length.to_be_bytes();
    let significant = &big_endian[(length.leading_zeros() / 8) as usize % big_endian.len()..];
    // Room for everything at once: a vector that grows leaves copies behind.
    let mut element = Zeroizing::new(Vec::with_capacity(2 + significant.len() + length));
    element.push(tag);
    if length >= 0x80 {
        element.push(0x80 | u8::try_from(significant.len()).expect("a usize has at most 8 bytes"));
    }
    element.extend_from_slice(significant);
    for part in parts {
        element.extend_from_slice(part);
    }
    element
}
