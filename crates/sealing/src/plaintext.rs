//! A value in the clear.

use zeroize::Zeroizing;

/// A value in the clear. It cannot be printed or serialized, and is zeroed when dropped.
///
/// ```compile_fail
/// fn print(value: &sealing::Plaintext) {
///     println!("{value:?}");
/// }
/// ```
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    pub(crate) fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The value itself. What is copied out of it is no longer zeroed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
