//! [`Marshal`]: values of templates for the printers of `go_yaml`.

use std::cmp::Ordering;

use go_template::{Executor, FuncError, Map, Number, Value};
use go_yaml::{Emit, Sink, WriteError, emit_entries, sort_entries};

/// A template's value as Go's `encoding/json` sees it (and YAML, which is made of the JSON): for `go_yaml::to_string` and
/// its `json` and `toml`. Host objects say what they are by [`go_template::Object::json_text`], `data` and `json_fields`.
///
/// ```
/// use go_template::{Map, Value};
/// let map: Map = [("b", 2.0), ("a", 1.0)].into_iter().collect();
/// assert_eq!(go_yaml::to_string(&sprig::Marshal(&Value::Map(map))).unwrap(), "a: 1\nb: 2\n");
/// ```
pub struct Marshal<'v>(pub &'v Value);

impl<'v> Marshal<'v> {
    /// A value to be printed by a function of a template, if its text can fit what is left of the budget: printing itself
    /// knows no budget, and a value that holds another many times, which again does, would be printed without end.
    ///
    /// # Errors
    /// The budget of output is used up.
    pub fn within(exec: &mut Executor<'_>, value: &'v Value) -> Result<Self, FuncError> {
        let mut left = exec.room();
        if !fits(value, &mut left, 0) {
            exec.charge_bytes(u64::MAX)?;
        }
        Ok(Self(value))
    }
}

/// Whether as many bytes can hold a value's text, of which each node takes one at least.
fn fits(value: &Value, left: &mut u64, depth: usize) -> bool {
    let own = 1 + value.as_str().map_or(0, |text| text.len() as u64);
    if *left < own {
        return false;
    }
    *left -= own;
    match value {
        // Printing refuses what is nested so deeply.
        _ if depth > go_yaml::limits::MAX_DEPTH => true,
        Value::List(list) => list.items().iter().all(|item| fits(item, left, depth + 1)),
        Value::Map(map) => map.borrow().iter().all(|(_, item)| fits(item, left, depth + 1)),
        _ => true,
    }
}

impl Emit for Marshal<'_> {
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
        match self.0 {
            Value::Nil | Value::NilPointer(_) => sink.null(),
            Value::Bool(value) => sink.boolean(*value),
            Value::Int(number) | Value::Int64(number) => sink.int(*number),
            Value::Float64(number) => sink.float(*number)?,
            Value::Number(number) => emit_number(*number, sink)?,
            Value::String(text) => match text.as_utf8() {
                Some(text) => sink.string(text)?,
                None => sink.raw_string(text)?,
            },
            Value::Bytes(bytes) => sink.bytes(bytes)?,
            Value::List(list) if list.is_nil() => sink.null(),
            Value::List(list) => {
                let items = list.items();
                sink.begin_sequence(items.len())?;
                for item in items.iter() {
                    Marshal(item).emit(sink)?;
                }
                sink.end_sequence();
            }
            Value::Map(map) if map.is_nil() => sink.null(),
            Value::Map(map) => emit_map(map, sink)?,
            Value::Object(object) => match (object.json_text(), object.data()) {
                (Some(text), _) => sink.string(&text)?,
                (None, Some(data)) => Marshal(&data).emit(sink)?,
                (None, None) => emit_struct(object.json_fields(), sink)?,
            },
            other => return Err(unsupported(&other.type_name())),
        }
        Ok(())
    }
}

fn emit_map<S: Sink>(map: &Map, sink: &mut S) -> Result<(), WriteError> {
    let entries = map.borrow();
    if entries.keys().all(|key| key.as_utf8().is_some()) {
        return emit_entries(sink, entries.iter().map(|(key, item)| (key.to_str(), Marshal(item))));
    }
    sink.begin_mapping(entries.len())?;
    for (key, item) in entries.iter() {
        sink.raw_key(key)?;
        Marshal(item).emit(sink)?;
    }
    sink.end_mapping();
    Ok(())
}

/// JSON keeps the order of a struct's fields; YAML sorts them.
fn emit_struct<S: Sink>(fields: Vec<(&'static str, Value)>, sink: &mut S) -> Result<(), WriteError> {
    let is_yaml = sink.compare_keys("a10", "a9") == Ordering::Greater;
    let fields = if is_yaml { sort_entries(sink, fields) } else { fields };
    sink.begin_mapping(fields.len())?;
    for (name, field) in &fields {
        sink.key(name)?;
        Marshal(field).emit(sink)?;
    }
    sink.end_mapping();
    Ok(())
}

fn emit_number<S: Sink>(number: Number, sink: &mut S) -> Result<(), WriteError> {
    match (number, number.as_int(), number.as_float()) {
        // The shortest text that reads back as this float of 32 bits.
        (Number::Float32(float), ..) => sink.float(float.to_string().parse().unwrap_or(f64::from(float)))?,
        (Number::Uint(number) | Number::Uint64(number), ..) => sink.uint(number),
        (_, Some(number), _) => sink.int(number),
        (_, None, Some(number)) => sink.float(number)?,
        _ => return Err(unsupported(&number.ty().to_string())),
    }
    Ok(())
}

fn unsupported(type_name: &str) -> WriteError {
    WriteError::Value(format!("json: unsupported type: {type_name}"))
}
