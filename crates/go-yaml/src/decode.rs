//! A tree of nodes to the JSON model.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::dump::dump;
use crate::error::ReadError;
use crate::limits::{MAX_ALIASED_BYTES, MAX_DEPTH, allowed_alias_share};
use crate::node::{Document, Node, NodeKind, ScalarStyle};
use crate::number;
use crate::resolve::{Resolved, resolve};
use crate::value::Value;

const LONG_PREFIX: &str = "tag:yaml.org,2002:";

/// Go's `base64.StdEncoding`, which takes any trailing bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The document as a value.
pub(crate) fn document(document: &Document<'_>) -> Result<Value, ReadError> {
    node(document, document.root)
}

/// One node of a document as a value.
pub(crate) fn node(document: &Document<'_>, index: usize) -> Result<Value, ReadError> {
    let mut decoder = Decoder {
        document,
        open_aliases: HashSet::new(),
        decoded: 1,
        aliased: 0,
        aliased_bytes: 0,
        alias_depth: 0,
        depth: 0,
        not_json: false,
        unsupported: Vec::new(),
    };
    let value = decoder.node(index)?;
    // Only now, as a later equal key may have replaced what is wrong, and as Go converts the whole document to one
    // form after the other.
    let mark = if decoder.unsupported.is_empty() { None } else { mark_in(&value) };
    if let Some(error) = mark.and_then(|mark| decoder.unsupported.get(mark)) {
        return Err(error.clone());
    }
    if decoder.not_json {
        check_numbers(&value)?;
    }
    Ok(value)
}

fn check_numbers(value: &Value) -> Result<(), ReadError> {
    match value {
        Value::Float(number) => {
            number::unsupported(*number).map_or(Ok(()), |text| Err(ReadError::NotJson { text }))
        }
        Value::Seq(items) => items.iter().try_for_each(check_numbers),
        Value::Map(map) => map.values().try_for_each(check_numbers),
        _ => Ok(()),
    }
}

/// True if the scalar is a string in the JSON model.
pub(crate) fn is_string(node: &Node<'_>) -> bool {
    match &node.kind {
        NodeKind::Scalar { value, style } => matches!(scalar(node, value, *style), Ok(Scalar::Text(_))),
        _ => false,
    }
}

pub(crate) enum Scalar<'t> {
    Plain(Resolved),
    Text(Cow<'t, str>),
}

struct Decoder<'d, 'a> {
    document: &'d Document<'a>,
    /// Alias nodes being expanded; meeting one again means that it contains itself.
    open_aliases: HashSet<usize>,
    decoded: usize,
    aliased: usize,
    aliased_bytes: usize,
    alias_depth: usize,
    depth: usize,
    /// A number was met that JSON cannot express.
    not_json: bool,
    /// Keys that JSON cannot express. They are errors unless a later equal key replaces their map.
    unsupported: Vec<ReadError>,
}

/// What Go reads a key as. Keys of different types are different keys to Go until JSON makes text of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Text,
    Bool,
    Int,
    Float,
}

/// The entries of a map so far; of equal keys the last counts.
#[derive(Default)]
struct Entries {
    list: Vec<(String, Value)>,
    /// The type of each entry's key.
    kinds: Vec<KeyKind>,
    /// The number of the error about a key that JSON cannot express.
    unsupported: Option<usize>,
}

impl Entries {
    /// The mark in an entry that gives way to one of the same text but another type. To Go both are in the map while
    /// it looks for keys that JSON cannot express.
    fn hidden_mark(&self) -> Option<usize> {
        let mut later: HashMap<&str, Vec<KeyKind>> = HashMap::new();
        for ((text, value), kind) in self.list.iter().zip(&self.kinds).rev() {
            let kinds = later.entry(text).or_default();
            if kinds.contains(kind) {
                continue;
            }
            if !kinds.is_empty()
                && let Some(mark) = mark_in(value)
            {
                return Some(mark);
            }
            kinds.push(*kind);
        }
        None
    }
}

