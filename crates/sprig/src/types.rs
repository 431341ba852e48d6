//! `typeOf`, `kindOf` and their tests, `deepEqual`, `toString`, `toStrings`, `deepCopy`.

use go_template::{Executor, Func, FuncError, List, Map, Type, Value};

use crate::Entry;
use crate::args::{self, Answer, MAP_BYTES, strval, text};
use crate::equal::charged_deep_equal;
use crate::version::{Incremented, Version};

/// Deeper copies are refused: a value may contain itself.
const MAX_DEPTH: usize = 200;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("typeOf", Func::new(&[Type::Any], |_, a| Ok(a[0].type_name().into()))),
        ("typeIs", Func::new(&[Type::String, Type::Any], |_, a| Ok((text(a, 0) == a[1].type_name()).into()))),
        (
            "typeIsLike",
            Func::new(&[Type::String, Type::Any], |_, a| {
                let (wanted, name) = (text(a, 0), a[1].type_name());
                Ok((wanted == name || name.strip_prefix('*') == Some(&wanted)).into())
            }),
        ),
        ("kindOf", Func::new(&[Type::Any], |_, a| Ok(a[0].kind().into()))),
        ("kindIs", Func::new(&[Type::String, Type::Any], |_, a| Ok((text(a, 0) == a[1].kind()).into()))),
        (
            "deepEqual",
            Func::new(&[Type::Any, Type::Any], |exec, a| Ok(charged_deep_equal(exec, &a[0], &a[1])?.into())),
        ),
        ("toString", Func::new(&[Type::Any], |exec, a| Ok(strval(exec, &a[0])?.into()))),
        ("toStrings", Func::new(&[Type::Any], |exec, a| Ok(strings(exec, &a[0])?.into()))),
        ("deepCopy", Func::new(&[Type::Any], deep_copy)),
        ("mustDeepCopy", Func::new(&[Type::Any], deep_copy)),
    ]
}

/// Sprig's `strslice`: the elements as strings, without nil ones; anything else is the only element.
pub(crate) fn strings(exec: &mut Executor<'_>, value: &Value) -> Result<List, FuncError> {
    let plain = value.plain();
    let items = match &plain {
        Value::Nil => Vec::new(),
        Value::List(list) if list.ty() == Type::STRING_LIST => return Ok(list.clone()),
        Value::List(_) | Value::Bytes(_) => args::items(exec, &plain)?.unwrap_or_default(),
        _ => vec![value.clone()],
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        if !matches!(item, Value::Nil) {
            out.push(Value::String(strval(exec, &item)?));
        }
    }
    Ok(List::typed(Type::STRING_LIST, out))
}

fn deep_copy(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    if matches!(args[0], Value::Nil) {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    copy(exec, &args[0], 0)
}

fn copy(exec: &mut Executor<'_>, value: &Value, depth: usize) -> Answer {
    if depth > MAX_DEPTH {
        return Err("deepCopy error: the value is nested too deeply, or contains itself".into());
    }
    exec.charge(1)?;
    match value {
        Value::List(list) if !list.is_nil() => {
            let items = list.to_vec();
            exec.charge_bytes(items.len() as u64 * 24)?;
            let copies: Result<Vec<_>, _> = items.iter().map(|item| copy(exec, item, depth + 1)).collect();
            Ok(List::typed(list.ty(), copies?).into())
        }
        Value::Map(map) if !map.is_nil() => {
            exec.charge_bytes(MAP_BYTES)?;
            let copies = Map::typed(map.ty());
            for (key, item) in map.entries() {
                copies.insert(key, copy(exec, &item, depth + 1)?);
            }
            Ok(copies.into())
        }
        // Only exported fields are copied, and a version has none.
        Value::Object(object) if object.as_any().is::<Version>() => Ok(Value::object(Version::default())),
        Value::Object(object) if object.as_any().is::<Incremented>() => {
            Ok(Value::object(Incremented::default()))
        }
        // What an interface holds loses its type with its value.
        Value::NilPointer(_) if depth > 0 => Ok(Value::Nil),
        other => Ok(other.clone()),
    }
}
