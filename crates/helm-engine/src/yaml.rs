//! The functions between values and YAML or JSON text.
//!
//! `to…` of what cannot be printed is an empty text, `from…` of what cannot be read holds the error's text; the `must…`
//! forms fail. That is Helm's contract.

use go_template::{Executor, Func, FuncError, List, Map, Str, Type, Value};
use go_yaml::WriteError;
use go_yaml::json::{self, Style};
use helm_chart::WrongType;
use sprig::{Marshal, charge_read};

use crate::data::from_yaml;
use crate::pretty::to_yaml_pretty;

/// The functions by name.
pub(crate) fn functions() -> Vec<(String, Func)> {
    [
        ("toYaml", lenient(to_yaml)),
        ("mustToYaml", strict(to_yaml)),
        ("toYamlPretty", lenient(to_yaml_pretty)),
        ("toJson", lenient(to_json)),
        ("mustToJson", strict(to_json)),
        (
            "fromYaml",
            reader(read_yaml, |read| table(not_null(read, go_yaml::Value::Map(Default::default())))),
        ),
        ("fromYamlArray", reader(read_yaml, |read| list(not_null(read, go_yaml::Value::Seq(Vec::new()))))),
        ("fromJson", reader(read_json, table)),
        ("fromJsonArray", reader(read_json, list)),
    ]
    .map(|(name, func)| (name.to_owned(), func))
    .into()
}

/// `sigs.k8s.io/yaml`'s text without its last line end.
pub(crate) fn to_yaml(value: &Value) -> Result<String, WriteError> {
    let mut text = go_yaml::to_string(&Marshal(value))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn to_json(value: &Value) -> Result<String, WriteError> {
    json::to_string(&Marshal(value), Style::Compact)
}

fn lenient(print: fn(&Value) -> Result<String, WriteError>) -> Func {
    Func::new(&[Type::Any], move |exec, args| {
        let value = Marshal::within(exec, &args[0])?.0;
        printed(exec, print(value).unwrap_or_default())
    })
}

fn strict(print: fn(&Value) -> Result<String, WriteError>) -> Func {
    Func::new(&[Type::Any], move |exec, args| {
        let value = Marshal::within(exec, &args[0])?.0;
        let text = print(value).map_err(|error| format!("error marshaling into JSON: {error}"))?;
        printed(exec, text)
    })
}

/// The text, charged for.
pub(crate) fn printed(exec: &mut Executor<'_>, text: String) -> Result<Value, FuncError> {
    exec.charge_bytes(text.len() as u64)?;
    exec.charge(text.len() as u64 / 16)?;
    Ok(text.into())
}

/// What is read, or why nothing is.
type Read = Result<go_yaml::Value, String>;

fn reader(read: fn(&Str) -> Read, made: fn(Read) -> Value) -> Func {
    Func::new(&[Type::String], move |exec, args| {
        let text = args[0].as_str().cloned().unwrap_or_default();
        exec.charge(text.len() as u64 / 16)?;
        let read = read(&text);
        if let Ok(value) = &read {
            charge_read(exec, value)?;
        }
        Ok(made(read))
    })
}

fn read_yaml(text: &Str) -> Read {
    go_yaml::from_slice(text.as_bytes()).map_err(|error| format!("error converting YAML to JSON: {error}"))
}

fn read_json(text: &Str) -> Read {
    json::from_slice(text).map_err(|error| error.to_string())
}

/// What is read, or of null the empty value: so it is with YAML; with JSON, null stays nil.
fn not_null(read: Read, empty: go_yaml::Value) -> Read {
    read.map(|value| if value.is_null() { empty } else { value })
}

/// A table, or one whose `Error` says why there is none.
fn table(read: Read) -> Value {
    let error = match read.map(go_yaml::Value::with_float_numbers) {
        Ok(go_yaml::Value::Null) => return Value::Map(Map::nil(Type::ANY_MAP)),
        Ok(value @ go_yaml::Value::Map(_)) => return from_yaml(&value),
        Ok(other) => wrong_type(&other, "map[string]interface {}"),
        Err(error) => error,
    };
    Value::Map([("Error", error)].into_iter().collect())
}

/// A list, or one whose only item says why there is none.
fn list(read: Read) -> Value {
    let error = match read.map(go_yaml::Value::with_float_numbers) {
        Ok(go_yaml::Value::Null) => return Value::List(List::nil(Type::ANY_LIST)),
        Ok(value @ go_yaml::Value::Seq(_)) => return from_yaml(&value),
        Ok(other) => wrong_type(&other, "[]interface {}"),
        Err(error) => error,
    };
    Value::List([error].into_iter().collect())
}

fn wrong_type(value: &go_yaml::Value, wanted: &'static str) -> String {
    let found = match value {
        go_yaml::Value::Bool(_) => "bool",
        go_yaml::Value::String(_) => "string",
        go_yaml::Value::Seq(_) => "array",
        go_yaml::Value::Map(_) => "object",
        _ => "number",
    };
    WrongType { found, place: "value".to_owned(), wanted }.to_string()
}
