//! Which plain scalars look like timestamps. They are read as text, but printed in quotes.

/// True for the forms Go's `time.Parse` accepts of `2006-1-2T15:4:5.9Z07:00`, the same with `t`,
/// `2006-1-2 15:4:5.9` and `2006-1-2`.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    date(&text[..4], &text[5..]).is_some_and(|rest| {
        if rest.is_empty() {
            return true;
        }
        if let Some(rest) = rest.strip_prefix(['T', 't']) {
            return clock(rest).is_some_and(is_zone);
        }
        // A space in Go's layout stands for one or more.
        rest.starts_with(' ') && clock(rest.trim_start_matches(' ')).is_some_and(str::is_empty)
    })
}

/// One or two digits of at most `max`.
fn number(text: &str, max: u32) -> Option<(u32, &str)> {
    let len = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let number = text[..len].parse().ok().filter(|number| *number <= max)?;
    Some((number, &text[len..]))
}

fn date<'t>(year: &str, rest: &'t str) -> Option<&'t str> {
    let year: u32 = year.parse().ok()?;
    let (month, rest) = number(rest, 12)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 31)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        0 => return None,
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=days).contains(&day).then_some(rest)
}

fn clock(text: &str) -> Option<&str> {
    let (_, rest) = number(text, 23)?;
    let (_, rest) = number(rest.strip_prefix(':')?, 59)?;
    let (_, rest) = number(rest.strip_prefix(':')?, 59)?;
    match rest.strip_prefix(['.', ',']) {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(fraction.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => Some(rest),
    }
}

/// `Z`, or an offset such as `+02:00`; Go allows 24 hours and 60 minutes in it.
fn is_zone(text: &str) -> bool {
    if text == "Z" {
        return true;
    }
    let [b'+' | b'-', h1, h2, b':', m1, m2] = text.as_bytes() else { return false };
    let two = |a: &u8, b: &u8, max: u32| {
        let digit = |byte: &u8| char::from(*byte).to_digit(10);
        matches!((digit(a), digit(b)), (Some(a), Some(b)) if a * 10 + b <= max)
    };
    two(h1, h2, 24) && two(m1, m2, 60)
}
