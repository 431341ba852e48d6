//! Decoding UTF-8 as Go does: an invalid byte is U+FFFD of width 1.

/// The first character of `bytes` and its width; `None` at the end.
pub(crate) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    let valid = bytes.get(..width).and_then(|head| std::str::from_utf8(head).ok());
    match valid.and_then(|head| head.chars().next()) {
        Some(c) => Some((c, width)),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

/// The characters of `bytes`, each with its width.
pub(crate) fn chars(mut bytes: &[u8]) -> impl Iterator<Item = (char, usize)> {
    std::iter::from_fn(move || {
        let (c, width) = decode(bytes)?;
        bytes = &bytes[width..];
        Some((c, width))
    })
}
