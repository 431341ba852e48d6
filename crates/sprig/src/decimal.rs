//! Decimal arithmetic, as shopspring/decimal has it: `addf` and its kin.

use go_template::{Executor, FloatFormat, Func, FuncError, Type, Value, format_float};
use num_bigint::{BigInt, Sign};

use crate::Entry;
use crate::args::Answer;
use crate::cast::to_float;

const ANY: Type = Type::Any;

/// Digits after the point of a quotient.
const PRECISION: i64 = 16;

type Operation = fn(Decimal, Decimal) -> Result<Decimal, FuncError>;

pub(crate) fn table() -> Vec<Entry> {
    let from_first = |operation: Operation| {
        Func::variadic(&[ANY, ANY], move |exec, args| folded(exec, decimal(&args[0])?, &args[1..], operation))
    };
    vec![
        ("add1f", Func::new(&[ANY], |exec, args| folded(exec, decimal(&args[0])?, &[Value::Int(1)], add))),
        ("addf", Func::variadic(&[ANY], |exec, args| folded(exec, Decimal::zero(), args, add))),
        ("subf", from_first(|a, b| add(a, Decimal { digits: -b.digits, ..b }))),
        ("mulf", from_first(multiply)),
        ("divf", from_first(divide)),
    ]
}

/// `digits * 10^exponent`.
struct Decimal {
    digits: BigInt,
    exponent: i64,
}

impl Decimal {
    fn zero() -> Self {
        Decimal { digits: BigInt::ZERO, exponent: 0 }
    }

    /// The same number with a smaller exponent.
    fn rescaled(self, exponent: i64) -> Self {
        if exponent >= self.exponent {
            return self;
        }
        Decimal { digits: self.digits * power(self.exponent - exponent), exponent }
    }
}

/// Ten to the power of an exponent that came from floats: a few hundred for each.
fn power(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

/// The shortest decimal that is the float.
fn decimal(value: &Value) -> Result<Decimal, FuncError> {
    let float = to_float(value);
    if !float.is_finite() {
        let name = if float.is_nan() {
            "NaN"
        } else if float > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        };
        return Err(format!("Cannot create a Decimal from {name}").into());
    }
    let text = format_float(float, FloatFormat::Exponent, None, 64);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, part)| part.len() as i64);
    let digits: i64 = mantissa.replace('.', "").parse().unwrap_or(0);
    let exponent: i64 = exponent.parse().unwrap_or(0);
    if digits == 0 {
        return Ok(Decimal::zero());
    }
    Ok(Decimal { digits: BigInt::from(digits), exponent: exponent - places })
}

fn folded(exec: &mut Executor<'_>, start: Decimal, args: &[Value], operation: Operation) -> Answer {
    let mut total = start;
    for arg in args {
        // Each operand adds its digits to the result's.
        exec.charge(1 + total.digits.bits() / 64 + total.exponent.unsigned_abs() / 64)?;
        total = operation(total, decimal(arg)?)?;
    }
    let text = format!("{}e{}", total.digits, total.exponent);
    Ok(Value::Float64(text.parse().unwrap_or(0.0)))
}

fn add(a: Decimal, b: Decimal) -> Result<Decimal, FuncError> {
    let exponent = a.exponent.min(b.exponent);
    let (a, b) = (a.rescaled(exponent), b.rescaled(exponent));
    Ok(Decimal { digits: a.digits + b.digits, exponent })
}

fn multiply(a: Decimal, b: Decimal) -> Result<Decimal, FuncError> {
    let exponent = a.exponent + b.exponent;
    if i32::try_from(exponent).is_err() {
        return Err(format!("exponent {exponent} overflows an int32!").into());
    }
    Ok(Decimal { digits: a.digits * b.digits, exponent })
}

/// Rounded half away from zero.
fn divide(a: Decimal, b: Decimal) -> Result<Decimal, FuncError> {
    if b.digits.sign() == Sign::NoSign {
        return Err("decimal division by 0".into());
    }
    let negative = (a.digits.sign() == Sign::Minus) != (b.digits.sign() == Sign::Minus);
    let shift = a.exponent - b.exponent + PRECISION;
    let (dividend, divisor) =
        if shift < 0 { (a.digits, b.digits * power(-shift)) } else { (a.digits * power(shift), b.digits) };
    let (quotient, rest) = (&dividend / &divisor, &dividend % &divisor);
    let up = rest.magnitude() * 2u32 >= *divisor.magnitude();
    let step = BigInt::from(if negative { -1 } else { 1 });
    let digits = if up { quotient + step } else { quotient };
    Ok(Decimal { digits, exponent: -PRECISION })
}
