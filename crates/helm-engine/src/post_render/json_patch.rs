//! JSON patches (RFC 6902), with what the library that kustomize uses (`evanphx/json-patch` v4) does beyond the RFC: a
//! negative index counts from the end, `replace` creates the key of a map, a missing `value` is null, and `copy` of a key that
//! does not exist copies null.

use go_yaml::Value;
use go_yaml::limits::MAX_DEPTH;

use super::meter::{Meter, OverBudget, Size};

/// Operations, applied in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JsonPatch(Vec<Operation>);

#[derive(Debug, Clone, PartialEq)]
struct Operation {
    path: Pointer,
    action: Action,
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    Add(Value),
    Remove,
    Replace(Value),
    Move(Pointer),
    Copy(Pointer),
    Test(Value),
}

/// A place in a document (RFC 6901): the whole document if empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pointer {
    text: String,
    tokens: Vec<String>,
}

/// Why a list is no JSON patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// An item of the list is no map.
    #[error("operation {0} is no map with `op` and `path`")]
    NoMap(usize),
    /// `op` is missing or unknown.
    #[error("operation {index} has op {op}; there are add, remove, replace, move, copy and test")]
    Op {
        /// Which operation, from 0.
        index: usize,
        /// What is there.
        op: String,
    },
    /// `path` or `from` is missing or malformed.
    #[error("operation {index} ({op}): {field} must be a text that begins with /")]
    Pointer {
        /// Which operation, from 0.
        index: usize,
        /// Its `op`.
        op: String,
        /// `path` or `from`.
        field: &'static str,
    },
}

/// Why a JSON patch does not apply to an object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonPatchError {
    /// A map or list on the way to the place does not exist, or the place itself.
    #[error("operation {index} ({op}): the object has no {path}")]
    Missing {
        /// Which operation, from 0.
        index: usize,
        /// Its `op`.
        op: &'static str,
        /// The place.
        path: String,
    },
    /// The place is in a list, and no place of it.
    #[error("operation {index} ({op}): {path} ends with no index of the list, which has {length} items")]
    Index {
        /// Which operation, from 0.
        index: usize,
        /// Its `op`.
        op: &'static str,
        /// The place.
        path: String,
        /// The list's length.
        length: usize,
    },
    /// A `test` found another value.
    #[error("operation {index} (test): the value of {path} is another one")]
    TestFailed {
        /// Which operation, from 0.
        index: usize,
        /// The place.
        path: String,
    },
    /// The operation is not possible on the whole document.
    #[error("operation {index} ({op}) needs a path within the object")]
    WholeDocument {
        /// Which operation, from 0.
        index: usize,
        /// Its `op`.
        op: &'static str,
    },
    /// The object would nest too deep.
    #[error("operation {index} ({op}): the object would have more than {MAX_DEPTH} levels")]
    TooDeep {
        /// Which operation, from 0.
        index: usize,
        /// Its `op`.
        op: &'static str,
    },
    /// What is left is no object.
    #[error("what it leaves is no object")]
    NoObject,
    /// The render's budget is used up.
    #[error(transparent)]
    Budget(#[from] OverBudget),
}

/// What went wrong in one operation, and where.
enum Fault {
    Missing(String),
    Index(String, usize),
    TestFailed,
    WholeDocument,
    TooDeep,
    Budget(OverBudget),
}

impl From<OverBudget> for Fault {
    fn from(over: OverBudget) -> Self {
        Fault::Budget(over)
    }
}

impl JsonPatch {
    /// Reads the items of the list that the patch's text is.
    pub(super) fn read(items: Vec<Value>) -> Result<Self, OperationError> {
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| Operation::read(index, item))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Applies the operations. If one fails, those before it have been applied.
    pub(super) fn apply(&self, object: &mut Value, meter: &mut Meter<'_>) -> Result<(), JsonPatchError> {
        for (index, operation) in self.0.iter().enumerate() {
            operation.apply(object, meter).map_err(|fault| operation.error(index, fault))?;
        }
        if object.as_map().is_none() {
            return Err(JsonPatchError::NoObject);
        }
        Ok(())
    }
}

