//! Reading a time by a layout, with the complaints of Go's `time.Parse`.

use std::borrow::Cow;
use std::rc::Rc;

use super::{Element, Offset, Parts, next};
use crate::time::{DAYS, MONTHS, Time, Zone, days_from_civil, days_in, is_leap};

/// What is wrong with a value, before it is put into words.
enum Fault {
    /// The value does not fit the element.
    Bad,
    /// A part of the time is out of range.
    Range(&'static str),
}

type Read<T> = Result<T, Fault>;

#[derive(Default)]
struct Parsed {
    year: i64,
    month: Option<u32>,
    day: Option<u32>,
    yearday: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    afternoon: bool,
    morning: bool,
    utc: bool,
    offset: Option<i32>,
    zone: String,
}

/// Go's `time.ParseInLocation` with UTC for the local zone.
pub(crate) fn parse(layout: &[u8], value: &[u8]) -> Result<Time, String> {
    let (layout, value) = (&*latin1(layout), &*latin1(value));
    let mut parsed = Parsed::default();
    let (mut left, mut rest) = (layout, value);
    loop {
        let (prefix, element, text, suffix) = next(left);
        rest = match skip(rest, prefix) {
            Ok(rest) => rest,
            Err(at) => return Err(mismatch(layout, value, prefix, at)),
        };
        let Some(element) = element else {
            if rest.is_empty() {
                break;
            }
            return Err(problem(value, &format!("extra text: {}", quote(rest))));
        };
        left = suffix;
        let before = rest;
        rest = match parsed.take(element, rest, left) {
            Ok(rest) => rest,
            Err(Fault::Bad) => return Err(mismatch(layout, value, text, before)),
            Err(Fault::Range(part)) => return Err(problem(value, &format!("{part} out of range"))),
        };
    }
    parsed.finish().map_err(|message| problem(value, message))
}

fn mismatch(layout: &str, value: &str, element: &str, at: &str) -> String {
    let (value, layout, at, element) = (quote(value), quote(layout), quote(at), quote(element));
    format!("parsing time {value} as {layout}: cannot parse {at} as {element}")
}

fn problem(value: &str, message: &str) -> String {
    format!("parsing time {}: {message}", quote(value))
}

/// A text with a character for each byte: what has a meaning in it is ASCII, and complaints show the other bytes singly.
pub(crate) fn latin1(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(plain) if plain.is_ascii() => Cow::Borrowed(plain),
        _ => Cow::Owned(text.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// The quoting of Go's package `time`, of a text from [`latin1`]: bytes outside of ASCII in hexadecimal.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='\x7F' => out.push(c),
            _ => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// What follows `prefix` in the value; a blank stands for any number of them. An error is where they part.
fn skip<'v>(mut value: &'v str, mut prefix: &str) -> Result<&'v str, &'v str> {
    while let Some(&wanted) = prefix.as_bytes().first() {
        if wanted == b' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        let c = prefix.chars().next().unwrap_or_default();
        value = value.strip_prefix(c).ok_or(value)?;
        prefix = &prefix[c.len_utf8()..];
    }
    Ok(value)
}

/// The first `count` bytes as text, and the rest.
fn split(value: &str, count: usize) -> Read<(&str, &str)> {
    value.split_at_checked(count).ok_or(Fault::Bad)
}

fn digits(value: &str, most: usize) -> usize {
    value.bytes().take(most).take_while(u8::is_ascii_digit).count()
}

/// A number of one or two digits, or exactly two.
fn number(value: &str, fixed: bool) -> Read<(u32, &str)> {
    match digits(value, 2) {
        0 => Err(Fault::Bad),
        1 if fixed => Err(Fault::Bad),
        count => Ok((value[..count].parse().map_err(|_| Fault::Bad)?, &value[count..])),
    }
}

fn in_range(number: u32, limit: u32, part: &'static str) -> Read<u32> {
    if number < limit { Ok(number) } else { Err(Fault::Range(part)) }
}

/// The index of the name that the value begins with, in whatever case; `length` letters of each name count.
fn name<'v>(names: &[&str], length: usize, value: &'v str) -> Read<(usize, &'v str)> {
    for (i, name) in names.iter().enumerate() {
        let name = name.get(..length.min(name.len())).unwrap_or(name);
        let begins = value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        if begins {
            return Ok((i, &value[name.len()..]));
        }
    }
    Err(Fault::Bad)
}

/// Nanoseconds from a mark and the digits after it.
fn fraction(text: &str) -> Read<u32> {
    if !text.starts_with(['.', ',']) {
        return Err(Fault::Bad);
    }
    let shown = text.get(1..text.len().min(10)).ok_or(Fault::Bad)?;
    if shown.is_empty() || !shown.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Bad);
    }
    let number: u32 = shown.parse().map_err(|_| Fault::Bad)?;
    Ok(number * 10u32.pow(9 - shown.len() as u32))
}

