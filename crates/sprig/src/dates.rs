//! Dates, from the caller's [`Clock`]. The local zone is UTC, as in the containers that charts are rendered in.

use std::rc::Rc;
use std::sync::LazyLock;

use go_template::{Func, Number, Type, Value};
use jiff::tz::TimeZoneDatabase;

use crate::args::{Answer, any, by_stretch, made, str, text};
use crate::time::{TIME, Time, Zone, as_time};
use crate::{Clock, Entry, duration, layout};

const S: Type = Type::String;

/// The database that is compiled in; it keeps the zones it was asked for.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

pub(crate) fn table(clock: Rc<dyn Clock>) -> Vec<Entry> {
    let formatted = |html: bool, zoned: bool, params: &'static [Type]| {
        let clock = clock.clone();
        Func::new(params, move |exec, args| {
            let (layout, rest): (&[u8], &[Value]) =
                if html { (b"2006-01-02", args) } else { (str(args, 0), &args[1..]) };
            let zone = if zoned { zone(&text(rest, 1)) } else { Zone::Utc };
            let time = moment(&rest[0]).unwrap_or_else(|| now(&*clock));
            let time = time.in_zone(zone);
            made(exec, by_stretch(layout, |layout| layout::format(&time, layout)))
        })
    };
    let (ticking, since, rounding) = (clock.clone(), clock.clone(), clock.clone());
    let elapsed = move |value: &Value| {
        let now = now(&*since);
        duration::to_seconds(now.since(&moment_of(value, false).unwrap_or_else(|| now.clone())))
    };
    vec![
        ("now", Func::new(&[], move |_, _| Ok(Value::object(now(&*ticking))))),
        ("date", formatted(false, false, &[S, Type::Any])),
        ("dateInZone", formatted(false, true, &[S, Type::Any, S])),
        ("date_in_zone", formatted(false, true, &[S, Type::Any, S])),
        ("htmlDate", formatted(true, false, &[Type::Any])),
        ("htmlDateInZone", formatted(true, true, &[Type::Any, S])),
        (
            "unixEpoch",
            Func::new(&[TIME], |_, args| {
                Ok(as_time(&args[0]).map_or(0, |time| time.seconds).to_string().into())
            }),
        ),
        ("dateModify", Func::new(&[S, TIME], |_, args| modified(args, false))),
        ("date_modify", Func::new(&[S, TIME], |_, args| modified(args, false))),
        ("mustDateModify", Func::new(&[S, TIME], |_, args| modified(args, true))),
        ("must_date_modify", Func::new(&[S, TIME], |_, args| modified(args, true))),
        (
            "toDate",
            Func::new(&[S, S], |_, args| {
                let time = layout::parse(str(args, 0), str(args, 1));
                Ok(Value::object(time.unwrap_or_else(|_| Time::zero())))
            }),
        ),
        (
            "mustToDate",
            Func::new(&[S, S], |_, args| Ok(Value::object(layout::parse(str(args, 0), str(args, 1))?))),
        ),
        ("duration", Func::new(&[Type::Any], |_, args| Ok(duration::text(of_seconds(&args[0])).into()))),
        ("ago", Func::new(&[Type::Any], move |_, args| Ok(duration::text(elapsed(&args[0])).into()))),
        (
            "durationRound",
            Func::new(&[Type::Any], move |_, args| {
                let nanos = match &args[0] {
                    Value::String(text) => duration::parse(text).unwrap_or(0),
                    Value::Int64(nanos) => *nanos,
                    other => as_time(other).map_or(0, |time| now(&*rounding).since(time)),
                };
                Ok(duration::rounded(nanos).into())
            }),
        ),
    ]
}

fn now(clock: &dyn Clock) -> Time {
    let (seconds, nanos) = clock.now();
    Time::unix(seconds, nanos)
}

/// Go's `time.LoadLocation`, UTC for what it does not know.
fn zone(name: &str) -> Zone {
    match name {
        "" | "UTC" | "Local" => Zone::Utc,
        // The names of the database are file names in Go, and so their case counts.
        name => match ZONES.get(name) {
            Ok(zone) if zone.iana_name() == Some(name) => Zone::Named(zone),
            _ => Zone::Utc,
        },
    }
}

/// A time, or seconds since the epoch as an integer (a float, such as from values, is not one: now).
fn moment(value: &Value) -> Option<Time> {
    moment_of(value, true)
}

fn moment_of(value: &Value, int32: bool) -> Option<Time> {
    match value {
        Value::Int(seconds) | Value::Int64(seconds) => Some(Time::unix(*seconds, 0)),
        Value::Number(Number::Int32(seconds)) if int32 => Some(Time::unix(i64::from(*seconds), 0)),
        other => as_time(other).cloned(),
    }
}

/// A number of seconds, as a duration: a string of digits or an `int64`, anything else counts as zero.
fn of_seconds(value: &Value) -> i64 {
    let seconds: i64 = match value {
        Value::Int64(seconds) => *seconds,
        Value::String(text) => crate::numbers::parse_decimal(&text.to_str()),
        _ => 0,
    };
    seconds.wrapping_mul(1_000_000_000)
}

fn modified(args: &[Value], strict: bool) -> Answer {
    let Some(time) = as_time(&args[1]) else {
        return Ok(any(args, 1));
    };
    match duration::parse(str(args, 0)) {
        Ok(nanos) => Ok(Value::object(time.plus(nanos))),
        Err(message) if strict => Err(message.into()),
        Err(_) => Ok(any(args, 1)),
    }
}