impl Operation {
    fn read(index: usize, item: Value) -> Result<Self, OperationError> {
        let Value::Map(mut item) = item else { return Err(OperationError::NoMap(index)) };
        let op = match item.get("op") {
            Some(Value::String(op)) => op.clone(),
            Some(_) => "that is no text".to_owned(),
            None => "missing".to_owned(),
        };
        let pointer = |field: &'static str| {
            let read = item.get(field).and_then(Value::as_str).and_then(Pointer::read);
            read.ok_or_else(|| OperationError::Pointer { index, op: op.clone(), field })
        };
        let path = pointer("path");
        let action = match op.as_str() {
            "move" => Action::Move(pointer("from")?),
            "copy" => Action::Copy(pointer("from")?),
            "remove" => Action::Remove,
            "add" => Action::Add(item.remove("value").unwrap_or_default()),
            "replace" => Action::Replace(item.remove("value").unwrap_or_default()),
            "test" => Action::Test(item.remove("value").unwrap_or_default()),
            _ => return Err(OperationError::Op { index, op }),
        };
        Ok(Self { path: path?, action })
    }

    fn op(&self) -> &'static str {
        match self.action {
            Action::Add(_) => "add",
            Action::Remove => "remove",
            Action::Replace(_) => "replace",
            Action::Move(_) => "move",
            Action::Copy(_) => "copy",
            Action::Test(_) => "test",
        }
    }

    fn apply(&self, object: &mut Value, meter: &mut Meter<'_>) -> Result<(), Fault> {
        meter.steps(1 + self.path.tokens.len())?;
        match &self.action {
            Action::Add(value) => {
                meter.copy(Size::of(value))?;
                self.path.add(object, value.clone(), meter)
            }
            Action::Remove => self.path.remove(object, meter).map(drop),
            Action::Replace(value) => {
                meter.copy(Size::of(value))?;
                self.path.replace(object, value.clone())
            }
            Action::Move(from) => {
                let value = from.remove(object, meter)?;
                self.path.add(object, value, meter)
            }
            Action::Copy(from) => {
                let value = from.get(object)?.unwrap_or(&Value::Null);
                meter.copy(Size::of(value))?;
                let value = value.clone();
                self.path.add(object, value, meter)
            }
            Action::Test(expected) => {
                meter.steps(Size::of(expected).nodes)?;
                let found =
                    if self.path.tokens.is_empty() { Some(&*object) } else { self.path.get(object)? };
                let equal = same(found.unwrap_or(&Value::Null), expected);
                if equal { Ok(()) } else { Err(Fault::TestFailed) }
            }
        }
    }

    fn error(&self, index: usize, fault: Fault) -> JsonPatchError {
        let op = self.op();
        match fault {
            Fault::Missing(path) => JsonPatchError::Missing { index, op, path },
            Fault::Index(path, length) => JsonPatchError::Index { index, op, path, length },
            Fault::TestFailed => JsonPatchError::TestFailed { index, path: self.path.text.clone() },
            Fault::WholeDocument => JsonPatchError::WholeDocument { index, op },
            Fault::TooDeep => JsonPatchError::TooDeep { index, op },
            Fault::Budget(over) => JsonPatchError::Budget(over),
        }
    }
}

impl Pointer {
    fn read(text: &str) -> Option<Self> {
        if !text.is_empty() && !text.starts_with('/') {
            return None;
        }
        let token = |token: &str| token.replace("~1", "/").replace("~0", "~");
        Some(Self { text: text.to_owned(), tokens: text.split('/').skip(1).map(token).collect() })
    }

    /// The map or list that the place is in, and its key or index there.
    fn parent<'v>(&self, object: &'v mut Value) -> Result<(&'v mut Value, &str), Fault> {
        let (last, way) = self.tokens.split_last().ok_or(Fault::WholeDocument)?;
        let mut place = object;
        for token in way {
            let next = match place {
                Value::Map(map) => map.get_mut(token),
                Value::Seq(items) => index(token, items.len()).and_then(|at| items.get_mut(at)),
                _ => None,
            };
            place = next.ok_or_else(|| self.missing())?;
        }
        match place {
            Value::Map(_) | Value::Seq(_) => Ok((place, last)),
            _ => Err(self.missing()),
        }
    }

    fn missing(&self) -> Fault {
        Fault::Missing(self.text.clone())
    }

    fn no_index(&self, length: usize) -> Fault {
        Fault::Index(self.text.clone(), length)
    }

    /// What is at the place; nothing for a key that a map does not have.
    fn get<'v>(&self, object: &'v mut Value) -> Result<Option<&'v Value>, Fault> {
        match self.parent(object)? {
            (Value::Map(map), key) => Ok(map.get(key)),
            (Value::Seq(items), token) => {
                let at = index(token, items.len()).ok_or_else(|| self.no_index(items.len()))?;
                Ok(items.get(at))
            }
            _ => Err(self.missing()),
        }
    }

    fn add(&self, object: &mut Value, value: Value, meter: &mut Meter<'_>) -> Result<(), Fault> {
        self.check_depth(&value)?;
        match self.parent(object)? {
            (Value::Map(map), key) => {
                map.insert(key.to_owned(), value);
            }
            (Value::Seq(items), "-") => items.push(value),
            (Value::Seq(items), token) => {
                // One index more than the list has is its end.
                let at = index(token, items.len() + 1).ok_or_else(|| self.no_index(items.len()))?;
                meter.steps((items.len() - at) / 16)?;
                items.insert(at, value);
            }
            _ => return Err(self.missing()),
        }
        Ok(())
    }

    fn remove(&self, object: &mut Value, meter: &mut Meter<'_>) -> Result<Value, Fault> {
        match self.parent(object)? {
            (Value::Map(map), key) => map.remove(key).ok_or_else(|| self.missing()),
            (Value::Seq(items), token) => {
                let at = index(token, items.len()).ok_or_else(|| self.no_index(items.len()))?;
                meter.steps((items.len() - at) / 16)?;
                Ok(items.remove(at))
            }
            _ => Err(self.missing()),
        }
    }

    fn replace(&self, object: &mut Value, value: Value) -> Result<(), Fault> {
        self.check_depth(&value)?;
        if self.tokens.is_empty() {
            *object = value;
            return Ok(());
        }
        match self.parent(object)? {
            (Value::Map(map), key) => {
                map.insert(key.to_owned(), value);
            }
            (Value::Seq(items), token) => {
                let at = index(token, items.len()).ok_or_else(|| self.no_index(items.len()))?;
                items[at] = value;
            }
            _ => return Err(self.missing()),
        }
        Ok(())
    }

    /// Every later step walks the object by recursion.
    fn check_depth(&self, value: &Value) -> Result<(), Fault> {
        let depth = self.tokens.len() + Size::of(value).depth;
        if depth > MAX_DEPTH { Err(Fault::TooDeep) } else { Ok(()) }
    }
}

