//! Strategic merge patches, as kustomize applies them.
//!
//! Maps are merged, null removes a key, plain values and most lists are replaced. Lists that the [`kinds`] table knows are
//! merged by key; what the patch names comes first, as kustomize has it. A `$patch` key deletes, replaces or merges what it
//! stands in. Kubernetes' own directives `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`, which kustomize
//! does not know, are followed as the API server follows them.

use std::collections::{BTreeMap, HashSet};

use go_yaml::Value;

use super::kinds::{self, Fields, Form};
use super::lists;
use super::meter::{Meter, OverBudget, Size};
use super::selector::scalar_text;

type Map = BTreeMap<String, Value>;

/// Why a patch does not fit an object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// One has a map where the other has a list or a plain value.
    #[error("{path} is {found} in the object and {patch} in the patch")]
    OtherKind {
        /// The field.
        path: String,
        /// What the object has there.
        found: &'static str,
        /// What the patch has.
        patch: &'static str,
    },
    /// An element of a list that is merged by key has no key.
    #[error("an element of {path} has no {key}, by which the list is merged")]
    NoKey {
        /// The list.
        path: String,
        /// The key.
        key: &'static str,
    },
    /// A directive has a value that it cannot have.
    #[error("{path}: {directive} must be {wanted}")]
    Directive {
        /// Where the directive stands.
        path: String,
        /// The directive.
        directive: String,
        /// What it could be.
        wanted: &'static str,
    },
    /// `$retainKeys` leaves out a key of the patch.
    #[error("{path}: $retainKeys does not name {key}, which the patch has")]
    NotRetained {
        /// Where the directive stands.
        path: String,
        /// The key.
        key: String,
    },
    /// The render's budget is used up.
    #[error(transparent)]
    Budget(#[from] OverBudget),
}

/// The object with the patch merged into it; nothing if the patch deletes it.
///
/// `kind` is what decides about lists if the object's own is not built in.
pub(super) fn merge(
    object: Value,
    patch: &Value,
    kind: &str,
    meter: &mut Meter<'_>,
) -> Result<Option<Value>, MergeError> {
    let api_version = object.get("apiVersion").map(scalar_text).unwrap_or_default();
    let own = object.get("kind").map(scalar_text).unwrap_or_default();
    let fields = kinds::fields(&api_version, &own).or_else(|| kinds::fields(&api_version, kind));
    let form = Form::Object(fields.unwrap_or_else(kinds::no_fields));
    Merger { meter, path: Vec::new() }.merge(Some(object), Some(patch), Some(form))
}

/// What `$patch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

pub(super) const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

pub(super) struct Merger<'m, 'b> {
    pub(super) meter: &'m mut Meter<'b>,
    path: Vec<String>,
}

impl Merger<'_, '_> {
    /// Merges what a field has in the object and in the patch; nothing if it is to have no value.
    pub(super) fn merge(
        &mut self,
        found: Option<Value>,
        patch: Option<&Value>,
        form: Option<Form>,
    ) -> Result<Option<Value>, MergeError> {
        self.meter.steps(1)?;
        match (found, patch) {
            (None | Some(Value::Null), Some(patch)) => self.added(patch, form),
            (Some(Value::Map(found)), patch @ (None | Some(Value::Map(_)))) => {
                self.merge_map(found, patch.and_then(Value::as_map), form)
            }
            (Some(Value::Seq(found)), None) => self.untouched_list(found, form).map(Some),
            (found, None) => Ok(found),
            (_, Some(Value::Null)) => Ok(None),
            (Some(Value::Seq(found)), Some(Value::Seq(patch))) => self.merge_list(found, patch, form),
            (Some(found), Some(patch)) => {
                if is_plain(&found) && is_plain(patch) {
                    return self.copied(patch).map(Some);
                }
                let (found, patch) = (kind_of(&found), kind_of(patch));
                Err(MergeError::OtherKind { path: self.path(), found, patch })
            }
        }
    }

