//! Literals: numbers by Go's syntax, and quoted strings.

use std::borrow::Cow;

use super::utf8;

/// A number literal, with each reading that its text allows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Literal {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

impl Literal {
    /// A character constant such as `'a'`, quotes included.
    pub(super) fn character(text: &[u8]) -> Result<Self, String> {
        let shown = String::from_utf8_lossy(text).into_owned();
        let (code, rest) = unquote_char(&text[1..], b'\'').ok_or("invalid syntax")?;
        if rest != b"'" {
            return Err(format!("malformed character constant: {shown}"));
        }
        let code = match code {
            Unquoted::Char(c) => u32::from(c),
            Unquoted::Byte(b) => u32::from(b),
        };
        Ok(Literal {
            text: shown,
            int: Some(code.into()),
            uint: Some(code.into()),
            float: Some(code.into()),
            complex: None,
        })
    }

    /// A complex constant such as `1+2i`, as Go's `fmt.Sscan` reads it.
    pub(super) fn complex(text: &str) -> Result<Self, String> {
        const BAD: &str = "syntax error scanning complex number";
        let (real, rest) = text.split_at(float_token(text));
        let Some(unsigned) = rest.strip_prefix(['+', '-']) else { return Err(BAD.to_owned()) };
        let (imaginary, rest) = rest.split_at(1 + float_token(unsigned));
        if !rest.starts_with('i') {
            return Err(BAD.to_owned());
        }
        Ok(Self::from_complex(text, scanned(real)?, scanned(imaginary)?))
    }

    fn from_complex(text: &str, re: f64, im: f64) -> Self {
        let float = (im == 0.0).then_some(re);
        Literal {
            text: text.to_owned(),
            int: float.and_then(exact_int),
            uint: float.and_then(exact_uint),
            float,
            complex: Some((re, im)),
        }
    }

    /// Any other number.
    pub(super) fn number(text: &str) -> Result<Self, String> {
        if let Some(int) = small(text) {
            let uint = u64::try_from(int).ok();
            return Ok(Literal {
                text: text.to_owned(),
                int: Some(int),
                uint,
                float: Some(int as f64),
                complex: None,
            });
        }
        if let Some(im) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(Self::from_complex(text, 0.0, im));
        }
        let int = parse_int(text);
        let uint = match int {
            // -0 is unsigned as well.
            Some(0) => Some(0),
            _ => parse_uint(text),
        };
        let mut literal = Literal { text: text.to_owned(), int, uint, float: None, complex: None };
        if let Some(i) = int {
            literal.float = Some(i as f64);
        } else if let Some(u) = uint {
            literal.float = Some(u as f64);
        } else if let Some(f) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", crate::fmt::quoted(text.as_bytes())));
            }
            literal.float = Some(f);
            literal.int = exact_int(f);
            literal.uint = exact_uint(f);
        } else {
            return Err(format!("illegal number syntax: {}", crate::fmt::quoted(text.as_bytes())));
        }
        Ok(literal)
    }
}

/// How much of `text` Go's `fmt` scans as a float, whether it is one or not.
fn float_token(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    let accept = |at: &mut usize, valid: &[u8]| {
        let found = bytes.get(*at).is_some_and(|b| valid.contains(b));
        *at += usize::from(found);
        found
    };
    accept(&mut at, b"+-");
    // The beginning of "Inf".
    if accept(&mut at, b"iI") {
        return at;
    }
    let hex = accept(&mut at, b"0") && accept(&mut at, b"xX");
    let digits: &[u8] = if hex { b"0123456789abcdefABCDEF_" } else { b"0123456789_" };
    while accept(&mut at, digits) {}
    if accept(&mut at, b".") {
        while accept(&mut at, digits) {}
    }
    if accept(&mut at, if hex { b"pP" } else { b"eEpP" }) {
        accept(&mut at, b"+-");
        while accept(&mut at, b"0123456789_") {}
    }
    at
}

/// A part of a complex constant.
fn scanned(text: &str) -> Result<f64, String> {
    parse_float(text).ok_or_else(|| {
        let lower = text.to_ascii_lowercase();
        let plain = lower.replace('_', "");
        let is_whole = |text: &str| {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        };
        let large = underscores_ok(&lower)
            && match plain.split_once('p') {
                Some((mantissa, exponent)) => {
                    is_whole(exponent) && parse_float(&format!("{mantissa}p0")).is_some()
                }
                None => plain.parse::<f64>().is_ok_and(f64::is_infinite),
            };
        let what = if large { "value out of range" } else { "invalid syntax" };
        format!("strconv.ParseFloat: parsing {}: {what}", crate::fmt::quoted(text.as_bytes()))
    })
}

