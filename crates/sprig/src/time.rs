//! Go's `time.Time`: an instant with a zone, over Go's whole range of years.

use std::any::Any;
use std::cmp::Ordering;
use std::rc::Rc;

use go_template::{Executor, Number, Object, Signature, Type, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::args::{Answer, int, text};
use crate::layout;

/// The Go type.
pub(crate) const TIME: Type = Type::Opaque("time.Time");

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const DAY: i64 = 86_400;
const NANOS: i128 = 1_000_000_000;

/// The first second of the year 1, Go's zero time.
const ZERO: i64 = -62_135_596_800;

/// An instant and the zone it is shown in.
#[derive(Clone)]
pub(crate) struct Time {
    /// Since the Unix epoch.
    pub(crate) seconds: i64,
    /// Below a billion.
    pub(crate) nanos: u32,
    pub(crate) zone: Zone,
}

/// A zone: UTC, an offset in seconds with a name that may be empty, or one of the time zone database.
#[derive(Clone)]
pub(crate) enum Zone {
    Utc,
    Fixed(Rc<str>, i32),
    Named(TimeZone),
}

/// The date and time of day on a calendar and a clock.
#[derive(Clone, Copy)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    /// From Sunday, 0.
    pub(crate) weekday: usize,
    /// From 1.
    pub(crate) yearday: u32,
}

impl Zone {
    /// The name and the offset, in seconds, at an instant.
    pub(crate) fn at(&self, seconds: i64) -> (Rc<str>, i32) {
        match self {
            Zone::Utc => ("UTC".into(), 0),
            Zone::Fixed(name, offset) => (name.clone(), *offset),
            Zone::Named(zone) => {
                let (min, max) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
                let instant = Timestamp::new(seconds.clamp(min, max), 0).unwrap_or(Timestamp::UNIX_EPOCH);
                let info = zone.to_offset_info(instant);
                (info.abbreviation().into(), info.offset().seconds())
            }
        }
    }
}

/// Days from the Unix epoch to a date of the Gregorian calendar; the month from 1.
pub(crate) fn days_from_civil(year: i64, month: u32, day: i64) -> i64 {
    // Years begin with March here, so that the leap day comes last.
    let year = if month <= 2 { year.wrapping_sub(1) } else { year };
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    let month = (i64::from(month) + 9) % 12;
    let in_year = ((153 * month + 2) / 5 - 1).wrapping_add(day);
    let in_era = in_era * 365 + in_era / 4 - in_era / 100 - 719_468;
    // A template's dates may be beyond all years; they wrap, as Go's do.
    era.wrapping_mul(146_097).wrapping_add(in_era).wrapping_add(in_year)
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let in_era = days.rem_euclid(146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32, day as u32)
}

pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month, from 1.
pub(crate) fn days_in(month: u32, year: i64) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Time {
    /// Go's zero time.
    pub(crate) fn zero() -> Self {
        Time { seconds: ZERO, nanos: 0, zone: Zone::Utc }
    }

    pub(crate) fn unix(seconds: i64, nanos: u32) -> Self {
        Time { seconds, nanos: nanos.min(999_999_999), zone: Zone::Utc }
    }

    pub(crate) fn in_zone(&self, zone: Zone) -> Self {
        Time { zone, ..self.clone() }
    }

    /// Nanoseconds since the Unix epoch.
    pub(crate) fn nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    /// The time shifted by a duration in nanoseconds; beyond Go's range it wraps, as there.
    pub(crate) fn plus(&self, nanos: i64) -> Self {
        let total = self.nanoseconds() + i128::from(nanos);
        Time {
            seconds: total.div_euclid(NANOS) as i64,
            nanos: total.rem_euclid(NANOS) as u32,
            zone: self.zone.clone(),
        }
    }

    /// `t.Sub(u)`: nanoseconds from `earlier`, held within Go's `Duration`.
    pub(crate) fn since(&self, earlier: &Time) -> i64 {
        let nanos = self.nanoseconds() - earlier.nanoseconds();
        nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    pub(crate) fn civil(&self) -> Civil {
        let (_, offset) = self.zone.at(self.seconds);
        let local = self.seconds.wrapping_add(i64::from(offset));
        let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY) as u32);
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            weekday: (days + 4).rem_euclid(7) as usize,
            yearday: (days - days_from_civil(year, 1, 1) + 1) as u32,
        }
    }

    /// Whether this is the same instant in the same zone.
    pub(crate) fn same(&self, other: &Time) -> bool {
        self.compare(other).is_eq() && self.zone.at(self.seconds) == other.zone.at(other.seconds)
    }

    fn compare(&self, other: &Time) -> Ordering {
        (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos))
    }

    /// `AddDate`: a day that the month does not have counts into the next.
    fn add_date(&self, years: i64, months: i64, days: i64) -> Time {
        let civil = self.civil();
        let (_, offset) = self.zone.at(self.seconds);
        let months = (i64::from(civil.month) - 1).wrapping_add(months);
        let year = civil.year.wrapping_add(years).wrapping_add(months.div_euclid(12));
        let month = months.rem_euclid(12) as u32 + 1;
        let date = days_from_civil(year, month, i64::from(civil.day).wrapping_add(days));
        let clock = i64::from(civil.hour * 3600 + civil.minute * 60 + civil.second);
        let local = date.wrapping_mul(DAY).wrapping_add(clock);
        let guess = local.wrapping_sub(i64::from(offset));
        let (_, there) = self.zone.at(guess);
        Time { seconds: local.wrapping_sub(i64::from(there)), nanos: self.nanos, zone: self.zone.clone() }
    }

    /// As in JSON.
    pub(crate) fn rfc3339(&self) -> String {
        layout::format(self, "2006-01-02T15:04:05.999999999Z07:00")
    }
}

