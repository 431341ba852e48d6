//! A tree of nodes to the JSON model.

use std::collections::{BTreeMap, HashSet};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

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
    };
    let value = decoder.node(index)?;
    // Only now, as a later equal key may have replaced the number.
    if decoder.not_json {
        check_numbers(&value)?
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

enum Scalar {
    Plain(Resolved),
    Text(String),
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
}

impl Decoder<'_, '_> {
    fn node(&mut self, index: usize) -> Result<Value, ReadError> {
        self.count()?;
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
            NodeKind::Mapping { .. } => {
                let mut map = BTreeMap::new();
                self.mapping(index, &mut map)?;
                Ok(Value::Map(map))
            }
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

    fn count(&mut self) -> Result<(), ReadError> {
        self.decoded += 1;
        if self.alias_depth > 0 {
            self.aliased += 1;
        }
        let share = self.aliased as f64 / self.decoded as f64;
        let excessive =
            self.aliased > 100 && self.decoded > 1000 && share > allowed_alias_share(self.decoded);
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
            Scalar::Text(text) => Value::String(text),
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
    fn mapping(&mut self, index: usize, map: &mut BTreeMap<String, Value>) -> Result<(), ReadError> {
        let NodeKind::Mapping { entries, .. } = &self.document.nodes[index].kind else {
            return Err(ReadError::MergeNeedsMap);
        };
        self.descend()?;
        for (key, value) in entries {
            if is_merge(&self.document.nodes[*key]) {
                self.merge(*value, map)?;
                continue;
            }
            let key = self.key(*key)?;
            let value = self.node(*value)?;
            map.insert(key, value);
        }
        self.depth -= 1;
        Ok(())
    }

    /// The value of `<<`: a mapping, or a list of them of which earlier ones win.
    fn merge(&mut self, index: usize, map: &mut BTreeMap<String, Value>) -> Result<(), ReadError> {
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

    fn merge_one(&mut self, index: usize, map: &mut BTreeMap<String, Value>) -> Result<(), ReadError> {
        self.count()?;
        match &self.document.nodes[index].kind {
            NodeKind::Alias { name, target } => {
                self.enter_alias(index, name)?;
                self.count()?;
                self.mapping(*target, map)?;
                self.leave_alias(index);
                Ok(())
            }
            _ => self.mapping(index, map),
        }
    }

    fn key(&mut self, index: usize) -> Result<String, ReadError> {
        let mut index = index;
        if let NodeKind::Alias { target, .. } = self.document.nodes[index].kind {
            self.count()?;
            index = target;
        }
        self.count()?;
        let node = &self.document.nodes[index];
        let line = node.line;
        let unsupported = |go_type, key: String| ReadError::UnsupportedKey { go_type, key, line };
        match &node.kind {
            NodeKind::Scalar { value, style } => match scalar(node, value, *style)? {
                Scalar::Text(text) => Ok(text),
                Scalar::Plain(Resolved::Null) => Err(unsupported("%!s(<nil>)", "<nil>".to_owned())),
                Scalar::Plain(Resolved::Uint(number)) => Err(unsupported("uint64", format!("{number:#x}"))),
                Scalar::Plain(Resolved::Bool(value)) => Ok(value.to_string()),
                Scalar::Plain(Resolved::Int(number)) => Ok(number.to_string()),
                Scalar::Plain(Resolved::Float(number)) => Ok(number::key_float(number)),
                Scalar::Plain(Resolved::Timestamp | Resolved::Str) => Ok(value.clone().into_owned()),
            },
            NodeKind::Mapping { .. } => {
                Err(ReadError::CollectionKey { key: "map[interface {}]interface {}", line })
            }
            _ => Err(ReadError::CollectionKey { key: "[]interface {}", line }),
        }
    }
}

/// A plain `<<`, or one with the tag that says so.
fn is_merge(node: &Node<'_>) -> bool {
    match (&node.kind, node.tag.as_deref()) {
        (NodeKind::Scalar { value, style }, None) => value == "<<" && *style == ScalarStyle::Plain,
        (NodeKind::Scalar { value, .. }, Some(tag)) => {
            value == "<<" && (tag == "!" || tag.strip_prefix(LONG_PREFIX) == Some("merge"))
        }
        _ => false,
    }
}

fn scalar(node: &Node<'_>, text: &str, style: ScalarStyle) -> Result<Scalar, ReadError> {
    let Some(tag) = node.tag.as_deref() else {
        return Ok(match style {
            ScalarStyle::Plain => match resolve(text, true) {
                Resolved::Str => Scalar::Text(text.to_owned()),
                resolved => Scalar::Plain(resolved),
            },
            _ => Scalar::Text(text.to_owned()),
        });
    };
    let Some(short) = tag.strip_prefix(LONG_PREFIX) else { return Ok(Scalar::Text(text.to_owned())) };
    let resolved = match short {
        "binary" => return binary(text),
        "bool" | "int" | "float" | "null" => resolve(text, false),
        "timestamp" => resolve(text, true),
        // !!str, and any tag that names no type of scalar.
        _ => return Ok(Scalar::Text(text.to_owned())),
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
fn binary(text: &str) -> Result<Scalar, ReadError> {
    let without_breaks: String = text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect();
    let bytes = BASE64.decode(without_breaks).map_err(|_| ReadError::Binary)?;
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(Scalar::Text(decoded))
}
