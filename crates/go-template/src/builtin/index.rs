//! `index`, `slice`, `len`.

use crate::exec::Slot;
use crate::value::Basic;
use crate::{FuncError, List, Map, Number, Str, Value};

/// `x[1]["two"][3]`.
pub(super) fn index(item: &Slot, indexes: &[Slot]) -> Result<Slot, FuncError> {
    if matches!(item.value, Value::Nil) {
        return Err("index of untyped nil".into());
    }
    let mut item = item.clone();
    for index in indexes {
        item = match item.value.plain() {
            Value::Nil | Value::NilPointer(_) => return Err("index of nil pointer".into()),
            Value::List(list) => {
                let at = position(&index.value, list.len())?;
                let value = list.get(at).ok_or("reflect: slice index out of range")?;
                Slot::of(value, list.holds_any())
            }
            Value::Bytes(bytes) => byte(&bytes, &index.value, "reflect: slice index out of range")?,
            Value::String(text) => byte(&text, &index.value, "reflect: string index out of range")?,
            Value::Map(map) => entry(&map, &index.value)?,
            other => return Err(format!("can't index item of type {}", pointee(&other)).into()),
        };
    }
    Ok(item)
}

fn byte(bytes: &[u8], index: &Value, out_of_range: &str) -> Result<Slot, FuncError> {
    let at = position(index, bytes.len())?;
    let byte = bytes.get(at).ok_or_else(|| FuncError::message(out_of_range))?;
    Ok(Slot::plain(Value::Number(Number::Uint8(*byte))))
}

fn entry(map: &Map, key: &Value) -> Result<Slot, FuncError> {
    let key = match key {
        Value::String(key) => key,
        Value::Nil => return Err("value is nil; should be of type string".into()),
        other => return Err(format!("value has type {}; should be string", other.type_name()).into()),
    };
    let value = map.get(key).unwrap_or_else(|| crate::exec::zero(map.elem()));
    Ok(Slot::of(value, map.holds_any()))
}

/// An index not beyond `end`.
fn position(index: &Value, end: usize) -> Result<usize, FuncError> {
    let (shown, at) = match index.basic() {
        Some(Basic::Int(i)) => (i, usize::try_from(i).ok()),
        Some(Basic::Uint(u)) => (u as i64, usize::try_from(u as i64).ok()),
        _ if matches!(index, Value::Nil) => return Err("cannot index slice/array with nil".into()),
        _ => return Err(format!("cannot index slice/array with type {}", index.type_name()).into()),
    };
    match at {
        Some(at) if at <= end => Ok(at),
        _ => Err(format!("index out of range: {shown}").into()),
    }
}

/// `x[1:2]`, `x[1:2:3]`. A list's part is a copy here; nothing in the language could tell.
pub(super) fn slice(item: &Slot, indexes: &[Slot]) -> Result<Value, FuncError> {
    let whole = &item.value;
    let item = whole.plain();
    match item {
        Value::Nil => return Err("slice of untyped nil".into()),
        Value::NilPointer(_) => return Err("slice of nil pointer".into()),
        _ => {}
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let len = match &item {
        Value::String(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len(),
        _ => return Err(format!("can't slice item of type {}", pointee(whole)).into()),
    };
    let mut bounds = [0, len, len];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        if index.is_interface() {
            // Go's slice does not look into the interface, unlike its index.
            return Err("cannot index slice/array with type interface {}".into());
        }
        *bound = position(&index.value, len)?;
    }
    for pair in bounds[..indexes.len().max(2)].windows(2) {
        if pair[0] > pair[1] {
            return Err(format!("invalid slice index: {} > {}", pair[0], pair[1]).into());
        }
    }
    let range = bounds[0]..bounds[1];
    Ok(match item {
        Value::String(text) => Value::String(Str::from(&text[range])),
        Value::Bytes(bytes) => Value::Bytes(Str::from(&bytes[range])),
        Value::List(list) if list.is_nil() => Value::List(list),
        Value::List(list) => Value::List(List::typed(list.ty(), list.items()[range].to_vec())),
        other => other,
    })
}

/// The type's name, of a pointer that of what it points to.
fn pointee(value: &Value) -> String {
    value.type_name().trim_start_matches('*').to_owned()
}

pub(super) fn len(item: &Slot) -> Result<Value, FuncError> {
    let len = match item.value.plain() {
        Value::Nil if item.is_interface() => return Err("len of nil pointer".into()),
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Value::NilPointer(_) => return Err("len of nil pointer".into()),
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        other => return Err(format!("len of type {}", pointee(&other)).into()),
    };
    Ok(Value::Int(len as i64))
}
