//! Lists that strategic merge patches merge by key, or as sets.
//!
//! An element is known by the values of the list's keys. A port that states no `protocol` is one of TCP, as the API server has
//! it; of other keys, one that only the object or only the patch states does not tell elements apart.

use std::collections::{HashMap, HashSet};

use go_yaml::Value;

use super::kinds::{Fields, Form};
use super::meter::Size;
use super::selector::scalar_text;
use super::strategic::{Directive, MergeError, Merger, PATCH};

/// What an element is known by: the value of each key, empty if it has none.
type Identity = Vec<String>;

impl Merger<'_, '_> {
    pub(super) fn merge_list(
        &mut self,
        found: Vec<Value>,
        patch: &[Value],
        form: Option<Form>,
    ) -> Result<Option<Value>, MergeError> {
        if !matches!(form, Some(Form::Keyed { .. } | Form::Set)) {
            return self.copies(patch.iter()).map(Value::Seq).map(Some);
        }
        let (directive, patch) = self.list_directive(patch)?;
        let items = match (directive, form) {
            (Directive::Delete, _) => return Ok(None),
            (Directive::Merge, Some(Form::Keyed { keys, element })) => {
                self.merge_keyed(found, &patch, keys, element)?
            }
            (Directive::Merge, _) => {
                let mut items = self.copies(patch.into_iter())?;
                items.extend(found);
                without_duplicates(items, form)
            }
            (Directive::Replace, _) => self.added_items(&patch, form)?,
        };
        Ok(Some(Value::Seq(items)))
    }

    /// A list that the object does not have yet.
    pub(super) fn added_list(&mut self, patch: &[Value], form: Option<Form>) -> Result<Value, MergeError> {
        let (_, patch) = self.list_directive(patch)?;
        self.added_items(&patch, form).map(Value::Seq)
    }

    /// A list that the patch says nothing of.
    pub(super) fn untouched_list(
        &mut self,
        found: Vec<Value>,
        form: Option<Form>,
    ) -> Result<Value, MergeError> {
        let Some(Form::Keyed { element, .. }) = form else {
            return Ok(Value::Seq(without_duplicates(found, form)));
        };
        let element = element.map(Form::Object);
        let mut items = Vec::with_capacity(found.len());
        for item in without_duplicates(found, form) {
            items.extend(self.merge(Some(item), None, element)?);
        }
        Ok(Value::Seq(items))
    }

    fn added_items(&mut self, patch: &[&Value], form: Option<Form>) -> Result<Vec<Value>, MergeError> {
        let Some(Form::Keyed { element, .. }) = form else {
            let items = self.copies(patch.iter().copied().filter(|item| !item.is_null()))?;
            return Ok(without_duplicates(items, form));
        };
        let element = element.map(Form::Object);
        let mut items = Vec::with_capacity(patch.len());
        for (index, item) in patch.iter().enumerate() {
            items.extend(self.within(&index.to_string(), |merger| merger.added(item, element))?);
        }
        Ok(without_duplicates(items, form))
    }

    fn merge_keyed(
        &mut self,
        found: Vec<Value>,
        patch: &[&Value],
        keys: &'static [&'static str],
        element: Option<&'static Fields>,
    ) -> Result<Vec<Value>, MergeError> {
        let found = without_duplicates(found, Some(Form::Keyed { keys, element }));
        // What the patch changes moves to the front, unless elements are told apart by more than one key.
        let stays = has_second_key(found.iter().chain(patch.iter().copied()), keys);
        let identities: Vec<Identity> = found.iter().map(|item| identity(item, keys)).collect();
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, identity) in identities.iter().enumerate() {
            places.entry(identity[0].as_str()).or_default().push(at);
        }
        let mut rest: Vec<Option<Value>> = found.into_iter().map(Some).collect();
        let mut front = Vec::new();
        let mut seen = HashSet::new();
        let form = element.map(Form::Object);
        for item in patch {
            let wanted = identity(item, keys);
            if wanted[0].is_empty() {
                return Err(MergeError::NoKey { path: self.path(), key: keys[0] });
            }
            if !seen.insert(wanted.clone()) {
                continue;
            }
            let candidates = places.get(wanted[0].as_str()).map(Vec::as_slice).unwrap_or_default();
            self.meter.steps(1 + candidates.len())?;
            let exact = candidates.iter().find(|at| identities[**at] == wanted);
            let at = exact.or_else(|| candidates.iter().find(|at| agree(&identities[**at], &wanted)));
            let at = at.copied().filter(|at| rest[*at].is_some());
            let before = at.and_then(|at| rest[at].take());
            let merged = self.within(&wanted[0], |merger| merger.merge(before, Some(item), form))?;
            match (merged, at) {
                (Some(merged), Some(at)) if stays => rest[at] = Some(merged),
                (merged, _) => front.extend(merged),
            }
        }
        for item in rest.into_iter().flatten() {
            front.extend(self.merge(Some(item), None, form)?);
        }
        Ok(front)
    }

    fn copies<'v>(&mut self, items: impl Iterator<Item = &'v Value>) -> Result<Vec<Value>, MergeError> {
        let copy = |item: &Value| {
            self.meter.copy(Size::of(item))?;
            Ok(item.clone())
        };
        items.map(copy).collect()
    }

    /// What an element of the list that is nothing but a `$patch` says of the whole list, and the other elements.
    fn list_directive<'v>(&self, patch: &'v [Value]) -> Result<(Directive, Vec<&'v Value>), MergeError> {
        let of_list =
            |item: &&Value| item.as_map().is_some_and(|map| map.len() == 1 && map.contains_key(PATCH));
        let directive = patch.iter().find(of_list).and_then(Value::as_map);
        let directive = directive.map_or(Ok(Directive::Merge), |map| self.directive(map))?;
        Ok((directive, patch.iter().filter(|item| !of_list(item)).collect()))
    }
}

