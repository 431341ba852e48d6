//! Whether a value fits a Go type, with the words of Go's JSON decoder if it does not.
//!
//! `sigs.k8s.io/yaml` turns YAML into JSON with sorted keys and decodes that, going on after a fault and reporting the
//! first: hence the walk in the order of the keys.

use go_yaml::Value;
use helm_chart::{WrongType, json_type};

/// A Go type that text is decoded into.
pub(crate) enum Shape {
    /// `interface {}`.
    Any,
    /// `string`.
    Text,
    /// `bool`.
    Bool,
    /// `map[string]string`.
    TextMap,
    /// A slice: its Go type and what its items are.
    List(&'static str, &'static Shape),
    /// A struct.
    Struct(&'static Struct),
}

/// A Go struct.
pub(crate) struct Struct {
    /// Its name without package; empty if it has none.
    pub(crate) name: &'static str,
    /// Its type as Go prints it.
    pub(crate) go_type: &'static str,
    /// The names that JSON knows its fields by.
    pub(crate) fields: &'static [(&'static str, Shape)],
}

/// Where a text comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// YAML: numbers and booleans are taken for text where text is wanted.
    Yaml,
    /// YAML whose structs must have no other fields than the known ones.
    StrictYaml,
    /// JSON, as it is.
    Json,
}

/// What Go's decoder would first complain about, if anything.
pub(crate) fn fault(value: &Value, shape: &Shape, source: Source) -> Option<Fault> {
    Walk { source, place: Vec::new(), inside: "" }.fault(value, shape)
}

/// A complaint of Go's JSON decoder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A value of another type.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// A field that the struct does not have.
    #[error("error unmarshaling JSON: while decoding JSON: json: unknown field {0}")]
    UnknownField(String),
}

struct Walk {
    source: Source,
    /// The names of the fields around the value.
    place: Vec<&'static str>,
    /// The innermost struct.
    inside: &'static str,
}

impl Walk {
    fn fault(&mut self, value: &Value, shape: &Shape) -> Option<Fault> {
        match (shape, value) {
            (Shape::Any, _) | (_, Value::Null) => None,
            (Shape::Text, Value::String(_)) | (Shape::Bool, Value::Bool(_)) => None,
            (Shape::Text, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_))
                if self.source != Source::Json =>
            {
                None
            }
            (Shape::TextMap, Value::Map(map)) => {
                map.values().find_map(|value| self.fault(value, &Shape::Text))
            }
            (Shape::List(_, item), Value::Seq(items)) => {
                items.iter().find_map(|value| self.fault(value, item))
            }
            (Shape::Struct(fields), Value::Map(map)) => {
                let outer = self.inside;
                let fault = map.iter().find_map(|(key, value)| self.field(fields, key, value));
                self.inside = outer;
                fault
            }
            (shape, value) => Some(self.wrong(value, shape).into()),
        }
    }

    fn field(&mut self, of: &'static Struct, key: &str, value: &Value) -> Option<Fault> {
        let exact = of.fields.iter().find(|(name, _)| *name == key);
        let known = exact.or_else(|| of.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
        match known {
            Some((name, shape)) => {
                self.inside = of.name;
                self.place.push(name);
                let fault = self.fault(value, shape);
                self.place.pop();
                fault
            }
            None if self.source == Source::StrictYaml => {
                let quoted = go_template::quote_bytes(key.as_bytes(), false);
                Some(Fault::UnknownField(String::from_utf8_lossy(&quoted).into_owned()))
            }
            None => None,
        }
    }

    fn wrong(&self, value: &Value, shape: &Shape) -> WrongType {
        let place = match self.place.as_slice() {
            [] => "value".to_owned(),
            place => format!("struct field {}.{}", self.inside, place.join(".")),
        };
        WrongType { found: json_type(value), place, wanted: shape.go_type() }
    }
}

impl Shape {
    fn go_type(&self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Bool => "bool",
            Self::TextMap => "map[string]string",
            Self::List(go_type, _) => go_type,
            Self::Struct(of) => of.go_type,
        }
    }
}
