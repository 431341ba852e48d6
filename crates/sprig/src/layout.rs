//! Go's time layouts: a date is written the way the reference time `Mon Jan 2 15:04:05 MST 2006` is in the layout.

use jiff::Zoned;

const MONTHS: [&str; 12] = [
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
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The elements of a layout, longer ones before their beginnings.
const ELEMENTS: [&str; 33] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "-07:00:00",
    "-070000",
    "-07:00",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z070000",
    "Z07:00",
    "Z0700",
    "Z07",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "__2",
    "_2006",
    "_2",
    "15",
    "PM",
    "pm",
    "1",
    "2",
    "3",
    "4",
];

/// Formats `time` by `layout`.
pub(crate) fn format(time: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    'next: while let Some(c) = rest.chars().next() {
        if let Some((text, length)) = fraction(time, rest, layout.len() - rest.len(), layout) {
            out.push_str(&text);
            rest = &rest[length..];
            continue;
        }
        for element in ELEMENTS.iter().chain(&["5"]) {
            // "Jan" begins no other word: "January" came first, "Jane" is a name.
            let word = matches!(*element, "Jan" | "Mon");
            let continued = word && rest.as_bytes().get(element.len()).is_some_and(u8::is_ascii_lowercase);
            if rest.starts_with(element) && !continued {
                if *element == "_2006" {
                    out.push('_');
                    out.push_str(&shown(time, "2006"));
                } else {
                    out.push_str(&shown(time, element));
                }
                rest = &rest[element.len()..];
                continue 'next;
            }
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Fractional seconds: `.000` or `,999` after the seconds, not followed by a digit. Nines drop zeros at the end.
fn fraction(time: &Zoned, rest: &str, at: usize, layout: &str) -> Option<(String, usize)> {
    let mark = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = rest[1..].chars().take_while(|c| *c == digit).count();
    if rest[1 + count..].starts_with(|c: char| c.is_ascii_digit()) || count > 9 {
        return None;
    }
    let after_seconds = layout[..at].ends_with("05") || layout[..at].ends_with('5');
    if digit == '9' && !after_seconds && at == 0 {
        return None;
    }
    let nanos = format!("{:09}", time.subsec_nanosecond());
    let digits = &nanos[..count];
    let digits = if digit == '9' { digits.trim_end_matches('0') } else { digits };
    let text = if digits.is_empty() { String::new() } else { format!("{mark}{digits}") };
    Some((text, 1 + count))
}

fn shown(time: &Zoned, element: &str) -> String {
    let month = usize::from(time.month().unsigned_abs()).saturating_sub(1) % 12;
    let day = usize::from(time.weekday().to_monday_zero_offset().unsigned_abs()) % 7;
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match element {
        "January" => MONTHS[month].to_owned(),
        "Jan" => MONTHS[month][..3].to_owned(),
        "Monday" => DAYS[day].to_owned(),
        "Mon" => DAYS[day][..3].to_owned(),
        "MST" => abbreviation(time),
        "2006" => format!("{:04}", time.year()),
        "06" => format!("{:02}", time.year().rem_euclid(100)),
        "01" => format!("{:02}", time.month()),
        "1" => time.month().to_string(),
        "02" => format!("{:02}", time.day()),
        "_2" => format!("{:2}", time.day()),
        "2" => time.day().to_string(),
        "__2" => format!("{:3}", time.day_of_year()),
        "002" => format!("{:03}", time.day_of_year()),
        "15" => format!("{:02}", time.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", time.minute()),
        "4" => time.minute().to_string(),
        "05" => format!("{:02}", time.second()),
        "5" => time.second().to_string(),
        "PM" => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        zone => offset(time, zone),
    }
}

/// The zone's abbreviation, or its offset where it has none.
fn abbreviation(time: &Zoned) -> String {
    let info = time.time_zone().to_offset_info(time.timestamp());
    let name = info.abbreviation();
    if name.starts_with(['+', '-']) || name.is_empty() { offset(time, "-07") } else { name.to_owned() }
}

fn offset(time: &Zoned, element: &str) -> String {
    let seconds = time.offset().seconds();
    if element.starts_with('Z') && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match element.trim_start_matches(['Z', '-']) {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        "070000" => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}
