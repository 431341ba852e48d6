//! Values as Go's `fmt` prints them.

use go_yaml::Value;
use go_yaml::number::go_float;

/// `%v`.
pub(crate) fn percent_v(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => go_float(*number),
        Value::String(text) => text.clone(),
        Value::Seq(items) => format!("[{}]", joined(items.iter().map(percent_v))),
        Value::Map(table) => {
            format!("map[{}]", joined(table.iter().map(|(key, value)| format!("{key}:{}", percent_v(value)))))
        }
    }
}

/// `%t`. It fits booleans only; for others Go says so in the text.
pub(crate) fn percent_t(value: &Value) -> String {
    match value {
        Value::Null => "%!t(<nil>)".to_owned(),
        value => inner_percent_t(value),
    }
}

fn inner_percent_t(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => format!("%!t(string={text})"),
        Value::Float(number) => format!("%!t(float64={})", go_float(*number)),
        Value::Int(number) => format!("%!t(int64={number})"),
        Value::Uint(number) => format!("%!t(uint64={number})"),
        Value::Seq(items) => format!("[{}]", joined(items.iter().map(inner_percent_t))),
        Value::Map(table) => {
            let entry =
                |(key, value): (&String, &Value)| format!("%!t(string={key}):{}", inner_percent_t(value));
            format!("map[{}]", joined(table.iter().map(entry)))
        }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

/// `%q`.
pub(crate) fn percent_q(text: &str) -> String {
    String::from_utf8_lossy(&go_template::quote_bytes(text.as_bytes(), false)).into_owned()
}
