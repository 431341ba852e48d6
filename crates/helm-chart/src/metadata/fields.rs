//! The fields of Chart.yaml and requirements.yaml, decoded as Go's JSON decodes into Helm's structs.
//!
//! Reading requirements.yaml over Chart.yaml changes what is there: a list's entries are decoded over those of the list
//! before. A field may be written in any case; the last spelling wins.

use std::collections::BTreeMap;

use go_yaml::Value;

use crate::decode::{WrongType, as_text, folds_to, json_type};

/// Chart.yaml as it was read, before any rule is checked.
#[derive(Default)]
pub(crate) struct RawMetadata {
    pub(super) name: String,
    pub(super) home: String,
    pub(super) sources: Vec<String>,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) keywords: Vec<String>,
    pub(super) maintainers: Vec<Option<RawMaintainer>>,
    pub(super) icon: String,
    pub(crate) api_version: String,
    pub(super) condition: String,
    pub(super) tags: String,
    pub(super) app_version: String,
    pub(super) deprecated: bool,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) kube_version: String,
    pub(super) dependencies: Option<Vec<Option<RawDependency>>>,
    pub(super) type_text: String,
}

#[derive(Default)]
pub(super) struct RawMaintainer {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) url: String,
}

#[derive(Default)]
pub(super) struct RawDependency {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) repository: String,
    pub(super) condition: String,
    pub(super) tags: Vec<String>,
    pub(super) enabled: bool,
    pub(super) import_values: Vec<Value>,
    pub(super) alias: String,
}

/// Where a value stands, for the message about its type.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The struct.
    name: &'static str,
    /// The list that the struct is in, with a dot.
    list: &'static str,
    field: &'static str,
}

impl Place {
    fn wrong(self, value: &Value, wanted: &'static str) -> WrongType {
        let place = format!("struct field {}.{}{}", self.name, self.list, self.field);
        WrongType { found: json_type(value), place, wanted }
    }
}

/// A struct that a map is decoded into.
pub(super) trait Struct: Default {
    /// Helm's name for it, the list that it stands in, and its fields as they are spelled.
    const NAME: &'static str;
    const LIST: &'static str;
    const FIELDS: &'static [&'static str];

    fn set(&mut self, place: Place, value: &Value) -> Result<(), WrongType>;

    fn update(&mut self, table: &BTreeMap<String, Value>) -> Result<(), WrongType> {
        for (key, value) in table {
            if let Some(field) = Self::FIELDS.iter().find(|field| folds_to(key, field)) {
                self.set(Place { name: Self::NAME, list: Self::LIST, field }, value)?;
            }
        }
        Ok(())
    }
}

impl RawMetadata {
    /// Overwrites the fields that `value` has. Null changes nothing.
    pub(crate) fn read(&mut self, value: &Value) -> Result<(), WrongType> {
        match value {
            Value::Null => Ok(()),
            Value::Map(table) => self.update(table),
            other => Err(WrongType { found: json_type(other), place: "value".into(), wanted: "v2.Metadata" }),
        }
    }
}

impl Struct for RawMetadata {
    const NAME: &'static str = "Metadata";
    const LIST: &'static str = "";
    const FIELDS: &'static [&'static str] = &[
        "name",
        "home",
        "sources",
        "version",
        "description",
        "keywords",
        "maintainers",
        "icon",
        "apiVersion",
        "condition",
        "tags",
        "appVersion",
        "deprecated",
        "annotations",
        "kubeVersion",
        "dependencies",
        "type",
    ];

    fn set(&mut self, place: Place, value: &Value) -> Result<(), WrongType> {
        let text = match place.field {
            "name" => &mut self.name,
            "home" => &mut self.home,
            "version" => &mut self.version,
            "description" => &mut self.description,
            "icon" => &mut self.icon,
            "apiVersion" => &mut self.api_version,
            "condition" => &mut self.condition,
            "tags" => &mut self.tags,
            "appVersion" => &mut self.app_version,
            "kubeVersion" => &mut self.kube_version,
            "type" => &mut self.type_text,
            "sources" => return set_texts(&mut self.sources, place, value),
            "keywords" => return set_texts(&mut self.keywords, place, value),
            "deprecated" => return set_bool(&mut self.deprecated, place, value),
            "annotations" => return set_text_map(&mut self.annotations, place, value),
            "maintainers" => {
                return set_structs(&mut self.maintainers, "[]*v2.Maintainer", "v2.Maintainer", place, value);
            }
            _ => {
                if value.is_null() {
                    self.dependencies = None;
                    return Ok(());
                }
                let list = self.dependencies.get_or_insert_default();
                return set_structs(list, "[]*v2.Dependency", "v2.Dependency", place, value);
            }
        };
        set_text(text, place, value)
    }
}

