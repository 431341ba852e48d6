//! Lists. Each function makes a new list.

use go_template::{Executor, Func, FuncError, List, Type, Value};

use crate::Entry;
use crate::args::{Answer, any, int, items, list, strval};
use crate::cast::to_int;
use crate::defaults::is_empty;
use crate::equal::charged_deep_equal;
use crate::types::strings;

const ANY: Type = Type::Any;

pub(crate) fn table() -> Vec<Entry> {
    let mut table = vec![
        ("list", Func::variadic(&[ANY], |_, args| Ok(list(args.to_vec())))),
        ("tuple", Func::variadic(&[ANY], |_, args| Ok(list(args.to_vec())))),
        ("sortAlpha", Func::new(&[ANY], sort_alpha)),
        ("concat", Func::variadic(&[ANY], concat)),
        ("push", Func::new(&[ANY, ANY], append)),
        ("mustPush", Func::new(&[ANY, ANY], append)),
    ];
    // Each with its must form; both stop the template here, as Sprig's do.
    let pairs = [
        ("append", "mustAppend", Func::new(&[ANY, ANY], append)),
        ("prepend", "mustPrepend", Func::new(&[ANY, ANY], prepend)),
        ("first", "mustFirst", Func::new(&[ANY], |exec, args| end(exec, args, "first", false))),
        ("last", "mustLast", Func::new(&[ANY], |exec, args| end(exec, args, "last", true))),
        ("rest", "mustRest", Func::new(&[ANY], |exec, args| without_end(exec, args, "rest", false))),
        ("initial", "mustInitial", Func::new(&[ANY], |exec, args| without_end(exec, args, "initial", true))),
        ("reverse", "mustReverse", Func::new(&[ANY], reverse)),
        ("uniq", "mustUniq", Func::new(&[ANY], uniq)),
        ("compact", "mustCompact", Func::new(&[ANY], compact)),
        ("without", "mustWithout", Func::variadic(&[ANY, ANY], without)),
        ("has", "mustHas", Func::new(&[ANY, ANY], has)),
        ("slice", "mustSlice", Func::variadic(&[ANY, ANY], slice)),
        ("chunk", "mustChunk", Func::new(&[Type::Int, ANY], chunk)),
    ];
    for (name, must, func) in pairs {
        table.push((name, func.clone()));
        table.push((must, func));
    }
    table
}

/// The elements, or the error that Sprig's function gives for another kind.
fn elements(exec: &mut Executor<'_>, value: &Value, complaint: &str) -> Result<Vec<Value>, FuncError> {
    items(exec, value)?.map_err(|kind| format!("{complaint} {kind}").into())
}

fn append(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut items = elements(exec, &args[0], "Cannot push on type")?;
    items.push(any(args, 1));
    Ok(list(items))
}

fn prepend(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut items = elements(exec, &args[0], "Cannot prepend on type")?;
    items.insert(0, any(args, 1));
    Ok(list(items))
}

fn end(exec: &mut Executor<'_>, args: &[Value], name: &str, last: bool) -> Answer {
    let items = elements(exec, &args[0], &format!("Cannot find {name} on type"))?;
    let item = if last { items.last() } else { items.first() };
    Ok(item.cloned().unwrap_or_default())
}

fn without_end(exec: &mut Executor<'_>, args: &[Value], name: &str, last: bool) -> Answer {
    let mut items = elements(exec, &args[0], &format!("Cannot find {name} on type"))?;
    if items.is_empty() {
        return Ok(List::nil(Type::ANY_LIST).into());
    }
    items.remove(if last { items.len() - 1 } else { 0 });
    Ok(list(items))
}

fn reverse(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut items = elements(exec, &args[0], "Cannot find reverse on type")?;
    items.reverse();
    Ok(list(items))
}

fn compact(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut items = elements(exec, &args[0], "Cannot compact on type")?;
    items.retain(|item| !is_empty(item));
    Ok(list(items))
}

fn contains(exec: &mut Executor<'_>, items: &[Value], wanted: &Value) -> Result<bool, FuncError> {
    exec.charge(items.len() as u64)?;
    for item in items {
        if charged_deep_equal(exec, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut seen: Vec<Value> = Vec::new();
    for item in elements(exec, &args[0], "Cannot find uniq on type")? {
        if !contains(exec, &seen, &item)? {
            seen.push(item);
        }
    }
    Ok(list(seen))
}

fn without(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut kept = Vec::new();
    for item in elements(exec, &args[0], "Cannot find without on type")? {
        if !contains(exec, &args[1..], &item)? {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

fn has(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    if matches!(args[1], Value::Nil) {
        return Ok(false.into());
    }
    let items = elements(exec, &args[1], "Cannot find has on type")?;
    Ok(contains(exec, &items, &args[0])?.into())
}

fn slice(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let items = elements(exec, &args[0], "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.get(1).map_or(0, to_int);
    let end = args.get(2).map_or(items.len() as i64, to_int);
    let bounds = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = bounds.and_then(|(start, end)| items.get(start..end));
    let Some(part) = part else {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    };
    Ok(match args[0].plain() {
        Value::List(list) => List::typed(list.ty(), part.to_vec()).into(),
        Value::Bytes(bytes) => Value::Bytes(bytes[start as usize..end as usize].into()),
        _ => list(part.to_vec()),
    })
}

fn chunk(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let items = elements(exec, &args[1], "Cannot chunk type")?;
    let size = int(args, 0);
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        // Sprig's arithmetic on a negative size comes out at no chunk, or at the one item.
        return match items.len() as i64 - 1 {
            0 if size < -1 => Ok(List::typed(Type::List(&Type::ANY_LIST), vec![list(items)]).into()),
            last if last > 0 && size < 0 && last as u64 <= size.unsigned_abs() => {
                Ok(List::typed(Type::List(&Type::ANY_LIST), Vec::new()).into())
            }
            _ => Err("runtime error: makeslice: len out of range".into()),
        };
    };
    let chunks = items.chunks(size).map(|chunk| list(chunk.to_vec()));
    Ok(List::typed(Type::List(&Type::ANY_LIST), chunks.collect()).into())
}

fn concat(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut all = Vec::new();
    for arg in args {
        match items(exec, arg)? {
            Ok(items) => all.extend(items),
            Err(kind) => return Err(format!("Cannot concat type {kind} as list").into()),
        }
    }
    Ok(if all.is_empty() { List::nil(Type::ANY_LIST).into() } else { list(all) })
}

fn sort_alpha(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    match args[0].plain() {
        Value::List(_) | Value::Bytes(_) => {
            let mut list = strings(exec, &args[0])?;
            let mut items = list.to_vec();
            if matches!(args[0], Value::Object(_)) {
                list = List::of_strings(std::iter::repeat_n("", items.len()));
            }
            exec.charge(items.len() as u64 * 4)?;
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            // A []string is sorted in place, as Sprig does by mistake; other lists, named ones too, were copied.
            for (i, item) in items.into_iter().enumerate() {
                list.set(i, item);
            }
            Ok(list.into())
        }
        _ => Ok(List::of_strings([strval(exec, &args[0])?]).into()),
    }
}
