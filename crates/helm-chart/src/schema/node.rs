//! A schema in the form that values are checked by.

use std::collections::BTreeMap;

use go_yaml::Value;

use super::document::Draft;
use super::format::Format;
use super::number::Decimal;
use super::pattern::Pattern;

/// A schema's place among the nodes.
pub(super) type Id = usize;

/// A schema. What it does not state is empty.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// `file:///values.schema.json#/properties/a`.
    pub(super) location: String,
    pub(super) draft: Draft,
    /// `true`, `false`, or `{}`.
    pub(super) boolean: Option<bool>,
    /// The schema that gives this one its base URL.
    pub(super) resource: Id,

    pub(super) reference: Option<Id>,
    pub(super) recursive_reference: Option<Id>,
    pub(super) recursive_anchor: bool,
    /// With the anchor, if the reference is one.
    pub(super) dynamic_reference: Option<(Id, Option<String>)>,
    pub(super) dynamic_anchor: Option<String>,
    pub(super) dynamic_anchors: BTreeMap<String, Id>,

    pub(super) types: Types,
    pub(super) constant: Option<Value>,
    pub(super) one_value_of: Option<Vec<Value>>,
    pub(super) format: Option<Format>,

    pub(super) all_of: Vec<Id>,
    pub(super) any_of: Vec<Id>,
    pub(super) one_of: Vec<Id>,
    pub(super) not: Option<Id>,
    pub(super) condition: Option<Id>,
    pub(super) then: Option<Id>,
    pub(super) otherwise: Option<Id>,

    pub(super) min_properties: Option<i64>,
    pub(super) max_properties: Option<i64>,
    pub(super) required: Vec<String>,
    pub(super) properties: BTreeMap<String, Id>,
    pub(super) pattern_properties: Vec<(Pattern, Id)>,
    pub(super) additional_properties: Option<Additional>,
    pub(super) property_names: Option<Id>,
    pub(super) dependencies: BTreeMap<String, Dependency>,
    pub(super) dependent_schemas: BTreeMap<String, Id>,
    pub(super) dependent_required: BTreeMap<String, Vec<String>>,
    pub(super) unevaluated_properties: Option<Id>,

    pub(super) min_items: Option<i64>,
    pub(super) max_items: Option<i64>,
    pub(super) unique_items: bool,
    /// `prefixItems`, or before 2020 a list of `items`.
    pub(super) first_items: Vec<Id>,
    /// `items` after these, or `additionalItems`.
    pub(super) other_items: Option<Additional>,
    pub(super) contains: Option<Id>,
    pub(super) min_contains: Option<i64>,
    pub(super) max_contains: Option<i64>,
    pub(super) unevaluated_items: Option<Id>,

    pub(super) min_length: Option<i64>,
    pub(super) max_length: Option<i64>,
    pub(super) pattern: Option<Pattern>,

    pub(super) minimum: Option<Decimal>,
    pub(super) maximum: Option<Decimal>,
    pub(super) exclusive_minimum: Option<Decimal>,
    pub(super) exclusive_maximum: Option<Decimal>,
    pub(super) multiple_of: Option<Decimal>,
}

/// What holds for the members that nothing else names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Additional {
    Allowed(bool),
    Fits(Id),
}

/// What `dependencies` asks for if a property exists.
#[derive(Debug)]
pub(super) enum Dependency {
    Properties(Vec<String>),
    Schema(Id),
}

/// A set of types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Types(u8);

const NAMES: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];

impl Types {
    /// Of the value of `type`. Unknown names do not count.
    pub(super) fn of_keyword(value: &Value) -> Self {
        let bit = |name: &Value| {
            let name = name.as_str()?;
            NAMES.iter().position(|known| *known == name).map(|at| 1 << at)
        };
        match value {
            Value::Seq(names) => Self(names.iter().filter_map(bit).fold(0, |all, bit: u8| all | bit)),
            name => Self(bit(name).unwrap_or(0)),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn names(self) -> Vec<&'static str> {
        NAMES.iter().enumerate().filter(|(at, _)| self.0 & 1 << at != 0).map(|(_, name)| *name).collect()
    }

    pub(super) fn take(self, value: &Value) -> bool {
        let has = |name: &str| {
            NAMES.iter().position(|known| *known == name).is_some_and(|at| self.0 & 1 << at != 0)
        };
        has(type_name(value))
            || has("integer") && Decimal::of(value).is_some_and(|number| number.is_integer())
    }
}

/// The type of a value, `number` for all numbers.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::Seq(_) => "array",
        Value::Map(_) => "object",
    }
}
