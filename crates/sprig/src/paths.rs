//! Slash-separated paths, as Go's `path` has them; `os…` are the same on the systems this runs on.

use go_template::{Func, Type};

use crate::Entry;
use crate::args::{str, text_func};

pub(crate) fn table() -> Vec<Entry> {
    let is_abs = || Func::new(&[Type::String], |_, args| Ok((str(args, 0).first() == Some(&b'/')).into()));
    vec![
        ("base", text_func(base)),
        ("dir", text_func(dir)),
        ("clean", text_func(clean)),
        ("ext", text_func(ext)),
        ("isAbs", is_abs()),
        ("osBase", text_func(base)),
        ("osDir", text_func(dir)),
        ("osClean", text_func(clean)),
        ("osExt", text_func(ext)),
        ("osIsAbs", is_abs()),
    ]
}

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        Some("") | None => "/".to_owned(),
        Some(last) => last.to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

fn ext(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or("");
    name.rfind('.').map_or("", |dot| &name[dot..]).to_owned()
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
