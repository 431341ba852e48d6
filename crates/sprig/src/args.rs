//! Arguments of functions, after the executor has checked their types, and Go's words for what goes wrong.

use std::borrow::Cow;
use std::sync::LazyLock;

use go_template::{Executor, Func, FuncError, List, Map, Str, Type, Value};

pub(crate) type Answer = Result<Value, FuncError>;

/// What Go says where a nil type is asked for its kind.
pub(crate) const NIL_DEREFERENCE: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The string at `index`; the executor has checked that it is one.
pub(crate) fn str(args: &[Value], index: usize) -> &Str {
    static EMPTY: LazyLock<Str> = LazyLock::new(Str::default);
    args.get(index).and_then(Value::as_str).unwrap_or(&EMPTY)
}

/// The text at `index`, invalid bytes replaced.
pub(crate) fn text(args: &[Value], index: usize) -> Cow<'_, str> {
    str(args, index).to_str()
}

/// The `int` or `int64` at `index`.
pub(crate) fn int(args: &[Value], index: usize) -> i64 {
    match args.get(index) {
        Some(Value::Int(i) | Value::Int64(i)) => *i,
        _ => 0,
    }
}

/// The map at `index`.
pub(crate) fn map(args: &[Value], index: usize) -> Map {
    args.get(index).and_then(Value::as_map).unwrap_or_else(|| Map::nil(Type::ANY_MAP))
}

/// Any value at `index`.
pub(crate) fn any(args: &[Value], index: usize) -> Value {
    args.get(index).cloned().unwrap_or_default()
}

/// The elements of a list, of bytes, or of a host's named slice; else its kind, for the error text. Nil has no kind,
/// which Go trips over.
pub(crate) fn items(
    exec: &mut Executor<'_>,
    value: &Value,
) -> Result<Result<Vec<Value>, &'static str>, FuncError> {
    let items = match value.plain() {
        Value::Nil => return Err(NIL_DEREFERENCE.into()),
        Value::List(list) => list.to_vec(),
        Value::Bytes(bytes) => {
            bytes.iter().map(|byte| Value::Number(go_template::Number::Uint8(*byte))).collect()
        }
        other => return Ok(Err(other.kind())),
    };
    exec.charge(items.len() as u64)?;
    Ok(Ok(items))
}

/// A new `[]interface {}`.
pub(crate) fn list(items: Vec<Value>) -> Value {
    Value::List(List::new(items))
}

/// Go's `fmt.Sprintf("%v")`, which for strings, bytes and types with a text of their own is that.
pub(crate) fn strval(exec: &mut Executor<'_>, value: &Value) -> Result<Str, FuncError> {
    match value {
        Value::String(text) | Value::Bytes(text) => Ok(text.clone()),
        other => exec.sprint(std::slice::from_ref(other)),
    }
}

/// About the bytes that a map takes, empty or with few entries: what making one is charged as. Steps alone do not bound
/// memory, as a step may make a map.
pub(crate) const MAP_BYTES: u64 = 256;

/// The same of an entry that a map gets.
pub(crate) const ENTRY_BYTES: u64 = 32;

/// A string result, charged to the budget of output.
pub(crate) fn made(exec: &mut Executor<'_>, text: impl Into<Str>) -> Answer {
    let text = text.into();
    exec.charge_bytes(text.len() as u64)?;
    exec.charge(text.len() as u64 / 64)?;
    Ok(Value::String(text))
}

/// The first character and its length; an invalid byte counts as U+FFFD, as in Go.
pub(crate) fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    let valid = (2..=4).find_map(|length| std::str::from_utf8(bytes.get(..length)?).ok());
    Some(
        valid
            .and_then(|text| text.chars().next())
            .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())),
    )
}

/// The last character and its length.
fn last_char(bytes: &[u8]) -> Option<(char, usize)> {
    let last = *bytes.last()?;
    if last.is_ascii() {
        return Some((char::from(last), 1));
    }
    let valid =
        (2..=4).find_map(|length| std::str::from_utf8(&bytes[bytes.len().checked_sub(length)?..]).ok());
    Some(
        valid
            .and_then(|text| text.chars().next())
            .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())),
    )
}

/// What is left without the characters at both ends that `cut` is true for.
pub(crate) fn trimmed(mut bytes: &[u8], cut: impl Fn(char) -> bool) -> &[u8] {
    while let Some((_, length)) = first_char(bytes).filter(|(c, _)| cut(*c)) {
        bytes = &bytes[length..];
    }
    while let Some((_, length)) = last_char(bytes).filter(|(c, _)| cut(*c)) {
        bytes = &bytes[..bytes.len() - length];
    }
    bytes
}

/// The whole string, not copied, if `part` is all of it.
pub(crate) fn part_of(whole: &Str, part: &[u8]) -> Value {
    if part.len() == whole.len() { whole.clone().into() } else { Value::string(part) }
}

/// Invalid bytes as they are; each valid stretch between them by `body`.
pub(crate) fn by_stretch(bytes: &[u8], body: impl Fn(&str) -> String) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            out.extend_from_slice(body(chunk.valid()).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// A function of one string to another, byte by byte.
pub(crate) fn bytes_func(body: fn(&[u8]) -> Vec<u8>) -> Func {
    Func::new(&[Type::String], move |exec, args| {
        let result = body(str(args, 0));
        made(exec, result)
    })
}

/// A function of one text to another.
pub(crate) fn text_func(body: fn(&str) -> String) -> Func {
    Func::new(&[Type::String], move |exec, args| {
        let result = body(&text(args, 0));
        made(exec, result)
    })
}
