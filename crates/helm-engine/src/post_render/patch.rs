//! Patches: read from their text, and applied to one object at a time.

use go_yaml::{Document, NodeRef, ReadError, Value, json};

use super::document;
use super::json_patch::{JsonPatch, JsonPatchError, OperationError};
use super::metadata::make_text;
use super::meter::{Meter, OverBudget};
use super::selector::{ObjectId, Selector, SelectorError, SelectorSpec, UNSTATED_NAMESPACE, field};
use super::strategic::{self, MergeError};

/// A patch as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchSpec {
    /// A JSON patch (RFC 6902: a list of operations) or strategic merge patches (objects), in YAML or JSON.
    pub patch: String,
    /// The objects. A strategic merge patch without it names its object itself.
    pub target: Option<SelectorSpec>,
}

/// A patch.
#[derive(Debug, Clone)]
pub(super) enum Patch {
    /// Operations for each of the chosen objects.
    Json { target: Selector, operations: JsonPatch },
    /// An object to be merged into each of the chosen ones.
    Chosen { target: Selector, merge: MergePatch },
    /// Objects to be merged each into the one that it names.
    Named(Vec<MergePatch>),
}

/// A strategic merge patch.
#[derive(Debug, Clone)]
pub(super) struct MergePatch {
    pub(super) id: ObjectId,
    value: Value,
}

