//! Command lines (`commands/template.txt`, `commands/lint.txt`) and what the real helm 4.3.1 does with them
//! (`commands/recorded`, made by `commands/regenerate.sh`): equal output, equal messages, equal exit codes, equal files.
//!
//! Not compared are lines of level DEBUG, which are about the insides of the program, and the program's name.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use windlass::{Process, run_in};

const COMMANDS: &str = "tests/commands/";

#[test]
fn template_does_what_helm_does() {
    check_all(include_str!("commands/template.txt"), 60);
}

#[test]
fn lint_does_what_helm_does() {
    check_all(include_str!("commands/lint.txt"), 25);
}

fn check_all(table: &str, fewest: usize) {
    let rows: Vec<(&str, &str)> = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .collect();
    assert!(rows.len() >= fewest, "only {} command lines", rows.len());
    let differences: Vec<String> = rows
        .iter()
        .filter_map(|(name, line)| {
            check(name, line).err().map(|difference| format!("{name}: {line}\n{difference}"))
        })
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {} differ:\n{}",
        differences.len(),
        rows.len(),
        differences.join("\n")
    );
}

fn check(name: &str, line: &str) -> Result<(), String> {
    let tmp = tempfile::tempdir().unwrap();
    let folder = tmp.path().canonicalize().unwrap();
    let words = words(&line.replace("{tmp}", folder.to_str().unwrap()));
    let settings = words.iter().take_while(|word| is_setting(word)).count();
    let (settings, arguments) = words.split_at(settings);
    let (stdin, arguments): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| word.starts_with('<'));
    let stdin = stdin.first().map(|path| std::fs::read(&path[1..]).unwrap()).unwrap_or_default();
    let variables: BTreeMap<&str, &str> = settings.iter().filter_map(|word| word.split_once('=')).collect();
    let variables: BTreeMap<String, OsString> =
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();

    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut stdin = stdin.as_slice();
    let mut process =
        Process { variable: Rc::new(move |name: &str| variables.get(name).cloned()), stdin: &mut stdin };
    let code = run_in(arguments, &mut process, &mut out, &mut err);
    let code = i32::from(code != ExitCode::SUCCESS);

    let mut ours = format!("exit code {code}\n== standard error\n");
    ours.push_str(&String::from_utf8(err).unwrap());
    write!(ours, "== standard output\n{}", String::from_utf8(out).unwrap()).unwrap();
    written(&folder, &folder, &mut ours);
    let here = std::env::current_dir().unwrap();
    let masks = [(folder.as_path(), "{tmp}"), (&here, "{cwd}"), (here.parent().unwrap(), "{crates}")];
    for (path, mask) in masks {
        ours = ours.replace(path.to_str().unwrap(), mask);
    }
    let ours = ours.replace("windlass", "helm");
    let helms = std::fs::read_to_string(format!("{COMMANDS}recorded/{name}.txt")).unwrap();
    same(&without_debug(&ours), &without_debug(&helms))
}

fn is_setting(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Splits at spaces outside of single quotes; `@` stands for the folder of the commands.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.replace('@', COMMANDS).chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Adds the files below `folder`, by path.
fn written(root: &Path, folder: &Path, text: &mut String) {
    let mut files = Vec::new();
    collect(root, folder, &mut files);
    files.sort();
    for (path, content) in files {
        write!(text, "== {path}\n{content}").unwrap();
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((below, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn without_debug(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("level=DEBUG ")).collect()
}

/// The first line that differs, if one does.
fn same(ours: &str, helms: &str) -> Result<(), String> {
    if ours == helms {
        return Ok(());
    }
    let (mut ours, mut helms) = (ours.lines(), helms.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (ours.next(), helms.next()) {
            (None, None) => return Err("    the last line ends in another way".to_owned()),
            (a, b) if a != b => {
                return Err(format!("    line {number}: ours {a:?}\n             helm {b:?}"));
            }
            _ => {}
        }
    }
}
