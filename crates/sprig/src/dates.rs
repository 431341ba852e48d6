//! Dates, from the caller's [`Clock`]. The local zone is UTC, as in the containers that charts are rendered in.

use std::any::Any;
use std::rc::Rc;

use go_template::{Executor, Func, Number, Object, Signature, Type, Value};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};

use crate::args::{Answer, any, text};
use crate::layout::format;
use crate::{Clock, Entry};

const TIME: Type = Type::Opaque("time.Time");
const NANOS: i128 = 1_000_000_000;

/// Go's `time.Time`, in a zone.
#[derive(Clone)]
struct Time(Zoned);

pub(crate) fn table(clock: Rc<dyn Clock>) -> Vec<Entry> {
    let zones = Rc::new(TimeZoneDatabase::bundled());
    let in_zone = |layout: Option<&'static str>, params: &'static [Type]| {
        let (clock, zones) = (clock.clone(), zones.clone());
        Func::new(params, move |_, args| {
            let (layout, rest) = match layout {
                Some(layout) => (layout.to_owned(), args),
                None => (text(args, 0), &args[1..]),
            };
            let zone = match rest.get(1) {
                Some(_) => zone(&zones, &text(rest, 1)),
                None => TimeZone::UTC,
            };
            let time = moment(&any(rest, 0)).unwrap_or_else(|| now(&*clock));
            Ok(format(&time.with_time_zone(zone), &layout).into())
        })
    };
    let (ticking, since) = (clock.clone(), clock.clone());
    vec![
        ("now", Func::new(&[], move |_, _| Ok(Value::object(Time(now(&*ticking)))))),
        ("date", in_zone(None, &[Type::String, Type::Any])),
        ("dateInZone", in_zone(None, &[Type::String, Type::Any, Type::String])),
        ("date_in_zone", in_zone(None, &[Type::String, Type::Any, Type::String])),
        ("htmlDate", in_zone(Some("2006-01-02"), &[Type::Any])),
        ("htmlDateInZone", in_zone(Some("2006-01-02"), &[Type::Any, Type::String])),
        (
            "unixEpoch",
            Func::new(&[TIME], |_, args| {
                Ok(moment(&args[0]).map_or(0, |time| time.timestamp().as_second()).to_string().into())
            }),
        ),
        ("dateModify", Func::new(&[Type::String, TIME], |_, args| modified(args, false))),
        ("date_modify", Func::new(&[Type::String, TIME], |_, args| modified(args, false))),
        ("mustDateModify", Func::new(&[Type::String, TIME], |_, args| modified(args, true))),
        ("must_date_modify", Func::new(&[Type::String, TIME], |_, args| modified(args, true))),
        ("duration", Func::new(&[Type::Any], |_, args| Ok(duration_text(seconds(&args[0])).into()))),
        (
            "ago",
            Func::new(&[Type::Any], move |_, args| {
                let now = now(&*since);
                let then = moment(&args[0]).unwrap_or_else(|| now.clone());
                let elapsed = now.timestamp().as_nanosecond() - then.timestamp().as_nanosecond();
                // Halves round away from zero.
                let rounded = (elapsed + elapsed.signum() * (NANOS / 2)) / NANOS * NANOS;
                Ok(duration_text(rounded).into())
            }),
        ),
        (
            "durationRound",
            Func::new(&[Type::Any], {
                let clock = clock.clone();
                move |_, args| {
                    let nanos = match &args[0] {
                        Value::String(text) => parse_duration(&text.to_str()).unwrap_or(0),
                        Value::Int64(nanos) => i128::from(*nanos),
                        other => match moment_of_object(other) {
                            Some(time) => {
                                now(&*clock).timestamp().as_nanosecond() - time.timestamp().as_nanosecond()
                            }
                            None => 0,
                        },
                    };
                    Ok(rounded(nanos).into())
                }
            }),
        ),
    ]
}

fn now(clock: &dyn Clock) -> Zoned {
    let (seconds, nanos) = clock.now();
    at(seconds, i32::try_from(nanos).unwrap_or(0))
}

fn at(seconds: i64, nanos: i32) -> Zoned {
    Timestamp::new(seconds, nanos).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC)
}

/// Go's `time.LoadLocation`, UTC for what it does not know.
fn zone(zones: &TimeZoneDatabase, name: &str) -> TimeZone {
    match name {
        "" | "UTC" | "Local" => TimeZone::UTC,
        name => zones.get(name).unwrap_or(TimeZone::UTC),
    }
}

fn moment_of_object(value: &Value) -> Option<Zoned> {
    match value {
        Value::Object(object) => object.as_any().downcast_ref::<Time>().map(|time| time.0.clone()),
        _ => None,
    }
}

