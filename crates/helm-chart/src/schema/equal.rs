//! Equality of JSON values: 1 equals 1.0.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use go_yaml::Value;

use super::limits::{Budget, LimitReached};
use super::number::Decimal;

pub(super) fn equals(a: &Value, b: &Value, budget: &Budget) -> Result<bool, LimitReached> {
    budget.spend(1)?;
    if let (Value::String(a), Value::String(b)) = (a, b)
        && a.len() == b.len()
    {
        budget.spend(a.len() / 64)?;
    }
    Ok(match (a, b) {
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((key, value), (other_key, other)) in a.iter().zip(b) {
                budget.spend(key.len() / 64)?;
                if key != other_key || !equals(value, other, budget)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Seq(a), Value::Seq(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (value, other) in a.iter().zip(b) {
                if !equals(value, other, budget)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Null, Value::Null) => true,
        _ => Decimal::of(a).is_some_and(|number| Some(number) == Decimal::of(b)),
    })
}

/// The first two places of equal items, found in the order of the second.
pub(super) fn duplicates(items: &[Value], budget: &Budget) -> Result<Option<(usize, usize)>, LimitReached> {
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let mut hasher = DefaultHasher::new();
        hash(item, &mut hasher, budget)?;
        let places = seen.entry(hasher.finish()).or_default();
        for earlier in places.iter().copied() {
            if equals(&items[earlier], item, budget)? {
                return Ok(Some((earlier, at)));
            }
        }
        places.push(at);
    }
    Ok(None)
}

fn hash(value: &Value, hasher: &mut DefaultHasher, budget: &Budget) -> Result<(), LimitReached> {
    budget.spend(1)?;
    match value {
        Value::Null => 0.hash(hasher),
        Value::Bool(value) => value.hash(hasher),
        Value::String(text) => {
            budget.spend(text.len() / 16)?;
            text.hash(hasher);
        }
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => Decimal::of(value).hash(hasher),
        Value::Seq(items) => {
            items.len().hash(hasher);
            for item in items {
                hash(item, hasher, budget)?;
            }
        }
        Value::Map(map) => {
            map.len().hash(hasher);
            for (key, item) in map {
                budget.spend(key.len() / 16)?;
                key.hash(hasher);
                hash(item, hasher, budget)?;
            }
        }
    }
    Ok(())
}
