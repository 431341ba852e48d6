//! What most strings are, found out in one pass over their bytes: ASCII on one line that needs no quotes, or a number
//! or word that does.

use crate::resolve::is_plain_string;

/// How a string is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    /// As it is.
    Plain,
    /// Between double quotes, as it is.
    Quoted,
    /// To be looked at in full.
    Unknown,
}

/// What a byte may mean. Anything that is not plainly harmless is left to the full analysis.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Harmless anywhere, and no plain scalar that begins with it is anything but a string.
    Text,
    /// Harmless, but what begins with it may be a number or a word such as `yes`.
    Hint,
    /// `-`: harmless unless a gap follows at the start.
    Dash,
    Colon,
    Hash,
    Space,
    /// An indicator at the start, harmless later.
    Indicator,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        classes[byte as usize] = match byte {
            b' ' => Class::Space,
            b'#' => Class::Hash,
            b':' => Class::Colon,
            b'-' => Class::Dash,
            b'0'..=b'9' | b'+' | b'.' | b'~' => Class::Hint,
            b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => Class::Hint,
            b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%'
            | b'@' | b'`' | b'?' => Class::Indicator,
            _ => Class::Text,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES[usize::from(byte)]
}

pub(super) fn classify(text: &str) -> Quick {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Quick::Unknown };
    let first = class(*first);
    let unfit = match first {
        Class::Text | Class::Hint => false,
        Class::Dash => !bytes.get(1).is_some_and(|next| matches!(class(*next), Class::Text | Class::Hint)),
        _ => true,
    };
    if unfit || *last == b' ' || *last == b':' || bytes.starts_with(b"...") {
        return Quick::Unknown;
    }
    let mut has_space = false;
    for (at, byte) in bytes.iter().enumerate() {
        match class(*byte) {
            Class::Text | Class::Hint | Class::Dash | Class::Indicator => {}
            Class::Colon if bytes[at + 1] != b' ' => {}
            Class::Hash if bytes[at - 1] != b' ' => {}
            Class::Space => has_space = true,
            _ => return Quick::Unknown,
        }
    }
    if first == Class::Text || is_plain_string(text) {
        return Quick::Plain;
    }
    if has_space || bytes.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
        return Quick::Unknown;
    }
    Quick::Quoted
}

#[cfg(test)]
mod tests {
    use super::super::analysis::{Style, analyse, choose};
    use super::*;

    /// The short cut agrees with the full analysis on every text of up to four of these.
    #[test]
    fn agrees_with_the_full_analysis() {
        let pieces = [
            "a", "y", "no", "0", "1", ".", "-", "+", ":", "#", " ", "'", "\"", "{", "?", "\\", "_", "e", "~",
        ];
        let mut texts = vec![String::new()];
        let mut longest = texts.clone();
        for _ in 0..4 {
            longest = longest.iter().flat_map(|t| pieces.map(|piece| format!("{t}{piece}"))).collect();
            texts.extend(longest.iter().cloned());
        }
        for text in texts {
            let style = choose(&text, &analyse(&text), false);
            match classify(&text) {
                Quick::Plain => assert!(style == Style::Plain, "{text:?}"),
                Quick::Quoted => assert!(style == Style::DoubleQuoted, "{text:?}"),
                Quick::Unknown => {}
            }
        }
    }
}
