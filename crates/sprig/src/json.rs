//! JSON, by the rules of Go's `encoding/json`.

use go_template::{Executor, Func, FuncError, List, Map, Type, Value};
use go_yaml::json::{self, Style};

use crate::args::{Answer, MAP_BYTES, made, str};
use crate::{Entry, Marshal};

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("toJson", writer(Style::Compact, false)),
        ("mustToJson", writer(Style::Compact, true)),
        ("toPrettyJson", writer(Style::Pretty, false)),
        ("mustToPrettyJson", writer(Style::Pretty, true)),
        ("toRawJson", writer(Style::CompactRaw, true)),
        ("mustToRawJson", writer(Style::CompactRaw, true)),
        ("fromJson", reader(false)),
        ("mustFromJson", reader(true)),
    ]
}

/// Prints; what cannot be printed is an error if `strict`, otherwise an empty text.
fn writer(style: Style, strict: bool) -> Func {
    Func::new(&[Type::Any], move |exec, args| {
        let value = Marshal::within(exec, &args[0])?;
        match json::to_string(&value, style) {
            Ok(text) => made(exec, text),
            Err(error) if strict => Err(FuncError::message(error.to_string())),
            Err(_) => Ok("".into()),
        }
    })
}

/// Reads; what is no JSON is an error if `strict`, otherwise nil.
fn reader(strict: bool) -> Func {
    Func::new(&[Type::String], move |exec: &mut Executor<'_>, args: &[Value]| -> Answer {
        let text = str(args, 0);
        exec.charge(1 + text.len() as u64 / 16)?;
        match json::from_slice(text) {
            Ok(value) => {
                charge_read(exec, &value)?;
                Ok(read(value))
            }
            Err(error) if strict => Err(FuncError::message(error.to_string())),
            Err(_) => Ok(Value::Nil),
        }
    })
}

/// Charges for a value that a function of a template has read, by the memory that it takes: aliases make much of a small
/// text, and so do maps of one entry.
///
/// # Errors
/// A budget is used up.
pub fn charge_read(exec: &mut Executor<'_>, value: &go_yaml::Value) -> Result<(), FuncError> {
    let size = size(value);
    exec.charge(size / 256)?;
    exec.charge_bytes(size)
}

/// About the bytes that a value takes.
fn size(value: &go_yaml::Value) -> u64 {
    const NODE: u64 = 32;
    NODE + match value {
        go_yaml::Value::String(text) => text.len() as u64,
        go_yaml::Value::Seq(items) => items.iter().map(size).sum(),
        go_yaml::Value::Map(map) => {
            MAP_BYTES + map.iter().map(|(key, value)| key.len() as u64 + size(value)).sum::<u64>()
        }
        _ => 0,
    }
}

/// A value read from JSON: all its numbers are floats.
fn read(value: go_yaml::Value) -> Value {
    match value {
        go_yaml::Value::Null => Value::Nil,
        go_yaml::Value::Bool(b) => Value::Bool(b),
        go_yaml::Value::Int(i) => Value::Float64(i as f64),
        go_yaml::Value::Uint(u) => Value::Float64(u as f64),
        go_yaml::Value::Float(f) => Value::Float64(f),
        go_yaml::Value::String(text) => text.into(),
        go_yaml::Value::Seq(items) => List::new(items.into_iter().map(read).collect()).into(),
        go_yaml::Value::Map(entries) => {
            Value::Map(entries.into_iter().map(|(key, item)| (key, read(item))).collect::<Map>())
        }
    }
}