/// The first number of an error that stands in place of a map.
fn mark_in(value: &Value) -> Option<usize> {
    match value {
        Value::Uint(mark) if *mark <= i64::MAX as u64 => Some(*mark as usize),
        Value::Seq(items) => items.iter().find_map(mark_in),
        Value::Map(map) => map.values().find_map(mark_in),
        _ => None,
    }
}

impl Decoder<'_, '_> {
    fn node(&mut self, index: usize) -> Result<Value, ReadError> {
        self.count()?;
        self.content(index)
    }

    fn content(&mut self, index: usize) -> Result<Value, ReadError> {
        let node = &self.document.nodes[index];
        match &node.kind {
            NodeKind::Alias { name, target } => {
                self.enter_alias(index, name)?;
                let value = self.node(*target)?;
                self.leave_alias(index);
                Ok(value)
            }
            NodeKind::Scalar { value, style } => {
                if self.alias_depth > 0 {
                    self.aliased_bytes += value.len();
                }
                self.scalar(node, value, *style)
            }
            NodeKind::Sequence { items, .. } => self.sequence(items),
            NodeKind::Mapping { entries, .. } => self.mapping_value(index, entries.len()),
        }
    }

    fn sequence(&mut self, items: &[usize]) -> Result<Value, ReadError> {
        self.descend()?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.node(*item)?);
        }
        self.depth -= 1;
        Ok(Value::Seq(values))
    }

    /// A map, or in place of one that JSON cannot express the number of its error, as a [`Value::Uint`] that the
    /// reader has no other use for.
    fn mapping_value(&mut self, index: usize, len: usize) -> Result<Value, ReadError> {
        let (list, kinds) = (Vec::with_capacity(len), Vec::with_capacity(len));
        let mut entries = Entries { list, kinds, unsupported: None };
        self.mapping(index, &mut entries)?;
        if !self.unsupported.is_empty() && entries.unsupported.is_none() {
            entries.unsupported = entries.hidden_mark();
        }
        Ok(match entries.unsupported {
            Some(mark) => Value::Uint(mark as u64),
            None => Value::Map(BTreeMap::from_iter(entries.list)),
        })
    }

    fn count(&mut self) -> Result<(), ReadError> {
        self.decoded += 1;
        if self.alias_depth == 0 {
            return Ok(());
        }
        self.aliased += 1;
        let excessive = self.aliased > 100
            && self.decoded > 1000
            && self.aliased as f64 / self.decoded as f64 > allowed_alias_share(self.decoded);
        if excessive || self.aliased_bytes > MAX_ALIASED_BYTES {
            return Err(ReadError::ExcessiveAliasing);
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), ReadError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(ReadError::TooDeep) } else { Ok(()) }
    }

    fn enter_alias(&mut self, index: usize, name: &str) -> Result<(), ReadError> {
        if !self.open_aliases.insert(index) {
            return Err(ReadError::SelfAlias { name: name.to_owned() });
        }
        self.alias_depth += 1;
        Ok(())
    }

    fn leave_alias(&mut self, index: usize) {
        self.alias_depth -= 1;
        self.open_aliases.remove(&index);
    }

    fn scalar(&mut self, node: &Node<'_>, text: &str, style: ScalarStyle) -> Result<Value, ReadError> {
        Ok(match scalar(node, text, style)? {
            Scalar::Text(text) => Value::String(text.into_owned()),
            Scalar::Plain(Resolved::Null) => Value::Null,
            Scalar::Plain(Resolved::Bool(value)) => Value::Bool(value),
            Scalar::Plain(Resolved::Int(number)) => Value::Int(number),
            Scalar::Plain(Resolved::Uint(number)) => Value::Uint(number),
            Scalar::Plain(Resolved::Float(number)) => {
                self.not_json = self.not_json || !number.is_finite();
                Value::Float(number)
            }
            Scalar::Plain(Resolved::Timestamp | Resolved::Str) => Value::String(text.to_owned()),
        })
    }

    /// Adds the mapping's entries to `map`, over what is there.
    fn mapping(&mut self, index: usize, map: &mut Entries) -> Result<(), ReadError> {
        let document = self.document;
        let NodeKind::Mapping { entries, .. } = &document.nodes[index].kind else {
            return Err(ReadError::MergeNeedsMap);
        };
        self.descend()?;
        for (key, value) in entries {
            if is_merge(&document.nodes[*key]) {
                self.merge(*value, map)?;
                continue;
            }
            let name = self.key(*key)?;
            let content = self.node(*value)?;
            match name {
                Ok((name, kind)) => {
                    map.list.push((name, content));
                    map.kinds.push(kind);
                }
                Err(UnsupportedKey { go_type, key, line }) => {
                    map.unsupported = Some(self.unsupported.len());
                    let value = dump(document, *value);
                    self.unsupported.push(ReadError::UnsupportedKey { go_type, key, value, line });
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The value of `<<`: a mapping, or a list of them of which earlier ones win.
    fn merge(&mut self, index: usize, map: &mut Entries) -> Result<(), ReadError> {
        match &self.document.nodes[index].kind {
            NodeKind::Sequence { items, .. } => {
                for item in items.iter().rev() {
                    self.merge_one(*item, map)?;
                }
                Ok(())
            }
            _ => self.merge_one(index, map),
        }
    }

    fn merge_one(&mut self, index: usize, map: &mut Entries) -> Result<(), ReadError> {
        match &self.document.nodes[index].kind {
            NodeKind::Alias { name, target } => {
                if !matches!(self.document.nodes[*target].kind, NodeKind::Mapping { .. }) {
                    return Err(ReadError::MergeNeedsMap);
                }
                self.count()?;
                self.enter_alias(index, name)?;
                self.count()?;
                self.mapping(*target, map)?;
                self.leave_alias(index);
                Ok(())
            }
            NodeKind::Mapping { .. } => {
                self.count()?;
                self.mapping(index, map)
            }
            _ => Err(ReadError::MergeNeedsMap),
        }
    }

    /// A key as text, or why JSON cannot express it. Collections are decoded first, as errors inside them count first.
    fn key(&mut self, index: usize) -> Result<Result<(String, KeyKind), UnsupportedKey>, ReadError> {
        self.count()?;
        let node = &self.document.nodes[index];
        let line = node.line;
        let unsupported = |go_type, key: String| Err(UnsupportedKey { go_type, key, line });
        Ok(match &node.kind {
            NodeKind::Alias { name, target } => {
                self.enter_alias(index, name)?;
                let key = self.key(*target)?;
                self.leave_alias(index);
                key
            }
            NodeKind::Scalar { value, style } => {
                if self.alias_depth > 0 {
                    self.aliased_bytes += value.len();
                }
                match scalar(node, value, *style)? {
                    Scalar::Text(text) => Ok((text.into_owned(), KeyKind::Text)),
                    Scalar::Plain(Resolved::Null) => unsupported("%!s(<nil>)", "<nil>".to_owned()),
                    Scalar::Plain(Resolved::Uint(number)) => unsupported("uint64", format!("{number:#x}")),
                    Scalar::Plain(Resolved::Bool(value)) => Ok((value.to_string(), KeyKind::Bool)),
                    Scalar::Plain(Resolved::Int(number)) => Ok((number.to_string(), KeyKind::Int)),
                    Scalar::Plain(Resolved::Float(number)) => Ok((number::key_float(number), KeyKind::Float)),
                    Scalar::Plain(Resolved::Timestamp | Resolved::Str) => {
                        Ok((value.clone().into_owned(), KeyKind::Text))
                    }
                }
            }
            NodeKind::Sequence { .. } | NodeKind::Mapping { .. } => {
                self.content(index)?;
                return Err(ReadError::CollectionKey { key: dump(self.document, index), line });
            }
        })
    }
}

/// A key that JSON cannot express.
struct UnsupportedKey {
    go_type: &'static str,
    key: String,
    line: usize,
}

/// Whether this node is decoded as it stands, without fail, if those below it are.
pub(crate) fn is_plain(document: &Document<'_>, node: &Node<'_>) -> bool {
    if node.tag.is_some() {
        return false;
    }
    let plain_key = |key: &usize| {
        let key = &document.nodes[*key];
        is_string(key) && !is_merge(key)
    };
    match &node.kind {
        NodeKind::Alias { .. } => false,
        NodeKind::Scalar { value, style: ScalarStyle::Plain } => {
            !matches!(resolve(value, true), Resolved::Float(number) if !number.is_finite())
        }
        NodeKind::Scalar { .. } | NodeKind::Sequence { .. } => true,
        NodeKind::Mapping { entries, .. } => entries.iter().all(|(key, _)| plain_key(key)),
    }
}

/// A plain `<<`, or one with the tag that says so.
pub(crate) fn is_merge(node: &Node<'_>) -> bool {
    match (&node.kind, node.tag.as_deref()) {
        (NodeKind::Scalar { value, style }, None) => value == "<<" && *style == ScalarStyle::Plain,
        (NodeKind::Scalar { value, .. }, Some(tag)) => {
            value == "<<" && (tag == "!" || tag.strip_prefix(LONG_PREFIX) == Some("merge"))
        }
        _ => false,
    }
}

pub(crate) fn scalar<'t>(
    node: &Node<'_>,
    text: &'t str,
    style: ScalarStyle,
) -> Result<Scalar<'t>, ReadError> {
    let Some(tag) = node.tag.as_deref() else {
        return Ok(match style {
            ScalarStyle::Plain => match resolve(text, true) {
                Resolved::Str => Scalar::Text(Cow::Borrowed(text)),
                resolved => Scalar::Plain(resolved),
            },
            _ => Scalar::Text(Cow::Borrowed(text)),
        });
    };
    let Some(short) = tag.strip_prefix(LONG_PREFIX) else { return Ok(Scalar::Text(Cow::Borrowed(text))) };
    let resolved = match short {
        "binary" => return binary(text),
        "bool" | "int" | "float" | "null" => resolve(text, false),
        "timestamp" => resolve(text, true),
        // !!str, and any tag that names no type of scalar.
        _ => return Ok(Scalar::Text(Cow::Borrowed(text))),
    };
    match (short, resolved) {
        ("bool", Resolved::Bool(_))
        | ("int", Resolved::Int(_) | Resolved::Uint(_))
        | ("float", Resolved::Float(_))
        | ("null", Resolved::Null)
        | ("timestamp", Resolved::Timestamp) => Ok(Scalar::Plain(resolved)),
        ("float", Resolved::Int(number)) => Ok(Scalar::Plain(Resolved::Float(number as f64))),
        _ => Err(ReadError::TagMismatch {
            found: resolved.tag(),
            text: text.to_owned(),
            wanted: format!("!!{short}"),
        }),
    }
}

/// Bytes that are no UTF-8 become U+FFFD each, as `encoding/json` prints them.
fn binary(text: &str) -> Result<Scalar<'static>, ReadError> {
    let bytes = binary_bytes(text)?;
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(Scalar::Text(Cow::Owned(decoded)))
}

/// What a scalar tagged `!!binary` stands for.
pub(crate) fn binary_bytes(text: &str) -> Result<Vec<u8>, ReadError> {
    let without_breaks: String = text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect();
    BASE64.decode(without_breaks).map_err(|_| ReadError::Binary)
}

pub(crate) fn is_binary(node: &Node<'_>) -> bool {
    node.tag.as_deref().and_then(|tag| tag.strip_prefix(LONG_PREFIX)) == Some("binary")
}
