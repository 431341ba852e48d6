//! The SealedSecret format of sealed-secrets: seal, unseal, scopes, and the choice among several sealing keys.
//!
//! Role: pure functions over bytes. Services load keys and objects, and decide what to do with the answers; this
//! crate opens and closes the values and says in a sentence what is wrong with one that does not open.
//!
//! Format (unchanged in the original from v0.7 on): standard base64 of `u16be(len(R)) || R || G`, where
//! `R` is RSA-OAEP (SHA-256 for hash and MGF1) of a fresh 32-byte key under the scope's [`Label`], and
//! `G` is AES-256-GCM of the value under that key with twelve zero bytes as nonce.
//! The nonce may be constant because each key seals exactly one value.
//!
//! Invariants:
//! - The scope comes from the SealedSecret's own annotations and from nowhere else ([`Scope::from_annotations`]): a
//!   scope taken from the template, which its author writes, would let a stranger widen it.
//! - All or nothing: [`Keyring::unseal`] gives every value or the list of every item that does not open.
//! - Plaintext and private keys have no `Debug`, `Display` or `Serialize`, and are zeroed when dropped.
//!   No error carries a value or any part of one.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (key_pem, certificate_pem) = (include_str!("../testdata/rsa-2048.key"), include_str!("../testdata/rsa-2048.crt"));
//! use sealing::{Keyring, Label, Scope, SealedItems, SealingKey};
//!
//! let key = SealingKey::from_pem("sealed-secrets-key", key_pem, certificate_pem)?;
//! let label = Label::new(Scope::Strict, "dev", "basic-auth");
//! let sealed = key.certificate().public_key().seal(b"admin", &label)?;
//!
//! let items = [("user".to_owned(), sealed)].into();
//! let keyring = Keyring::new([key]);
//! let request = SealedItems { scope: Scope::Strict, namespace: "dev", name: "basic-auth", recorded: None, items: &items };
//! assert_eq!(keyring.unseal(&request)?.values["user"].expose(), b"admin");
//! # Ok(())
//! # }
//! ```

mod blob;
mod certificate;
mod failure;
mod key;
mod keyring;
mod plaintext;
mod scope;

pub use certificate::{Certificate, CertificateError};
pub use failure::{ItemFailure, ItemProblem, UnsealError};
pub use key::{Fingerprint, KeyError, PrivateKey, PublicKey, SealError};
pub use keyring::{Keyring, SealedItems, SealingKey, SealingKeyError, Unsealed};
pub use plaintext::Plaintext;
pub use scope::{CLUSTER_WIDE_ANNOTATION, Label, NAMESPACE_WIDE_ANNOTATION, Scope};
