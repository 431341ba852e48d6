//! Semantic versions and constraints as Masterminds/semver 3.5 understands them (the one in Helm 4.3).

mod constraint;

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;

use go_template::{Executor, Func, FuncError, Object, Signature, Str, Type, Value};

use crate::Entry;
use crate::args::{Answer, str, text};

pub use constraint::Constraint;

const MAX_VERSION: usize = 256;
const MAX_CONSTRAINT: usize = 512;
const MAX_GROUPS: usize = 32;

const VERSION: Type = Type::Opaque("*semver.Version");

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("semver", Func::new(&[Type::String], |_, args| Ok(Value::object(Version::parse(&text(args, 0))?)))),
        (
            "semverCompare",
            Func::new(&[Type::String, Type::String], |exec, args| {
                exec.charge(50)?;
                let given = str(args, 0);
                if given.as_utf8().is_none() && given.len() <= MAX_CONSTRAINT {
                    let quoted = Str::from(go_template::quote_bytes(given, false));
                    return Err(format!("improper constraint: {quoted}").into());
                }
                let constraint = Constraint::parse(&text(args, 0))?;
                Ok(constraint.allows(&Version::parse(&text(args, 1))?).into())
            }),
        ),
    ]
}

/// Why a version or constraint is none. `Display` gives the library's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SemverError {
    /// No version.
    #[error("invalid semantic version")]
    Version,
    /// A numeric identifier of a prerelease begins with zero.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// A part is beyond 64 bits.
    #[error("error parsing version segment: strconv.ParseUint: parsing \"{0}\": value out of range")]
    Range(String),
    /// Longer than 256 bytes.
    #[error("version string is too long (max {MAX_VERSION} bytes)")]
    VersionTooLong,
    /// No constraint.
    #[error("improper constraint: {0}")]
    Constraint(String),
    /// A constraint's version is none.
    #[error("constraint parser error")]
    ConstraintVersion,
    /// Longer than 512 bytes.
    #[error("constraint string is too long (max {MAX_CONSTRAINT} bytes)")]
    ConstraintTooLong,
    /// More than 32 alternatives.
    #[error("too many constraint groups (max {MAX_GROUPS})")]
    TooManyGroups,
}

impl From<SemverError> for FuncError {
    fn from(error: SemverError) -> Self {
        FuncError::message(error.to_string())
    }
}

/// A version; the minor and patch parts may be left out, a leading `v` is allowed.
///
/// ```
/// let version = sprig::Version::parse("v1.2-rc.1+build")?;
/// assert_eq!(version.to_string(), "1.2.0-rc.1+build");
/// # Ok::<(), sprig::SemverError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: String,
    metadata: String,
    original: String,
}

impl Version {
    /// Parses a version, zeros at the beginning of its parts included.
    ///
    /// # Errors
    /// The text is no version.
    pub fn parse(text: &str) -> Result<Self, SemverError> {
        if text.len() > MAX_VERSION {
            return Err(SemverError::VersionTooLong);
        }
        let body = text.strip_prefix('v').unwrap_or(text);
        let (body, metadata) = split_once(body, '+');
        let (core, pre) = split_once(body, '-');
        let identifiers = |text: Option<&str>| {
            text.is_none_or(|text| {
                text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_identifier))
            })
        };
        let parts: Vec<&str> = core.split('.').collect();
        let numeric = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        if parts.len() > 3 || !numeric || !identifiers(pre) || !identifiers(metadata) {
            return Err(SemverError::Version);
        }
        let part = |i: usize| match parts.get(i) {
            None => Ok(0),
            Some(part) => part.parse().map_err(|_| SemverError::Range((*part).to_owned())),
        };
        let version = Version {
            major: part(0)?,
            minor: part(1)?,
            patch: part(2)?,
            pre: pre.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        };
        let zeros =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
        if version.pre.split('.').any(zeros) {
            return Err(SemverError::LeadingZero);
        }
        Ok(version)
    }

    /// The order of precedence; build metadata does not count.
    pub fn compare(&self, other: &Version) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_pre(&self.pre, &other.pre))
    }

    /// Whether this is a prerelease.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }
}

