//! `toToml` and `fromToml`, as the Go library writes and reads it that Helm uses (BurntSushi/toml).

use go_template::{Func, FuncError, Str, Type, Value};
use go_yaml::toml::TomlError;
use sprig::Marshal;

use crate::data::from_yaml;
use crate::yaml::printed;

/// The functions by name.
pub(crate) fn functions() -> Vec<(String, Func)> {
    let to = Func::new(&[Type::Any], |exec, args| match to_toml(Marshal::within(exec, &args[0])?.0) {
        Err(error @ TomlError::Null) => Err(FuncError::message(error.to_string())),
        Err(error) => Ok(error.to_string().into()),
        Ok(text) => printed(exec, text),
    });
    let must = Func::new(&[Type::Any], |exec, args| match to_toml(Marshal::within(exec, &args[0])?.0) {
        Err(error) => Err(FuncError::message(error.to_string())),
        Ok(text) => printed(exec, text),
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

/// Null is an error in both functions: Go's library panics on it, which its template engine turns into one. A nil that
/// has a type is none.
fn to_toml(value: &Value) -> Result<String, TomlError> {
    match value {
        Value::NilPointer(_) => Ok(String::new()),
        Value::Map(map) if map.is_nil() => Ok(String::new()),
        Value::List(list) if list.is_nil() => Ok("[]".to_owned()),
        _ => go_yaml::toml::to_string(&Marshal(value)),
    }
}