impl Struct for RawMaintainer {
    const NAME: &'static str = "Maintainer";
    const LIST: &'static str = "maintainers.";
    const FIELDS: &'static [&'static str] = &["name", "email", "url"];

    fn set(&mut self, place: Place, value: &Value) -> Result<(), WrongType> {
        let text = match place.field {
            "name" => &mut self.name,
            "email" => &mut self.email,
            _ => &mut self.url,
        };
        set_text(text, place, value)
    }
}

impl Struct for RawDependency {
    const NAME: &'static str = "Dependency";
    const LIST: &'static str = "dependencies.";
    const FIELDS: &'static [&'static str] =
        &["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];

    fn set(&mut self, place: Place, value: &Value) -> Result<(), WrongType> {
        let text = match place.field {
            "name" => &mut self.name,
            "version" => &mut self.version,
            "repository" => &mut self.repository,
            "condition" => &mut self.condition,
            "alias" => &mut self.alias,
            "tags" => return set_texts(&mut self.tags, place, value),
            "enabled" => return set_bool(&mut self.enabled, place, value),
            _ => {
                self.import_values = match value {
                    Value::Null => Vec::new(),
                    Value::Seq(items) => items.iter().map(|item| item.clone().with_float_numbers()).collect(),
                    other => return Err(place.wrong(other, "[]interface {}")),
                };
                return Ok(());
            }
        };
        set_text(text, place, value)
    }
}

fn set_text(text: &mut String, place: Place, value: &Value) -> Result<(), WrongType> {
    if !value.is_null() {
        *text = as_text(value).ok_or_else(|| place.wrong(value, "string"))?;
    }
    Ok(())
}

fn set_bool(flag: &mut bool, place: Place, value: &Value) -> Result<(), WrongType> {
    if !value.is_null() {
        *flag = value.as_bool().ok_or_else(|| place.wrong(value, "bool"))?;
    }
    Ok(())
}

fn set_texts(texts: &mut Vec<String>, place: Place, value: &Value) -> Result<(), WrongType> {
    let items = match value {
        Value::Null => &[],
        Value::Seq(items) => items.as_slice(),
        other => return Err(place.wrong(other, "[]string")),
    };
    texts.resize_with(items.len(), String::new);
    texts.iter_mut().zip(items).try_for_each(|(text, item)| set_text(text, place, item))
}

fn set_text_map(texts: &mut BTreeMap<String, String>, place: Place, value: &Value) -> Result<(), WrongType> {
    match value {
        Value::Null => texts.clear(),
        Value::Map(table) => {
            for (key, value) in table {
                // A null is the empty text, whatever was there.
                let mut text = String::new();
                set_text(&mut text, place, value)?;
                texts.insert(key.clone(), text);
            }
        }
        other => return Err(place.wrong(other, "map[string]string")),
    }
    Ok(())
}

fn set_structs<T: Struct>(
    list: &mut Vec<Option<T>>,
    list_type: &'static str,
    item_type: &'static str,
    place: Place,
    value: &Value,
) -> Result<(), WrongType> {
    let items = match value {
        Value::Null => &[],
        Value::Seq(items) => items.as_slice(),
        other => return Err(place.wrong(other, list_type)),
    };
    list.resize_with(items.len(), || None);
    for (entry, item) in list.iter_mut().zip(items) {
        match item {
            Value::Null => *entry = None,
            Value::Map(table) => entry.get_or_insert_default().update(table)?,
            other => return Err(place.wrong(other, item_type)),
        }
    }
    Ok(())
}

/// The dependencies of a lock file, which no rule holds for.
pub(super) fn locked_dependencies(value: &Value) -> Result<Option<Vec<Option<RawDependency>>>, WrongType> {
    let place = Place { name: "Lock", list: "", field: "dependencies" };
    if value.is_null() {
        return Ok(None);
    }
    let mut list = Vec::new();
    set_structs(&mut list, "[]*v2.Dependency", "v2.Dependency", place, value)?;
    Ok(Some(list))
}

/// The text at `Lock.digest`.
pub(super) fn locked_digest(value: &Value) -> Result<String, WrongType> {
    let mut digest = String::new();
    set_text(&mut digest, Place { name: "Lock", list: "", field: "digest" }, value)?;
    Ok(digest)
}
