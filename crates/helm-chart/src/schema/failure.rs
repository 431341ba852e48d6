//! What a value fails, as Helm prints it.

use std::fmt::Write;

use go_template::quote_bytes;
use go_yaml::Value;
use go_yaml::json::{self, Style};

use super::number::grouped;

/// A keyword that a value fails, with the failures that led to it.
#[derive(Debug)]
pub(super) struct Failure {
    /// The value's JSON pointer.
    pub(super) at: String,
    pub(super) label: Label,
    pub(super) causes: Vec<Failure>,
}

#[derive(Debug)]
pub(super) enum Label {
    /// More than one keyword of a schema.
    Group,
    /// What a reference leads to.
    Reference,
    Text(String),
}

impl Failure {
    /// Lines `- at '/pointer': message`, each cause two spaces deeper; and the pointers.
    pub(super) fn print(&self, indent: usize, out: &mut String, pointers: &mut Vec<String>) {
        let skipped = matches!(self.label, Label::Reference) && self.causes.len() == 1;
        if !skipped {
            let text = match &self.label {
                Label::Group | Label::Reference => "validation failed",
                Label::Text(text) => text,
            };
            let at = quoted(&self.at);
            writeln!(out, "{:indent$}- at {at}: {text}", "", indent = indent * 2)
                .expect("a String takes everything");
            pointers.push(self.at.clone());
        }
        for cause in &self.causes {
            cause.print(indent + usize::from(!skipped), out, pointers);
        }
    }

    /// The members of a group, or this failure alone.
    pub(super) fn into_members(self) -> Vec<Failure> {
        match self.label {
            Label::Group => self.causes,
            _ => vec![self],
        }
    }
}

/// In single quotes.
pub(super) fn quoted(text: &str) -> String {
    let quoted = String::from_utf8_lossy(&quote_bytes(text.as_bytes(), false)).into_owned();
    // In this order a backslash at the end loses its double.
    let quoted = quoted.replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", &quoted[1..quoted.len() - 1])
}

pub(super) fn quoted_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A scalar of the schema or of the values.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null => "<nil>".to_owned(),
        Value::Seq(_) | Value::Map(_) => "value".to_owned(),
        other => json::to_string(other, Style::CompactRaw).unwrap_or_default(),
    }
}

/// With a comma between thousands.
pub(super) fn count(number: i64) -> String {
    grouped(&number.to_string())
}