/// A time, or seconds since the epoch as an integer (a float, such as from values, is not one: now).
fn moment(value: &Value) -> Option<Zoned> {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Some(at(*seconds, 0)),
        Value::Number(Number::Int32(seconds)) => Some(at(i64::from(*seconds), 0)),
        other => moment_of_object(other),
    }
}

/// A number of seconds, as nanoseconds.
fn seconds(value: &Value) -> i128 {
    let seconds = match value {
        Value::Int64(seconds) => *seconds,
        Value::String(text) => text.to_str().parse().unwrap_or(0),
        _ => 0,
    };
    i128::from(seconds) * NANOS
}

fn modified(args: &[Value], strict: bool) -> Answer {
    let Some(time) = moment(&args[1]) else {
        return Ok(any(args, 1));
    };
    let nanos = match parse_duration(&text(args, 0)) {
        Some(nanos) => nanos,
        None if strict => {
            let quoted = go_template::quote_bytes(text(args, 0).as_bytes(), false);
            return Err(format!("time: invalid duration {}", String::from_utf8_lossy(&quoted)).into());
        }
        None => return Ok(any(args, 1)),
    };
    let shifted = Timestamp::from_nanosecond(time.timestamp().as_nanosecond() + nanos);
    let shifted = shifted.map_err(|_| "time: date out of range")?;
    Ok(Value::object(Time(shifted.to_zoned(time.time_zone().clone()))))
}

/// Go's `time.ParseDuration`, in nanoseconds.
fn parse_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0i128;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS,
            "m" => 60 * NANOS,
            "h" => 3600 * NANOS,
            _ => return None,
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && part.is_empty() || part.contains('.') || digits.len() > 18 {
            return None;
        }
        let number: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total += number * scale;
        if !part.is_empty() {
            let places = u32::try_from(part.len()).ok()?;
            total += part.parse::<i128>().ok()? * scale / 10i128.pow(places);
        }
        rest = next;
    }
    i64::try_from(total).ok()?;
    Some(if negative { -total } else { total })
}

/// Go's `Duration.String`.
fn duration_text(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |nanos: u128, unit: u128, name: &str| {
        let digits = unit.ilog10() as usize;
        let part = format!("{:0digits$}", nanos % unit);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() || digits == 0 { String::new() } else { format!(".{part}") };
        format!("{}{point}{name}", nanos / unit)
    };
    let text = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => fraction(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => fraction(nanos, 1_000_000, "ms"),
        _ => {
            let unit = NANOS as u128;
            let minutes = nanos / (60 * unit);
            let seconds = fraction(nanos % (60 * unit), unit, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// The largest unit alone.
fn rounded(nanos: i128) -> String {
    const UNITS: [(u128, &str); 6] =
        [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let nanos = nanos.unsigned_abs();
    for (seconds, name) in UNITS {
        let unit = seconds * NANOS as u128;
        if nanos > unit {
            return format!("{}{name}", nanos / unit);
        }
    }
    "0s".to_owned()
}

impl Object for Time {
    fn ty(&self) -> Type {
        TIME
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "Unix" | "UnixNano" | "UnixMilli" | "Year" | "Month" | "Day" | "YearDay" | "Hour" | "Minute"
            | "Second" | "Nanosecond" | "UTC" | "Local" | "String" | "IsZero" => Signature::fixed(&[]),
            "Format" => Signature::fixed(&[Type::String]),
            _ => return None,
        })
    }

    fn call(&self, _: &mut Executor<'_>, name: &str, args: &[Value]) -> Answer {
        let time = &self.0;
        let nanos = time.timestamp().as_nanosecond();
        Ok(match name {
            "Unix" => Value::Int64(time.timestamp().as_second()),
            "UnixNano" => Value::Int64(i64::try_from(nanos).unwrap_or(0)),
            "UnixMilli" => Value::Int64(time.timestamp().as_millisecond()),
            "Year" => Value::Int(time.year().into()),
            "Month" => format(time, "January").into(),
            "Day" => Value::Int(time.day().into()),
            "YearDay" => Value::Int(time.day_of_year().into()),
            "Hour" => Value::Int(time.hour().into()),
            "Minute" => Value::Int(time.minute().into()),
            "Second" => Value::Int(time.second().into()),
            "Nanosecond" => Value::Int(time.subsec_nanosecond().into()),
            "UTC" | "Local" => Value::object(Time(time.with_time_zone(TimeZone::UTC))),
            "IsZero" => Value::Bool(false),
            "Format" => format(time, &text(args, 0)).into(),
            _ => self.display().unwrap_or_default().into(),
        })
    }

    fn display(&self) -> Option<String> {
        Some(format(&self.0, "2006-01-02 15:04:05.999999999 -0700 MST"))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
