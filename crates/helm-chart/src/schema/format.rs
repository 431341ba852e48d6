//! The keyword `format`, which holds before draft 2019-09. Each function says what is wrong.

mod internet;
mod time;

use super::limits::{Budget, LimitReached};
use super::pattern::Pattern;

/// A format that is checked. Helm takes any other name for a remark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    name: &'static str,
    check: Check,
}

/// What is wrong with a text.
type Complaint = Result<(), String>;

type Check = fn(&str) -> Complaint;

const REGEX: &str = "regex";

const FORMATS: [(&str, Check); 19] = [
    (REGEX, |_| Ok(())),
    ("json-pointer", json_pointer),
    ("relative-json-pointer", relative_json_pointer),
    ("uuid", uuid),
    ("duration", time::duration),
    ("period", time::period),
    ("ipv4", internet::ipv4),
    ("ipv6", internet::ipv6),
    ("hostname", internet::hostname),
    ("email", internet::email),
    ("date", time::date),
    ("time", time::time),
    ("date-time", time::date_time),
    ("uri", internet::uri),
    ("iri", internet::uri),
    ("uri-reference", internet::uri_reference),
    ("iri-reference", internet::uri_reference),
    ("uri-template", internet::uri_template),
    ("semver", semver),
];

impl Format {
    pub(super) fn named(name: &str) -> Option<Self> {
        let (name, check) = FORMATS.into_iter().find(|(known, _)| *known == name)?;
        Some(Self { name, check })
    }

    pub(super) fn name(self) -> &'static str {
        self.name
    }

    pub(super) fn check(self, text: &str, budget: &Budget) -> Result<Complaint, LimitReached> {
        budget.spend(text.len() / 4)?;
        if self.name == REGEX {
            return Ok(Pattern::compile(text, budget)?.map(|_| ()));
        }
        Ok((self.check)(text))
    }
}

fn complain(text: &str) -> Complaint {
    Err(text.to_owned())
}

fn ensure(holds: bool, complaint: &str) -> Complaint {
    if holds { Ok(()) } else { complain(complaint) }
}

/// A character as Go's `%q` shows it.
fn shown(character: char) -> String {
    crate::set::quoted_char(character)
}

/// RFC 6901
fn json_pointer(text: &str) -> Complaint {
    if text.is_empty() {
        return Ok(());
    }
    ensure(text.starts_with('/'), "not starting with /")?;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '~' {
            ensure(matches!(characters.next(), Some('0' | '1')), "~ must be followed by 0 or 1")?;
        }
    }
    Ok(())
}

/// A number of steps up, then `#` or a pointer.
fn relative_json_pointer(text: &str) -> Complaint {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    ensure(digits > 0, "must start with non-negative integer")?;
    ensure(digits == 1 || !text.starts_with('0'), "starts with zero")?;
    if rest == "#" { Ok(()) } else { json_pointer(rest) }
}

fn uuid(text: &str) -> Complaint {
    const SIZES: [usize; 5] = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = text.split('-').collect();
    ensure(groups.len() == SIZES.len(), "must have 5 elements")?;
    for (at, (group, size)) in groups.iter().zip(SIZES).enumerate() {
        ensure(group.len() == size, &format!("element {} must be {size} characters long", at + 1))?;
        if let Some(wrong) = group.chars().find(|c| !c.is_ascii_hexdigit()) {
            return complain(&format!("non-hex character {}", shown(wrong)));
        }
    }
    Ok(())
}

/// semver.org 2.0
fn semver(text: &str) -> Complaint {
    let wrong = |part: &str| part.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-');
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    if let Some(build) = build {
        ensure(!build.is_empty(), "build is empty")?;
        for part in build.split('.') {
            ensure(!part.is_empty(), "build identifier is empty")?;
            if let Some(wrong) = wrong(part) {
                return complain(&format!("invalid character {} in build identifier", shown(wrong)));
            }
        }
    }
    let (text, release) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
    for part in release.into_iter().flat_map(|release| release.split('.')) {
        ensure(!part.is_empty(), "pre-release identifier is empty")?;
        if let Some(wrong) = wrong(part) {
            return complain(&format!("invalid character {} in pre-release identifier", shown(wrong)));
        }
        let number = part.bytes().all(|byte| byte.is_ascii_digit());
        ensure(
            !number || part.len() == 1 || !part.starts_with('0'),
            "pre-release numeric identifier starts with zero",
        )?;
    }
    let numbers: Vec<&str> = text.split('.').collect();
    ensure(numbers.len() == 3, "versionCore must have 3 numbers separated by dot")?;
    for (name, number) in ["major", "minor", "patch"].iter().zip(numbers) {
        ensure(!number.is_empty(), &format!("{name} is empty"))?;
        ensure(number.len() == 1 || !number.starts_with('0'), &format!("{name} starts with zero"))?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        ensure(digits, &format!("{name} contains non-digit"))?;
    }
    Ok(())
}