    /// What the patch adds, without directives and nulls.
    pub(super) fn added(&mut self, patch: &Value, form: Option<Form>) -> Result<Option<Value>, MergeError> {
        match patch {
            Value::Null => Ok(None),
            Value::Map(patch) => self.added_map(patch, form),
            Value::Seq(items) if matches!(form, Some(Form::Keyed { .. } | Form::Set)) => {
                self.added_list(items, form).map(Some)
            }
            other => self.copied(other).map(Some),
        }
    }

    fn copied(&mut self, value: &Value) -> Result<Value, MergeError> {
        self.meter.copy(Size::of(value))?;
        Ok(value.clone())
    }

    fn added_map(&mut self, patch: &Map, form: Option<Form>) -> Result<Option<Value>, MergeError> {
        if self.directive(patch)? == Directive::Delete {
            return Ok(None);
        }
        let fields = fields_of(form, patch, patch);
        let mut added = Map::new();
        for (key, value) in patch.iter().filter(|(key, _)| !is_directive(key)) {
            self.meter.steps(1)?;
            self.meter.bytes(key.len())?;
            let form = fields.and_then(|fields| fields.get(key));
            if let Some(value) = self.within(key, |merger| merger.added(value, form))? {
                added.insert(key.clone(), value);
            }
        }
        self.set_orders(&mut added, &Map::new(), patch, fields)?;
        Ok(Some(Value::Map(added)))
    }

    pub(super) fn merge_map(
        &mut self,
        mut found: Map,
        patch: Option<&Map>,
        form: Option<Form>,
    ) -> Result<Option<Value>, MergeError> {
        let no_patch = Map::new();
        let patch = patch.unwrap_or(&no_patch);
        match self.directive(patch)? {
            Directive::Delete => return Ok(None),
            Directive::Replace => return self.added_map(patch, form),
            Directive::Merge => {}
        }
        let fields = fields_of(form, &found, patch);
        self.retain_keys(&mut found, patch)?;
        self.delete_from_lists(&mut found, patch)?;
        let before = self.lists_to_order(&found, patch)?;
        let mut merged = Map::new();
        let added = patch.keys().filter(|key| !found.contains_key(*key) && !is_directive(key));
        let added: Vec<&String> = added.collect();
        for key in added {
            self.meter.bytes(key.len())?;
            let form = fields.and_then(|fields| fields.get(key));
            if let Some(value) = self.within(key, |merger| merger.merge(None, patch.get(key), form))? {
                merged.insert(key.clone(), value);
            }
        }
        for (key, value) in found {
            let form = fields.and_then(|fields| fields.get(&key));
            let change = if is_directive(&key) { None } else { patch.get(&key) };
            if let Some(value) = self.within(&key, |merger| merger.merge(Some(value), change, form))? {
                merged.insert(key, value);
            }
        }
        self.set_orders(&mut merged, &before, patch, fields)?;
        Ok(Some(Value::Map(merged)))
    }

    /// Does something below a key.
    pub(super) fn within<T>(
        &mut self,
        key: &str,
        work: impl FnOnce(&mut Self) -> Result<T, MergeError>,
    ) -> Result<T, MergeError> {
        self.path.push(key.to_owned());
        let done = work(self);
        self.path.pop();
        done
    }

    pub(super) fn path(&self) -> String {
        if self.path.is_empty() { "the whole".to_owned() } else { self.path.join(".") }
    }

    /// What the map's `$patch` says.
    pub(super) fn directive(&self, patch: &Map) -> Result<Directive, MergeError> {
        let Some(directive) = patch.get(PATCH) else { return Ok(Directive::Merge) };
        match directive.as_str() {
            Some("merge") => Ok(Directive::Merge),
            Some("replace") => Ok(Directive::Replace),
            Some("delete") => Ok(Directive::Delete),
            _ => Err(self.wrong(PATCH, "delete, replace or merge")),
        }
    }

    fn wrong(&self, directive: &str, wanted: &'static str) -> MergeError {
        MergeError::Directive { path: self.path(), directive: directive.to_owned(), wanted }
    }

