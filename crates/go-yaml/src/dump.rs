//! Values as Go's `%#v` shows them, which go-yaml does in errors about keys.

use std::cmp::Ordering;
use std::fmt::Write as _;

use crate::decode::{Scalar, binary_bytes, is_binary, is_merge, scalar};
use crate::node::{Document, NodeKind};
use crate::number::go_float;
use crate::resolve::Resolved;

/// Longest text given, in bytes; Go has no bound.
const MAX_LEN: usize = 64 * 1024;

/// What a node decodes to, with the types Go gives it.
enum GoValue {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Vec<u8>),
    List(Vec<GoValue>),
    Map(Vec<(GoValue, GoValue)>),
}

/// The node as `%#v` shows it, cut off after 64 KiB. It was decoded before, so that its aliases end.
pub(crate) fn dump(document: &Document<'_>, index: usize) -> String {
    let mut nodes_left = MAX_LEN;
    let value = go_value(document, index, &mut nodes_left);
    let mut out = String::new();
    match value {
        GoValue::Nil => out.push_str("<nil>"),
        value => push(&value, &mut out),
    }
    if out.len() > MAX_LEN {
        out.truncate(out.floor_char_boundary(MAX_LEN));
        out.push('…');
    }
    out
}

fn go_value(document: &Document<'_>, index: usize, nodes_left: &mut usize) -> GoValue {
    if *nodes_left == 0 {
        return GoValue::Nil;
    }
    *nodes_left -= 1;
    let node = document.node(index);
    match &node.kind {
        NodeKind::Alias { target, .. } => go_value(document, *target, nodes_left),
        NodeKind::Scalar { value, .. } if is_binary(node) => {
            GoValue::Text(binary_bytes(value).unwrap_or_default())
        }
        NodeKind::Scalar { value, style } => match scalar(node, value, *style) {
            Ok(Scalar::Text(text)) => GoValue::Text(text.into_owned().into_bytes()),
            Ok(Scalar::Plain(Resolved::Null)) | Err(_) => GoValue::Nil,
            Ok(Scalar::Plain(Resolved::Bool(value))) => GoValue::Bool(value),
            Ok(Scalar::Plain(Resolved::Int(number))) => GoValue::Int(number),
            Ok(Scalar::Plain(Resolved::Uint(number))) => GoValue::Uint(number),
            Ok(Scalar::Plain(Resolved::Float(number))) => GoValue::Float(number),
            Ok(Scalar::Plain(Resolved::Timestamp | Resolved::Str)) => {
                GoValue::Text(value.to_string().into_bytes())
            }
        },
        NodeKind::Sequence { items, .. } => {
            GoValue::List(items.iter().map(|item| go_value(document, *item, nodes_left)).collect())
        }
        NodeKind::Mapping { .. } => {
            let mut members = Vec::new();
            mapping(document, index, nodes_left, &mut members);
            members.sort_by(|a, b| compare(&a.0, &b.0));
            GoValue::Map(members)
        }
    }
}

/// Adds a mapping's entries; of equal keys the last stays.
fn mapping(document: &Document<'_>, index: usize, left: &mut usize, members: &mut Vec<(GoValue, GoValue)>) {
    let entries = match &document.node(index).kind {
        NodeKind::Alias { target, .. } => return mapping(document, *target, left, members),
        NodeKind::Sequence { items, .. } => {
            return items.iter().rev().for_each(|item| mapping(document, *item, left, members));
        }
        NodeKind::Mapping { entries, .. } => entries,
        NodeKind::Scalar { .. } => return,
    };
    for (key, value) in entries {
        if *left == 0 {
            return;
        }
        if is_merge(document.node(*key)) {
            mapping(document, *value, left, members);
            continue;
        }
        let member = (go_value(document, *key, left), go_value(document, *value, left));
        match members.iter_mut().find(|(key, _)| compare(key, &member.0).is_eq()) {
            Some(known) => *known = member,
            None => members.push(member),
        }
    }
}

/// Go's order of keys within one type. Between types it depends on where the program lies in memory.
fn compare(a: &GoValue, b: &GoValue) -> Ordering {
    match (a, b) {
        (GoValue::Bool(a), GoValue::Bool(b)) => a.cmp(b),
        (GoValue::Int(a), GoValue::Int(b)) => a.cmp(b),
        (GoValue::Uint(a), GoValue::Uint(b)) => a.cmp(b),
        (GoValue::Float(a), GoValue::Float(b)) => a.total_cmp(b),
        (GoValue::Text(a), GoValue::Text(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &GoValue) -> u8 {
    match value {
        GoValue::Nil => 0,
        GoValue::Text(_) => 1,
        GoValue::Uint(_) => 2,
        GoValue::Int(_) => 3,
        GoValue::Float(_) => 4,
        GoValue::Bool(_) => 5,
        GoValue::List(_) | GoValue::Map(_) => 6,
    }
}

fn push(value: &GoValue, out: &mut String) {
    if out.len() > MAX_LEN {
        return;
    }
    match value {
        GoValue::Nil => out.push_str("interface {}(nil)"),
        GoValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        GoValue::Int(number) => out.push_str(&number.to_string()),
        GoValue::Uint(number) => out.push_str(&format!("{number:#x}")),
        GoValue::Float(number) => out.push_str(&go_float(*number)),
        GoValue::Text(text) => quote(text, out),
        GoValue::List(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                push(item, out);
            }
            out.push('}');
        }
        GoValue::Map(members) => {
            out.push_str("map[interface {}]interface {}{");
            for (index, (key, value)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                push(key, out);
                out.push(':');
                push(value, out);
            }
            out.push('}');
        }
    }
}

/// `strconv.Quote`
fn quote(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        quote_chars(chunk.valid(), out);
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").expect("a String takes everything");
        }
    }
    out.push('"');
}

fn quote_chars(text: &str, out: &mut String) {
    for char in text.chars() {
        let short = match char {
            '"' | '\\' => char,
            '\x07' => 'a',
            '\x08' => 'b',
            '\x0C' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\x0B' => 'v',
            ' '..='~' => {
                out.push(char);
                continue;
            }
            _ => {
                let code = u32::from(char);
                let result = match code {
                    0..0x20 | 0x7F => write!(out, "\\x{code:02x}"),
                    _ if is_print(char) => write!(out, "{char}"),
                    ..=0xFFFF => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                result.expect("a String takes everything");
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
}

/// Go's `unicode.IsPrint`, beyond ASCII. Rust's escape_debug goes by the same classes of characters, except that it
/// escapes a mark that begins a text.
fn is_print(char: char) -> bool {
    !char.is_whitespace() && String::from_iter(['a', char]).escape_debug().count() == 2
}
