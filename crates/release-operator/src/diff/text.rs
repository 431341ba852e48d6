//! Unified diffs of bounded length and cost.

use std::fmt::Write as _;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

/// Lines around a change.
const CONTEXT: usize = 3;

/// How much searching is left. Finding the smallest difference takes time that grows with the square of the lines in the worst case; once
/// the worst cases would take more than this, texts are shown as replaced from their first to their last difference.
pub(super) struct Effort(usize);

impl Default for Effort {
    /// A fraction of a second.
    fn default() -> Self {
        Self(400_000_000)
    }
}

/// The unified diff of two texts, each with its name, at most `most` bytes of it, and whether it was cut off. Empty for texts that are equal.
pub(super) fn unified(
    (old_name, old): (&str, &str),
    (new_name, new): (&str, &str),
    most: usize,
    effort: &mut Effort,
) -> (String, bool) {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let groups = group_diff_ops(operations(&old, &new, effort), CONTEXT);
    let mut out = Bounded { text: String::new(), most, cut: false };
    for (number, group) in groups.iter().enumerate() {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        if number == 0 {
            out.push("--- ", old_name);
            out.push("+++ ", new_name);
        }
        let mut head = "@@ -".to_owned();
        // Writing to a String cannot fail.
        let _ = write!(
            head,
            "{} +{} @@",
            lines(first.old_range().start..last.old_range().end),
            lines(first.new_range().start..last.new_range().end)
        );
        out.push("", &head);
        for operation in group {
            let (gone, come) = (&old[operation.old_range()], &new[operation.new_range()]);
            match operation {
                DiffOp::Equal { .. } => gone.iter().for_each(|line| out.push(" ", line)),
                _ => {
                    gone.iter().for_each(|line| out.push("-", line));
                    come.iter().for_each(|line| out.push("+", line));
                }
            }
        }
    }
    if out.cut {
        let _ = writeln!(out.text, "\\ cut off after {} KiB", most >> 10);
    }
    (out.text, out.cut)
}

/// The first line, from 1, and the number of lines, as a hunk's head has them: an empty range is told by the line before it.
fn lines(range: Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => (range.start + 1).to_string(),
        length => format!("{},{length}", range.start + 1),
    }
}

fn operations(old: &[&str], new: &[&str], effort: &mut Effort) -> Vec<DiffOp> {
    let shared = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let before = shared(&mut old.iter().zip(new));
    let after = shared(&mut old[before..].iter().rev().zip(new[before..].iter().rev()));
    let (old_len, new_len) = (old.len() - before - after, new.len() - before - after);
    let worst = (old_len + new_len).saturating_pow(2);
    if let Some(left) = effort.0.checked_sub(worst) {
        effort.0 = left;
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    let equal = |old_index, new_index, len| DiffOp::Equal { old_index, new_index, len };
    let replaced = DiffOp::Replace { old_index: before, old_len, new_index: before, new_len };
    let all = [equal(0, 0, before), replaced, equal(before + old_len, before + new_len, after)];
    all.into_iter()
        .filter(|operation| !(operation.old_range().is_empty() && operation.new_range().is_empty()))
        .collect()
}

/// A text that does not grow beyond its bound, with room for the note that it was cut off.
struct Bounded {
    text: String,
    most: usize,
    cut: bool,
}

const NOTE: usize = 64;

impl Bounded {
    /// Adds a line.
    fn push(&mut self, prefix: &str, line: &str) {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if self.cut || self.text.len() + prefix.len() + line.len() + 1 + NOTE > self.most {
            self.cut = true;
            return;
        }
        self.text.extend([prefix, line, "\n"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, effort: usize, expected: &str) {
        let (old, new) = (old.replace(' ', "\n"), new.replace(' ', "\n"));
        let (text, cut) = unified(("o", &old), ("n", &new), 1 << 16, &mut Effort(effort));
        assert_eq!((text.replace('\n', "|"), cut), (expected.to_owned(), false), "{old:?} {new:?}");
    }

    #[test]
    fn diffs_are_those_of_diff_u() {
        // Expected is what GNU diff -u prints, lines ending in `|`.
        let rows = [
            ("a b c ", "a b c ", ""),
            ("", "a ", "--- o|+++ n|@@ -0,0 +1 @@|+a|"),
            ("a b ", "", "--- o|+++ n|@@ -1,2 +0,0 @@|-a|-b|"),
            ("a b c d e f g h ", "a b c d X f g h ", "--- o|+++ n|@@ -2,7 +2,7 @@| b| c| d|-e|+X| f| g| h|"),
            (
                "1 2 3 4 5 6 7 8 9 10 ",
                "0 1 2 3 4 5 6 7 8 9 ",
                "--- o|+++ n|@@ -1,3 +1,4 @@|+0| 1| 2| 3|@@ -7,4 +8,3 @@| 7| 8| 9|-10|",
            ),
        ];
        for (old, new, expected) in rows {
            check(old, new, usize::MAX, expected);
        }
    }

    #[test]
    fn without_effort_a_text_is_replaced_between_its_differences() {
        let rows = [
            ("a b c d e ", "a b c d e ", ""),
            ("a b c d e ", "a X c Y e ", "--- o|+++ n|@@ -1,5 +1,5 @@| a|-b|-c|-d|+X|+c|+Y| e|"),
            ("a a ", "a a a ", "--- o|+++ n|@@ -1,2 +1,3 @@| a| a|+a|"),
        ];
        for (old, new, expected) in rows {
            check(old, new, 0, expected);
        }
    }

    #[test]
    fn the_worst_case_is_bounded() {
        let text =
            |step: usize| -> String { (0..200_000).map(|n| format!("{}\n", n * step % 99_991)).collect() };
        let mut effort = Effort::default();
        let (diff, cut) = unified(("o", &text(7)), ("n", &text(11)), 1 << 16, &mut effort);
        assert!(cut && diff.len() <= 1 << 16);
        assert_eq!(effort.0, Effort::default().0, "it was searched all the same");
    }
}
