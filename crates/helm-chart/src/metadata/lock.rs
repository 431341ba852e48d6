//! Chart.lock and requirements.lock.

use std::collections::BTreeMap;

use go_yaml::Value;

use super::fields::{RawDependency, locked_dependencies, locked_digest};
use crate::decode::{WrongType, folds_to, json_type};

/// The layout of times in Go's words.
const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";

/// A year-one time: what Go has for a time that is not given.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Why a lock file cannot be read. The texts are Helm's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockFault {
    /// A field has a value of another type.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// `generated` is no time.
    #[error("error unmarshaling JSON: while decoding JSON: {0}")]
    Time(String),
}

/// The lock as Helm writes it into a release's record: `generated`, `digest` and `dependencies`. None if the file is null.
pub(crate) fn read_lock(value: &Value) -> Result<Option<Value>, LockFault> {
    let table = match value {
        Value::Null => return Ok(None),
        Value::Map(table) => table,
        other => {
            return Err(
                WrongType { found: json_type(other), place: "value".into(), wanted: "v2.Lock" }.into()
            );
        }
    };
    let (mut generated, mut digest, mut dependencies) = (NO_TIME.to_owned(), String::new(), Value::Null);
    // A text that is no time ends Go's decoding at once; of the other faults it reports the first in the end.
    for (_, value) in table.iter().filter(|(key, value)| folds_to(key, "generated") && !value.is_null()) {
        generated = time(value)?;
    }
    for (key, value) in table {
        if folds_to(key, "digest") && !value.is_null() {
            digest = locked_digest(value)?;
        } else if folds_to(key, "dependencies") {
            let list = locked_dependencies(value)?;
            dependencies =
                list.map_or(Value::Null, |list| Value::Seq(list.into_iter().map(dependency).collect()));
        }
    }
    let lock = [("generated", generated.into()), ("digest", digest.into()), ("dependencies", dependencies)];
    Ok(Some(Value::Map(lock.map(|(name, value)| (name.to_owned(), value)).into())))
}

fn dependency(dependency: Option<RawDependency>) -> Value {
    let Some(dependency) = dependency else { return Value::Null };
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let mut text = |name: &str, text: String, always: bool| {
        if always || !text.is_empty() {
            fields.insert(name.to_owned(), Value::String(text));
        }
    };
    text("name", dependency.name, true);
    text("version", dependency.version, false);
    text("repository", dependency.repository, true);
    text("condition", dependency.condition, false);
    text("alias", dependency.alias, false);
    if !dependency.tags.is_empty() {
        fields.insert("tags".into(), Value::Seq(dependency.tags.into_iter().map(Value::String).collect()));
    }
    if dependency.enabled {
        fields.insert("enabled".into(), Value::Bool(true));
    }
    if !dependency.import_values.is_empty() {
        fields.insert("import-values".into(), Value::Seq(dependency.import_values));
    }
    Value::Map(fields)
}

/// A time of RFC 3339, as Go reads and prints it.
fn time(value: &Value) -> Result<String, LockFault> {
    let Value::String(text) = value else {
        return Err(LockFault::Time("Time.UnmarshalJSON: input is not a JSON string".to_owned()));
    };
    // Go looks at the text as it stands in JSON.
    let text = go_yaml::json::to_string(&Value::String(text.clone()), go_yaml::json::Style::Compact);
    let text = text.unwrap_or_default();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    parse_time(text).map_err(|fault| LockFault::Time(format!("parsing time {}{fault}", quoted(text))))
}

/// As Go's package `time` quotes: every byte that is not printable ASCII by its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='\x7f' => quoted.push(c),
            c => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| quoted.push_str(&format!("\\x{byte:02x}")))
            }
        }
    }
    quoted.push('"');
    quoted
}

/// As `time.Parse` does: an hour may have one digit, a comma may stand for the point.
fn parse_time(text: &str) -> Result<String, String> {
    let mut rest = text;
    let year = number(&mut rest, "2006", "-", 0..=9999, "year")?;
    let month = number(&mut rest, "01", "-", 1..=12, "month")?;
    let day = number(&mut rest, "02", "T", 0..=99, "day")?;
    let hour = number(&mut rest, "15", ":", 0..=23, "hour")?;
    let minute = number(&mut rest, "04", ":", 0..=59, "minute")?;
    let second = number(&mut rest, "05", "", 0..=59, "second")?;
    let fraction = fraction(&mut rest);
    let zone = zone(&mut rest)?;
    if !rest.is_empty() {
        return Err(format!(": extra text: {}", quoted(rest)));
    }
    if day == 0 || day > days(year, month) {
        return Err(": day out of range".to_owned());
    }
    // Go keeps nanoseconds, without the zeros at their end.
    let fraction = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}{zone}"))
}

/// A number as the layout has it, and what follows it.
fn number(
    rest: &mut &str,
    layout: &str,
    separator: &str,
    range: std::ops::RangeInclusive<u32>,
    name: &str,
) -> Result<u32, String> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(layout.len());
    if digits < layout.len() && !(layout == "15" && digits == 1) {
        return Err(cannot_parse(rest, layout));
    }
    let (number, after) = rest.split_at(digits);
    let number = number.parse().map_err(|_| cannot_parse(rest, layout))?;
    if !range.contains(&number) {
        return Err(format!(": {name} out of range"));
    }
    *rest = after.strip_prefix(separator).ok_or_else(|| cannot_parse(after, separator))?;
    Ok(number)
}

fn fraction<'a>(rest: &mut &'a str) -> &'a str {
    let Some(after) = rest.strip_prefix(['.', ',']) else { return "" };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        *rest = &after[digits..];
    }
    &after[..digits]
}

fn zone(rest: &mut &str) -> Result<String, String> {
    if let Some(after) = rest.strip_prefix('Z') {
        *rest = after;
        return Ok("Z".to_owned());
    }
    let bad = || cannot_parse(rest, "Z07:00");
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..] = rest.as_bytes() else { return Err(bad()) };
    let two = |tens: &u8, ones: &u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0')).ok_or_else(bad)
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    // Go reads 24 hours and then cannot print them.
    if hours > 23 {
        return Err(": time zone offset hour out of range".to_owned());
    }
    if minutes > 60 {
        return Err(": time zone offset minute out of range".to_owned());
    }
    let offset = hours * 60 + minutes;
    let sign = char::from(*sign);
    *rest = &rest[6..];
    Ok(if offset == 0 { "Z".to_owned() } else { format!("{sign}{:02}:{:02}", offset / 60, offset % 60) })
}

fn cannot_parse(rest: &str, layout: &str) -> String {
    format!(" as {}: cannot parse {} as {}", quoted(LAYOUT), quoted(rest), quoted(layout))
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
