//! Conversions as spf13/cast makes them: what does not convert is zero.

use go_template::{Number, Value, parse_float, parse_int};

/// `cast.ToInt64` and `cast.ToInt`.
pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(i) | Value::Int64(i) => *i,
        Value::Float64(f) => truncate(*f),
        Value::Number(Number::Float32(f)) => truncate(f64::from(*f)),
        Value::Number(Number::Uint(u) | Number::Uint64(u)) => *u as i64,
        Value::Number(number) => number.as_int().unwrap_or(0),
        Value::String(text) => parse_int(without_zero_decimals(&text.to_str())).unwrap_or(0),
        Value::Bool(b) => i64::from(*b),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(i) | Value::Int64(i) => *i as f64,
        Value::Float64(f) => *f,
        Value::Number(number) => number.as_float().unwrap_or(0.0),
        Value::String(text) => parse_float(&text.to_str()).unwrap_or(0.0),
        Value::Bool(b) => f64::from(u8::from(*b)),
        _ => 0.0,
    }
}

/// Go's conversion on amd64: what does not fit is the smallest integer.
fn truncate(f: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f) { f as i64 } else { i64::MIN }
}

/// `5.00` is `5`.
fn without_zero_decimals(text: &str) -> &str {
    let trimmed = text.trim_end_matches('0');
    match trimmed.strip_suffix('.') {
        Some(whole) if trimmed.len() < text.len() => whole,
        _ => text,
    }
}