/// The index that a token means in a list of `length` items: Go's `strconv.Atoi`, negative ones from the end.
fn index(token: &str, length: usize) -> Option<usize> {
    let index: isize = token.parse().ok()?;
    let at = if index < 0 { length.checked_add_signed(index)? } else { index.unsigned_abs() };
    (at < length).then_some(at)
}

/// Whether two values are one in JSON, where `1.0` is written `1`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|((a, x), (b, y))| a == b && same(x, y))
        }
        (Value::Seq(left), Value::Seq(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(x, y)| same(x, y))
        }
        (Value::Float(_), Value::Int(_) | Value::Uint(_))
        | (Value::Int(_) | Value::Uint(_), Value::Float(_)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Budgets;

    fn apply(object: &str, patch: &str) -> Result<String, String> {
        let Value::Seq(items) = go_yaml::from_str(patch).unwrap() else { panic!("{patch}") };
        let patch = JsonPatch::read(items).map_err(|error| error.to_string())?;
        let mut object = go_yaml::from_str(object).unwrap();
        let budgets = Budgets { output: 100_000, ..Budgets::default() };
        let applied = patch.apply(&mut object, &mut Meter::new(&budgets));
        applied.map_err(|error| error.to_string())?;
        Ok(go_yaml::json::to_string(&object, go_yaml::json::Style::Compact).unwrap())
    }

    // What the operations do is compared with kustomize's in `tests/post_render.rs`.
    #[test]
    fn says_what_is_wrong() {
        let rows = [
            ("[1]", "operation 0 is no map with `op` and `path`"),
            (
                "[{path: /a}]",
                "operation 0 has op missing; there are add, remove, replace, move, copy and test",
            ),
            (
                "[{op: ad, path: /a}]",
                "operation 0 has op ad; there are add, remove, replace, move, copy and test",
            ),
            ("[{op: add, path: a}]", "operation 0 (add): path must be a text that begins with /"),
            ("[{op: move, path: /a}]", "operation 0 (move): from must be a text that begins with /"),
            ("[{op: add, path: /x/y}]", "operation 0 (add): the object has no /x/y"),
            ("[{op: remove, path: /m/x}]", "operation 0 (remove): the object has no /m/x"),
            ("[{op: move, from: /m/x, path: /y}]", "operation 0 (move): the object has no /m/x"),
            ("[{op: add, path: /n/b}]", "operation 0 (add): the object has no /n/b"),
            (
                "[{op: add, path: /l/1}, {op: add, path: /l/3}]",
                "operation 1 (add): /l/3 ends with no index of the list, which has 2 items",
            ),
            ("[{op: test, path: /n, value: secret}]", "operation 0 (test): the value of /n is another one"),
            ("[{op: remove, path: ''}]", "operation 0 (remove) needs a path within the object"),
            ("[{op: replace, path: '', value: [1]}]", "what it leaves is no object"),
        ];
        for (patch, expected) in rows {
            assert_eq!(apply("{m: {a: 1}, l: [1], n: 1}", patch), Err(expected.to_owned()), "{patch}");
        }
    }

    #[test]
    fn an_object_cannot_be_made_deep() {
        let nested = format!("{}{}", "[".repeat(190), "]".repeat(190));
        let deeper =
            format!("[{{op: add, path: /a, value: {nested}}}, {{op: copy, from: /a, path: {}/-}}]", {
                let way = "/0".repeat(20);
                format!("/a{way}")
            });
        assert_eq!(
            apply("{}", &deeper),
            Err(format!("operation 1 (copy): the object would have more than {MAX_DEPTH} levels"))
        );
    }

    #[test]
    fn copies_are_paid_for() {
        let patch: Vec<String> = (0..40).map(|i| format!("{{op: copy, from: /a, path: /a/k{i}}}")).collect();
        let error = apply("{a: {k: 0123456789}}", &format!("[{}]", patch.join(", "))).unwrap_err();
        assert!(error.starts_with("the objects would have more than"), "{error}");
    }
}
