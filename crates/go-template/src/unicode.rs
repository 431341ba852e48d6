//! Classes of characters as Go's `unicode` package has them, of its version of Unicode: newer characters are neither
//! letters nor printable to Go, and whether a character is printable decides how `%q` writes it.

mod tables;

/// Go's `unicode.IsLetter`.
///
/// ```
/// use go_template::unicode::is_letter;
/// assert!(is_letter('é') && !is_letter('4') && !is_letter('Ⅳ'));
/// ```
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { within(&tables::LETTER, c) }
}

/// Go's `unicode.IsDigit`: decimal digits of any script.
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { within(&tables::DIGIT, c) }
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(c: char) -> bool {
    if c.is_ascii() { (' '..='~').contains(&c) } else { within(&tables::PRINT, c) }
}

/// What a template's identifiers consist of.
pub(crate) fn is_alphanumeric(c: char) -> bool {
    c == '_' || is_letter(c) || is_digit(c)
}

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let after = ranges.partition_point(|(first, _)| *first <= c);
    after > 0 && c <= ranges[after - 1].1
}

#[cfg(test)]
mod tests {
    use super::{is_digit, is_letter, is_print};

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        for (c, letter, digit, print) in [
            ('\u{7f}', false, false, false),
            ('\u{a0}', false, false, false),
            ('\u{a1}', false, false, true),
            ('\u{aa}', true, false, true),
            ('\u{2bc}', true, false, true),
            ('\u{300}', false, false, true),
            ('\u{660}', false, true, true),
            ('\u{669}', false, true, true),
            ('\u{66a}', false, false, true),
            ('\u{10ffff}', false, false, false),
            // Of Unicode 16.
            ('\u{897}', false, false, false),
        ] {
            assert_eq!((is_letter(c), is_digit(c), is_print(c)), (letter, digit, print), "{c:?}");
        }
    }
}
