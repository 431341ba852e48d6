//! Numbers compared as the decimal fractions that they print as.

use std::cmp::Ordering;

use go_yaml::Value;

/// A number as 0.digits × 10^point. Without digits it is zero; neither the first nor the last is 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Decimal {
    negative: bool,
    digits: String,
    point: i32,
}

impl Decimal {
    /// None if `value` is no number.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let text = match value {
            Value::Int(number) => format!("{number}e0"),
            Value::Uint(number) => format!("{number}e0"),
            Value::Float(number) if number.is_finite() => format!("{number:e}"),
            _ => return None,
        };
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (negative, whole) = match whole.strip_prefix('-') {
            Some(whole) => (true, whole),
            None => (false, whole),
        };
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), point: 0 });
        }
        let leading = all.len() - digits.len();
        let point =
            i32::try_from(whole.len()).ok()? - i32::try_from(leading).ok()? + exponent.parse::<i32>().ok()?;
        Some(Self { negative, digits: digits.trim_end_matches('0').to_owned(), point })
    }

    pub(super) fn is_integer(&self) -> bool {
        self.point >= self.digits.len() as i32
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => size(),
            _ => size().reverse(),
        })
    }

    /// Whether a whole number times `divisor`, which is not zero, is this.
    pub(super) fn is_multiple_of(&self, divisor: &Self) -> bool {
        let (Ok(dividend), Ok(of)) = (self.mantissa(), divisor.mantissa()) else { return false };
        if dividend == 0 {
            return true;
        }
        if of == 0 {
            return false;
        }
        let shift = self.exponent() - divisor.exponent();
        if shift >= 0 {
            // Of digits so few the remainders' products fit.
            let mut rest = dividend % of;
            for _ in 0..shift {
                if rest == 0 {
                    return true;
                }
                rest = rest * 10 % of;
            }
            return rest == 0;
        }
        let scale = 10_u128.checked_pow(shift.unsigned_abs());
        scale.and_then(|scale| of.checked_mul(scale)).is_some_and(|of| dividend % of == 0)
    }

    fn mantissa(&self) -> Result<u128, std::num::ParseIntError> {
        if self.digits.is_empty() { Ok(0) } else { self.digits.parse() }
    }

    fn exponent(&self) -> i32 {
        self.point - self.digits.len() as i32
    }

    /// The whole number, cut to 64 bits; none for a fraction.
    pub(super) fn to_i64(&self) -> Option<i64> {
        if !self.is_integer() {
            return None;
        }
        let zeros = u32::try_from(self.exponent()).unwrap_or(0);
        let size = 10_u128.checked_pow(zeros).and_then(|scale| self.mantissa().ok()?.checked_mul(scale));
        let size = size.and_then(|size| i64::try_from(size).ok()).unwrap_or(i64::MAX);
        Some(if self.negative { -size } else { size })
    }

    /// As Helm's printer of messages writes a 64-bit float: `70,000`, `1.5×10⁰⁶`.
    pub(super) fn localized(&self) -> String {
        let text = go_yaml::number::go_float(self.to_f64());
        if let Some((mantissa, exponent)) = text.split_once('e') {
            let raised = |sign: char| match sign {
                '-' => Some('⁻'),
                digit => "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit.to_digit(10)? as usize),
            };
            return format!("{mantissa}×10{}", exponent.chars().filter_map(raised).collect::<String>());
        }
        let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
        format!("{}{fraction}", grouped(whole))
    }

    fn to_f64(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        format!("{sign}0.{digits}e{}", self.point).parse().unwrap_or(f64::INFINITY)
    }
}

/// Whole digits, perhaps after a sign, with a comma between thousands.
pub(super) fn grouped(whole: &str) -> String {
    let digits = whole.trim_start_matches('-');
    let mut out = whole[..whole.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
