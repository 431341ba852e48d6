//! `toToml` and `fromToml`, as the Go library writes and reads it that Helm uses (BurntSushi/toml).

use go_template::{Func, FuncError, Map, Str, Type, Value};
use go_yaml::number::go_float;

use crate::data::from_yaml;

/// Tables and lists inside each other, at most.
const MAX_DEPTH: usize = 200;

/// The functions by name.
pub(crate) fn functions() -> Vec<(String, Func)> {
    let to = Func::new(&[Type::Any], |exec, args| {
        let text = to_toml(&args[0]).unwrap_or_else(|error| error);
        exec.charge_bytes(text.len() as u64)?;
        Ok(text.into())
    });
    let must = Func::new(&[Type::Any], |exec, args| {
        let text = to_toml(&args[0]).map_err(FuncError::Message)?;
        exec.charge_bytes(text.len() as u64)?;
        Ok(text.into())
    });
    let from = Func::new(&[Type::String], |exec, args| {
        let text = args[0].as_str().cloned().unwrap_or_default();
        exec.charge(text.len() as u64 / 16)?;
        exec.charge_bytes(text.len() as u64)?;
        Ok(from_toml(&text))
    });
    vec![("toToml".to_owned(), to), ("mustToToml".to_owned(), must), ("fromToml".to_owned(), from)]
}

/// A table, or one whose `Error` says why there is none.
fn from_toml(text: &Str) -> Value {
    match text.to_str().parse::<::toml::Table>() {
        Ok(table) => from_yaml(&toml_value(::toml::Value::Table(table))),
        Err(error) => Value::Map([("Error", format!("toml: {}", error.message()))].into_iter().collect()),
    }
}

/// Whole numbers are Go's `int64` here, unlike those from YAML.
fn toml_value(value: ::toml::Value) -> go_yaml::Value {
    match value {
        ::toml::Value::String(text) => text.into(),
        ::toml::Value::Integer(number) => number.into(),
        ::toml::Value::Float(number) => go_yaml::Value::Float(number),
        ::toml::Value::Boolean(value) => value.into(),
        ::toml::Value::Datetime(time) => time.to_string().into(),
        ::toml::Value::Array(items) => go_yaml::Value::Seq(items.into_iter().map(toml_value).collect()),
        ::toml::Value::Table(table) => {
            go_yaml::Value::Map(table.into_iter().map(|(key, value)| (key, toml_value(value))).collect())
        }
    }
}

fn to_toml(value: &Value) -> Result<String, String> {
    let mut encoder = Encoder { out: String::new() };
    match shape(value, 0)? {
        Shape::Table(map) => encoder.table(&[], &map)?,
        Shape::Nil => {}
        Shape::Tables(_) | Shape::Other => {
            return Err("toml: top-level values must be Go maps or structs".to_owned());
        }
    }
    Ok(encoder.out)
}

/// What decides where a value is written: plain values come before tables.
enum Shape {
    Nil,
    Table(Map),
    Tables(Vec<Map>),
    Other,
}

fn shape(value: &Value, depth: usize) -> Result<Shape, String> {
    if depth > MAX_DEPTH {
        return Err(format!("toml: more than {MAX_DEPTH} tables and lists lie inside each other"));
    }
    if value.is_nil() {
        return Ok(Shape::Nil);
    }
    if let Some(map) = value.as_map() {
        return Ok(Shape::Table(map));
    }
    let Some(list) = value.as_list() else { return Ok(Shape::Other) };
    let items = list.to_vec();
    if items.iter().any(Value::is_nil) {
        return Err("toml: cannot encode array with nil element".to_owned());
    }
    let tables: Option<Vec<Map>> = items.iter().map(Value::as_map).collect();
    Ok(match tables {
        Some(tables) if !tables.is_empty() => Shape::Tables(tables),
        _ => Shape::Other,
    })
}

struct Encoder {
    out: String,
}

impl Encoder {
    /// Begins a line, unless nothing is written yet.
    fn line_break(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn table(&mut self, path: &[Str], map: &Map) -> Result<(), String> {
        let mut below = Vec::new();
        for (key, value) in map.entries() {
            let path = [path, &[key]].concat();
            match shape(&value, path.len())? {
                Shape::Nil => {}
                Shape::Other => {
                    self.out.push_str(&"  ".repeat(path.len() - 1));
                    self.key_value(&path[path.len() - 1], &value, 0)?;
                    self.out.push('\n');
                }
                shape => below.push((path, shape)),
            }
        }
        for (path, shape) in below {
            let indent = "  ".repeat(path.len() - 1);
            let name = path.iter().map(key).collect::<Vec<_>>().join(".");
            match shape {
                Shape::Table(map) => {
                    if path.len() == 1 {
                        self.line_break();
                    }
                    self.out.push_str(&format!("{indent}[{name}]"));
                    self.line_break();
                    self.table(&path, &map)?;
                }
                Shape::Tables(maps) => {
                    for map in maps {
                        self.line_break();
                        self.out.push_str(&format!("{indent}[[{name}]]"));
                        self.line_break();
                        self.table(&path, &map)?;
                    }
                }
                Shape::Nil | Shape::Other => {}
            }
        }
        Ok(())
    }

    fn key_value(&mut self, name: &Str, value: &Value, depth: usize) -> Result<(), String> {
        self.out.push_str(&key(name));
        self.out.push_str(" = ");
        self.element(value, depth)
    }

    fn element(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        shape(value, depth)?;
        match value.plain() {
            Value::String(text) => self.out.push_str(&quoted(&text)),
            Value::Bool(value) => self.out.push_str(&value.to_string()),
            Value::Int(number) | Value::Int64(number) => self.out.push_str(&number.to_string()),
            Value::Float64(number) => self.out.push_str(&float(number)),
            Value::Number(number) => match (number.as_int(), number.as_float()) {
                (Some(int), _) => self.out.push_str(&int.to_string()),
                (None, Some(number)) => self.out.push_str(&float(number)),
                (None, None) => return Err("toml: unexpected type: complex128".to_owned()),
            },
            Value::List(list) => {
                self.out.push('[');
                for (index, item) in list.to_vec().iter().enumerate() {
                    self.out.push_str(if index == 0 { "" } else { ", " });
                    self.element(item, depth + 1)?;
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                for (index, (name, value)) in inline_entries(&map, depth)?.iter().enumerate() {
                    self.out.push_str(if index == 0 { "" } else { ", " });
                    self.key_value(name, value, depth + 1)?;
                }
                self.out.push('}');
            }
            other => return Err(format!("toml: unexpected type: {}", other.type_name())),
        }
        Ok(())
    }
}

/// The entries in the order of an inline table: plain ones first.
fn inline_entries(map: &Map, depth: usize) -> Result<Vec<(Str, Value)>, String> {
    let (mut plain, mut tables) = (Vec::new(), Vec::new());
    for (name, value) in map.entries() {
        match shape(&value, depth)? {
            Shape::Nil => {}
            Shape::Other => plain.push((name, value)),
            Shape::Table(_) | Shape::Tables(_) => tables.push((name, value)),
        }
    }
    plain.append(&mut tables);
    Ok(plain)
}

fn key(name: &Str) -> String {
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.as_bytes().iter().all(bare) {
        name.to_str().into_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &Str) -> String {
    let mut out = String::from('"');
    for character in text.to_str().chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A float has a decimal point or an exponent.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = go_float(number);
    if text.contains(['e', '.']) { text } else { text + ".0" }
}
