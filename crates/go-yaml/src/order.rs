//! The order in which go-yaml prints keys.

use std::cmp::Ordering;

/// go-yaml's key order: runs of digits compare as numbers (`a9` before `a10`), anything that is not a letter comes
/// before letters (`_z` before `a`), letters by code point (so `Z` before `a`).
///
/// Beyond ASCII a letter is what Unicode calls alphabetic, which takes in some marks that Go does not count.
///
/// Not a total order: `16` < `1e3` < `2.5` < `16` (in go-yaml too, which then prints such keys in a random order).
/// Sort with [`crate::sort_entries`], not with the standard library, which may panic on such an order.
#[must_use]
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    for ((at, left), right) in a.char_indices().zip(b.chars()) {
        if left == right {
            continue;
        }
        return match (left.is_alphabetic(), right.is_alphabetic()) {
            (true, true) => left.cmp(&right),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_at(a, b, at, left, right),
        };
    }
    a.chars().count().cmp(&b.chars().count())
}

/// Compares where both strings first differ, at byte `at`, by two characters of which none is a letter.
fn compare_at(a: &str, b: &str, at: usize, left: char, right: char) -> Ordering {
    // With a 0 at the difference, digits before it make both numbers "started" so that zeros count.
    let started = (left == '0' || right == '0')
        && a[..at].chars().rev().take_while(|c| is_digit(*c)).any(|digit| digit != '0');
    let (left_number, left_len) = digit_run(&a[at..], started);
    let (right_number, right_len) = digit_run(&b[at..], started);
    left_number.cmp(&right_number).then(left_len.cmp(&right_len)).then(left.cmp(&right))
}

fn digit_run(text: &str, started: bool) -> (i64, usize) {
    text.chars().take_while(|c| is_digit(*c)).fold((i64::from(started), 0), |(number, len), digit| {
        let digit = i64::from(u32::from(digit)) - i64::from(u32::from('0'));
        (number.wrapping_mul(10).wrapping_add(digit), len + 1)
    })
}

/// Go's `unicode.IsDigit` (decimal digits of any script).
fn is_digit(char: char) -> bool {
    char.is_ascii_digit() || (!char.is_ascii() && char.is_numeric() && is_decimal(char))
}

/// First characters of the runs of ten decimal digits outside ASCII, as far as they are in common use.
fn is_decimal(char: char) -> bool {
    const ZEROS: [u32; 22] = [
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
        0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0xFF10,
    ];
    ZEROS.iter().any(|zero| (*zero..*zero + 10).contains(&u32::from(char)))
}

/// Stable merge sort that tolerates an order with contradictions (its result is then some permutation).
pub(crate) fn sort_by<T>(items: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.len() < 2 || items.is_sorted_by(|a, b| compare(a, b) != Ordering::Greater) {
        return items;
    }
    let mut left = items;
    let right = left.split_off(left.len() / 2);
    let mut left = sort_by(left, compare).into_iter().peekable();
    let mut right = sort_by(right, compare).into_iter().peekable();
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(a, b) == Ordering::Greater { right.next() } else { left.next() };
        sorted.extend(next);
    }
    sorted.extend(left);
    sorted.extend(right);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_do_not_panic_and_lose_nothing() {
        let keys: Vec<String> =
            (0..500).flat_map(|n| [format!("{n}"), format!("{n}e3"), format!("{n}.5")]).collect();
        let mut sorted = sort_by(keys.clone(), &|a: &String, b: &String| natural_cmp(a, b));
        let mut expected = keys;
        sorted.sort();
        expected.sort();
        assert_eq!(sorted, expected);
    }
}
