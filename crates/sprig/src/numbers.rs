//! Numbers: everything is cast first, integers are `int64` and wrap.

use go_template::{Executor, Func, FuncError, List, Type, Value};

use crate::Entry;
use crate::args::{Answer, int, made, text};
use crate::cast::{to_float, to_int};

const ANY: Type = Type::Any;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("atoi", Func::new(&[Type::String], |_, a| Ok(Value::Int(parse_decimal(&text(a, 0)))))),
        ("int", Func::new(&[ANY], |_, a| Ok(Value::Int(to_int(&a[0]))))),
        ("int64", Func::new(&[ANY], |_, a| Ok(Value::Int64(to_int(&a[0]))))),
        ("float64", Func::new(&[ANY], |_, a| Ok(Value::Float64(to_float(&a[0]))))),
        ("toDecimal", Func::new(&[ANY], to_decimal)),
        ("add1", Func::new(&[ANY], |_, a| Ok(Value::Int64(to_int(&a[0]).wrapping_add(1))))),
        ("add", Func::variadic(&[ANY], |_, a| Ok(Value::Int64(fold(0, a, i64::wrapping_add))))),
        ("sub", Func::new(&[ANY, ANY], |_, a| Ok(Value::Int64(to_int(&a[0]).wrapping_sub(to_int(&a[1])))))),
        ("mul", Func::variadic(&[ANY, ANY], |_, a| Ok(Value::Int64(fold(1, a, i64::wrapping_mul))))),
        ("div", Func::new(&[ANY, ANY], |_, a| divide(a, i64::wrapping_div))),
        ("mod", Func::new(&[ANY, ANY], |_, a| divide(a, i64::wrapping_rem))),
        ("max", Func::variadic(&[ANY, ANY], |_, a| Ok(Value::Int64(fold(i64::MIN, a, i64::max))))),
        ("biggest", Func::variadic(&[ANY, ANY], |_, a| Ok(Value::Int64(fold(i64::MIN, a, i64::max))))),
        ("min", Func::variadic(&[ANY, ANY], |_, a| Ok(Value::Int64(fold(i64::MAX, a, i64::min))))),
        ("maxf", Func::variadic(&[ANY, ANY], |_, a| Ok(Value::Float64(fold_floats(a, maximum))))),
        ("minf", Func::variadic(&[ANY, ANY], |_, a| Ok(Value::Float64(fold_floats(a, minimum))))),
        ("ceil", Func::new(&[ANY], |_, a| Ok(Value::Float64(to_float(&a[0]).ceil())))),
        ("floor", Func::new(&[ANY], |_, a| Ok(Value::Float64(to_float(&a[0]).floor())))),
        ("round", Func::variadic(&[ANY, Type::Int, Type::Float64], |_, a| Ok(Value::Float64(round(a))))),
        ("until", Func::new(&[Type::Int], |exec, a| until(exec, int(a, 0)))),
        (
            "untilStep",
            Func::new(&[Type::Int, Type::Int, Type::Int], |exec, a| {
                let steps = steps(exec, int(a, 0), int(a, 1), int(a, 2))?;
                Ok(ints(steps))
            }),
        ),
        ("seq", Func::variadic(&[Type::Int], seq)),
    ]
}

/// `strconv.Atoi` and `ParseInt` to base 10 without their error: zero for what is no number, the limit for what is too
/// large.
pub(crate) fn parse_decimal(text: &str) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

fn to_decimal(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let text = exec.sprint(args)?;
    Ok(Value::Int64(i64::from_str_radix(&text.to_str(), 8).unwrap_or(0)))
}

fn fold(start: i64, args: &[Value], combine: fn(i64, i64) -> i64) -> i64 {
    args.iter().map(to_int).fold(start, combine)
}

/// `math.Max`: an infinity, or not a number, before the larger one; zero before negative zero.
fn maximum(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else {
        a.max(b)
    }
}

/// `math.Min`.
fn minimum(a: f64, b: f64) -> f64 {
    -maximum(-a, -b)
}

fn fold_floats(args: &[Value], combine: fn(f64, f64) -> f64) -> f64 {
    args.iter().map(to_float).reduce(combine).unwrap_or(0.0)
}