fn split_once(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn is_identifier(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Object for Version {
    fn ty(&self) -> Type {
        VERSION
    }

    fn json_text(&self) -> Option<String> {
        self.display()
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "Original" | "String" => {
                Signature::fixed(&[])
            }
            "IncMajor" | "IncMinor" | "IncPatch" => Signature::fixed(&[]),
            "Compare" | "Equal" | "LessThan" | "GreaterThan" | "LessThanEqual" | "GreaterThanEqual" => {
                Signature::fixed(&[VERSION])
            }
            _ => return None,
        })
    }

    fn call(&self, _: &mut Executor<'_>, name: &str, args: &[Value]) -> Answer {
        let uint = |part| Ok(Value::Number(go_template::Number::Uint64(part)));
        match name {
            "Major" => return uint(self.major),
            "Minor" => return uint(self.minor),
            "Patch" => return uint(self.patch),
            "Prerelease" => return Ok(self.pre.as_str().into()),
            "Metadata" => return Ok(self.metadata.as_str().into()),
            "Original" => return Ok(self.original.as_str().into()),
            "String" => return Ok(self.to_string().into()),
            "IncMajor" | "IncMinor" | "IncPatch" => return self.increment(name),
            _ => {}
        }
        let other = match args.first() {
            Some(Value::Object(object)) => object.as_any().downcast_ref::<Version>(),
            _ => None,
        };
        let Some(other) = other else {
            return Err(crate::args::NIL_DEREFERENCE.into());
        };
        let order = self.compare(other);
        Ok(match name {
            "Compare" => Value::Int(order as i64),
            "Equal" => Value::Bool(order.is_eq()),
            "LessThan" => Value::Bool(order.is_lt()),
            "GreaterThan" => Value::Bool(order.is_gt()),
            "LessThanEqual" => Value::Bool(order.is_le()),
            _ => Value::Bool(order.is_ge()),
        })
    }

    fn display(&self) -> Option<String> {
        Some(self.to_string())
    }

    /// Not exported in Go, and printed by verbs that no text fits.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        let uint = |part| Value::Number(go_template::Number::Uint64(part));
        vec![
            ("major", uint(self.major)),
            ("minor", uint(self.minor)),
            ("patch", uint(self.patch)),
            ("pre", self.pre.as_str().into()),
            ("metadata", self.metadata.as_str().into()),
            ("original", self.original.as_str().into()),
        ]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Version {
    /// The next version of the part that the method names.
    fn increment(&self, name: &str) -> Answer {
        let bump = |part: u64| {
            let name = name[3..].to_ascii_lowercase();
            let overflow = || FuncError::message(format!("{name} version increment would overflow uint64"));
            part.checked_add(1).ok_or_else(overflow)
        };
        let (mut major, mut minor, mut patch) = (self.major, self.minor, self.patch);
        match name {
            "IncMajor" => (major, minor, patch) = (bump(major)?, 0, 0),
            "IncMinor" => (minor, patch) = (bump(minor)?, 0),
            // The release that a prerelease leads to is its next patch.
            _ if self.is_prerelease() => {}
            _ => patch = bump(patch)?,
        }
        let v = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{v}{major}.{minor}.{patch}");
        let (pre, metadata) = (String::new(), String::new());
        Ok(Value::object(Incremented(Version { major, minor, patch, pre, metadata, original })))
    }
}

/// A version that is no pointer, as the methods `Inc…` answer: in Go it lacks the methods of pointers.
#[derive(Clone, Default)]
pub(crate) struct Incremented(Version);

impl Object for Incremented {
    fn ty(&self) -> Type {
        Type::Opaque("semver.Version")
    }

    fn json_text(&self) -> Option<String> {
        self.0.json_text()
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        const OF_VALUES: [&str; 9] = [
            "Major",
            "Minor",
            "Patch",
            "Prerelease",
            "Metadata",
            "String",
            "IncMajor",
            "IncMinor",
            "IncPatch",
        ];
        OF_VALUES.contains(&name).then_some(Signature::fixed(&[]))
    }

    fn call(&self, exec: &mut Executor<'_>, name: &str, args: &[Value]) -> Answer {
        self.0.call(exec, name, args)
    }

    fn display(&self) -> Option<String> {
        self.0.display()
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.0.fields()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