/// Why a patch cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// There is no text.
    #[error("it is empty")]
    Empty,
    /// The text is longer than a release can hold.
    #[error("it has {bytes} bytes; more than {MAX_BYTES} are not read")]
    TooLong {
        /// The text's length.
        bytes: usize,
    },
    /// Not YAML.
    #[error("it is not YAML")]
    Yaml(#[from] ReadError),
    /// A text that begins with `[` is not JSON.
    #[error("it begins with [ and is not JSON")]
    Json(#[from] json::JsonError),
    /// Neither a list nor an object.
    #[error("it is neither a list of operations (a JSON patch) nor an object (a strategic merge patch)")]
    Neither,
    /// A JSON patch does not say what it is for.
    #[error("a JSON patch needs a target")]
    NoTarget,
    /// An operation of a JSON patch is malformed.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// A strategic merge patch does not say what it is for.
    #[error("a strategic merge patch has a {0}, even if its target says which objects it is for")]
    Nameless(&'static str),
    /// There are several objects for one target.
    #[error("only one object can be merged into the objects of a target; make each a patch of its own")]
    SeveralObjects,
    /// The target is malformed.
    #[error("target")]
    Target(#[from] SelectorError),
}

/// Why a patch does not fit an object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchFault {
    /// A JSON patch does not.
    #[error(transparent)]
    Json(#[from] JsonPatchError),
    /// A strategic merge patch does not.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl PatchFault {
    /// The budget that is used up, if that is what is wrong.
    pub(super) fn over_budget(&self) -> Option<OverBudget> {
        match self {
            PatchFault::Json(JsonPatchError::Budget(over)) | PatchFault::Merge(MergeError::Budget(over)) => {
                Some(*over)
            }
            _ => None,
        }
    }
}

/// Bytes of a patch's text. A whole release with its patches is one object of at most some MiB.
const MAX_BYTES: usize = 1 << 20;

impl Patch {
    /// Reads a patch; nothing for one that holds nothing but comments, or no operation.
    pub(super) fn parse(spec: &PatchSpec) -> Result<Option<Self>, PatchError> {
        let text = spec.patch.trim();
        if text.is_empty() {
            return Err(PatchError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(PatchError::TooLong { bytes: text.len() });
        }
        let target = spec.target.as_ref().map(Selector::parse).transpose()?;
        if text.starts_with('[') {
            return Self::operations(json::from_str(text)?, target);
        }
        let mut values = Vec::new();
        for document in go_yaml::documents(text)? {
            let document = document.content?;
            let value = patch_value(&document, target.is_some())?;
            if value.as_seq().is_some() && values.is_empty() {
                // kustomize reads no document after a list.
                return Self::operations(value, target);
            }
            values.push(value);
        }
        Self::merges(values, target)
    }

    fn operations(value: Value, target: Option<Selector>) -> Result<Option<Self>, PatchError> {
        let Value::Seq(items) = value else { return Err(PatchError::Neither) };
        if items.is_empty() {
            return Ok(None);
        }
        let operations = JsonPatch::read(items)?;
        let target = target.ok_or(PatchError::NoTarget)?;
        Ok(Some(Patch::Json { target, operations }))
    }

    fn merges(values: Vec<Value>, target: Option<Selector>) -> Result<Option<Self>, PatchError> {
        let mut merges = Vec::new();
        for value in values {
            for value in document::objects(value).map_err(|_| PatchError::Neither)? {
                merges.push(MergePatch::new(value)?);
            }
        }
        match target {
            _ if merges.is_empty() => Ok(None),
            None => Ok(Some(Patch::Named(merges))),
            Some(_) if merges.len() > 1 => Err(PatchError::SeveralObjects),
            Some(target) => Ok(merges.pop().map(|merge| Patch::Chosen { target, merge })),
        }
    }
}

impl MergePatch {
    fn new(value: Value) -> Result<Self, PatchError> {
        if value.as_map().is_none() {
            return Err(PatchError::Neither);
        }
        if let Some(missing) = document::missing(&value) {
            return Err(PatchError::Nameless(missing));
        }
        Ok(Self { id: ObjectId::of(&value, UNSTATED_NAMESPACE), value })
    }

    /// Merges the patch into an object, which keeps what it is called; nothing if the patch deletes it.
    pub(super) fn apply(&self, object: Value, meter: &mut Meter<'_>) -> Result<Option<Value>, PatchFault> {
        let called = Called::of(&object);
        let merged = strategic::merge(object, &self.value, &field(&self.value, &["kind"]), meter)?;
        Ok(merged.map(|merged| called.restored(merged)))
    }
}

/// What an object is called. A strategic merge patch does not change it.
struct Called {
    api_version: Option<Value>,
    kind: Option<Value>,
    name: Option<Value>,
    namespace: Option<Value>,
}

impl Called {
    fn of(object: &Value) -> Self {
        let at = |path: &[&str]| object.at(path).cloned();
        Self {
            api_version: at(&["apiVersion"]),
            kind: at(&["kind"]),
            name: at(&["metadata", "name"]),
            namespace: at(&["metadata", "namespace"]),
        }
    }

    fn restored(self, mut object: Value) -> Value {
        set(&mut object, "apiVersion", self.api_version);
        set(&mut object, "kind", self.kind);
        if let Value::Map(map) = &mut object {
            let metadata = map.entry("metadata".to_owned()).or_default();
            if metadata.is_null() {
                *metadata = Value::Map(Default::default());
            }
            set(metadata, "name", self.name);
            set(metadata, "namespace", self.namespace);
        }
        object
    }
}

fn set(object: &mut Value, key: &str, value: Option<Value>) {
    if let Value::Map(map) = object {
        match value {
            Some(value) => drop(map.insert(key.to_owned(), value)),
            None => drop(map.remove(key)),
        }
    }
}

/// The value of a patch's document. Annotations, and for a target also labels, become texts as they are written: kustomize
/// makes them so, and `version: 1.10` stays `1.10`.
fn patch_value(document: &Document<'_>, has_target: bool) -> Result<Value, ReadError> {
    let mut value = document.to_value()?;
    let maps = if has_target { &["annotations", "labels"][..] } else { &["annotations"] };
    for map in maps {
        let Some(node) = document.root().at(&["metadata", map]) else { continue };
        if let Some(texts) = at_mut(&mut value, "metadata").and_then(|metadata| at_mut(metadata, map)) {
            write_as_text(texts, node.resolved());
        }
    }
    if let (true, Some(Value::Map(metadata))) = (has_target, at_mut(&mut value, "metadata")) {
        metadata.retain(|key, value| {
            let is_empty = value.as_map().is_some_and(|map| map.is_empty());
            !(is_empty && ["annotations", "labels"].contains(&key.as_str()))
        });
    }
    Ok(value)
}

fn at_mut<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    match value {
        Value::Map(map) => map.get_mut(key),
        _ => None,
    }
}

fn write_as_text(texts: &mut Value, node: NodeRef<'_, '_>) {
    let Value::Map(texts) = texts else { return };
    for (key, value) in texts {
        match value {
            // Null removes, and directives are followed.
            Value::Null | Value::Map(_) | Value::Seq(_) => {}
            _ => match node.get(key).and_then(|node| node.resolved().scalar()) {
                Some((text, _)) => *value = Value::String(text.to_owned()),
                None => make_text(value),
            },
        }
    }
}
