//! Go's time layouts: a date is written the way the reference time `Mon Jan 2 15:04:05 MST 2006` is in the layout.

mod parse;

use crate::time::{DAYS, MONTHS, Time};

pub(crate) use parse::{latin1, parse, quote};

/// An element of a layout.
#[derive(Clone, Copy, PartialEq)]
enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    Pm,
    LowerPm,
    Zone,
    Offset(Offset),
    /// The mark, the number of digits, and whether zeros at the end are dropped (nines).
    Fraction(u8, usize, bool),
}

/// The form of a zone's offset.
#[derive(Clone, Copy, PartialEq)]
struct Offset {
    /// `Z` stands for UTC.
    z: bool,
    colon: bool,
    parts: Parts,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Parts {
    Hours,
    Minutes,
    Seconds,
}

/// Fixed elements; of two with the same beginning the longer one comes first.
const ELEMENTS: [(&str, Element); 24] = [
    ("January", Element::LongMonth),
    ("Jan", Element::Month),
    ("Monday", Element::LongWeekday),
    ("Mon", Element::Weekday),
    ("MST", Element::Zone),
    ("01", Element::ZeroMonth),
    ("02", Element::ZeroDay),
    ("03", Element::ZeroHour12),
    ("04", Element::ZeroMinute),
    ("05", Element::ZeroSecond),
    ("06", Element::Year),
    ("002", Element::ZeroYearDay),
    ("15", Element::Hour),
    ("1", Element::NumMonth),
    ("2006", Element::LongYear),
    ("2", Element::Day),
    // "_2006" is an underscore and a year; see `next`.
    ("_2006", Element::LongYear),
    ("_2", Element::UnderDay),
    ("__2", Element::UnderYearDay),
    ("3", Element::Hour12),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::Pm),
    ("pm", Element::LowerPm),
];

/// Offsets after their `-` or `Z`.
const OFFSETS: [(&str, bool, Parts); 5] = [
    ("070000", false, Parts::Seconds),
    ("07:00:00", true, Parts::Seconds),
    ("0700", false, Parts::Minutes),
    ("07:00", true, Parts::Minutes),
    ("07", false, Parts::Hours),
];

/// The first element of a layout: the text before it, the element, its text, the text after it.
fn next(layout: &str) -> (&str, Option<Element>, &str, &str) {
    for (at, byte) in layout.bytes().enumerate() {
        if !matches!(byte, b'J' | b'M' | b'0'..=b'5' | b'_' | b'P' | b'p' | b'-' | b'Z' | b'.' | b',') {
            continue;
        }
        let rest = &layout[at..];
        if let Some((skipped, length, element)) = element_at(rest) {
            let (start, end) = (at + skipped, at + length);
            return (&layout[..start], Some(element), &layout[start..end], &layout[end..]);
        }
    }
    (layout, None, "", "")
}

/// The element that `rest` begins with, where in it the element begins and ends.
fn element_at(rest: &str) -> Option<(usize, usize, Element)> {
    let bytes = rest.as_bytes();
    match bytes[0] {
        b'-' | b'Z' => {
            let (text, colon, parts) = OFFSETS.iter().find(|(text, ..)| rest[1..].starts_with(text))?;
            let offset = Offset { z: bytes[0] == b'Z', colon: *colon, parts: *parts };
            Some((0, 1 + text.len(), Element::Offset(offset)))
        }
        mark @ (b'.' | b',') => {
            let digit = *bytes.get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
            let digits = bytes[1..].iter().take_while(|byte| **byte == digit).count();
            let more = bytes.get(1 + digits).is_some_and(u8::is_ascii_digit);
            (!more).then_some((0, 1 + digits, Element::Fraction(mark, digits, digit == b'9')))
        }
        _ => {
            let (text, element) = ELEMENTS.iter().find(|(text, element)| {
                // "Jan" and "Mon" begin other words too.
                let word = matches!(element, Element::Month | Element::Weekday);
                let continued = word && bytes.get(text.len()).is_some_and(u8::is_ascii_lowercase);
                rest.starts_with(text) && !continued
            })?;
            Some((usize::from(*text == "_2006"), text.len(), *element))
        }
    }
}

