//! Several sealing keys at once: the newest seals, each of them opens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use crate::blob::{Blob, SESSION_KEY_LEN};
use crate::{
    Certificate, CertificateError, Fingerprint, ItemFailure, ItemProblem, KeyError, Label, Plaintext,
    PrivateKey, Scope, UnsealError,
};

/// How many items of one SealedSecret are tried under other labels to find out why they do not open.
/// Each try costs an RSA operation per key; items of one object nearly always fail for one reason.
const DIAGNOSED_ITEMS: usize = 8;

/// A private key and its certificate, as they stand in a Secret of type `kubernetes.io/tls`.
pub struct SealingKey {
    name: String,
    private: PrivateKey,
    certificate: Certificate,
}

/// Why a Secret's content is no sealing key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// The private key cannot be used.
    #[error("tls.key cannot be used as a sealing key")]
    Key(#[source] KeyError),
    /// The certificate cannot be used.
    #[error("tls.crt cannot be used as a sealing certificate")]
    Certificate(#[source] CertificateError),
    /// The two do not belong together.
    #[error("tls.crt and tls.key do not belong together")]
    Mismatch,
}

impl SealingKey {
    /// Reads a key and its certificate from PEM. `name` is where they come from: the Secret's name.
    ///
    /// # Errors
    /// [`SealingKeyError`] when one cannot be read, or the certificate is for another key.
    pub fn from_pem(name: &str, key_pem: &str, certificate_pem: &str) -> Result<Self, SealingKeyError> {
        let private = PrivateKey::from_pem(key_pem).map_err(SealingKeyError::Key)?;
        let certificate = Certificate::from_pem(certificate_pem).map_err(SealingKeyError::Certificate)?;
        if certificate.public_key().fingerprint() != private.public_key().fingerprint() {
            return Err(SealingKeyError::Mismatch);
        }
        Ok(Self { name: name.to_owned(), private, certificate })
    }

    /// Where the key comes from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.private.bits()
    }

    /// Names the key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.private.public_key().fingerprint()
    }
}

/// The sealing keys of a controller, newest certificate first.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Arc<SealingKey>>,
}

/// What to open: the items of one SealedSecret.
#[derive(Clone, Copy, Debug)]
pub struct SealedItems<'a> {
    /// The scope that the object's own annotations state.
    pub scope: Scope,
    /// Namespace of the SealedSecret.
    pub namespace: &'a str,
    /// Name of the SealedSecret.
    pub name: &'a str,
    /// Namespace and name in `spec.template.metadata`, where kubeseal records what it sealed for. Only used to explain
    /// a failure; never to open.
    pub recorded: Option<(&'a str, &'a str)>,
    /// `spec.encryptedData`.
    pub items: &'a BTreeMap<String, String>,
}

/// The items of one SealedSecret in the clear.
pub struct Unsealed {
    /// Value by key: one for each item of the request.
    pub values: BTreeMap<String, Plaintext>,
    /// The sealing keys that were needed.
    pub keys: BTreeSet<Fingerprint>,
}

/// What came of trying keys on one item.
enum Attempt {
    Opened(Plaintext, Fingerprint),
    Damaged,
    NoKey,
}

impl Keyring {
    /// Orders the keys: the latest start of validity first, as the original serves them; ties by fingerprint.
    /// A key that is there twice is kept once.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = impl Into<Arc<SealingKey>>>) -> Self {
        let mut keys: Vec<Arc<SealingKey>> = keys.into_iter().map(Into::into).collect();
        keys.sort_by_key(|key| (std::cmp::Reverse(key.certificate.not_before()), key.fingerprint()));
        keys.dedup_by_key(|key| key.fingerprint());
        Self { keys }
    }

    /// The keys, newest first.
    #[must_use]
    pub fn keys(&self) -> &[Arc<SealingKey>] {
        &self.keys
    }

    /// The key whose certificate is served, which is the newest.
    #[must_use]
    pub fn current(&self) -> Option<&SealingKey> {
        self.keys.first().map(AsRef::as_ref)
    }

    /// Opens every item, or says for each that does not open what is wrong with it.
    ///
    /// Time: one RSA operation per item when the newest key opens it, one more per older key that is tried first,
    /// and a bounded number more to explain failures. Call it off the async threads.
    ///
    /// # Errors
    /// [`UnsealError`] with every item that does not open. The same request fails again until the keys change.
    pub fn unseal(&self, request: &SealedItems<'_>) -> Result<Unsealed, UnsealError> {
        let label = Label::new(request.scope, request.namespace, request.name);
        let mut unsealed = Unsealed { values: BTreeMap::new(), keys: BTreeSet::new() };
        let mut failures = Vec::new();
        for (key, text) in request.items {
            let diagnose = failures.len() < DIAGNOSED_ITEMS;
            match self.unseal_item(text, &label, request, diagnose) {
                Ok((value, fingerprint)) => {
                    unsealed.keys.insert(fingerprint);
                    unsealed.values.insert(key.clone(), value);
                }
                Err(problem) => failures.push(ItemFailure { key: key.clone(), problem }),
            }
        }
        if failures.is_empty() { Ok(unsealed) } else { Err(UnsealError { items: failures }) }
    }

    fn unseal_item(
        &self,
        text: &str,
        label: &Label,
        request: &SealedItems<'_>,
        diagnose: bool,
    ) -> Result<(Plaintext, Fingerprint), ItemProblem> {
        let blob = Blob::decode(text)?;
        match self.attempt(&blob, label) {
            Attempt::Opened(value, fingerprint) => Ok((value, fingerprint)),
            Attempt::Damaged => Err(ItemProblem::Damaged),
            Attempt::NoKey => Err(self.explain(&blob, request, diagnose)),
        }
    }

    fn attempt(&self, blob: &Blob, label: &Label) -> Attempt {
        let mut attempt = Attempt::NoKey;
        for key in &self.keys {
            let Some(session_key) = key.private.unwrap_session_key(blob.wrapped(), label) else { continue };
            if session_key.len() == SESSION_KEY_LEN
                && let Ok(value) = blob.open(&session_key)
            {
                return Attempt::Opened(Plaintext::new(value), key.fingerprint());
            }
            attempt = Attempt::Damaged;
        }
        attempt
    }

    /// Finds out why no key opens an item under its own label, by trying the labels it may have been sealed for.
    /// What opens that way is dropped at once.
    fn explain(&self, blob: &Blob, request: &SealedItems<'_>, diagnose: bool) -> ItemProblem {
        let SealedItems { scope, namespace, name, recorded, items: _ } = *request;
        if self.keys.is_empty() {
            return ItemProblem::NoKeys;
        }
        let bits = blob.wrapped().len() * 8;
        if self.keys.iter().all(|key| key.private.bits() != bits) {
            return ItemProblem::OtherKeySize { bits };
        }
        let opens = |label: &Label| !matches!(self.attempt(blob, label), Attempt::NoKey);
        if diagnose {
            let mut others = Scope::ALL.into_iter().filter(|other| *other != scope);
            if let Some(sealed) = others.find(|other| opens(&Label::new(*other, namespace, name))) {
                return ItemProblem::OtherScope { sealed, stated: scope };
            }
            if let Some((namespace, name)) = recorded
                && opens(&Label::new(scope, namespace, name))
            {
                return ItemProblem::OtherObject { namespace: namespace.to_owned(), name: name.to_owned() };
            }
        }
        ItemProblem::NoKeyOpens { scope, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}
