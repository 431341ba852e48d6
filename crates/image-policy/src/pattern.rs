//! The tag pattern of an automation policy.

use std::fmt;
use std::str::FromStr;

use crate::Tag;

/// The longest pattern that is read. A tag has at most 128 characters, so nothing longer can be meant.
const MAX_PATTERN: usize = 512;

/// Which tags a policy admits.
///
/// `glob:<pattern>` or a bare pattern; `*` stands for any run of characters, the empty one included, and
/// nothing else is special: no `?`, no classes, no escaping; case counts; the whole tag has to match.
///
/// The tag `latest`, in any letter case, is admitted by the pattern `latest` alone, never by `*`, because it
/// says nothing about what runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagPattern {
    written: String,
    glob: String,
}

/// Why a text is no pattern that can be used.
///
/// A pattern that cannot be used admits nothing. (Flux v1 let an invalid one admit every tag.)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A kind of pattern that is known and not supported yet.
    #[error(
        "tag pattern {pattern:?}: {kind} patterns arrive in a later version; \
         until then write a glob pattern, such as glob:1.4.*"
    )]
    Later {
        /// `semver` or `regexp`.
        kind: &'static str,
        /// The pattern as written.
        pattern: String,
    },
    /// The pattern is longer than any tag can ask for.
    #[error("the tag pattern has {length} characters; at most {MAX_PATTERN} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl TagPattern {
    /// What applies when a workload is automated and states no pattern: any tag but `latest`.
    pub fn any() -> Self {
        Self { written: "glob:*".to_owned(), glob: "*".to_owned() }
    }

    /// Whether the pattern admits the tag.
    pub fn matches(&self, tag: &Tag) -> bool {
        let tag = tag.as_str();
        if tag.eq_ignore_ascii_case("latest") {
            return self.glob == "latest" && tag == "latest";
        }
        glob_matches(&self.glob, tag)
    }
}

impl FromStr for TagPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong { length: text.len() });
        }
        let later = |kind| Err(PatternError::Later { kind, pattern: text.to_owned() });
        match text.split_once(':') {
            Some(("semver", _)) => later("semver"),
            Some(("regexp" | "regex", _)) => later("regexp"),
            Some(("glob", glob)) => Ok(Self { written: text.to_owned(), glob: glob.to_owned() }),
            _ => Ok(Self { written: text.to_owned(), glob: text.to_owned() }),
        }
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Each piece between stars takes the leftmost place it fits; the last has to end the text.
fn glob_matches(glob: &str, text: &str) -> bool {
    let Some((head, tail)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(mut rest) = text.strip_prefix(head) else {
        return false;
    };
    let mut pieces: Vec<&str> = tail.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_admit_what_flux_admits() {
        for (pattern, admitted, refused) in [
            ("glob:*", &["1", "v1.0", "dev-x"][..], &["latest", "LATEST", "Latest"][..]),
            ("*", &["1"], &["latest"]),
            ("glob:latest", &["latest"], &["LATEST", "1"]),
            ("latest", &["latest"], &["latest1"]),
            ("glob:Latest", &[], &["Latest", "latest"]),
            ("glob:l*", &["l", "later"], &["latest"]),
            ("glob:dev-*", &["dev-", "dev-kb9lm91e"], &["dev", "Dev-1", "xdev-1", "stg-1"]),
            ("glob:v2.3.*", &["v2.3.1", "v2.3.", "v2.3.1-rc.1"], &["v2x3.1", "v2.4.1"]),
            ("glob:v0.*.*", &["v0.15.0", "v0..", "v0.1.2.3"], &["v0.15"]),
            ("glob:*.*.*", &["0.6.0", "..."], &["0.6"]),
            ("glob:*-alpine", &["3-alpine", "-alpine", "a-alpine-alpine"], &["alpine", "3-alpine1"]),
            ("glob:a*b*c", &["abc", "aXbXc", "abbcc"], &["acb", "ab", "aXbXcX"]),
            ("glob:a*a", &["aa", "aba"], &["a"]),
            ("glob:a**b", &["ab", "axb"], &["a"]),
            ("1.?", &[], &["1.2"]),
            ("glob:[0-9]*", &[], &["1"]),
            ("1.4", &["1.4"], &["1.4.0", "11.4"]),
            ("glob:", &[], &["1", "latest"]),
            ("", &[], &["1"]),
            ("glob:glob:x", &[], &["x"]),
            ("build:1*", &[], &["1"]),
        ] {
            let parsed: TagPattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            for tag in admitted {
                assert!(parsed.matches(&any_tag(tag)), "{pattern:?} has to admit {tag:?}");
            }
            for tag in refused {
                assert!(!parsed.matches(&any_tag(tag)), "{pattern:?} has to refuse {tag:?}");
            }
        }
        assert!(TagPattern::any().matches(&any_tag("1")));
    }

    /// The tag of the table, or, where the text begins with a sign no tag may begin with, one with `0` before
    /// it: globs are about characters, and the grammar of tags is tested where tags are.
    fn any_tag(text: &str) -> Tag {
        text.parse().unwrap_or_else(|_| format!("0{text}").parse().unwrap())
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        for (pattern, kind) in [("semver:~0.4", "semver"), ("regexp:^v.*", "regexp"), ("regex:.*", "regexp")]
        {
            let error = pattern.parse::<TagPattern>().unwrap_err();
            assert_eq!(error, PatternError::Later { kind, pattern: pattern.to_owned() });
            assert!(error.to_string().contains("glob:1.4.*"));
        }
        let long = "a".repeat(MAX_PATTERN + 1);
        assert_eq!(long.parse::<TagPattern>(), Err(PatternError::TooLong { length: MAX_PATTERN + 1 }));
    }
}