/// Formats `time` by `layout`.
pub(crate) fn format(time: &Time, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 8);
    let civil = time.civil();
    let (name, offset) = time.zone.at(time.seconds);
    let hour12 = match civil.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let afternoon = civil.hour >= 12;
    let mut rest = layout;
    loop {
        let (prefix, element, _, suffix) = next(rest);
        out.push_str(prefix);
        let Some(element) = element else { return out };
        rest = suffix;
        match element {
            Element::LongMonth => out.push_str(MONTHS[civil.month as usize - 1]),
            Element::Month => out.push_str(&MONTHS[civil.month as usize - 1][..3]),
            Element::LongWeekday => out.push_str(DAYS[civil.weekday]),
            Element::Weekday => out.push_str(&DAYS[civil.weekday][..3]),
            Element::LongYear => {
                out.push_str(if civil.year < 0 { "-" } else { "" });
                out.push_str(&format!("{:04}", civil.year.unsigned_abs()));
            }
            Element::Year => out.push_str(&format!("{:02}", civil.year.unsigned_abs() % 100)),
            Element::ZeroMonth => out.push_str(&format!("{:02}", civil.month)),
            Element::NumMonth => out.push_str(&civil.month.to_string()),
            Element::ZeroDay => out.push_str(&format!("{:02}", civil.day)),
            Element::UnderDay => out.push_str(&format!("{:2}", civil.day)),
            Element::Day => out.push_str(&civil.day.to_string()),
            Element::UnderYearDay => out.push_str(&format!("{:3}", civil.yearday)),
            Element::ZeroYearDay => out.push_str(&format!("{:03}", civil.yearday)),
            Element::Hour => out.push_str(&format!("{:02}", civil.hour)),
            Element::ZeroHour12 => out.push_str(&format!("{hour12:02}")),
            Element::Hour12 => out.push_str(&hour12.to_string()),
            Element::ZeroMinute => out.push_str(&format!("{:02}", civil.minute)),
            Element::Minute => out.push_str(&civil.minute.to_string()),
            Element::ZeroSecond => out.push_str(&format!("{:02}", civil.second)),
            Element::Second => out.push_str(&civil.second.to_string()),
            Element::Pm => out.push_str(if afternoon { "PM" } else { "AM" }),
            Element::LowerPm => out.push_str(if afternoon { "pm" } else { "am" }),
            Element::Zone if !name.is_empty() => out.push_str(&name),
            Element::Zone => {
                push_offset(&mut out, offset, Offset { z: false, colon: false, parts: Parts::Minutes });
            }
            Element::Offset(form) => push_offset(&mut out, offset, form),
            Element::Fraction(mark, digits, trimmed) => {
                push_fraction(&mut out, time.nanos, mark, digits, trimmed);
            }
        }
    }
}

fn push_offset(out: &mut String, offset: i32, form: Offset) {
    if form.z && offset == 0 {
        out.push('Z');
        return;
    }
    // Go takes the sign from the whole minutes.
    out.push(if offset / 60 < 0 { '-' } else { '+' });
    let seconds = offset.unsigned_abs();
    let colon = if form.colon { ":" } else { "" };
    out.push_str(&format!("{:02}", seconds / 3600));
    if form.parts >= Parts::Minutes {
        out.push_str(&format!("{colon}{:02}", seconds / 60 % 60));
    }
    if form.parts >= Parts::Seconds {
        out.push_str(&format!("{colon}{:02}", seconds % 60));
    }
}

fn push_fraction(out: &mut String, nanos: u32, mark: u8, digits: usize, trimmed: bool) {
    let all = format!("{nanos:09}");
    let shown = &all[..digits.min(9)];
    let shown = if trimmed { shown.trim_end_matches('0') } else { shown };
    if !(trimmed && shown.is_empty()) {
        out.push(char::from(mark));
        out.push_str(shown);
    }
}
