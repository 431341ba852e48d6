//! The cases of `tests/cases` against what Go's libraries make of them (see `integration-tests/oracle`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;

use go_yaml::{Value, json, json::Style};

/// One expected result; the fields are those of the Go program.
struct Case(serde_json::Value);

impl Case {
    fn get(&self, field: &str) -> Option<&str> {
        self.0[field].as_str()
    }

    /// Compares with `field`, or with the error in `error_field` if Go failed.
    fn check(
        &self,
        what: &str,
        got: Result<String, String>,
        field: &str,
        error_field: &str,
    ) -> Option<String> {
        // Go escapes what stood for broken UTF-8, but not the same character in its own right; we have one for both.
        let same = match (&got, self.get(field)) {
            (Ok(got), Some(want)) => *got == want.replace("\\ufffd", "\u{FFFD}"),
            (Err(got), None) => got == self.get(error_field).unwrap_or_default(),
            _ => false,
        };
        let want = self.get(field).or(self.get(error_field));
        (!same).then(|| {
            format!("{:?}: {what}\n   got {got:?}\n  want {want:?}\n", self.get("name").unwrap_or_default())
        })
    }
}

fn cases(file: &str) -> (String, Vec<Case>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let expected = fs::read_to_string(folder.join(format!("{file}.expected.json"))).unwrap();
    let expected: Vec<serde_json::Value> = serde_json::from_str(&expected).unwrap();
    (text, expected.into_iter().map(Case).collect())
}

fn report(failures: Vec<Option<String>>) {
    let total = failures.len();
    let failures: Vec<String> = failures.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{} of {total} differ:\n{}", failures.len(), failures.concat());
}

fn to_json(text: &[u8]) -> Result<String, String> {
    let value = go_yaml::from_slice(text).map_err(|error| error.to_string())?;
    json::to_string(&value, Style::Compact).map_err(|error| error.to_string())
}

fn to_yaml(value: &Value) -> Result<String, String> {
    go_yaml::to_string(value).map_err(|error| error.to_string())
}

/// The bytes a Go string literal of the case files stands for: escapes are `\" \\ \xNN \uNNNN \UNNNNNNNN`.
fn unquote(literal: &str) -> Vec<u8> {
    let inner = literal.trim_end_matches('\n').strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap();
    let mut bytes = Vec::new();
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        let escape = if char == '\\' { chars.next() } else { None };
        let mut hex =
            |digits| u32::from_str_radix(&chars.by_ref().take(digits).collect::<String>(), 16).unwrap();
        let char = match escape {
            Some('x') => {
                bytes.push(hex(2) as u8);
                continue;
            }
            Some('u') => char::from_u32(hex(4)).unwrap(),
            Some('U') => char::from_u32(hex(8)).unwrap(),
            Some(other) => other,
            None => char,
        };
        bytes.extend(char.encode_utf8(&mut [0; 4]).bytes());
    }
    bytes
}

#[test]
fn scalars_resolve_and_print_like_go() {
    let (text, expected) = cases("resolution.scalars");
    let mut failures = Vec::new();
    for (line, case) in text.lines().zip(&expected) {
        failures.push(case.check("value", to_json(format!("v: {line}\n").as_bytes()), "json", "error"));
        failures.push(case.check("key", to_json(format!("{line}: v\n").as_bytes()), "key", "key_error"));
        let entries = [("v", line), (line, "k")].map(|(key, value)| (key.to_owned(), Value::from(value)));
        let map = Value::Map(entries.into_iter().collect());
        failures.push(case.check("printed", to_yaml(&map), "print", "print_error"));
    }
    assert_eq!(text.lines().count(), expected.len());
    report(failures);
}

#[test]
fn texts_read_like_go() {
    let (text, expected) = cases("texts.yaml.txt");
    let text = format!("\n{}", text.strip_suffix('\n').unwrap_or(&text));
    let parts: Vec<&str> = text.split("\n### ").skip(1).collect();
    assert_eq!(parts.len(), expected.len());
    let mut failures = Vec::new();
    for (part, case) in parts.into_iter().zip(&expected) {
        let (name, body) = part.split_once('\n').unwrap();
        let body = if name.ends_with(" quoted") { unquote(body) } else { format!("{body}\n").into_bytes() };
        failures.push(case.check("read", to_json(&body), "json", "error"));
        if let Ok(value) = go_yaml::from_slice(&body) {
            failures.push(case.check("printed", to_yaml(&value), "yaml", "print_error"));
        }
    }
    report(failures);
}

#[test]
fn values_print_like_go() {
    let (text, expected) = cases("values.jsonl");
    assert_eq!(text.lines().count(), expected.len());
    let mut failures = Vec::new();
    for (line, case) in text.lines().zip(&expected) {
        let value = json::from_str(line).unwrap().with_float_numbers();
        failures.push(case.check("yaml", to_yaml(&value), "yaml", "error"));
        for (style, field) in
            [(Style::Compact, "json"), (Style::CompactRaw, "raw"), (Style::Pretty, "pretty")]
        {
            let got = json::to_string(&value, style).map_err(|error| error.to_string());
            failures.push(case.check(field, got, field, "error"));
        }
        let toml = go_yaml::toml::to_string(&value).map_err(|error| error.to_string());
        failures.push(case.check("toml", toml, "toml", "toml_error"));
    }
    report(failures);
}

#[test]
fn json_reads_like_go() {
    let (text, expected) = cases("reads.json.txt");
    assert_eq!(text.lines().count(), expected.len());
    let failures = text.lines().zip(&expected).map(|(line, case)| {
        let got = json::from_str(std::str::from_utf8(&unquote(line)).unwrap())
            .map_err(|error| error.to_string())
            .and_then(|value| {
                json::to_string(&value.with_float_numbers(), Style::Compact).map_err(|e| e.to_string())
            });
        case.check("json", got, "json", "error")
    });
    report(failures.collect());
}
