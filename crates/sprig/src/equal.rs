//! Go's `reflect.DeepEqual`.

use std::rc::Rc;

use go_template::{Executor, FuncError, Object, Value};

use crate::Version;
use crate::time::Time;

/// Values nested deeper than this count as different: they may contain themselves.
const MAX_DEPTH: usize = 200;

/// Whether the values are of the same type and hold the same, all the way down. Nil and empty collections differ, and
/// so do `1` and `1.0`.
///
/// ```
/// use go_template::Value;
/// assert!(sprig::deep_equal(&Value::Int(1), &Value::Int(1)));
/// assert!(!sprig::deep_equal(&Value::Int(1), &Value::Float64(1.0)));
/// ```
pub fn deep_equal(a: &Value, b: &Value) -> bool {
    let mut unlimited = u64::MAX;
    equal(a, b, 0, &mut unlimited)
}

/// [`deep_equal`], charged for: two values that each hold one value many times take as long as if they held as many.
pub(crate) fn charged_deep_equal(exec: &mut Executor<'_>, a: &Value, b: &Value) -> Result<bool, FuncError> {
    const MOST: u64 = 500_000;
    let mut left = MOST;
    let same = equal(a, b, 0, &mut left);
    // One comparison costs what it did before, nothing: the call is charged for that.
    exec.charge(if left == 0 { u64::MAX } else { MOST - left - 1 })?;
    Ok(same)
}

/// Structs of one type, or pointers to such, by their fields.
fn objects_equal(a: &dyn Object, b: &dyn Object, depth: usize, left: &mut u64) -> bool {
    let (any_a, any_b) = (a.as_any(), b.as_any());
    if let (Some(a), Some(b)) = (any_a.downcast_ref::<Time>(), any_b.downcast_ref::<Time>()) {
        return a.same(b);
    }
    if let (Some(a), Some(b)) = (any_a.downcast_ref::<Version>(), any_b.downcast_ref::<Version>()) {
        return a == b;
    }
    let (a, b) = (a.fields(), b.fields());
    let mut fields = || a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && equal(&a.1, &b.1, depth + 1, left));
    !a.is_empty() && a.len() == b.len() && fields()
}

/// `left` counts the comparisons down; without any left, the values count as different.
fn equal(a: &Value, b: &Value, depth: usize, left: &mut u64) -> bool {
    *left = left.saturating_sub(1);
    if *left == 0 || depth > MAX_DEPTH || a.ty() != b.ty() {
        return false;
    }
    match (a, b) {
        (Value::Nil, Value::Nil) | (Value::NilPointer(_), Value::NilPointer(_)) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
        (Value::Float64(a), Value::Float64(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Complex128(a), Value::Complex128(b)) => a == b,
        (Value::String(a), Value::String(b)) | (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.same(b)
                || a.is_nil() == b.is_nil()
                    && a.len() == b.len()
                    && a.items().iter().zip(b.items().iter()).all(|(a, b)| equal(a, b, depth + 1, left))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.same(b)
                || a.is_nil() == b.is_nil()
                    && a.len() == b.len()
                    && a.borrow()
                        .iter()
                        .zip(b.borrow().iter())
                        .all(|(a, b)| a.0 == b.0 && equal(a.1, b.1, depth + 1, left))
        }
        (Value::Object(x), Value::Object(y)) => {
            Rc::ptr_eq(x, y)
                || match (x.data(), y.data()) {
                    (Some(x), Some(y)) => equal(&x, &y, depth + 1, left),
                    (None, None) => objects_equal(&**x, &**y, depth, left),
                    _ => false,
                }
        }
        _ => false,
    }
}
