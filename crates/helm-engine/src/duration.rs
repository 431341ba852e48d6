//! Helm's functions on durations.

use std::any::Any;

use go_template::{Func, FuncError, Object, Signature, Type, Value, parse_float};

const SECOND: i64 = 1_000_000_000;

/// The functions by name.
pub(crate) fn functions() -> Vec<(String, Func)> {
    let must = Func::new(&[Type::Any], |_, args| {
        duration(&args[0]).map(|nanoseconds| Value::object(Duration(nanoseconds))).map_err(FuncError::Message)
    });
    let mut functions = vec![("mustToDuration".to_owned(), must)];
    for (name, unit) in
        [("durationMilliseconds", 1_000_000), ("durationMicroseconds", 1_000), ("durationNanoseconds", 1)]
    {
        let whole = move |args: &[Value]| Value::Int64(duration(&args[0]).unwrap_or(0) / unit);
        functions.push((name.to_owned(), Func::new(&[Type::Any], move |_, args| Ok(whole(args)))));
    }
    for (name, seconds, divisor) in [
        ("durationSeconds", 1, 1.0),
        ("durationMinutes", 60, 1.0),
        ("durationHours", 3600, 1.0),
        ("durationDays", 3600, 24.0),
        ("durationWeeks", 3600, 24.0 * 7.0),
    ] {
        let fraction = move |args: &[Value]| in_units(duration(&args[0]).unwrap_or(0), seconds) / divisor;
        functions.push((name.to_owned(), Func::new(&[Type::Any], move |_, args| Ok(fraction(args).into()))));
    }
    for (name, adjust) in
        [("durationRoundTo", round as fn(i64, i64) -> i64), ("durationTruncateTo", truncate)]
    {
        let func = Func::new(&[Type::Any, Type::Any], move |_, args| {
            let adjusted = match (duration(&args[0]), duration(&args[1])) {
                (Err(_), _) => 0,
                (Ok(nanoseconds), Err(_)) => nanoseconds,
                (Ok(nanoseconds), Ok(multiple)) => adjust(nanoseconds, multiple),
            };
            Ok(Value::object(Duration(adjusted)))
        });
        functions.push((name.to_owned(), func));
    }
    functions
}

/// Go's `time.Duration`.
struct Duration(i64);

impl Object for Duration {
    fn ty(&self) -> Type {
        Type::Opaque("time.Duration")
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "String").then_some(Signature::fixed(&[]))
    }

    fn call(&self, _: &mut go_template::Executor<'_>, _: &str, _: &[Value]) -> Result<Value, FuncError> {
        Ok(text(self.0).into())
    }

    fn display(&self) -> Option<String> {
        Some(text(self.0))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Go computes whole units and the rest apart, which rounds differently from one division.
fn in_units(nanoseconds: i64, seconds: i64) -> f64 {
    let unit = seconds * SECOND;
    (nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64
}

fn truncate(nanoseconds: i64, multiple: i64) -> i64 {
    if multiple <= 0 { nanoseconds } else { nanoseconds - nanoseconds % multiple }
}

/// To the nearest multiple, halves away from zero.
fn round(nanoseconds: i64, multiple: i64) -> i64 {
    if multiple <= 0 {
        return nanoseconds;
    }
    let rest = (nanoseconds % multiple).abs();
    let towards_zero = nanoseconds - nanoseconds % multiple;
    let up = i128::from(rest) * 2 >= i128::from(multiple);
    if up { towards_zero.saturating_add(nanoseconds.signum() * multiple) } else { towards_zero }
}

/// A duration, a text of one, or a number of seconds; in nanoseconds.
fn duration(value: &Value) -> Result<i64, String> {
    match value {
        Value::Object(object) => match object.as_any().downcast_ref::<Duration>() {
            Some(duration) => Ok(duration.0),
            None => Err(format!("unsupported duration type {}", value.type_name())),
        },
        Value::String(written) => {
            let written = written.to_str();
            match written.trim() {
                "" => Err("empty duration".to_owned()),
                text => parse(text).map_or_else(|| seconds_text(text, &written), Ok),
            }
        }
        Value::Nil => Err("invalid duration".to_owned()),
        Value::Int(seconds) | Value::Int64(seconds) => whole_seconds(*seconds),
        Value::Float64(seconds) => float_seconds(*seconds),
        Value::Number(number) => match (number.as_int(), number.as_float()) {
            (Some(seconds), _) => whole_seconds(seconds),
            (None, Some(seconds)) => float_seconds(seconds),
            (None, None) => Err(format!("unsupported duration type {}", value.type_name())),
        },
        other => Err(format!("unsupported duration type {}", other.type_name())),
    }
}

fn seconds_text(text: &str, written: &str) -> Result<i64, String> {
    parse_float(text).map_or_else(|| Err(format!("could not parse duration {written:?}")), float_seconds)
}

fn whole_seconds(seconds: i64) -> Result<i64, String> {
    seconds.checked_mul(SECOND).ok_or_else(|| format!("duration seconds overflow: {seconds}"))
}

fn float_seconds(seconds: f64) -> Result<i64, String> {
    if !seconds.is_finite() {
        return Err(format!("invalid duration seconds: {seconds}"));
    }
    let nanoseconds = seconds * SECOND as f64;
    if nanoseconds.abs() > i64::MAX as f64 {
        return Err(format!("duration seconds overflow: {seconds}"));
    }
    Ok(nanoseconds as i64)
}

/// Go's `time.ParseDuration`: `1h2m3.5s`, with a sign, or `0`.
fn parse(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", SECOND),
        ("m", 60 * SECOND),
        ("h", 3600 * SECOND),
    ];
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() || total == 0 && rest == text {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &after[..unit_end])?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let part = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse::<f64>().ok()? };
        total = total
            .checked_add(whole.checked_mul((*unit).into())?)?
            .checked_add((part * *unit as f64) as i128)?;
        rest = &after[unit_end..];
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Go's `Duration.String`: `1h2m3.5s`, `1.5ms`, `0s`.
fn text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let decimal = |size: u64, unit: u64, digits: usize| {
        let fraction = format!("{:0digits$}", size % unit);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{}{point}{fraction}", size / unit)
    };
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(size, 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(size, 1_000_000, 6)),
        _ => {
            let (hours, rest) = (size / 3_600_000_000_000, size % 3_600_000_000_000);
            let (minutes, rest) = (rest / 60_000_000_000, rest % 60_000_000_000);
            let seconds = decimal(rest, 1_000_000_000, 9);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, _) => format!("{sign}{minutes}m{seconds}s"),
                _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_like_go() {
        let rows = [
            ("1h2m3.5s", Some("1h2m3.5s")),
            ("90m", Some("1h30m0s")),
            ("-1.5h", Some("-1h30m0s")),
            ("1ms", Some("1ms")),
            ("1500us", Some("1.5ms")),
            ("12ns", Some("12ns")),
            ("0", Some("0s")),
            ("+5s", Some("5s")),
            (".5s", Some("500ms")),
            ("", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1d", None),
            ("9999999999h", None),
        ];
        for (written, expected) in rows {
            assert_eq!(parse(written).map(text).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn rounds_and_truncates_like_go() {
        let rows = [
            (150, 100, 200, 100),
            (-150, 100, -200, -100),
            (149, 100, 100, 100),
            (5, 0, 5, 5),
            (7, -1, 7, 7),
        ];
        for (value, multiple, rounded, truncated) in rows {
            assert_eq!((round(value, multiple), truncate(value, multiple)), (rounded, truncated));
        }
    }
}