/// The time, if the value is one.
pub(crate) fn as_time(value: &Value) -> Option<&Time> {
    match value {
        Value::Object(object) => object.as_any().downcast_ref::<Time>(),
        _ => None,
    }
}

impl Object for Time {
    fn ty(&self) -> Type {
        TIME
    }

    /// Not exported in Go: verbs that no text fits print them, and `eq` compares them.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("wall", Value::Number(Number::Uint64(self.nanos.into()))),
            ("ext", Value::Int64(self.seconds.wrapping_sub(ZERO))),
            ("loc", Value::NilPointer("*time.Location")),
        ]
    }

    fn json_text(&self) -> Option<String> {
        Some(self.rfc3339())
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "Unix" | "UnixNano" | "UnixMicro" | "UnixMilli" | "Year" | "Month" | "Day" | "YearDay"
            | "Hour" | "Minute" | "Second" | "Nanosecond" | "Weekday" | "UTC" | "Local" | "String"
            | "IsZero" => Signature::fixed(&[]),
            "Format" => Signature::fixed(&[Type::String]),
            "After" | "Before" | "Equal" | "Compare" => Signature::fixed(&[TIME]),
            "AddDate" => Signature::fixed(&[Type::Int, Type::Int, Type::Int]),
            _ => return None,
        })
    }

    fn call(&self, _: &mut Executor<'_>, name: &str, args: &[Value]) -> Answer {
        let civil = self.civil();
        let count = |number: u32| Ok(Value::Int(number.into()));
        match name {
            "Year" => return Ok(Value::Int(civil.year)),
            "Month" => return Ok(MONTHS[civil.month as usize - 1].into()),
            "Weekday" => return Ok(DAYS[civil.weekday].into()),
            "Day" => return count(civil.day),
            "YearDay" => return count(civil.yearday),
            "Hour" => return count(civil.hour),
            "Minute" => return count(civil.minute),
            "Second" => return count(civil.second),
            "Nanosecond" => return count(self.nanos),
            _ => {}
        }
        let order = args.first().and_then(as_time).map(|other| self.compare(other));
        Ok(match name {
            "Unix" => Value::Int64(self.seconds),
            "UnixNano" => Value::Int64(self.nanoseconds() as i64),
            "UnixMicro" => Value::Int64((self.nanoseconds().div_euclid(1_000)) as i64),
            "UnixMilli" => Value::Int64((self.nanoseconds().div_euclid(1_000_000)) as i64),
            "UTC" | "Local" => Value::object(self.in_zone(Zone::Utc)),
            "IsZero" => Value::Bool(self.seconds == ZERO && self.nanos == 0),
            "Format" => layout::format(self, &text(args, 0)).into(),
            "After" => Value::Bool(order == Some(Ordering::Greater)),
            "Before" => Value::Bool(order == Some(Ordering::Less)),
            "Equal" => Value::Bool(order == Some(Ordering::Equal)),
            "Compare" => Value::Int(order.map_or(0, |order| order as i64)),
            "AddDate" => Value::object(self.add_date(int(args, 0), int(args, 1), int(args, 2))),
            _ => self.display().unwrap_or_default().into(),
        })
    }

    fn display(&self) -> Option<String> {
        Some(layout::format(self, "2006-01-02 15:04:05.999999999 -0700 MST"))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
