//! `sigs.k8s.io/yaml` prints a value as JSON, reads that as YAML and prints the result. Strings do not always survive
//! this; here is what becomes of them.

use std::borrow::Cow;

use super::WriteError;
use crate::chars::is_forbidden;

/// NEL as UTF-8: JSON leaves it as it is, and YAML folds it like a line break.
const NEL: char = '\u{85}';

/// The string as it comes out of JSON text read as YAML.
pub(super) fn string(text: &str) -> Result<Cow<'_, str>, WriteError> {
    if text.bytes().all(|byte| byte < 0x7F) {
        return Ok(Cow::Borrowed(text));
    }
    // JSON escapes the characters below U+0020.
    if text.chars().any(|char| char >= ' ' && is_forbidden(char)) {
        return Err(WriteError::ControlCharacter);
    }
    if text.contains(NEL) { Ok(Cow::Owned(fold(text))) } else { Ok(Cow::Borrowed(text)) }
}

/// Runs of spaces around NELs go; a single NEL becomes a space, of several the first is dropped.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find([' ', NEL]) {
        folded.push_str(&rest[..at]);
        let space = &rest[at..];
        let end = space.find(|char| ![' ', NEL].contains(&char)).unwrap_or(space.len());
        match space[..end].matches(NEL).count() {
            0 => folded.push_str(&space[..end]),
            1 => folded.push(' '),
            breaks => folded.extend(std::iter::repeat_n('\n', breaks - 1)),
        }
        rest = &space[end..];
    }
    folded + rest
}

/// Fails for a key that YAML does not recognise as one in JSON text.
pub(super) fn check_key(key: &str) -> Result<(), WriteError> {
    const REACH: usize = 1024;
    if key.contains(NEL) {
        return Err(WriteError::UnreadableKey);
    }
    // An escape makes at most six characters of a byte.
    if key.len() * 6 + 2 <= REACH {
        return Ok(());
    }
    let mut json = String::new();
    crate::json::push_string(&mut json, key, true);
    if json.chars().count() > REACH { Err(WriteError::UnreadableKey) } else { Ok(()) }
}
