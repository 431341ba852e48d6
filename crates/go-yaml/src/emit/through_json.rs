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
    if !text.contains(NEL) {
        return Ok(Cow::Borrowed(text));
    }
    let mut lines = text.split(NEL).skip(1).peekable();
    while let Some(line) = lines.next() {
        // The last line ends with a quote in JSON, the others with a break.
        if is_document_indicator(line, lines.peek().is_some()) {
            return Err(WriteError::DocumentIndicator);
        }
    }
    Ok(Cow::Owned(fold(text)))
}

/// True for a line that begins with `---` or `...` and a gap.
fn is_document_indicator(line: &str, ends_with_break: bool) -> bool {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.starts_with(' ') || (rest.is_empty() && ends_with_break))
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
