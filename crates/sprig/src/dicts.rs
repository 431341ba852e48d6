//! Dictionaries. `set`, `unset` and the merges change their argument in place, for all who hold it.

use go_template::{Executor, Func, FuncError, List, Map, Str, Type, Value};

use crate::Entry;
use crate::args::{Answer, ENTRY_BYTES, MAP_BYTES, any, list, map, str, strval};
use crate::defaults::is_empty;

/// Deeper merges are refused: a value may contain itself.
const MAX_DEPTH: usize = 200;

const MAP: Type = Type::ANY_MAP;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("dict", Func::variadic(&[Type::Any], dict)),
        (
            "get",
            Func::new(&[MAP, Type::String], |_, a| Ok(map(a, 0).get(str(a, 1)).unwrap_or_else(|| "".into()))),
        ),
        ("set", Func::new(&[MAP, Type::String, Type::Any], set)),
        (
            "unset",
            Func::new(&[MAP, Type::String], |_, a| {
                map(a, 0).remove(str(a, 1));
                Ok(any(a, 0))
            }),
        ),
        ("hasKey", Func::new(&[MAP, Type::String], |_, a| Ok(map(a, 0).contains(str(a, 1)).into()))),
        (
            "pluck",
            Func::variadic(&[Type::String, MAP], |_, a| {
                Ok(list((1..a.len()).filter_map(|i| map(a, i).get(str(a, 0))).collect()))
            }),
        ),
        ("keys", Func::variadic(&[MAP], keys)),
        ("values", Func::new(&[MAP], |_, a| Ok(list(map(a, 0).borrow().values().cloned().collect())))),
        ("pick", Func::variadic(&[MAP, Type::String], |_, a| Ok(selected(a, true)))),
        ("omit", Func::variadic(&[MAP, Type::String], |_, a| Ok(selected(a, false)))),
        ("merge", Func::variadic(&[MAP, MAP], |exec, a| merge_all(exec, a, false, false))),
        ("mustMerge", Func::variadic(&[MAP, MAP], |exec, a| merge_all(exec, a, false, true))),
        ("mergeOverwrite", Func::variadic(&[MAP, MAP], |exec, a| merge_all(exec, a, true, false))),
        ("mustMergeOverwrite", Func::variadic(&[MAP, MAP], |exec, a| merge_all(exec, a, true, true))),
        ("dig", Func::variadic(&[Type::Any], dig)),
    ]
}

