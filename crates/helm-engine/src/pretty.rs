//! `toYamlPretty`: YAML as go-yaml v3 prints it, with lists indented below their keys.

use go_template::{Str, Value};
use go_yaml::number::go_float;
use go_yaml::{WriteError, natural_cmp};

/// Tables and lists inside each other, at most.
const MAX_DEPTH: usize = 200;

/// The text without its last line end.
pub(crate) fn to_yaml_pretty(value: &Value) -> Result<String, WriteError> {
    let mut out = String::new();
    node(value, 0, 0, &mut out)?;
    let end = out.trim_end_matches('\n').len();
    out.truncate(end);
    Ok(out.trim_start_matches(['\n', ' ']).to_owned())
}

/// Writes a value after its key or dash: a scalar on the same line, a collection on lines of its own.
fn node(value: &Value, indent: usize, depth: usize, out: &mut String) -> Result<(), WriteError> {
    if depth > MAX_DEPTH {
        return Err(WriteError::TooDeep);
    }
    let value = value.plain();
    match &value {
        Value::Map(map) if !map.is_empty() => {
            let mut entries = map.entries();
            entries.sort_by(|a, b| natural_cmp(&a.0.to_str(), &b.0.to_str()));
            for (key, value) in entries {
                line(indent, out);
                out.push_str(&scalar(&Value::String(key), indent)?);
                out.push(':');
                node(&value, indent + 2, depth + 1, out)?;
            }
        }
        Value::List(list) if !list.is_empty() => {
            for item in list.to_vec() {
                line(indent, out);
                out.push('-');
                item_node(&item, indent + 2, depth + 1, out)?;
            }
        }
        Value::Map(_) => out.push_str(" {}"),
        Value::List(_) => out.push_str(" []"),
        scalar_value => {
            out.push(' ');
            out.push_str(&scalar(scalar_value, indent)?);
        }
    }
    Ok(())
}

/// A collection in a list begins on the line of its dash.
fn item_node(item: &Value, indent: usize, depth: usize, out: &mut String) -> Result<(), WriteError> {
    let start = out.len();
    node(item, indent, depth, out)?;
    let first_line = format!("\n{}", " ".repeat(indent));
    if out[start..].starts_with(&first_line) {
        out.replace_range(start..start + first_line.len(), " ");
    }
    Ok(())
}

fn line(indent: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&" ".repeat(indent));
}

fn scalar(value: &Value, indent: usize) -> Result<String, WriteError> {
    Ok(match value {
        Value::Float64(number) => go_float(*number),
        Value::String(text) if text.contains(&b'\n') => block(text, indent)?,
        other => {
            let text = crate::yaml::to_yaml(other)?;
            // Long plain texts are folded there and not here.
            text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
        }
    })
}

/// A text of several lines.
fn block(text: &Str, indent: usize) -> Result<String, WriteError> {
    let text = crate::yaml::to_yaml(&Value::String(text.clone()))?;
    if !text.starts_with('|') {
        return Ok(text);
    }
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line.strip_prefix("  ").unwrap_or(line));
        }
    }
    Ok(out)
}