impl Parsed {
    /// Reads an element; `left` is the layout after it.
    fn take<'v>(&mut self, element: Element, value: &'v str, left: &str) -> Read<&'v str> {
        match element {
            Element::Year => {
                let (text, rest) = split(value, 2)?;
                let year: i64 = text.parse().map_err(|_| Fault::Bad)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                Ok(rest)
            }
            Element::LongYear => {
                if digits(value, 1) == 0 {
                    return Err(Fault::Bad);
                }
                let (text, rest) = split(value, 4)?;
                self.year = text.parse().map_err(|_| Fault::Bad)?;
                Ok(rest)
            }
            Element::Month | Element::LongMonth => {
                let length = if element == Element::Month { 3 } else { usize::MAX };
                let (index, rest) = name(&MONTHS, length, value)?;
                self.month = Some(index as u32 + 1);
                Ok(rest)
            }
            Element::NumMonth | Element::ZeroMonth => {
                let (month, rest) = number(value, element == Element::ZeroMonth)?;
                if month == 0 || month > 12 {
                    return Err(Fault::Range("month"));
                }
                self.month = Some(month);
                Ok(rest)
            }
            Element::Weekday | Element::LongWeekday => {
                let length = if element == Element::Weekday { 3 } else { usize::MAX };
                Ok(name(&DAYS, length, value)?.1)
            }
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                let value = match element {
                    Element::UnderDay => value.strip_prefix(' ').unwrap_or(value),
                    _ => value,
                };
                let (day, rest) = number(value, element == Element::ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            Element::UnderYearDay | Element::ZeroYearDay => self.take_yearday(element, value),
            Element::Zone | Element::Offset(_) => self.take_zone(element, value),
            Element::Fraction(_, digits, false) => {
                let (text, rest) = split(value, 1 + digits)?;
                self.nanos = fraction(text)?;
                Ok(rest)
            }
            Element::Fraction(..) => {
                let count = value.get(1..).map_or(0, |after| digits(after, usize::MAX));
                if count == 0 || !value.starts_with(['.', ',']) {
                    return Ok(value);
                }
                let (text, rest) = split(value, 1 + count)?;
                self.nanos = fraction(text)?;
                Ok(rest)
            }
            _ => self.take_clock(element, value, left),
        }
    }

    fn take_yearday<'v>(&mut self, element: Element, mut value: &'v str) -> Read<&'v str> {
        let fixed = element == Element::ZeroYearDay;
        if !fixed {
            value = value.strip_prefix(' ').unwrap_or(value);
            value = value.strip_prefix(' ').unwrap_or(value);
        }
        let count = digits(value, 3);
        if count == 0 || fixed && count != 3 {
            return Err(Fault::Bad);
        }
        self.yearday = Some(value[..count].parse().map_err(|_| Fault::Bad)?);
        Ok(&value[count..])
    }

    fn take_clock<'v>(&mut self, element: Element, value: &'v str, left: &str) -> Read<&'v str> {
        match element {
            Element::Hour => {
                let (hour, rest) = number(value, false)?;
                self.hour = in_range(hour, 24, "hour")?;
                Ok(rest)
            }
            Element::Hour12 | Element::ZeroHour12 => {
                let (hour, rest) = number(value, element == Element::ZeroHour12)?;
                self.hour = in_range(hour, 13, "hour")?;
                Ok(rest)
            }
            Element::Minute | Element::ZeroMinute => {
                let (minute, rest) = number(value, element == Element::ZeroMinute)?;
                self.minute = in_range(minute, 60, "minute")?;
                Ok(rest)
            }
            Element::Second | Element::ZeroSecond => {
                let (second, rest) = number(value, element == Element::ZeroSecond)?;
                self.second = in_range(second, 60, "second")?;
                let count = rest.get(1..).map_or(0, |after| digits(after, usize::MAX));
                let stated = matches!(next(left).1, Some(Element::Fraction(..)));
                if count == 0 || !rest.starts_with(['.', ',']) || stated {
                    return Ok(rest);
                }
                // A fraction that the layout does not mention.
                let (text, rest) = split(rest, 1 + count)?;
                self.nanos = fraction(text)?;
                Ok(rest)
            }
            _ => {
                let (text, rest) = split(value, 2)?;
                let upper = element == Element::Pm;
                match text {
                    "PM" if upper => self.afternoon = true,
                    "AM" if upper => self.morning = true,
                    "pm" if !upper => self.afternoon = true,
                    "am" if !upper => self.morning = true,
                    _ => return Err(Fault::Bad),
                }
                Ok(rest)
            }
        }
    }

    fn take_zone<'v>(&mut self, element: Element, value: &'v str) -> Read<&'v str> {
        let Element::Offset(form) = element else {
            if let Some(rest) = value.strip_prefix("UTC") {
                self.utc = true;
                return Ok(rest);
            }
            let length = zone_name(value).ok_or(Fault::Bad)?;
            let (zone, rest) = split(value, length)?;
            zone.clone_into(&mut self.zone);
            return Ok(rest);
        };
        if let Some(rest) = value.strip_prefix('Z').filter(|_| form.z) {
            self.utc = true;
            return Ok(rest);
        }
        let (offset, rest) = offset(form, value)?;
        self.offset = Some(offset);
        Ok(rest)
    }

    fn finish(mut self) -> Result<Time, &'static str> {
        if self.afternoon && self.hour < 12 {
            self.hour += 12;
        } else if self.morning && !self.afternoon && self.hour == 12 {
            self.hour = 0;
        }
        let (month, day) = self.date()?;
        if day < 1 || day > days_in(month, self.year) {
            return Err("day out of range");
        }
        let clock = i64::from(self.hour * 3600 + self.minute * 60 + self.second);
        let seconds = days_from_civil(self.year, month, i64::from(day)) * 86_400 + clock;
        let at = |seconds, zone| Ok(Time { seconds, nanos: self.nanos, zone });
        if self.utc {
            return at(seconds, Zone::Utc);
        }
        // Go marks the absence of an offset by -1, so that this one is taken for none.
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let zone = match offset {
                0 if self.zone.is_empty() => Zone::Utc,
                offset => Zone::Fixed(Rc::from(self.zone), offset),
            };
            return at(seconds - i64::from(offset), zone);
        }
        if self.zone.is_empty() {
            return at(seconds, Zone::Utc);
        }
        let hours = self.zone.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok());
        at(seconds, Zone::Fixed(Rc::from(self.zone), hours.unwrap_or(0) * 3600))
    }

    /// The month and the day of it.
    fn date(&self) -> Result<(u32, u32), &'static str> {
        let Some(yearday) = self.yearday else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let most = if is_leap(self.year) { 366 } else { 365 };
        if yearday < 1 || yearday > most {
            return Err("day-of-year out of range");
        }
        let (mut month, mut day) = (1, yearday);
        while day > days_in(month, self.year) {
            day -= days_in(month, self.year);
            month += 1;
        }
        if self.month.is_some_and(|seen| seen != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|seen| seen != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

/// An offset such as `+01:30`, in seconds.
fn offset(form: Offset, value: &str) -> Read<(i32, &str)> {
    let width = match (form.parts, form.colon) {
        (Parts::Hours, _) => 3,
        (Parts::Minutes, false) => 5,
        (Parts::Minutes, true) => 6,
        (Parts::Seconds, false) => 7,
        (Parts::Seconds, true) => 9,
    };
    let (text, rest) = split(value, width)?;
    let (sign, mut text) = split(text, 1)?;
    let mut parts = [0u32; 3];
    let count = form.parts as usize + 1;
    for (i, part) in parts.iter_mut().take(count).enumerate() {
        if i > 0 && form.colon {
            text = text.strip_prefix(':').ok_or(Fault::Bad)?;
        }
        (*part, text) = number(text, true)?;
    }
    let limits =
        [(24, "time zone offset hour"), (60, "time zone offset minute"), (60, "time zone offset second")];
    // Of several, the last one is reported.
    for (part, (limit, what)) in parts.iter().zip(limits).rev() {
        if *part > limit {
            return Err(Fault::Range(what));
        }
    }
    let seconds = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) as i32;
    match sign {
        "+" => Ok((seconds, rest)),
        "-" => Ok((-seconds, rest)),
        _ => Err(Fault::Bad),
    }
}

/// The length of what looks like a zone's abbreviation.
fn zone_name(value: &str) -> Option<usize> {
    let bytes = value.as_bytes();
    if bytes.len() < 3 {
        return None;
    }
    if value.starts_with("ChST") || value.starts_with("MeST") {
        return Some(4);
    }
    if let Some(after) = value.strip_prefix("GMT") {
        return Some(3 + signed_hours(after));
    }
    if matches!(bytes[0], b'+' | b'-') {
        return Some(signed_hours(value)).filter(|length| *length > 0);
    }
    match bytes.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count() {
        3 => Some(3),
        4 if bytes[3] == b'T' || value.starts_with("WITA") => Some(4),
        5 if bytes[4] == b'T' => Some(5),
        _ => None,
    }
}

/// The length of a sign and up to 23 hours, zero if it is none.
fn signed_hours(value: &str) -> usize {
    let Some(digits_text) = value.strip_prefix(['+', '-']) else { return 0 };
    let count = digits(digits_text, usize::MAX);
    match digits_text[..count].parse::<u64>() {
        Ok(hours) if hours <= 23 => 1 + count,
        _ => 0,
    }
}
