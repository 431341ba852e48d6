//! Keys that a mapping of YAML has twice, which go-yaml's strict reader refuses.

use std::collections::HashSet;

use go_yaml::number::go_float;
use go_yaml::{NodeRef, ScalarStyle, Value};

use crate::lint::quoted;

/// go-yaml's text about all of them. The text must be one that the ordinary reader takes.
pub(super) fn duplicates(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let document = go_yaml::parse(&text).ok()?;
    let mut found = Vec::new();
    in_node(document.root(), &mut found);
    let lines = found.join("\n  ");
    let text = || format!("error converting YAML to JSON: yaml: unmarshal errors:\n  {lines}");
    (!found.is_empty()).then(text)
}

fn in_node(node: NodeRef<'_, '_>, found: &mut Vec<String>) {
    let node = node.resolved();
    in_mapping(node, &mut HashSet::new(), found);
    node.items().for_each(|item| in_node(item, found));
}

/// Goes through a mapping and what it merges in, in the order in which the keys are set.
fn in_mapping(mapping: NodeRef<'_, '_>, known: &mut HashSet<String>, found: &mut Vec<String>) {
    for (key, value) in mapping.entries() {
        if key.scalar().is_some_and(|(text, style)| text == "<<" && style == ScalarStyle::Plain) {
            let merged = value.resolved();
            in_mapping(merged, known, found);
            merged.items().for_each(|item| in_mapping(item.resolved(), known, found));
            continue;
        }
        in_node(value, found);
        let Ok(key) = key.to_value() else { continue };
        let shown = go_syntax(&key);
        if known.contains(&shown) {
            found.push(format!("line {}: key {shown} already set in map", value.node().line));
        } else {
            known.insert(shown);
        }
    }
}

/// Go's `%#v` of a key.
fn go_syntax(key: &Value) -> String {
    match key {
        Value::String(text) => quoted(text),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => format!("{number:#x}"),
        Value::Float(number) => go_float(*number),
        _ => "interface {}(nil)".to_owned(),
    }
}
