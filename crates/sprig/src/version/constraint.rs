//! Constraints: alternatives of terms, each an operator and a version with wildcards.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::{MAX_CONSTRAINT, MAX_GROUPS, SemverError, Version, compare_pre, is_identifier};

/// A constraint such as `>=1.2 <2 || ^3.1.x`.
///
/// ```
/// let constraint = sprig::Constraint::parse("^1.2")?;
/// assert!(constraint.allows(&sprig::Version::parse("1.9.0")?));
/// assert!(!constraint.allows(&sprig::Version::parse("1.9.0-rc.1")?)); // prereleases only where asked for
/// # Ok::<(), sprig::SemverError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Constraint {
    /// Alternatives, each of terms that must all hold.
    groups: Vec<Vec<Term>>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// Operators, longer ones before their beginnings.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

#[derive(Clone, Debug)]
struct Term {
    operator: Operator,
    version: Version,
    /// A part is left out or a wildcard; `minor_open` from the minor part on, `patch_open` the patch part only. All
    /// parts are open when neither is set.
    open: bool,
    minor_open: bool,
    patch_open: bool,
}

impl Constraint {
    /// Parses a constraint.
    ///
    /// # Errors
    /// The text is no constraint, or beyond the library's limits.
    pub fn parse(text: &str) -> Result<Self, SemverError> {
        if text.len() > MAX_CONSTRAINT {
            return Err(SemverError::ConstraintTooLong);
        }
        let text = rewrite_ranges(text);
        let alternatives: Vec<&str> = text.split("||").collect();
        if alternatives.len() > MAX_GROUPS {
            return Err(SemverError::TooManyGroups);
        }
        let groups: Result<_, _> = alternatives.into_iter().map(parse_group).collect();
        Ok(Constraint { groups: groups? })
    }

    /// Whether the version satisfies the constraint. Prereleases do only where a term of the same group has one.
    pub fn allows(&self, version: &Version) -> bool {
        self.groups.iter().any(|terms| {
            let prereleases = terms.iter().any(|term| term.version.is_prerelease());
            (prereleases || !version.is_prerelease()) && terms.iter().all(|term| term.allows(version))
        })
    }
}

