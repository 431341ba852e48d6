//! Go's `strconv.FormatFloat`.

/// The form of a formatted float: Go's format bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FloatFormat {
    /// `e`: `-d.dddde±dd`.
    Exponent,
    /// `f`: `-ddd.dddd`.
    Fixed,
    /// `g`: `e` for large and small exponents, `f` otherwise.
    General,
    /// `b`: `-ddddp±ddd`, the exponent binary.
    Binary,
    /// `x`: `-0x1.yyyyp±ddd`.
    Hex,
}

/// Decimal digits and the place of the point: `0.d1d2d3… × 10^point`.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

/// More significant digits than any double has; beyond them there are zeros only.
const MAX_DIGITS: usize = 1100;

/// Formats `value` as Go's `strconv.FormatFloat(value, format, precision, bits)`. Without a precision it takes the
/// fewest digits that read back as the same float of `bits` (32 or 64).
///
/// ```
/// use go_template::{FloatFormat, format_float};
/// assert_eq!(format_float(1e6, FloatFormat::General, None, 64), "1e+06");
/// assert_eq!(format_float(0.1, FloatFormat::Fixed, Some(3), 64), "0.100");
/// ```
pub fn format_float(value: f64, format: FloatFormat, precision: Option<usize>, bits: u32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let value = value.abs();
    let body = match format {
        FloatFormat::Binary => binary(value, bits),
        FloatFormat::Hex => hex(value, precision, bits),
        FloatFormat::Exponent => {
            let decimal = match precision {
                Some(precision) => significant(value, precision + 1),
                None => shortest(value, bits),
            };
            let precision = precision.unwrap_or(decimal.digits.len().saturating_sub(1));
            exponent_form(&decimal, precision)
        }
        FloatFormat::Fixed => match precision {
            Some(precision) => fixed_exact(value, precision),
            None => {
                let decimal = shortest(value, bits);
                let precision = decimal.digits.len() as i32 - decimal.point;
                fixed_form(&decimal, precision.max(0) as usize)
            }
        },
        FloatFormat::General => general(value, precision, bits),
    };
    format!("{sign}{body}")
}

fn general(value: f64, precision: Option<usize>, bits: u32) -> String {
    let (decimal, wanted) = match precision {
        None => (shortest(value, bits), 6),
        Some(precision) => (significant(value, precision.max(1)), precision.max(1)),
    };
    let count = decimal.digits.len();
    let mut threshold = wanted as i32;
    if precision.is_some() && wanted > count && count as i32 >= decimal.point {
        threshold = count as i32;
    }
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= threshold {
        let precision = if precision.is_none() { count } else { wanted.min(count) };
        return exponent_form(&decimal, precision.saturating_sub(1));
    }
    fixed_form(&decimal, (count as i32 - decimal.point).max(0) as usize)
}

fn shortest(value: f64, bits: u32) -> Decimal {
    let (text, most) =
        if bits == 32 { (format!("{:e}", value as f32), 8) } else { (format!("{value:e}"), 16) };
    let decimal = parse_scientific(&text);
    let count = decimal.digits.len();
    if count < most {
        return decimal;
    }
    // Two decimals of so many digits can be as close to the float; Go takes the even one.
    let even = format!("{value:.*e}", count - 1);
    let same = if bits == 32 {
        even.parse::<f32>().is_ok_and(|even| even == value as f32)
    } else {
        even.parse::<f64>().is_ok_and(|even| even == value)
    };
    if same { parse_scientific(&even) } else { decimal }
}

/// `count` significant digits, correctly rounded, without trailing zeros.
fn significant(value: f64, count: usize) -> Decimal {
    parse_scientific(&format!("{:.*e}", count.min(MAX_DIGITS) - 1, value))
}

fn parse_scientific(text: &str) -> Decimal {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(|b| *b != b'.').collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = if digits.is_empty() { 0 } else { exponent + 1 };
    Decimal { digits, point }
}

fn exponent_form(decimal: &Decimal, precision: usize) -> String {
    let digit = |i: usize| char::from(decimal.digits.get(i).copied().unwrap_or(b'0'));
    let mut out = String::from(digit(0));
    if precision > 0 {
        out.push('.');
        out.extend((1..=precision).map(digit));
    }
    let exponent = if decimal.digits.is_empty() { 0 } else { decimal.point - 1 };
    out.push_str(&format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()));
    out
}

fn fixed_form(decimal: &Decimal, precision: usize) -> String {
    let digit = |i: i32| match usize::try_from(i) {
        Ok(i) => char::from(decimal.digits.get(i).copied().unwrap_or(b'0')),
        Err(_) => '0',
    };
    let mut out = String::new();
    if decimal.point > 0 {
        out.extend((0..decimal.point).map(digit));
    } else {
        out.push('0');
    }
    if precision > 0 {
        out.push('.');
        out.extend((0..precision as i32).map(|i| digit(decimal.point + i)));
    }
    out
}

fn fixed_exact(value: f64, precision: usize) -> String {
    let mut out = format!("{:.*}", precision.min(MAX_DIGITS), value);
    out.extend(std::iter::repeat_n('0', precision.saturating_sub(MAX_DIGITS)));
    out
}

/// Mantissa and binary exponent, the value being mantissa × 2^exponent.
fn parts(value: f64, bits: u32) -> (u64, i32) {
    if bits == 32 {
        let raw = (value as f32).to_bits();
        let (exponent, fraction) = ((raw >> 23) & 0xFF, u64::from(raw & 0x7F_FFFF));
        return match exponent {
            0 => (fraction, -149),
            e => (fraction | 1 << 23, e as i32 - 150),
        };
    }
    let raw = value.to_bits();
    let (exponent, fraction) = ((raw >> 52) & 0x7FF, raw & ((1 << 52) - 1));
    match exponent {
        0 => (fraction, -1074),
        e => (fraction | 1 << 52, e as i32 - 1075),
    }
}

fn binary(value: f64, bits: u32) -> String {
    let (mantissa, exponent) = parts(value, bits);
    format!("{mantissa}p{exponent:+}")
}

fn hex(value: f64, precision: Option<usize>, bits: u32) -> String {
    let (mantissa, mut exponent) = parts(value, bits);
    if mantissa == 0 {
        let zeros = "0".repeat(precision.unwrap_or(0));
        let point = if zeros.is_empty() { "" } else { "." };
        return format!("0x0{point}{zeros}p+00");
    }
    // The leading 1 to bit 60: fifteen hexadecimal digits after the point.
    let shift = mantissa.leading_zeros() as i32 - 3;
    let mut mantissa = mantissa << shift;
    exponent += 60 - shift;
    if let Some(precision) = precision.filter(|p| *p < 15) {
        let drop = 60 - precision * 4;
        let extra = mantissa & ((1 << drop) - 1);
        mantissa >>= drop;
        let half = 1u64 << (drop - 1);
        if extra > half || extra == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(precision) => digits.chars().chain(std::iter::repeat('0')).take(precision).collect(),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x1{point}{fraction}p{sign}{:02}", exponent.abs())
}
