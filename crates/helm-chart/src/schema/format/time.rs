//! Dates, times and durations of RFC 3339.

use super::{Complaint, complain, ensure, shown};
use crate::set::atoi;

pub(super) fn duration(text: &str) -> Complaint {
    let Some(text) = text.strip_prefix('P') else { return complain("must start with P") };
    ensure(!text.is_empty(), "nothing after P")?;
    if let Some(weeks) = text.strip_suffix('W') {
        ensure(!weeks.is_empty(), "no number in week")?;
        return ensure(weeks.bytes().all(|byte| byte.is_ascii_digit()), "invalid week");
    }
    const UNITS: [&str; 2] = ["YMD", "HMS"];
    for (at, part) in text.split('T').enumerate() {
        ensure(at == 0 || !part.is_empty(), "no time elements")?;
        let Some(units) = UNITS.get(at) else { return complain("more than one T") };
        elements(part, units)?;
    }
    Ok(())
}

/// Numbers, each with the next of the units or one after it.
fn elements(text: &str, all_units: &str) -> Complaint {
    let (mut text, mut units) = (text, all_units);
    while !text.is_empty() {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        ensure(rest.len() < text.len(), "missing number")?;
        let Some(unit) = rest.chars().next() else { return complain("missing unit") };
        let Some(at) = units.find(unit) else {
            let order = if all_units.contains(unit) { "unit {} out of order" } else { "invalid unit {}" };
            return complain(&order.replace("{}", &shown(unit)));
        };
        units = &units[at + 1..];
        text = &rest[unit.len_utf8()..];
    }
    Ok(())
}

pub(super) fn period(text: &str) -> Complaint {
    let Some((start, end)) = text.split_once('/') else { return complain("missing slash") };
    let of = |what: &str, checked: Complaint| checked.map_err(|why| format!("invalid {what}: {why}"));
    if start.starts_with('P') {
        of("start duration", duration(start))?;
        return of("end date-time", date_time(end));
    }
    of("start date-time", date_time(start))?;
    if end.starts_with('P') { of("end duration", duration(end)) } else { of("end date-time", date_time(end)) }
}

pub(super) fn date(text: &str) -> Complaint {
    let quoted = crate::set::quoted(text);
    let wrong = || complain(&format!("parsing time {quoted} as \"2006-01-02\": no date"));
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return wrong();
    }
    let number = |from: usize, to: usize| {
        let digits = bytes[from..to].iter().all(u8::is_ascii_digit);
        if digits { text[from..to].parse::<u32>().ok() } else { None }
    };
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return wrong();
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return complain(&format!("parsing time {quoted}: month out of range")),
    };
    ensure((1..=days).contains(&day), &format!("parsing time {quoted}: day out of range"))
}

pub(super) fn date_time(text: &str) -> Complaint {
    ensure(text.len() >= 20, "less than 20 characters long")?;
    ensure(matches!(text.as_bytes()[10], b't' | b'T'), "11th character must be t or T")?;
    // The letter is one byte, and so no character's part.
    date(&text[..10]).map_err(|why| format!("invalid date element: {why}"))?;
    time(&text[11..]).map_err(|why| format!("invalid time element: {why}"))
}

pub(super) fn time(text: &str) -> Complaint {
    ensure(text.len() >= 9, "less than 9 characters long")?;
    let bytes = text.as_bytes();
    ensure(bytes[2] == b':' && bytes[5] == b':', "missing colon in correct place")?;
    let Some((clock, rest)) = text.split_at_checked(8) else { return complain("invalid hour/min/sec") };
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(clock.splitn(3, ':')) {
        *number = atoi(part).map_err(|_| "invalid hour/min/sec".to_owned())?;
        ensure(*number >= 0, "non-positive hour/min/sec")?;
    }
    let [hour, minute, second] = numbers;
    ensure(hour <= 23 && minute <= 59 && second <= 60, "hour/min/sec out of range")?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            ensure(rest.len() < fraction.len(), "no digits in second fraction")?;
            rest
        }
        None => rest,
    };
    let minutes = hour * 60 + minute - if matches!(rest, "z" | "Z") { 0 } else { offset(rest)? };
    let minutes = if minutes < 0 { minutes + 24 * 60 } else { minutes };
    // A leap second is the last of a day in UTC.
    ensure(second < 60 || minutes == 23 * 60 + 59, "invalid leap second")
}

/// Minutes ahead of UTC.
fn offset(text: &str) -> Result<i64, String> {
    ensure(text.len() == 6, "offset must be 6 characters long")?;
    let sign = match text.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return Err("offset must begin with plus/minus".to_owned()),
    };
    let text = &text[1..];
    ensure(text.as_bytes()[2] == b':', "missing colon in offset in correct place")?;
    let (hours, minutes) = text.split_once(':').unwrap_or((text, ""));
    let number = |text: &str| atoi(text).map_err(|_| "invalid hour/min in offset".to_owned());
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    ensure(hours >= 0 && minutes >= 0, "non-positive hour/min in offset")?;
    ensure(hours <= 23 && minutes <= 59, "hour/min in offset out of range")?;
    Ok(sign * (hours * 60 + minutes))
}
