//! Letters and decimal digits as Go's `unicode` package knows them: Unicode 15.0, while Rust's standard library follows
//! later versions and counts some marks and numerals as alphabetic.

mod tables;

/// Go's `unicode.IsLetter`.
pub(super) fn is_letter(char: char) -> bool {
    if char.is_ascii() { char.is_ascii_alphabetic() } else { contains(&tables::LETTER, u32::from(char)) }
}

/// Go's `unicode.IsDigit`.
pub(super) fn is_digit(char: char) -> bool {
    if char.is_ascii() { char.is_ascii_digit() } else { contains(&tables::DIGIT, u32::from(char)) }
}

fn contains(ranges: &[(u32, u32)], code: u32) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= code);
    after > 0 && code <= ranges[after - 1].1
}
