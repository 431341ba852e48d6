//! Values of templates from and to those of YAML and JSON.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::{List, Map, Number, Str, Type, Value};
use go_yaml::{Emit, Sink, WriteError, sort_entries};

use crate::objects::json_fields;

/// A value that templates compute with, of one that was read.
pub(crate) fn from_yaml(value: &go_yaml::Value) -> Value {
    match value {
        go_yaml::Value::Null => Value::Nil,
        go_yaml::Value::Bool(value) => Value::Bool(*value),
        go_yaml::Value::Int(number) => Value::Int64(*number),
        go_yaml::Value::Uint(number) => Value::Number(Number::Uint64(*number)),
        go_yaml::Value::Float(number) => Value::Float64(*number),
        go_yaml::Value::String(text) => Value::string(text.as_str()),
        go_yaml::Value::Seq(items) => Value::List(List::new(items.iter().map(from_yaml).collect())),
        go_yaml::Value::Map(map) => Value::Map(table(Type::ANY_MAP, map)),
    }
}

/// A map of type `ty`.
pub(crate) fn table(ty: Type, entries: &std::collections::BTreeMap<String, go_yaml::Value>) -> Map {
    let map = Map::typed(ty);
    for (key, value) in entries {
        map.insert(key.as_str(), from_yaml(value));
    }
    map
}

/// Prints a value of a template as Go's `encoding/json` sees it.
pub(crate) struct Data<'a>(pub(crate) &'a Value);

impl Emit for Data<'_> {
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
        match self.0 {
            Value::Nil | Value::NilPointer(_) => sink.null(),
            Value::Bool(value) => sink.boolean(*value),
            Value::Int(number) | Value::Int64(number) => sink.int(*number),
            Value::Float64(number) => sink.float(*number)?,
            Value::Number(number) => emit_number(*number, sink)?,
            Value::String(text) => sink.string(&text.to_str())?,
            Value::Bytes(bytes) => sink.string(&STANDARD.encode(bytes.as_bytes()))?,
            Value::List(list) if list.is_nil() => sink.null(),
            Value::List(list) => {
                let items = list.to_vec();
                sink.begin_sequence(items.len())?;
                for item in &items {
                    Data(item).emit(sink)?;
                }
                sink.end_sequence();
            }
            Value::Map(map) if map.is_nil() => sink.null(),
            Value::Map(map) => {
                let entry = |(key, value): (Str, Value)| (key.to_str().into_owned(), value);
                emit_mapping(map.entries().into_iter().map(entry).collect(), sink)?;
            }
            Value::Object(object) => match object.data() {
                Some(data) => Data(&data).emit(sink)?,
                None => emit_struct(json_fields(&**object), sink)?,
            },
            other => return Err(WriteError::Value(format!("json: unsupported type: {}", other.type_name()))),
        }
        Ok(())
    }
}

fn emit_mapping<S: Sink>(entries: Vec<(String, Value)>, sink: &mut S) -> Result<(), WriteError> {
    let entries = sort_entries(sink, entries);
    emit_entries(&entries, sink)
}

/// JSON keeps the order of a struct's fields; YAML, which is made of the JSON, sorts them.
fn emit_struct<S: Sink>(fields: Vec<(&'static str, Value)>, sink: &mut S) -> Result<(), WriteError> {
    let is_yaml = sink.compare_keys("a10", "a9") == Ordering::Greater;
    let fields = if is_yaml { sort_entries(sink, fields) } else { fields };
    emit_entries(&fields, sink)
}

fn emit_entries<K: AsRef<str>, S: Sink>(entries: &[(K, Value)], sink: &mut S) -> Result<(), WriteError> {
    sink.begin_mapping(entries.len())?;
    for (key, value) in entries {
        sink.key(key.as_ref())?;
        Data(value).emit(sink)?;
    }
    sink.end_mapping();
    Ok(())
}

fn emit_number<S: Sink>(number: Number, sink: &mut S) -> Result<(), WriteError> {
    match (number, number.as_int(), number.as_float()) {
        (_, Some(int), _) => sink.int(int),
        (Number::Uint(number) | Number::Uint64(number), ..) => sink.uint(number),
        (_, None, Some(float)) => sink.float(float)?,
        _ => return Err(WriteError::Value("json: unsupported type: complex128".to_owned())),
    }
    Ok(())
}
