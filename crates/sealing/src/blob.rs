//! The bytes of one sealed value.

use std::ops::RangeInclusive;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::failure::ItemProblem;

/// Length in bytes of the key that seals one value.
pub(crate) const SESSION_KEY_LEN: usize = 32;

/// Length in bytes of what any RSA key in use wraps to (1024 to 16384 bits).
const RSA_LENGTHS: RangeInclusive<usize> = 128..=2048;

/// Standard base64 as Go's `encoding/base64.StdEncoding` reads it: padding required, trailing bits ignored.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// A sealed value, split into its two parts.
pub(crate) struct Blob {
    bytes: Vec<u8>,
    wrapped_len: usize,
}

impl Blob {
    /// Reads the text of one item of `spec.encryptedData`.
    ///
    /// Line breaks are skipped, as Go's decoder does: YAML block scalars put them there.
    pub(crate) fn decode(text: &str) -> Result<Self, ItemProblem> {
        let compact: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let bytes = BASE64.decode(compact).map_err(|_| ItemProblem::NotBase64)?;
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
            return Err(ItemProblem::NotSealed);
        };
        let wrapped_len = usize::from(u16::from_be_bytes(*length));
        if rest.len() < wrapped_len || !RSA_LENGTHS.contains(&wrapped_len) {
            return Err(ItemProblem::NotSealed);
        }
        Ok(Self { bytes, wrapped_len })
    }

    /// The session key, encrypted to the sealing key.
    pub(crate) fn wrapped(&self) -> &[u8] {
        &self.bytes[2..2 + self.wrapped_len]
    }

    /// Opens the value with its session key.
    pub(crate) fn open(&self, session_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let mut bytes = Zeroizing::new(self.bytes[2 + self.wrapped_len..].to_vec());
        let length = cipher(session_key)?.open_in_place(zero_nonce(), Aad::empty(), &mut bytes)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// Closes a value with its session key and writes the text of the item.
pub(crate) fn encode(wrapped: &[u8], session_key: &[u8], plaintext: &[u8]) -> Result<String, Unspecified> {
    let length = u16::try_from(wrapped.len()).map_err(|_| Unspecified)?;
    let mut sealed = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(plaintext);
    cipher(session_key)?.seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut sealed)?;
    Ok(BASE64.encode([&length.to_be_bytes(), wrapped, &sealed].concat()))
}

fn cipher(session_key: &[u8]) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&AES_256_GCM, session_key).map(LessSafeKey::new)
}

/// The format's nonce. A session key seals one value only, so it is used once.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
