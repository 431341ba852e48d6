//! Strings, by bytes where Go works by bytes.

use go_template::{Executor, Func, FuncError, List, Map, Str, Type, Value, quote_bytes};

use crate::Entry;
use crate::args::{Answer, first_char, int, made, part_of, str, strval, text, trimmed};
use crate::types::strings;

const S: Type = Type::String;

pub(crate) fn table() -> Vec<Entry> {
    let trim_all = || {
        Func::new(&[S, S], |_, a| {
            let (cut, whole) = (text(a, 0), str(a, 1));
            Ok(part_of(whole, trimmed(whole, |c| cut.contains(c))))
        })
    };
    vec![
        ("trunc", Func::new(&[Type::Int, S], |_, a| Ok(trunc(int(a, 0), str(a, 1)).into()))),
        ("substr", Func::new(&[Type::Int, Type::Int, S], substr)),
        ("trim", Func::new(&[S], |_, a| Ok(part_of(str(a, 0), trimmed(str(a, 0), char::is_whitespace))))),
        ("trimAll", trim_all()),
        ("trimall", trim_all()),
        (
            "trimSuffix",
            Func::new(&[S, S], |_, a| {
                let (suffix, text) = (str(a, 0), str(a, 1));
                Ok(text.strip_suffix(&**suffix).map_or_else(|| text.clone(), Str::from).into())
            }),
        ),
        (
            "trimPrefix",
            Func::new(&[S, S], |_, a| {
                let (prefix, text) = (str(a, 0), str(a, 1));
                Ok(text.strip_prefix(&**prefix).map_or_else(|| text.clone(), Str::from).into())
            }),
        ),
        ("contains", Func::new(&[S, S], |_, a| Ok(find(str(a, 1), str(a, 0)).is_some().into()))),
        ("hasPrefix", Func::new(&[S, S], |_, a| Ok(str(a, 1).starts_with(str(a, 0)).into()))),
        ("hasSuffix", Func::new(&[S, S], |_, a| Ok(str(a, 1).ends_with(str(a, 0)).into()))),
        ("repeat", Func::new(&[Type::Int, S], repeat)),
        (
            "replace",
            Func::new(&[S, S, S], |exec, a| {
                let result = replace(exec, str(a, 2), str(a, 0), str(a, 1))?;
                made(exec, result)
            }),
        ),
        ("indent", Func::new(&[Type::Int, S], |exec, a| indent(exec, a, ""))),
        ("nindent", Func::new(&[Type::Int, S], |exec, a| indent(exec, a, "\n"))),
        ("quote", Func::variadic(&[Type::Any], quote)),
        ("squote", Func::variadic(&[Type::Any], squote)),
        ("cat", Func::variadic(&[Type::Any], cat)),
        (
            "plural",
            Func::new(&[S, S, Type::Int], |_, a| {
                Ok(str(a, if int(a, 2) == 1 { 0 } else { 1 }).clone().into())
            }),
        ),
        ("join", Func::new(&[S, Type::Any], join)),
        (
            "split",
            Func::new(&[S, S], |exec, a| {
                let parts = split(exec, str(a, 1), str(a, 0), None)?;
                Ok(numbered(parts))
            }),
        ),
        (
            "splitn",
            Func::new(&[S, Type::Int, S], |exec, a| {
                let parts = split(exec, str(a, 2), str(a, 0), Some(int(a, 1)))?;
                Ok(numbered(parts))
            }),
        ),
        (
            "splitList",
            Func::new(&[S, S], |exec, a| {
                Ok(List::of_strings(split(exec, str(a, 1), str(a, 0), None)?).into())
            }),
        ),
    ]
}

fn trunc(count: i64, text: &Str) -> Str {
    let len = text.len() as i64;
    if count < 0 && len.saturating_add(count) > 0 {
        return Str::from(&text[(len + count) as usize..]);
    }
    if count >= 0 && len > count {
        return Str::from(&text[..count as usize]);
    }
    text.clone()
}

/// Go's panic for `s[start:end]`.
fn cut(text: &[u8], start: i64, end: i64) -> Result<Str, FuncError> {
    let len = text.len() as i64;
    if end < 0 || end > len {
        return Err(format!("runtime error: slice bounds out of range [:{end}] with length {len}").into());
    }
    if start < 0 || start > end {
        return Err(format!("runtime error: slice bounds out of range [{start}:{end}]").into());
    }
    Ok(Str::from(&text[start as usize..end as usize]))
}

fn substr(_: &mut Executor<'_>, args: &[Value]) -> Answer {
    let (start, end, text) = (int(args, 0), int(args, 1), str(args, 2));
    let len = text.len() as i64;
    if start < 0 {
        if end < 0 {
            return Err(format!("runtime error: slice bounds out of range [:{end}]").into());
        }
        return Ok(cut(text, 0, end)?.into());
    }
    let end = if end < 0 || end > len { len } else { end };
    Ok(cut(text, start, end)?.into())
}