fn dict(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    exec.charge_bytes(MAP_BYTES)?;
    let map = Map::new();
    for pair in args.chunks(2) {
        let key = strval(exec, &pair[0])?;
        map.insert(key, pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    Ok(map.into())
}

fn set(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let map = map(args, 0);
    if map.is_nil() {
        return Err("assignment to entry in nil map".into());
    }
    exec.charge_bytes(ENTRY_BYTES)?;
    exec.set(&map, str(args, 1).clone(), any(args, 2));
    Ok(any(args, 0))
}

/// In byte order, where Go's order is random.
fn keys(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let keys: Vec<Str> = (0..args.len()).flat_map(|i| map(args, i).keys()).collect();
    exec.charge(keys.len() as u64)?;
    Ok(List::of_strings(keys).into())
}

/// The entries whose keys are named, or the others.
fn selected(args: &[Value], named: bool) -> Value {
    let names: Vec<&Str> = (1..args.len()).map(|i| str(args, i)).collect();
    let entries = map(args, 0).entries().into_iter();
    Value::Map(entries.filter(|(key, _)| names.contains(&key) == named).collect())
}

/// Why dictionaries were not merged.
enum MergeError {
    /// mergo's error, of which `must…` tells and the others answer an empty string.
    DifferentTypes,
    /// A panic of Go, a budget or a limit.
    Other(FuncError),
}

impl From<FuncError> for MergeError {
    fn from(error: FuncError) -> Self {
        Self::Other(error)
    }
}

fn merge_all(exec: &mut Executor<'_>, args: &[Value], overwrite: bool, must: bool) -> Answer {
    let mut target = map(args, 0);
    for source in (1..args.len()).map(|i| map(args, i)) {
        if target.is_nil() && !source.is_nil() {
            target = Map::new();
        }
        match merge(exec, &target, &source, overwrite, 0) {
            Ok(()) => {}
            Err(MergeError::DifferentTypes) if must => return Err("src and dst must be of same type".into()),
            Err(MergeError::DifferentTypes) => return Ok("".into()),
            Err(MergeError::Other(error)) => return Err(error),
        }
    }
    Ok(target.into())
}

/// What mergo does with maps: an entry of `source` goes where there is none or an empty one (or anywhere, when
/// overwriting); maps merge; nil goes nowhere, except over something.
fn merge(
    exec: &mut Executor<'_>,
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), MergeError> {
    if depth > MAX_DEPTH {
        return Err(FuncError::from("merge: a dictionary is nested too deeply, or contains itself").into());
    }
    // Whether what is in one map may be in the other, as in two of a type; Go finds out when it is to be put there.
    let fits = source.elem().assignable_to(target.elem());
    let put = |exec: &mut Executor<'_>, key: Str, value: Value| {
        if !fits {
            let (from, to) = (source.elem(), target.elem());
            let text =
                format!("reflect.Value.SetMapIndex: value of type {from} is not assignable to type {to}");
            return Err(FuncError::message(text));
        }
        exec.set(target, key, value);
        Ok(())
    };
    for (key, new) in source.entries() {
        exec.charge(1)?;
        let old = target.get(&key);
        if matches!(new, Value::Nil) {
            if overwrite {
                put(exec, key, new)?;
            }
            continue;
        }
        if let (Some(old), Some(new)) = (old.as_ref().and_then(Value::as_map), new.as_map()) {
            if !old.is_nil() {
                merge(exec, &old, &new, overwrite, depth + 1)?;
            }
            if !old.is_empty() {
                continue;
            }
        }
        if let Some(old) = &old {
            check_structs(old, &new, overwrite)?;
        }
        if overwrite || old.as_ref().is_none_or(is_empty) {
            put(exec, key, new)?;
        }
    }
    Ok(())
}

/// mergo goes into structs and pointers to them, and refuses what does not fit together. It changes nothing there: what an
/// interface holds cannot be set.
fn check_structs(old: &Value, new: &Value, overwrite: bool) -> Result<(), MergeError> {
    let (Value::Object(old), kind) = (old, new.kind()) else { return Ok(()) };
    if !["struct", "ptr", "map"].contains(&kind) || old.data().is_some() {
        return Ok(());
    }
    if old.is_pointer() && kind != "ptr" && !overwrite {
        return Err(MergeError::DifferentTypes);
    }
    let has_exported = old.fields().iter().any(|(name, _)| old.field(name).is_some());
    if !old.is_pointer() && kind != "struct" && has_exported {
        let text = format!("reflect: call of reflect.Value.Field on {kind} Value");
        return Err(FuncError::message(text).into());
    }
    Ok(())
}

fn dig(_: &mut Executor<'_>, args: &[Value]) -> Answer {
    let [keys @ .., default, dict] = args else {
        return Err("dig needs at least three arguments".into());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let mut at = as_dict(dict)?;
    let mut names = Vec::with_capacity(keys.len());
    for key in keys {
        match key {
            Value::String(name) => names.push(name.clone()),
            other => return Err(not_a("string", other)),
        }
    }
    let Some((last, path)) = names.split_last() else {
        return Ok(Value::Nil);
    };
    for name in path {
        match at.get(name) {
            None => return Ok(default.clone()),
            Some(next) => at = as_dict(&next)?,
        }
    }
    Ok(at.get(last).unwrap_or_else(|| default.clone()))
}

fn as_dict(value: &Value) -> Result<Map, FuncError> {
    match value {
        Value::Map(map) if map.ty() == MAP => Ok(map.clone()),
        other => Err(not_a("map[string]interface {}", other)),
    }
}

/// Go's panic of a failed type assertion.
fn not_a(wanted: &str, value: &Value) -> FuncError {
    let got = value.ty().map_or_else(|| "nil".to_owned(), |ty| ty.to_string());
    format!("interface conversion: interface {{}} is {got}, not {wanted}").into()
}
