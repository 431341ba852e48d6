//! JSON, by the rules of Go's `encoding/json`.

use std::borrow::Cow;

use go_template::{Executor, Func, FuncError, List, Map, Number, Str, Type, Value};
use go_yaml::json::{self, Style};
use go_yaml::{Emit, Sink, WriteError};

use crate::Entry;
use crate::Version;
use crate::args::{Answer, made, text};
use crate::encoding::base64_encode;
use crate::time::as_time;

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
        Ok(text) if text.contains(STAND_IN) => made(exec, text.replace(STAND_IN, "\\ufffd")),
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

/// Stands for an invalid byte, which Go escapes where it leaves U+FFFD as it is. Not a character of Unicode.
const STAND_IN: char = '\u{10FFFE}';

fn shown(text: &Str) -> Cow<'_, str> {
    if let Some(text) = text.as_utf8() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        shown.push_str(chunk.valid());
        shown.extend(chunk.invalid().iter().map(|_| STAND_IN));
    }
    Cow::Owned(shown)
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
            Value::String(text) => sink.string(&shown(text))?,
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
                    sink.key(&shown(key))?;
                    Shown(item).emit(sink)?;
                }
                sink.end_mapping();
            }
            Value::Object(object) => match (as_time(self.0), object.data()) {
                (Some(time), _) => sink.string(&time.rfc3339())?,
                _ if object.as_any().is::<Version>() => sink.string(&object.display().unwrap_or_default())?,
                (None, Some(data)) => Shown(&data).emit(sink)?,
                (None, None) => emit_object(&**object, sink)?,
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

/// A struct: its fields in order.
fn emit_object<S: Sink>(object: &dyn go_template::Object, sink: &mut S) -> Result<(), WriteError> {
    let fields = object.fields();
    sink.begin_mapping(fields.len())?;
    for (name, field) in &fields {
        sink.key(name)?;
        Shown(field).emit(sink)?;
    }
    sink.end_mapping();
    Ok(())
}
