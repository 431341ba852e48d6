//! Go's `time.Duration`, in nanoseconds.

use crate::layout;

const SECOND: u64 = 1_000_000_000;

/// The largest amount: that of the most negative duration.
const MOST: u64 = 1 << 63;

/// `time.ParseDuration`, with its complaints.
pub(crate) fn parse(text: &[u8]) -> Result<i64, String> {
    let text = &*layout::latin1(text);
    let quoted = || layout::quote(text);
    let invalid = || format!("time: invalid duration {}", quoted());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let (whole, part, after) = number(rest).ok_or_else(invalid)?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (name, next) = after.split_at(end);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted()));
        }
        let unit = match name {
            "ns" => 1,
            // Both letters for micro, byte by byte.
            "us" | "\u{C2}\u{B5}s" | "\u{CE}\u{BC}s" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            _ => {
                let unit = layout::quote(name);
                return Err(format!("time: unknown unit {unit} in duration {}", quoted()));
            }
        };
        if whole > MOST / unit {
            return Err(invalid());
        }
        let (fraction, scale) = part;
        let amount = whole * unit + (fraction as f64 * (unit as f64 / scale)) as u64;
        total = total.checked_add(amount).filter(|total| *total <= MOST).ok_or_else(invalid)?;
        rest = next;
    }
    match i64::try_from(total) {
        Ok(nanos) if negative => Ok(-nanos),
        Ok(nanos) => Ok(nanos),
        Err(_) if negative => Ok(i64::MIN),
        Err(_) => Err(invalid()),
    }
}

/// A number's whole part, its fraction as digits and their scale, and the text after it.
fn number(text: &str) -> Option<(u64, (u64, f64), &str)> {
    let count = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, mut rest) = text.split_at(count(text));
    let whole = match digits {
        "" => 0,
        digits => digits.parse().ok().filter(|whole| *whole <= MOST)?,
    };
    let (mut fraction, mut scale, mut places) = (0u64, 1.0, "");
    if let Some(after) = rest.strip_prefix('.') {
        (places, rest) = after.split_at(count(after));
        for digit in places.bytes() {
            // Digits beyond what fits are not looked at.
            let longer = fraction.checked_mul(10).and_then(|f| f.checked_add(u64::from(digit - b'0')));
            let Some(longer) = longer.filter(|longer| *longer < MOST) else { break };
            fraction = longer;
            scale *= 10.0;
        }
    }
    (!digits.is_empty() || !places.is_empty()).then_some((whole, (fraction, scale), rest))
}

/// `Duration.String`.
pub(crate) fn text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |nanos: u64, unit: u64, name: &str| {
        let digits = unit.ilog10() as usize;
        let part = format!("{:0digits$}", nanos % unit);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { String::new() } else { format!(".{part}") };
        format!("{}{point}{name}", nanos / unit)
    };
    let text = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => fraction(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => fraction(nanos, 1_000_000, "ms"),
        _ => {
            let minutes = nanos / (60 * SECOND);
            let seconds = fraction(nanos % (60 * SECOND), SECOND, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// Sprig's `durationRound`: the largest unit alone.
pub(crate) fn rounded(nanos: i64) -> String {
    const UNITS: [(u64, &str); 6] =
        [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let nanos = nanos.unsigned_abs();
    for (seconds, name) in UNITS {
        let unit = seconds * SECOND;
        if nanos > unit {
            return format!("{}{name}", nanos / unit);
        }
    }
    "0s".to_owned()
}

/// `Duration.Round(time.Second)`: halves go away from zero.
pub(crate) fn to_seconds(nanos: i64) -> i64 {
    let second = SECOND as i64;
    let below = nanos % second;
    let whole = nanos - below;
    if below.abs() * 2 < second {
        return whole;
    }
    whole.checked_add(second * below.signum()).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}
