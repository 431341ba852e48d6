//! The order in which go-yaml prints keys.

mod unicode;

use std::cmp::Ordering;

use unicode::{is_digit, is_letter};

/// go-yaml's key order: runs of digits compare as numbers (`a9` before `a10`), anything that is not a letter comes
/// before letters (`_z` before `a`), letters by code point (so `Z` before `a`).
///
/// Letters and digits are those of Go's `unicode` package (Unicode 15.0).
///
/// Not a total order: `16` < `1e3` < `2.5` < `16` (in go-yaml too, which then prints such keys in a random order).
/// Sort with [`crate::sort_entries`], not with the standard library, which may panic on such an order.
///
/// ```
/// use std::cmp::Ordering;
/// assert_eq!(go_yaml::natural_cmp("a9", "a10"), Ordering::Less);
/// assert_eq!(go_yaml::natural_cmp("_z", "a"), Ordering::Less);
/// ```
#[must_use]
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let Some(at) = a.bytes().zip(b.bytes()).position(|(left, right)| left != right) else {
        return a.len().cmp(&b.len());
    };
    let (left, right) = (a.as_bytes()[at], b.as_bytes()[at]);
    if left.is_ascii_alphabetic() && right.is_ascii_alphabetic() {
        return left.cmp(&right);
    }
    // The bytes before are the same, so that both characters begin at the same place.
    let at = a.floor_char_boundary(at);
    let (Some(left), Some(right)) = (a[at..].chars().next(), b[at..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (is_letter(left), is_letter(right)) {
        (true, true) => left.cmp(&right),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => compare_at(a, b, at, left, right),
    }
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

/// Sorts in a stable way and tolerates an order with contradictions (its result is then some permutation).
pub(crate) fn sort_by<T>(mut items: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    const FEW: usize = 16;
    if items.len() > FEW && !items.is_sorted_by(|a, b| compare(a, b) != Ordering::Greater) {
        return merge_sort(items, compare);
    }
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]) == Ordering::Greater {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
    items
}

fn merge_sort<T>(items: Vec<T>, compare: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
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