fn parse_group(text: &str) -> Result<Vec<Term>, SemverError> {
    let improper = || SemverError::Constraint(go_quoted(text));
    // All of it has the form of terms before any version is looked at.
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    loop {
        let found = OPERATORS.iter().find(|(symbol, _)| rest.starts_with(symbol));
        let (symbol, operator) = found.copied().unwrap_or(("", Operator::Equal));
        rest = rest[symbol.len()..].trim_start_matches(is_space);
        let length = version_length(rest).ok_or_else(improper)?;
        parts.push((operator, &rest[..length]));
        let after = &rest[length..];
        rest = after.trim_start_matches(is_space);
        if rest.is_empty() {
            return parts.into_iter().map(|(operator, version)| parse_term(operator, version)).collect();
        }
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_start_matches(is_space);
        } else if after.len() == rest.len() {
            return Err(improper());
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn go_quoted(text: &str) -> String {
    String::from_utf8_lossy(&go_template::quote_bytes(text.as_bytes(), false)).into_owned()
}

/// The length of the version with wildcards at the beginning of `text`.
fn version_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let run = |from: usize, accept: fn(u8) -> bool| bytes[from..].iter().take_while(|b| accept(**b)).count();
    let wild = |b: u8| b.is_ascii_digit() || matches!(b, b'x' | b'X' | b'*' | b'|');
    let mut at = usize::from(bytes.first() == Some(&b'v'));
    let first = run(at, wild);
    if first == 0 {
        return None;
    }
    at += first;
    for _ in 0..2 {
        if bytes.get(at) == Some(&b'.') {
            let part = run(at + 1, wild);
            if part == 0 {
                break;
            }
            at += 1 + part;
        } else {
            break;
        }
    }
    for mark in [b'-', b'+'] {
        if bytes.get(at) == Some(&mark) {
            let mut end = at + 1 + run(at + 1, is_identifier);
            if end == at + 1 {
                break;
            }
            while bytes.get(end) == Some(&b'.') {
                let part = run(end + 1, is_identifier);
                if part == 0 {
                    break;
                }
                end += 1 + part;
            }
            at = end;
        }
    }
    Some(at)
}

fn parse_term(operator: Operator, text: &str) -> Result<Term, SemverError> {
    let body = text.strip_prefix('v').unwrap_or(text);
    let core_end = body.find(['-', '+']).unwrap_or(body.len());
    let (core, suffix) = body.split_at(core_end);
    let pre = suffix.split('+').next().unwrap_or("");
    let parts: Vec<&str> = core.split('.').collect();
    let wild = |i: usize| matches!(parts.get(i), None | Some(&("x" | "X" | "*")));
    let mut term_flags = (false, false, false);
    let version = if wild(0) {
        term_flags.0 = true;
        format!("0.0.0{pre}")
    } else if wild(1) {
        term_flags = (true, true, false);
        format!("{}.0.0{pre}", parts[0])
    } else if wild(2) {
        term_flags = (true, false, true);
        format!("{}.{}.0{pre}", parts[0], parts[1])
    } else {
        body.to_owned()
    };
    let version = Version::parse(&version).map_err(|_| SemverError::ConstraintVersion)?;
    let (open, minor_open, patch_open) = term_flags;
    Ok(Term { operator, version, open, minor_open, patch_open })
}

/// `1.2 - 1.4` means `>= 1.2, <= 1.4`, wherever it stands: the text is replaced before anything is checked, and error
/// texts show what came of it.
fn rewrite_ranges(text: &str) -> String {
    static RANGE: LazyLock<Regex> = LazyLock::new(|| {
        const VERSION: &str = r"v?[0-9|xX*]+(?:\.[0-9|xX*]+)?(?:\.[0-9|xX*]+)?(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?";
        let space = r"[\t\n\f\r ]";
        let range = format!("{space}*({VERSION}){space}+-{space}+({VERSION}){space}*");
        Regex::new(&range).expect("the expression is a fixed one")
    });
    let mut rewritten = text.to_owned();
    // Most have no such range, and the expression takes long to compile.
    let is_dash = |at: usize| text[..at].ends_with(is_space) && text[at + 1..].starts_with(is_space);
    if !text.match_indices('-').any(|(at, _)| is_dash(at)) {
        return rewritten;
    }
    for range in RANGE.captures_iter(text) {
        let (_, [low, high]) = range.extract();
        rewritten = rewritten.replacen(&range[0], &format!(">= {low}, <= {high} "), 1);
    }
    rewritten
}

impl Term {
    fn allows(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Equal if self.open => self.tilde(version),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => self.not_equal(version),
            Operator::Greater if self.open => self.greater(version),
            Operator::Greater => order.is_gt(),
            Operator::Less => order.is_lt(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::LessEqual if self.open => self.less_equal(version),
            Operator::LessEqual => order.is_le(),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn not_equal(&self, version: &Version) -> bool {
        let own = &self.version;
        if self.open {
            if own.major != version.major {
                return true;
            }
            if self.minor_open {
                return false;
            }
            if own.minor != version.minor {
                return true;
            }
            if self.patch_open {
                return compare_pre(&version.pre, &own.pre).is_ne()
                    && (version.is_prerelease() || own.is_prerelease());
            }
            if own.patch != version.patch {
                return true;
            }
        }
        version.compare(own).is_ne()
    }

    fn greater(&self, version: &Version) -> bool {
        let own = &self.version;
        match version.major.cmp(&own.major) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if self.minor_open => false,
            Ordering::Equal if self.patch_open => version.minor > own.minor,
            Ordering::Equal => version.compare(own).is_gt(),
        }
    }

    fn less_equal(&self, version: &Version) -> bool {
        let own = &self.version;
        version.major < own.major
            || version.major == own.major && (version.minor <= own.minor || self.minor_open)
    }

    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own).is_lt() {
            return false;
        }
        let anything = (own.major, own.minor, own.patch) == (0, 0, 0) && !self.minor_open && !self.patch_open;
        anything || version.major == own.major && (version.minor == own.minor || self.minor_open)
    }

    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own).is_lt() {
            return false;
        }
        if own.major > 0 || self.minor_open {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.patch_open {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}
