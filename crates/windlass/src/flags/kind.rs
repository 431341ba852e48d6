//! What values flags take.

use std::time::Duration;

use crate::console::quoted;

/// What a flag's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On or off; alone it means on.
    Switch,
    /// A text; the last one counts.
    Text,
    /// A text, or what stands here if the flag stands alone. A value must follow an equals sign.
    OptionalText(&'static str),
    /// Texts, one each time.
    Texts,
    /// Texts, each time any number of them between commas, quoted as in CSV.
    CommaTexts,
    /// `key=value` pairs between commas.
    Pairs,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A Go duration: `5m30s`.
    Duration,
    /// How to wait: a word, or alone `watcher`.
    Wait,
}

impl Kind {
    /// The value of a flag that stands alone, if it may.
    pub(crate) fn without_value(self) -> Option<&'static str> {
        match self {
            Self::Switch => Some("true"),
            Self::OptionalText(value) => Some(value),
            Self::Wait => Some("watcher"),
            _ => None,
        }
    }

    /// The word for the value in the help.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Switch => "",
            Self::Text | Self::OptionalText(_) => "string",
            Self::Texts => "stringArray",
            Self::CommaTexts => "strings",
            Self::Pairs => "stringToString",
            Self::Int => "int",
            Self::Float => "float32",
            Self::Duration => "duration",
            Self::Wait => "WaitStrategy",
        }
    }

    /// Checks a value and adds it. The error is Go's text.
    pub(super) fn add(
        self,
        values: &mut Vec<String>,
        value: &str,
        warnings: &mut Vec<String>,
    ) -> Result<(), String> {
        let value = match self {
            Self::Switch => boolean(value)?.to_string(),
            Self::Text | Self::OptionalText(_) | Self::Texts => value.to_owned(),
            Self::CommaTexts => {
                values.extend(comma_separated(value)?);
                return Ok(());
            }
            Self::Pairs => {
                values.extend(pairs(value)?);
                return Ok(());
            }
            Self::Int => checked(value, whole_number(value), "ParseInt")?,
            Self::Float => checked(value, value.parse::<f32>().map_err(|_| NO_NUMBER), "ParseFloat")?,
            Self::Duration => {
                duration(value)?;
                value.to_owned()
            }
            Self::Wait => wait(value, warnings)?,
        };
        if self != Self::Texts {
            values.clear();
        }
        values.push(value);
        Ok(())
    }
}

const NO_NUMBER: &str = "invalid syntax";

fn checked<T>(value: &str, number: Result<T, &str>, function: &str) -> Result<String, String> {
    let number = number.map_err(|why| format!("strconv.{function}: parsing {}: {why}", quoted(value)));
    number.map(|_| value.to_owned())
}

fn whole_number(value: &str) -> Result<i64, &'static str> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let why = |error: std::num::ParseIntError| match error.kind() {
        NegOverflow | PosOverflow => "value out of range",
        _ => NO_NUMBER,
    };
    go_template::parse_int(value).map_or_else(|| value.parse().map_err(why), Ok)
}

/// What Go's `strconv.ParseBool` takes.
pub(crate) fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quoted(value))),
    }
}

fn pairs(value: &str) -> Result<Vec<String>, String> {
    let pairs = match value.matches('=').count() {
        0 => vec![value.to_owned()],
        1 => vec![value.trim_matches('"').to_owned()],
        _ => comma_separated(value)?,
    };
    match pairs.iter().find(|pair| !pair.contains('=')) {
        Some(pair) => Err(format!("{pair} must be formatted as key=value")),
        None => Ok(pairs),
    }
}

fn wait(value: &str, warnings: &mut Vec<String>) -> Result<String, String> {
    let instead = match value {
        "watcher" | "legacy" | "hookOnly" => return Ok(value.to_owned()),
        "true" => "watcher",
        "false" => "hookOnly",
        _ => {
            let value = quoted(value);
            return Err(format!(
                "invalid wait input {value}. Valid inputs are watcher, hookOnly, and legacy"
            ));
        }
    };
    warnings.push(format!(
        "--wait={value} is deprecated (boolean value) and can be replaced with --wait={instead}"
    ));
    Ok(instead.to_owned())
}

/// The first line of a text as CSV: fields between commas, in quotes where they hold commas.
fn comma_separated(value: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = value.strip_suffix('\n').unwrap_or(value);
    if rest.is_empty() {
        return Ok(fields);
    }
    loop {
        let column = value.len() - rest.len() + 1;
        let field = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted, column + 1),
            None => plain_field(rest, column),
        };
        let (field, after) =
            field.map_err(|(column, why)| format!("parse error on line 1, column {column}: {why}"))?;
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

const BARE_QUOTE: &str = "bare \" in non-quoted-field";
const STRAY_QUOTE: &str = "extraneous or missing \" in quoted-field";

/// A field and what follows it; or the column of an error, from 1, and what it is.
type Field<'a> = Result<(String, &'a str), (usize, &'static str)>;

fn plain_field(text: &str, column: usize) -> Field<'_> {
    let (field, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
    match field.find('"') {
        Some(quote) => Err((column + quote, BARE_QUOTE)),
        None => Ok((field.to_owned(), rest)),
    }
}

/// `text` is what follows the first quote.
fn quoted_field(text: &str, column: usize) -> Field<'_> {
    let mut field = String::new();
    let mut rest = text;
    while let Some((part, after)) = rest.split_once('"') {
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None if after.is_empty() || after.starts_with(',') => return Ok((field, after)),
            None => return Err((column + text.len() - after.len() - 1, STRAY_QUOTE)),
        }
    }
    Err((column + text.len(), STRAY_QUOTE))
}

/// Reads a duration as Go's `time.ParseDuration` does; one that is negative is none, and what is too long for Go is as long as it gets.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let digits = &rest[..number];
        if digits.matches('.').count() > 1 || !digits.bytes().any(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        rest = &rest[number..];
        let unit = &rest[..rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len())];
        let length = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(format!("time: missing unit in duration {}", quoted(text))),
            _ => return Err(format!("time: unknown unit {} in duration {}", quoted(unit), quoted(text))),
        };
        rest = &rest[unit.len()..];
        // Digits with a point at the most are a number.
        seconds += digits.parse::<f64>().map_err(|_| invalid())? * length;
    }
    let seconds = if text.starts_with('-') { 0.0 } else { seconds };
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
