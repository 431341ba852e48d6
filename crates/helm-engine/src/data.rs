//! Values of templates, of those of YAML and JSON.

use go_template::{List, Map, Number, Type, Value};

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
