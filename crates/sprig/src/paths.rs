//! Slash-separated paths, as Go's `path` has them; `os…` are the same on the systems this runs on.

use go_template::{Func, Type, Value};

use crate::Entry;
use crate::args::{part_of, str};

const S: Type = Type::String;

pub(crate) fn table() -> Vec<Entry> {
    let mut table = Vec::new();
    let pairs = [
        ("base", "osBase", Func::new(&[S], |_, args| Ok(base(args)))),
        ("dir", "osDir", Func::new(&[S], |_, args| Ok(Value::string(dir(str(args, 0)))))),
        ("clean", "osClean", Func::new(&[S], |_, args| Ok(Value::string(clean(str(args, 0)))))),
        ("ext", "osExt", Func::new(&[S], |_, args| Ok(Value::string(ext(str(args, 0)))))),
        ("isAbs", "osIsAbs", Func::new(&[S], |_, args| Ok(str(args, 0).starts_with(b"/").into()))),
    ];
    for (name, os, func) in pairs {
        table.push((name, func.clone()));
        table.push((os, func));
    }
    table
}

/// What follows the last slash.
fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

fn base(args: &[Value]) -> Value {
    let path = str(args, 0);
    if path.is_empty() {
        return ".".into();
    }
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    match last(&path[..end]) {
        b"" => "/".into(),
        name => part_of(path, name),
    }
}

fn dir(path: &[u8]) -> Vec<u8> {
    clean(path.iter().rposition(|b| *b == b'/').map_or(b"", |slash| &path[..=slash]))
}

fn ext(path: &[u8]) -> &[u8] {
    let name = last(path);
    name.iter().rposition(|b| *b == b'.').map_or(b"", |dot| &name[dot..])
}

fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