fn identity(item: &Value, keys: &[&str]) -> Identity {
    let value = |key: &&str| match item.get(key) {
        None | Some(Value::Null) if *key == "protocol" => "TCP".to_owned(),
        None | Some(Value::Null) => String::new(),
        Some(value) => scalar_text(value).into_owned(),
    };
    keys.iter().map(value).collect()
}

/// Whether two elements have the same first key and differ in no key that both have.
fn agree(left: &Identity, right: &Identity) -> bool {
    left.iter().zip(right).all(|(left, right)| left == right || left.is_empty() || right.is_empty())
}

fn has_second_key<'v>(mut items: impl Iterator<Item = &'v Value>, keys: &[&str]) -> bool {
    let has = |item: &Value, key: &&str| item.get(key).is_some_and(|value| !value.is_null());
    items.any(|item| keys.iter().skip(1).any(|key| has(item, key)))
}

/// The items with the last of those that are known by the same; kustomize keeps no more of a list that it merges.
fn without_duplicates(items: Vec<Value>, form: Option<Form>) -> Vec<Value> {
    let (keys, last_place) = match form {
        Some(Form::Keyed { keys, .. }) => (keys, has_second_key(items.iter(), keys)),
        Some(Form::Set) => (&[][..], false),
        _ => return items,
    };
    let known_by = |item: &Value| match item {
        Value::Map(_) if !keys.is_empty() => Some(identity(item, keys)).filter(|id| !id[0].is_empty()),
        Value::Map(_) | Value::Seq(_) => None,
        plain if keys.is_empty() => Some(vec![scalar_text(plain).into_owned()]),
        _ => None,
    };
    let mut places: HashMap<Identity, usize> = HashMap::new();
    let mut kept: Vec<Option<Value>> = Vec::with_capacity(items.len());
    for item in items {
        match known_by(&item).map(|identity| places.entry(identity)) {
            Some(std::collections::hash_map::Entry::Occupied(mut place)) if last_place => {
                kept[*place.get()] = None;
                place.insert(kept.len());
                kept.push(Some(item));
            }
            Some(std::collections::hash_map::Entry::Occupied(place)) => kept[*place.get()] = Some(item),
            Some(std::collections::hash_map::Entry::Vacant(place)) => {
                place.insert(kept.len());
                kept.push(Some(item));
            }
            None => kept.push(Some(item)),
        }
    }
    kept.into_iter().flatten().collect()
}

/// The items of a merged list in the order of `$setElementOrder`, as the API server sorts them: those that it names as it has
/// them, each of the others before the first one that it preceded in the list `before`.
pub(super) fn ordered(items: Vec<Value>, order: &[Value], before: &[Value], form: Form) -> Vec<Value> {
    let key = |item: &Value| match form {
        Form::Keyed { keys, .. } => item.get(keys[0]).map(scalar_text).unwrap_or_default().into_owned(),
        _ => scalar_text(item).into_owned(),
    };
    let places = |list: &[Value]| -> HashMap<String, usize> {
        list.iter().enumerate().rev().map(|(at, item)| (key(item), at)).collect()
    };
    let (order, before) = (places(order), places(before));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        items.into_iter().partition(|item| order.contains_key(&key(item)));
    named.sort_by_cached_key(|item| order.get(&key(item)).copied());
    others.sort_by_cached_key(|item| before.get(&key(item)).copied().unwrap_or(usize::MAX));
    let mut sorted = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        let place = before.get(&key(&item));
        let precedes = |other: &Value| match (before.get(&key(other)), place) {
            (Some(other), Some(place)) => other < place,
            _ => false,
        };
        while let Some(other) = others.next_if(precedes) {
            sorted.push(other);
        }
        sorted.push(item);
    }
    sorted.extend(others);
    sorted
}