/// A decimal integer of a few digits, as nearly all are.
fn small(text: &str) -> Option<i64> {
    match text.as_bytes() {
        [digit @ b'0'..=b'9'] => Some(i64::from(digit - b'0')),
        [b'1'..=b'9', rest @ ..] if rest.len() < 18 && rest.iter().all(u8::is_ascii_digit) => {
            text.parse().ok()
        }
        _ => None,
    }
}

fn exact_int(f: f64) -> Option<i64> {
    // The upper bound is exclusive: 2^63 itself does not fit.
    (f.trunc() == f && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f))
        .then_some(f as i64)
}

fn exact_uint(f: f64) -> Option<u64> {
    (f.trunc() == f && (0.0..18_446_744_073_709_551_616.0).contains(&f)).then_some(f as u64)
}

/// Go's `strconv.ParseUint(text, 0, 64)`.
fn parse_uint(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if digits.contains('_') && !underscores_ok(&lower) || digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Go's `strconv.ParseInt(text, 0, 64)`, and what Sprig's conversions of strings to integers rest on.
pub fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = parse_uint(digits)?;
    if negative {
        if magnitude == 1 << 63 {
            return Some(i64::MIN);
        }
        return i64::try_from(magnitude).ok().map(|m| -m);
    }
    i64::try_from(magnitude).ok()
}

/// Go's rule for underscores in literals: between digits, or between a base prefix and a digit.
fn underscores_ok(lower: &str) -> bool {
    let body = lower.trim_start_matches(['+', '-']).as_bytes();
    let mut previous = '^';
    let (mut rest, mut hex) = (body, false);
    if body.len() >= 2 && body[0] == b'0' && matches!(body[1], b'b' | b'o' | b'x') {
        previous = '0';
        hex = body[1] == b'x';
        rest = &body[2..];
    }
    for &b in rest {
        if b.is_ascii_digit() || hex && b.is_ascii_hexdigit() {
            previous = '0';
        } else if b == b'_' {
            if previous != '0' {
                return false;
            }
            previous = '_';
        } else {
            if previous == '_' {
                return false;
            }
            previous = '!';
        }
    }
    previous != '_'
}

/// Go's `strconv.ParseFloat(text, 64)`, hexadecimal floats and underscores included; `None` as well for a value out of
/// range.
pub fn parse_float(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.trim_start_matches(['+', '-']);
    if lower.len() - unsigned.len() > 1 {
        return None;
    }
    match unsigned {
        "inf" | "infinity" | "nan" => {
            let value = if unsigned == "nan" { f64::NAN } else { f64::INFINITY };
            return Some(if lower.starts_with('-') { -value } else { value });
        }
        _ => {}
    }
    if lower.contains('_') && !underscores_ok(&lower) {
        return None;
    }
    let plain = lower.replace('_', "");
    if unsigned.starts_with("0x") {
        return parse_hex_float(&plain);
    }
    if !plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-')) {
        return None;
    }
    plain.parse::<f64>().ok().filter(|f| f.is_finite())
}

fn parse_hex_float(lower: &str) -> Option<f64> {
    let (sign, body) = match lower.strip_prefix('-') {
        Some(body) => (-1.0, body),
        None => (1.0, lower.strip_prefix('+').unwrap_or(lower)),
    };
    let (mantissa, exponent) = body.strip_prefix("0x")?.split_once('p')?;
    let (down, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // An exponent that fits no integer is one that fits no float.
    let exponent = digits.parse::<i64>().unwrap_or(i64::MAX / 8) * if down { -1 } else { 1 };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let (mut bits, mut scale, mut lost) = (0u64, exponent - 4 * fraction.len() as i64, false);
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = digit.to_digit(16)?;
        if bits >> 60 == 0 {
            bits = bits << 4 | u64::from(digit);
        } else {
            scale += 4;
            lost |= digit != 0;
        }
    }
    rounded(bits, scale, lost).map(|magnitude| sign * magnitude)
}

/// `bits · 2^scale`, and a little more if something was `lost` below, rounded to the nearest float and half to even; `None`
/// when it is too large for one.
fn rounded(bits: u64, scale: i64, lost: bool) -> Option<f64> {
    if bits == 0 {
        return Some(0.0);
    }
    let zeros = bits.leading_zeros();
    // The value is 1.… times two to this.
    let exponent = scale + 63 - i64::from(zeros);
    if exponent > 1023 {
        return None;
    }
    // One bit more than the mantissa stands for what was lost.
    let wide = u128::from(bits << zeros) << 1 | u128::from(lost);
    // Below the smallest normal number there are fewer digits.
    let dropped = 12 + (-1022 - exponent).max(0);
    if dropped > 66 {
        return Some(0.0);
    }
    let (kept, rest, half) = (wide >> dropped, wide & ((1 << dropped) - 1), 1u128 << (dropped - 1));
    let up = rest > half || rest == half && kept & 1 == 1;
    let mantissa = kept as u64 + u64::from(up);
    // A mantissa with its leading one counts in the exponent; rounded up to the next power it carries into it.
    let biased = (exponent.max(-1022) + 1022) as u64;
    Some(f64::from_bits((biased << 52) + mantissa)).filter(|value| value.is_finite())
}

