//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::rc::Rc;

use crate::exec::Slot;
use crate::value::Basic;
use crate::{Executor, FuncError, Object, Value};

const BAD_TYPE: &str = "invalid type for comparison";

/// Whether the first equals any of the rest.
pub(super) fn eq(exec: &mut Executor<'_>, first: &Value, rest: &[Slot]) -> Result<bool, FuncError> {
    if rest.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in rest {
        if equal(exec, first, &other.value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(exec: &mut Executor<'_>, a: &Value, b: &Value) -> Result<bool, FuncError> {
    match (a.basic(), b.basic()) {
        (Some(x), Some(y)) => equal_basic(x, y).ok_or_else(|| incompatible(a, b)),
        (None, None) => equal_other(exec, a, b),
        _ if matches!(a, Value::Nil) || matches!(b, Value::Nil) => Ok(false),
        _ => Err(incompatible(a, b)),
    }
}

fn equal_basic(a: Basic<'_>, b: Basic<'_>) -> Option<bool> {
    Some(match (a, b) {
        (Basic::Bool(a), Basic::Bool(b)) => a == b,
        (Basic::Int(a), Basic::Int(b)) => a == b,
        (Basic::Uint(a), Basic::Uint(b)) => a == b,
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => u64::try_from(a) == Ok(b),
        (Basic::Float(a), Basic::Float(b)) => a == b,
        (Basic::Complex(a, b), Basic::Complex(c, d)) => a == c && b == d,
        (Basic::String(a), Basic::String(b)) => a == b,
        _ => return None,
    })
}

fn incompatible(a: &Value, b: &Value) -> FuncError {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()).into()
}

fn equal_other(exec: &mut Executor<'_>, a: &Value, b: &Value) -> Result<bool, FuncError> {
    let untyped = matches!(a, Value::Nil) || matches!(b, Value::Nil);
    if !untyped && a.kind() != b.kind() {
        let (first, second) =
            (exec.sprintf(b"%s", std::slice::from_ref(a))?, exec.sprintf(b"%v", std::slice::from_ref(b))?);
        let message = format!("non-comparable types {first}: {}, {}: {second}", a.type_name(), b.type_name());
        return Err(message.into());
    }
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) if y.data().is_none() => {
            Ok(Rc::ptr_eq(x, y) || !x.is_pointer() && equal_fields(exec, &**x, &**y))
        }
        _ => {
            let shown = exec.sprintf(b"%s", std::slice::from_ref(b))?;
            Err(format!("non-comparable type {shown}: {}", b.type_name()).into())
        }
    }
}

/// Whether two structs are of one type and equal in each field.
fn equal_fields(exec: &mut Executor<'_>, a: &dyn Object, b: &dyn Object) -> bool {
    let (x, y) = (a.fields(), b.fields());
    let mut pairs = x.iter().zip(&y);
    a.ty() == b.ty() && x.len() == y.len() && pairs.all(|((_, x), (_, y))| equal(exec, x, y).unwrap_or(false))
}

pub(super) fn lt(a: &Value, b: &Value) -> Result<bool, FuncError> {
    let (x, y) = a.basic().zip(b.basic()).ok_or(BAD_TYPE)?;
    Ok(match (x, y) {
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => {
            return Err(BAD_TYPE.into());
        }
        (Basic::Int(a), Basic::Int(b)) => a < b,
        (Basic::Uint(a), Basic::Uint(b)) => a < b,
        (Basic::Int(a), Basic::Uint(b)) => u64::try_from(a).map_or(true, |a| a < b),
        (Basic::Uint(a), Basic::Int(b)) => u64::try_from(b).is_ok_and(|b| a < b),
        (Basic::Float(a), Basic::Float(b)) => a < b,
        (Basic::String(a), Basic::String(b)) => a < b,
        _ => return Err(incompatible(a, b)),
    })
}

pub(super) fn le(exec: &mut Executor<'_>, a: &Slot, b: &Slot) -> Result<bool, FuncError> {
    Ok(lt(&a.value, &b.value)? || equal(exec, &a.value, &b.value)?)
}
