//! JSON, by the rules of Go's `encoding/json`.

use go_template::{Executor, Func, FuncError, List, Map, Number, Type, Value};
use go_yaml::json::{self, Style};
use go_yaml::{Emit, Sink, WriteError};

use crate::Entry;
use crate::args::{Answer, made, text};
use crate::encoding::base64_encode;

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
    Func::new(&[Type::Any], move |exec, args| match json::to_string(&Shown(&args[0]), style) {
        Ok(text) => made(exec, text),
        Err(error) if strict => Err(FuncError::message(error.to_string())),
        Err(_) => Ok("".into()),
    })
}

/// Reads; what is no JSON is an error if `strict`, otherwise nil.
fn reader(strict: bool) -> Func {
    Func::new(&[Type::String], move |exec: &mut Executor<'_>, args: &[Value]| -> Answer {
        let text = text(args, 0);
        exec.charge(1 + text.len() as u64 / 16)?;
        match json::from_str(&text) {
            Ok(value) => Ok(read(value)),
            Err(error) if strict => Err(FuncError::message(error.to_string())),
            Err(_) => Ok(Value::Nil),
        }
    })
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

/// A template's value, printable as JSON.
struct Shown<'v>(&'v Value);

impl Emit for Shown<'_> {
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
        match self.0 {
            Value::Nil | Value::NilPointer(_) => sink.null(),
            Value::Bool(b) => sink.boolean(*b),
            Value::Int(i) | Value::Int64(i) => sink.int(*i),
            Value::Float64(f) => sink.float(*f)?,
            Value::Number(number) => emit_number(*number, sink)?,
            Value::String(text) => sink.string(&text.to_str())?,
            Value::Bytes(bytes) => sink.string(&base64_encode(bytes))?,
            Value::List(list) if list.is_nil() => sink.null(),
            Value::List(list) => {
                let items = list.items();
                sink.begin_sequence(items.len())?;
                for item in items.iter() {
                    Shown(item).emit(sink)?;
                }
                sink.end_sequence();
            }
            Value::Map(map) if map.is_nil() => sink.null(),
            Value::Map(map) => {
                let entries = map.borrow();
                sink.begin_mapping(entries.len())?;
                for (key, item) in entries.iter() {
                    sink.key(&key.to_str())?;
                    Shown(item).emit(sink)?;
                }
                sink.end_mapping();
            }
            Value::Object(object) => match object.data() {
                Some(data) => Shown(&data).emit(sink)?,
                None => emit_object(&**object, sink)?,
            },
            other => return Err(unsupported(&other.type_name())),
        }
        Ok(())
    }
}

fn unsupported(type_name: &str) -> WriteError {
    WriteError::Value(format!("json: unsupported type: {type_name}"))
}

fn emit_number<S: Sink>(number: Number, sink: &mut S) -> Result<(), WriteError> {
    match (number, number.as_int(), number.as_float()) {
        (Number::Float32(f), ..) => sink.float(f.to_string().parse().unwrap_or(f64::from(f)))?,
        (Number::Uint(u) | Number::Uint64(u), ..) => sink.uint(u),
        (_, Some(i), _) => sink.int(i),
        (_, None, Some(f)) => sink.float(f)?,
        _ => return Err(unsupported(&number.ty().to_string())),
    }
    Ok(())
}

/// A struct: its fields in order. One with a text of its own, such as a time or a version, is that text.
fn emit_object<S: Sink>(object: &dyn go_template::Object, sink: &mut S) -> Result<(), WriteError> {
    if let Some(text) = object.display() {
        return sink.string(&text);
    }
    let fields = object.fields();
    sink.begin_mapping(fields.len())?;
    for (name, field) in &fields {
        sink.key(name)?;
        Shown(field).emit(sink)?;
    }
    sink.end_mapping();
    Ok(())
}