/// Go's `strconv.Unquote` for a string in double quotes or back quotes; `None` is its "invalid syntax".
pub(super) fn unquote(quoted: &[u8]) -> Option<Cow<'_, [u8]>> {
    let quote = *quoted.first()?;
    let body = quoted.get(1..quoted.len() - 1)?;
    if quote == b'`' {
        if !body.contains(&b'\r') {
            return Some(body.into());
        }
        return Some(body.iter().copied().filter(|b| *b != b'\r').collect());
    }
    // Invalid UTF-8 does not stay as it is.
    if memchr::memchr3(b'\\', quote, b'\n', body).is_none() && std::str::from_utf8(body).is_ok() {
        return Some(body.into());
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let (unquoted, tail) = unquote_char(rest, quote)?;
        match unquoted {
            Unquoted::Byte(b) => out.push(b),
            Unquoted::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = tail;
    }
    Some(out.into())
}

enum Unquoted {
    Char(char),
    Byte(u8),
}

/// Go's `strconv.UnquoteChar`.
fn unquote_char(s: &[u8], quote: u8) -> Option<(Unquoted, &[u8])> {
    let (c, width) = utf8::decode(s)?;
    if c == char::from(quote) || c == '\n' {
        return None;
    }
    if c != '\\' {
        return Some((Unquoted::Char(c), &s[width..]));
    }
    let escape = *s.get(1)?;
    let rest = &s[2..];
    let simple = |c| Some((Unquoted::Char(c), rest));
    match escape {
        b'a' => simple('\x07'),
        b'b' => simple('\x08'),
        b'f' => simple('\x0c'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'v' => simple('\x0b'),
        b'\\' => simple('\\'),
        b'\'' | b'"' if escape == quote => simple(char::from(escape)),
        b'x' => {
            let (code, rest) = digits(rest, 2, 16)?;
            Some((Unquoted::Byte(u8::try_from(code).ok()?), rest))
        }
        b'u' | b'U' => {
            let (code, rest) = digits(rest, if escape == b'u' { 4 } else { 8 }, 16)?;
            Some((Unquoted::Char(char::from_u32(code)?), rest))
        }
        b'0'..=b'7' => {
            let (code, rest) = digits(&s[1..], 3, 8)?;
            Some((Unquoted::Byte(u8::try_from(code).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(s: &[u8], count: usize, radix: u32) -> Option<(u32, &[u8])> {
    let head = s.get(..count)?;
    let mut code = 0u32;
    for b in head {
        code = code.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?)?;
    }
    Some((code, &s[count..]))
}

#[cfg(test)]
mod tests {
    use super::parse_float;

    #[test]
    fn hexadecimal_floats_are_rounded_to_even() {
        let check = |text: &str, expected: Option<f64>| {
            let got = parse_float(text);
            assert_eq!(got.map(f64::to_bits), expected.map(f64::to_bits), "{text}: {got:?} for {expected:?}");
        };
        check("0x1p0", Some(1.0));
        check("-0x.8p1", Some(-1.0));
        check("0x1.8p1", Some(3.0));
        check("0x0p99999999999999999999", Some(0.0));
        // 53 bits and a half: to even, down and up; and a little more than half.
        check("0x1.00000000000008p0", Some(1.0));
        check("0x1.00000000000018p0", Some(1.0 + 2.0 * f64::EPSILON));
        check("0x1.000000000000080000000001p0", Some(1.0 + f64::EPSILON));
        check("0x1fffffffffffffp0", Some(9_007_199_254_740_991.0));
        check("0x1fffffffffffffcp-2", Some(36_028_797_018_963_968.0));
        check("0x3fffffffffffffp-1", Some(9_007_199_254_740_992.0));
        // The largest, the smallest normal, the smallest, and beyond.
        check("0x1.fffffffffffffp1023", Some(f64::MAX));
        check("0x1.fffffffffffff8p1023", None);
        check("0x1p1024", None);
        check("0x1p-1022", Some(f64::MIN_POSITIVE));
        check("0x0.fffffffffffff8p-1022", Some(f64::MIN_POSITIVE));
        check("0x1p-1074", Some(f64::from_bits(1)));
        check("0x1p-1075", Some(0.0));
        check("0x1.8p-1075", Some(f64::from_bits(1)));
        check("0x1p-99999999999999999999", Some(0.0));
        for wrong in ["0x1", "0xp1", "0x1p", "0x1p+", "0x1.1.1p1", "0xgp1", "0x1p1.0"] {
            check(wrong, None);
        }
    }
}
