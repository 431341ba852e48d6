//! `.helmignore`: which files of the source are no part of the chart.

use crate::path_match::{self, BadPattern};

/// The file that holds the rules.
pub(crate) const FILE_NAME: &str = ".helmignore";

/// Helm's built-in rule: no hidden files among the templates.
const BUILT_IN: &str = "templates/.?*";

/// Why `.helmignore` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// `**` is not supported.
    #[error("double-star (**) syntax is not supported")]
    DoubleStar,
    /// A malformed pattern.
    #[error("rule \"{rule}\" is malformed")]
    Pattern {
        /// The line.
        rule: String,
        /// What is wrong with it.
        #[source]
        source: BadPattern,
    },
}

/// The rules, in order; the first that matches decides.
pub(crate) struct Rules(Vec<Rule>);

struct Rule {
    pattern: String,
    negated: bool,
    only_directories: bool,
    /// Whether the pattern is matched against the whole path, not the last part of it.
    whole_path: bool,
}

impl Rules {
    /// Reads the lines of a `.helmignore`; the built-in rule comes last.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidRule> {
        let lines = text.trim_start_matches('\u{feff}').lines().chain([BUILT_IN]);
        let rules = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        rules.map(Rule::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the file at `path`, or a folder that it lies in, is ignored.
    pub(crate) fn ignores(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        folders.into_iter().any(|folder| self.ignores_entry(folder, true)) || self.ignores_entry(path, false)
    }

    fn ignores_entry(&self, path: &str, is_directory: bool) -> bool {
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
            assert_eq!(Rules::parse(text).unwrap().ignores(path), expected, "{text:?} {path}");
        }
    }

    #[test]
    fn refuses_what_helm_refuses() {
        assert_eq!(Rules::parse("a/**").err(), Some(InvalidRule::DoubleStar));
        let error = Rules::parse("a[").err().unwrap();
        assert_eq!(error.to_string(), "rule \"a[\" is malformed");
    }
}
