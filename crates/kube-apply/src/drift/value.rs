//! Values compared as the API server stores them, and paths in the notation of `fieldsV1`.

use serde_json::{Map, Number, Value};

/// Whether two values are the same; numbers by value, so that `1` is `1.0`.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    /// Whole numbers below this one are exact as a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => a.as_f64() == b.as_f64() && a.as_f64().is_some_and(|number| number.abs() < EXACT),
    }
}

/// Whether a node of a set of paths has nothing below it.
pub(super) fn is_leaf(node: &Value) -> bool {
    node.as_object().is_some_and(|children| children.keys().all(|child| child == "."))
}

/// What tells an item of a list apart: a step of a path below a list.
#[derive(Debug)]
pub(super) enum Item {
    /// `k:{"name":"a"}`: a map with these fields.
    Keys(Map<String, Value>),
    /// `v:"a"`: this very value.
    Value(Value),
}

impl Item {
    /// Reads a step; `None` when it is of another kind.
    pub(super) fn of(step: &str) -> Option<Self> {
        match step.split_at_checked(2)? {
            ("k:", keys) => {
                serde_json::from_str(keys).ok().filter(|keys: &Map<_, _>| !keys.is_empty()).map(Self::Keys)
            }
            ("v:", value) => serde_json::from_str(value).ok().map(Self::Value),
            _ => None,
        }
    }

    /// Whether an item of a live list, where every default is filled in, is this one.
    pub(super) fn is(&self, item: &Value) -> bool {
        match self {
            Self::Keys(keys) => {
                keys.iter().all(|(key, value)| item.get(key).is_some_and(|own| same(own, value)))
            }
            Self::Value(value) => same(value, item),
        }
    }

    /// Whether an item of a document could be a live one, by the keys of this step and whatever their values.
    pub(super) fn tells_equal(&self, item: &Value, live: &Value) -> bool {
        match self {
            Self::Keys(keys) => keys
                .keys()
                .all(|key| item.get(key).is_none_or(|own| live.get(key).is_some_and(|live| same(own, live)))),
            Self::Value(_) => same(item, live),
        }
    }

    /// Whether an item of a document, which may leave a key to its default, can be this one.
    pub(super) fn can_be(&self, item: &Value) -> bool {
        match self {
            Self::Keys(keys) => {
                let own = |key: &str| item.get(key).filter(|own| !own.is_null());
                keys.keys().any(|key| own(key).is_some())
                    && keys.iter().all(|(key, value)| own(key).is_none_or(|own| same(own, value)))
            }
            Self::Value(value) => same(value, item),
        }
    }
}

/// The only position for which `is` holds; `Err(0)` when there is none, `Err(n)` when there are `n`.
pub(super) fn only<T>(items: &[T], is: impl Fn(&T) -> bool) -> Result<usize, usize> {
    let mut found = items.iter().enumerate().filter(|(_, item)| is(item)).map(|(at, _)| at);
    match (found.next(), found.count()) {
        (None, _) => Err(0),
        (Some(at), 0) => Ok(at),
        (Some(_), more) => Err(1 + more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_by_value() {
        let rows = [
            ("1", "1.0", true),
            ("1", "1e0", true),
            ("[1, {\"a\": 2}]", "[1.0, {\"a\": 2.0}]", true),
            ("-1", "18446744073709551615", false),
            ("9007199254740993", "9007199254740992", false),
            ("9007199254740993", "9007199254740992.0", false),
            ("0.1", "0.1", true),
            ("1", "\"1\"", false),
            ("{}", "{\"a\": null}", false),
            ("[1]", "[1, 1]", false),
        ];
        for (a, b, expected) in rows {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(same(&read(a), &read(b)), expected, "{a} {b}");
            assert_eq!(same(&read(b), &read(a)), expected, "{b} {a}");
        }
    }
}
