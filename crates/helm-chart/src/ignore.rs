//! `.helmignore`: which files of the source are no part of the chart.

use crate::go_text::percent_q;
use crate::path_match::{self, BadPattern};

/// The file that holds the rules.
pub(crate) const FILE_NAME: &str = ".helmignore";

/// Helm's built-in rule: no hidden files among the templates.
const BUILT_IN: &str = "templates/.?*";

/// What Go's scanner of lines takes.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Why `.helmignore` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// A line of 64 KiB or more; Go's words.
    #[error("bufio.Scanner: token too long")]
    LongLine,
    /// `**` is not supported.
    #[error("double-star (**) syntax is not supported")]
    DoubleStar,
    /// A malformed pattern.
    #[error("rule {} is malformed", percent_q(rule))]
    Pattern {
        /// The line.
        rule: String,
        /// What is wrong with it.
        #[source]
        source: BadPattern,
    },
}

/// The rules of a `.helmignore`, in order; the first that matches decides. For who reads a chart from a file system and
/// need not read what is ignored; [`Chart::load`](crate::Chart::load) follows the rules by itself.
///
/// ```
/// let rules = helm_chart::IgnoreRules::parse(b"docs/\n*.md\n")?;
/// assert!(rules.ignores("docs", true) && rules.ignores_file("docs/a.txt") && rules.ignores_file("templates/.a.swp"));
/// # Ok::<(), helm_chart::InvalidRule>(())
/// ```
pub struct IgnoreRules(Vec<Rule>);

struct Rule {
    pattern: String,
    negated: bool,
    only_directories: bool,
    /// Whether the pattern is matched against the whole path, not the last part of it.
    whole_path: bool,
}

impl IgnoreRules {
    /// Reads the lines of a `.helmignore`, which may be empty; the built-in rule, which ignores hidden files among the
    /// templates, comes last.
    ///
    /// # Errors
    /// If a rule is malformed or uses `**`, or a line is longer than Helm reads.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidRule> {
        if text.split(|byte| *byte == b'\n').any(|line| line.len() >= MAX_LINE_BYTES) {
            return Err(InvalidRule::LongLine);
        }
        let text = String::from_utf8_lossy(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let lines = text.lines().chain([BUILT_IN]);
        let rules = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        rules.map(Rule::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the file at `path`, or a folder that it lies in, is ignored.
    pub fn ignores_file(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        folders.into_iter().any(|folder| self.ignores(folder, true)) || self.ignores(path, false)
    }

    /// Whether the file or the folder itself is ignored; what an ignored folder contains is not part of the chart.
    pub fn ignores(&self, path: &str, is_directory: bool) -> bool {
        for rule in &self.0 {
            let wrong_kind = rule.only_directories && !is_directory;
            // A negated rule decides when it does NOT match; Helm has it so.
            let decides = if rule.negated {
                wrong_kind || !rule.matches(path)
            } else {
                !wrong_kind && rule.matches(path)
            };
            if decides {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Self, InvalidRule> {
        if line.contains("**") {
            return Err(InvalidRule::DoubleStar);
        }
        path_match::matches(line, "abc")
            .map_err(|source| InvalidRule::Pattern { rule: line.to_owned(), source })?;
        let (negated, rule) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (only_directories, rule) = rule.strip_suffix('/').map_or((false, rule), |rest| (true, rest));
        let (rooted, pattern) = rule.strip_prefix('/').map_or((false, rule), |rest| (true, rest));
        let whole_path = rooted || pattern.contains('/');
        Ok(Self { pattern: pattern.to_owned(), negated, only_directories, whole_path })
    }

    fn matches(&self, path: &str) -> bool {
        let subject = if self.whole_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        path_match::matches(&self.pattern, subject).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_like_helm() {
        let rows = [
            ("", "templates/.DS_Store", true),
            ("", ".DS_Store", false),
            ("*.txt", "a/b/NOTES.txt", true),
            ("/*.txt", "a/b.txt", false),
            ("/*.txt", "b.txt", true),
            ("docs/", "docs/a.md", true),
            ("docs/", "docs", false),
            ("docs", "x/docs/a", true),
            ("a/b", "a/b/c", true),
            ("a/b", "x/a/b", false),
            ("# docs\n\n  docs  ", "docs", true),
            ("!*.yaml", "a.txt", true),
            ("!*.yaml", "a.yaml", false),
            ("!a/", "b", true),
            ("\u{feff}x", "x", true),
        ];
        for (text, path, expected) in rows {
            assert_eq!(
                IgnoreRules::parse(text.as_bytes()).unwrap().ignores_file(path),
                expected,
                "{text:?} {path}"
            );
        }
    }

    #[test]
    fn refuses_what_helm_refuses() {
        assert_eq!(IgnoreRules::parse(b"a/**").err(), Some(InvalidRule::DoubleStar));
        let error = IgnoreRules::parse(b"a[").err().unwrap();
        assert_eq!(error.to_string(), "rule \"a[\" is malformed");
    }
}
