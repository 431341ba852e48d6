//! Numbers as Go reads and prints them.

/// A number without a fraction, in the type go-yaml gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// Fits `int64`.
    Int(i64),
    /// Beyond `int64`.
    Uint(u64),
}

/// `strconv.ParseInt(text, 0, 64)`, then `ParseUint`: a sign, then decimal, `0x`, `0b`, `0o` or octal by a
/// leading 0. Underscores are the caller's concern.
pub(crate) fn parse_whole(text: &str) -> Option<Whole> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // from_str_radix would take a second sign.
    if !digits.as_bytes().first()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(int)) => Some(Whole::Int(int)),
        (true, Ok(int)) => Some(Whole::Int(-int)),
        (true, Err(_)) if magnitude == 1 << 63 => Some(Whole::Int(i64::MIN)),
        (false, Err(_)) if !signed => Some(Whole::Uint(magnitude)),
        _ => None,
    }
}

/// Whole numbers below this are exact in both types and print as themselves.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole number that `number` prints as in JSON, if it prints as one that fits 64 bits.
pub(crate) fn whole(number: f64) -> Option<Whole> {
    if number.abs() < EXACT && number.trunc() == number {
        return Some(Whole::Int(number as i64));
    }
    if number.fract() != 0.0 || number.abs() >= 1e21 {
        return None;
    }
    parse_whole(&json_float(number))
}

/// A whole number's decimal digits, on the stack.
pub(crate) struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    pub(crate) fn of_uint(mut number: u64) -> Self {
        let mut bytes = [0; 20];
        let mut start = bytes.len();
        loop {
            start -= 1;
            bytes[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Digits { bytes, start };
            }
        }
    }

    pub(crate) fn of_int(number: i64) -> Self {
        let mut digits = Self::of_uint(number.unsigned_abs());
        if number < 0 {
            // At most 19 digits come before.
            digits.start -= 1;
            digits.bytes[digits.start] = b'-';
        }
        digits
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..]).expect("digits and a sign are ASCII")
    }
}

/// The shortest decimal digits that read back as the same number, and the position of the decimal point after the
/// first digit as a power of ten.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i32,
}

/// The digits of a finite number.
///
/// Where two shortest forms are equally near, as for 1844674407709556.25, Rust takes the upper one and Go the even one,
/// which is also how exact forms are rounded. That needs 16 digits or more.
fn shortest(number: f64) -> Decimal {
    let shortest = decimal(&format!("{number:e}"));
    let len = shortest.digits.len();
    if len < 16 {
        return shortest;
    }
    let exact = format!("{number:.*e}", len - 1);
    if exact.parse() == Ok(number) { decimal(&exact) } else { shortest }
}

fn decimal(scientific: &str) -> Decimal {
    let (negative, rest) = match scientific.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, scientific),
    };
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    Decimal {
        negative,
        digits: mantissa.chars().filter(char::is_ascii_digit).collect(),
        exponent: exponent.parse().expect("LowerExp prints a small integer exponent"),
    }
}

impl Decimal {
    /// `%e` with at least two exponent digits.
    fn scientific(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let point = if self.digits.len() > 1 { "." } else { "" };
        let (first, rest) = self.digits.split_at(1);
        let exponent_sign = if self.exponent < 0 { '-' } else { '+' };
        format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", self.exponent.abs())
    }

    /// `%f` with as many decimals as are needed.
    fn plain(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        if self.exponent < 0 {
            let zeros = "0".repeat((-self.exponent - 1) as usize);
            return format!("{sign}0.{zeros}{}", self.digits);
        }
        let whole_len = self.exponent as usize + 1;
        if self.digits.len() <= whole_len {
            let zeros = "0".repeat(whole_len - self.digits.len());
            return format!("{sign}{}{zeros}", self.digits);
        }
        let (whole, fraction) = self.digits.split_at(whole_len);
        format!("{sign}{whole}.{fraction}")
    }

    /// `%g` with the shortest precision: scientific below 1e-4 and from `threshold` digits on.
    fn general(&self, threshold: i32) -> String {
        if self.exponent < -4 || self.exponent >= threshold { self.scientific() } else { self.plain() }
    }
}

fn not_finite(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number.is_infinite() {
        Some(if number > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// `strconv.FormatFloat(number, 'g', -1, 64)`, what go-yaml prints: `1.5`, `1e+06`, `NaN`, `+Inf`.
///
/// ```
/// assert_eq!(go_yaml::number::go_float(1_000_000.0), "1e+06");
/// ```
#[must_use]
pub fn go_float(number: f64) -> String {
    not_finite(number).map_or_else(|| shortest(number).general(6), str::to_owned)
}

/// `strconv.FormatFloat(number, 'g', -1, 32)`, how `sigs.k8s.io/yaml` writes a key that was a float.
pub(crate) fn key_float(number: f64) -> String {
    let single = number as f32;
    match not_finite(f64::from(single)) {
        Some("NaN") => ".nan".to_owned(),
        Some("+Inf") => ".inf".to_owned(),
        Some(_) => "-.inf".to_owned(),
        None => {
            let shortest = decimal(&format!("{single:e}"));
            let exact = format!("{single:.*e}", shortest.digits.len() - 1);
            // As in `shortest`, for a type with fewer digits.
            if exact.parse() == Ok(single) { decimal(&exact) } else { shortest }.general(6)
        }
    }
}

/// A finite number as `encoding/json` prints it: scientific only below 1e-6 and from 1e21 on, `1e-9` rather than
/// `1e-09`.
pub(crate) fn json_float(number: f64) -> String {
    if number.abs() < EXACT && number.trunc() == number && (number != 0.0 || number.is_sign_positive()) {
        return Digits::of_int(number as i64).as_str().to_owned();
    }
    let decimal = shortest(number);
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = decimal.scientific();
        return match text.strip_suffix(|last: char| last.is_ascii_digit()).and_then(|t| t.strip_suffix("e-0"))
        {
            Some(mantissa) => format!("{mantissa}e-{}", decimal.exponent.abs()),
            None => text,
        };
    }
    decimal.plain()
}

/// The name Go gives to a number JSON cannot express.
pub(crate) fn unsupported(number: f64) -> Option<&'static str> {
    not_finite(number)
}