fn divide(args: &[Value], operation: fn(i64, i64) -> i64) -> Answer {
    match (to_int(&args[0]), to_int(&args[1])) {
        (_, 0) => Err("runtime error: integer divide by zero".into()),
        (a, b) => Ok(Value::Int64(operation(a, b))),
    }
}

fn round(args: &[Value]) -> f64 {
    let threshold = args.get(2).map_or(0.5, to_float);
    let power = power_of_ten(int(args, 1));
    let digits = power * to_float(&args[0]);
    let rounded = if digits.fract() >= threshold { digits.ceil() } else { digits.floor() };
    rounded / power
}

/// Go's `math.Pow(10, places)`, bit for bit: by squaring, with the exponent of two kept apart.
fn power_of_ten(places: i64) -> f64 {
    // 10 is 0.625 · 2⁴.
    let (mut base, mut base_exponent) = (0.625_f64, 4_i64);
    let (mut power, mut exponent) = (1.0_f64, 0_i64);
    let mut left = places.unsigned_abs();
    while left != 0 {
        if base_exponent > 1 << 12 {
            // Beyond all floats, whatever follows.
            exponent += base_exponent;
            break;
        }
        if left & 1 == 1 {
            power *= base;
            exponent += base_exponent;
        }
        base *= base;
        base_exponent *= 2;
        if base < 0.5 {
            base *= 2.0;
            base_exponent -= 1;
        }
        left >>= 1;
    }
    if places < 0 {
        power = 1.0 / power;
        exponent = -exponent;
    }
    scaled(power, exponent)
}

/// `fraction · 2^exponent`, rounded once if it is below the normal numbers.
fn scaled(fraction: f64, exponent: i64) -> f64 {
    const EXPONENT: u64 = 0x7ff << 52;
    let bits = fraction.to_bits();
    let whole = ((bits & EXPONENT) >> 52) as i64 - 1023 + exponent;
    if whole < -1075 {
        return 0.0;
    }
    if whole > 1023 {
        return f64::INFINITY;
    }
    let (whole, factor) = if whole < -1022 { (whole + 53, 1.0 / (1_u64 << 53) as f64) } else { (whole, 1.0) };
    factor * f64::from_bits(bits & !EXPONENT | (whole + 1023).unsigned_abs() << 52)
}

fn until(exec: &mut Executor<'_>, count: i64) -> Answer {
    Ok(ints(steps(exec, 0, count, if count < 0 { -1 } else { 1 })?))
}

fn ints(steps: Vec<i64>) -> Value {
    List::typed(Type::List(&Type::Int), steps.into_iter().map(Value::Int).collect()).into()
}

/// From `start` up or down to before `stop`.
fn steps(exec: &mut Executor<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FuncError> {
    let toward = if stop < start { step < 0 } else { step > 0 };
    if !toward {
        return Ok(Vec::new());
    }
    let expected = start.abs_diff(stop).div_ceil(step.unsigned_abs());
    exec.charge(expected)?;
    exec.charge_bytes(expected.saturating_mul(24))?;
    let mut steps = Vec::new();
    let mut at = start;
    while if stop < start { at > stop } else { at < stop } {
        // In Go a step may overflow, and the way begins again from the other side.
        if steps.len() as u64 >= expected {
            exec.charge(1)?;
            exec.charge_bytes(24)?;
        }
        steps.push(at);
        at = at.wrapping_add(step);
    }
    Ok(steps)
}

fn seq(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let numbers = match (args.len(), int(args, 0), int(args, 1), int(args, 2)) {
        (1, end, ..) => {
            let step = if end < 1 { -1 } else { 1 };
            steps(exec, 1, end.wrapping_add(step), step)?
        }
        (2, start, end, _) => {
            let step = if end < start { -1 } else { 1 };
            steps(exec, start, end.wrapping_add(step), step)?
        }
        (3, start, step, end) => {
            if end < start && step > 0 {
                return Ok("".into());
            }
            let increment = if end < start { -1 } else { 1 };
            steps(exec, start, end.wrapping_add(increment), step)?
        }
        _ => return Ok("".into()),
    };
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    made(exec, texts.join(" "))
}