fn repeat(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let text = str(args, 1);
    let Ok(count) = usize::try_from(int(args, 0)) else {
        return Err("strings: negative Repeat count".into());
    };
    let size = count.checked_mul(text.len()).filter(|size| i64::try_from(*size).is_ok());
    let Some(size) = size else {
        return Err("strings: Repeat output length overflow".into());
    };
    exec.charge_bytes(size as u64)?;
    exec.charge(size as u64 / 64)?;
    Ok(Value::string(text.repeat(count)))
}

/// Where `needle` begins in `text`.
pub(crate) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    let first = needle[0];
    let last = text.len().checked_sub(needle.len())?;
    (0..=last).find(|&i| text[i] == first && text[i..].starts_with(needle))
}

/// `strings.ReplaceAll`: an empty `old` matches before each character and at the end.
fn replace(exec: &mut Executor<'_>, text: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, FuncError> {
    exec.charge(text.len() as u64 / 16)?;
    let room = exec.room();
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    if old.is_empty() {
        while let Some((_, length)) = first_char(rest) {
            out.extend_from_slice(new);
            out.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            if out.len() as u64 > room {
                break;
            }
        }
        out.extend_from_slice(new);
        return Ok(out);
    }
    while let Some(at) = find(rest, old) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
        // The charge for the result, made by the caller, then ends the execution.
        if out.len() as u64 > room {
            break;
        }
    }
    out.extend_from_slice(rest);
    Ok(out)
}

fn indent(exec: &mut Executor<'_>, args: &[Value], before: &str) -> Answer {
    let text = str(args, 1);
    let Ok(width) = usize::try_from(int(args, 0)) else {
        return Err("strings: negative Repeat count".into());
    };
    let lines = 1 + text.iter().filter(|b| **b == b'\n').count();
    exec.charge_bytes((width as u64).saturating_mul(lines as u64).saturating_add(text.len() as u64))?;
    exec.charge(text.len() as u64 / 64)?;
    let mut out = Vec::with_capacity(before.len() + text.len() + width * lines);
    out.extend_from_slice(before.as_bytes());
    for (i, line) in text.split(|b| *b == b'\n').enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        out.extend(std::iter::repeat_n(b' ', width));
        out.extend_from_slice(line);
    }
    Ok(Value::string(out))
}

fn quote(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut out = Vec::new();
    for arg in args.iter().filter(|arg| !matches!(arg, Value::Nil)) {
        if !out.is_empty() {
            out.push(b' ');
        }
        let quoted = quote_bytes(&strval(exec, arg)?, false);
        if out.is_empty() {
            out = quoted;
        } else {
            out.extend_from_slice(&quoted);
        }
    }
    made(exec, out)
}

fn squote(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut out = Vec::new();
    for arg in args.iter().filter(|arg| !matches!(arg, Value::Nil)) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.push(b'\'');
        out.extend_from_slice(&exec.sprint(std::slice::from_ref(arg))?);
        out.push(b'\'');
    }
    made(exec, out)
}

fn cat(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let mut out = Vec::new();
    for (i, arg) in args.iter().filter(|arg| !matches!(arg, Value::Nil)).enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(&exec.sprint(std::slice::from_ref(arg))?);
    }
    made(exec, out)
}

fn join(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let separator = str(args, 0);
    let parts = strings(exec, &args[1])?;
    let mut out = Vec::new();
    for (i, part) in parts.items().iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(separator);
        }
        if let Some(text) = part.as_str() {
            out.extend_from_slice(text);
        }
        // Long separators may make much of few parts.
        if out.len() as u64 > exec.room() {
            break;
        }
    }
    made(exec, out)
}

/// `strings.SplitN`: no more than `count` parts if that is positive, none if it is zero.
fn split(
    exec: &mut Executor<'_>,
    text: &Str,
    separator: &Str,
    count: Option<i64>,
) -> Result<Vec<Str>, FuncError> {
    let limit = match count {
        Some(0) => return Ok(Vec::new()),
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    // What a part takes besides its bytes.
    const PART: u64 = 48;
    exec.charge(text.len() as u64 / 16 + 1)?;
    exec.charge_bytes(text.len() as u64)?;
    let mut parts = Vec::new();
    let mut rest: &[u8] = text;
    if separator.is_empty() {
        let lossy = text.to_str();
        let mut chars = lossy.chars();
        while parts.len() + 1 < limit {
            let Some(c) = chars.next() else { return Ok(parts) };
            exec.charge(1)?;
            exec.charge_bytes(PART)?;
            parts.push(Str::from(c.to_string()));
        }
        if !chars.as_str().is_empty() {
            parts.push(Str::from(chars.as_str()));
        }
        return Ok(parts);
    }
    while parts.len() + 1 < limit {
        let Some(at) = find(rest, separator) else { break };
        exec.charge(1)?;
        exec.charge_bytes(PART)?;
        parts.push(Str::from(&rest[..at]));
        rest = &rest[at + separator.len()..];
    }
    parts.push(Str::from(rest));
    Ok(parts)
}

/// `{"_0": …, "_1": …}`.
fn numbered(parts: Vec<Str>) -> Value {
    Map::of_strings(parts.into_iter().enumerate().map(|(i, part)| (format!("_{i}"), part))).into()
}