    /// `$retainKeys`: of the object's keys only these stay.
    fn retain_keys(&mut self, found: &mut Map, patch: &Map) -> Result<(), MergeError> {
        let Some(names) = patch.get(RETAIN_KEYS) else { return Ok(()) };
        let names =
            names.as_seq().and_then(|names| names.iter().map(Value::as_str).collect::<Option<HashSet<_>>>());
        let names = names.ok_or_else(|| self.wrong(RETAIN_KEYS, "a list of keys"))?;
        let named = |(key, value): &(&String, &Value)| {
            value.is_null() || is_directive(key) || names.contains(key.as_str())
        };
        if let Some((key, _)) = patch.iter().find(|entry| !named(entry)) {
            return Err(MergeError::NotRetained { path: self.path(), key: key.clone() });
        }
        found.retain(|key, _| names.contains(key.as_str()));
        Ok(())
    }

    /// `$deleteFromPrimitiveList/F`: these values are taken out of the list F.
    fn delete_from_lists(&mut self, found: &mut Map, patch: &Map) -> Result<(), MergeError> {
        for (directive, values) in patch.range(DELETE_FROM.to_owned()..) {
            let Some(field) = directive.strip_prefix(DELETE_FROM) else { break };
            let values = values.as_seq().ok_or_else(|| self.wrong(directive, "a list"))?;
            let values: HashSet<String> =
                values.iter().map(|value| scalar_text(value).into_owned()).collect();
            if let Some(Value::Seq(items)) = found.get_mut(field) {
                self.meter.steps(items.len())?;
                items.retain(|item| !is_plain(item) || !values.contains(scalar_text(item).as_ref()));
            }
        }
        Ok(())
    }

    /// The object's lists that the patch orders, before they are merged.
    fn lists_to_order(&mut self, found: &Map, patch: &Map) -> Result<Map, MergeError> {
        let mut lists = Map::new();
        for (directive, _) in patch.range(SET_ORDER.to_owned()..) {
            let Some(field) = directive.strip_prefix(SET_ORDER) else { break };
            if let Some(list) = found.get(field) {
                lists.insert(field.to_owned(), self.copied(list)?);
            }
        }
        Ok(lists)
    }

    /// `$setElementOrder/F`: the elements of the merged list F that it names get its order; the others stay before those that
    /// they were before.
    fn set_orders(
        &mut self,
        merged: &mut Map,
        before: &Map,
        patch: &Map,
        fields: Option<&'static Fields>,
    ) -> Result<(), MergeError> {
        for (directive, order) in patch.range(SET_ORDER.to_owned()..) {
            let Some(field) = directive.strip_prefix(SET_ORDER) else { break };
            let order = order.as_seq().ok_or_else(|| self.wrong(directive, "a list"))?;
            let form = fields.and_then(|fields| fields.get(field));
            let before = before.get(field).and_then(Value::as_seq).unwrap_or_default();
            if let (Some(form), Some(Value::Seq(items))) = (form, merged.get_mut(field)) {
                self.meter.steps(items.len() + order.len() + before.len())?;
                *items = lists::ordered(std::mem::take(items), order, before, form);
            }
        }
        Ok(())
    }
}

/// The fields by which the values of a map are merged: those that its place has, or those of the object that it is by itself.
fn fields_of(form: Option<Form>, found: &Map, patch: &Map) -> Option<&'static Fields> {
    if let Some(Form::Object(fields)) = form {
        return Some(fields);
    }
    let of = |map: &Map| {
        let text = |key: &str| map.get(key).filter(|value| !value.is_null()).map(scalar_text);
        kinds::fields(&text("apiVersion")?, &text("kind")?)
    };
    of(found).or_else(|| of(patch))
}

fn is_directive(key: &str) -> bool {
    key == PATCH || key == RETAIN_KEYS || key.starts_with(SET_ORDER) || key.starts_with(DELETE_FROM)
}

fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Map(_) | Value::Seq(_))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "a map",
        Value::Seq(_) => "a list",
        _ => "a plain value",
    }
}
