//! The matrix: every function with every kind of argument, with what Go's text/template and Sprig make of it. The forms of
//! matrix files are told in `integration-tests/oracle/cmd/template`, which writes the expected results.

#![expect(clippy::unwrap_used, reason = "a test stops where its files are not what it takes them for")]

#[path = "../../go-template/tests/support/host.rs"]
mod host;
mod ports;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::{Error, Executor, Funcs, Options, TemplateSet, Value};
use serde_json::Value as Json;

use self::ports::functions;

/// A kind of argument: its name, its value as JSON data, and the text that stands for it in a template.
struct Kind {
    name: String,
    data: Json,
    text: String,
}

/// The calls of a matrix file: the row that each belongs to, the kind that it is made with, the call, and the data.
fn calls(text: &str) -> Vec<(String, String, String, Json)> {
    let (mut kinds, mut except, mut variables) = (Vec::<Kind>::new(), Vec::new(), String::new());
    let mut calls = Vec::new();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, form) = rest.split_once(' ').unwrap_or((rest, ""));
        let (name, form) = (name.to_owned(), form.to_owned());
        match word {
            "kind" => {
                let data = serde_json::from_str(&form).unwrap();
                kinds.push(Kind { name, data, text: ".v".to_owned() });
            }
            "literal" => kinds.push(Kind { name, data: Json::Null, text: form }),
            "let" => variables.push_str(&format!("{{{{ ${name} := {form} }}}}")),
            "except" => except = rest.split_whitespace().map(str::to_owned).collect(),
            ">" => {
                let (call, behind) = rest.split_once(" | ").unwrap_or((rest, ""));
                let behind = if behind.is_empty() { String::new() } else { format!(" | {behind}") };
                let full = |call: &str| {
                    format!("{variables}{{{{ $r := {call}{behind} }}}}{{{{ typeOf $r }}}} {{{{ $r }}}}")
                };
                let words = split(call);
                let with = |place: usize, text: &str| {
                    let mut words = words.clone();
                    words[place] = text;
                    words.join(" ")
                };
                for place in 1..words.len() {
                    for kind in kinds.iter().filter(|kind| !except.contains(&kind.name)) {
                        let made = full(&with(place, &kind.text));
                        calls.push((with(place, "_"), kind.name.clone(), made, kind.data.clone()));
                    }
                }
                let mut push = |name: &str, text: &str| {
                    calls.push((call.to_owned(), name.to_owned(), full(text), Json::Null));
                };
                if words.len() > 1 {
                    push("fewer", &words[..words.len() - 1].join(" "));
                }
                push("more", &format!("{call} 1"));
                push("given", call);
                except.clear();
            }
            _ => {}
        }
    }
    calls
}

/// Cuts at blanks outside of parentheses and quotes.
fn split(call: &str) -> Vec<&str> {
    let (mut words, mut depth, mut quoted, mut start) = (Vec::new(), 0, false, 0);
    for (i, c) in call.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 => {
                words.push(&call[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    words.push(&call[start..]);
    words
}

fn parsed(template: &str, funcs: &Funcs) -> Result<TemplateSet, Error> {
    let mut set = TemplateSet::new(funcs.names()).named("t");
    set.parse("t", template)?;
    Ok(set)
}

fn outcome(set: &Result<TemplateSet, Error>, data: &Json, funcs: &Funcs) -> String {
    let run = || -> Result<Vec<u8>, String> {
        let set = set.as_ref().map_err(Error::to_string)?;
        let data: go_template::Map = [("v", host::value(data))].into_iter().collect();
        let output = Executor::new(set, funcs, Options::default()).execute("t", Value::Map(data));
        output.map(|output| output.to_vec()).map_err(|error| error.to_string())
    };
    match run() {
        Ok(output) => String::from_utf8(output)
            .unwrap_or_else(|error| format!("base64 {}", STANDARD.encode(error.as_bytes()))),
        Err(text) => {
            let text = text.strip_prefix("template: t:1:").unwrap_or(&text);
            let text = text.replacen("executing \"t\" at ", "", 1);
            format!("!{}", text.replacen("<.v>: wrong type for value; expected ", "~", 1))
        }
    }
}

/// Rows of the expected results: the call, and pairs of the kinds' names and the result.
type Rows = Vec<(String, Vec<(Vec<String>, String)>)>;

fn expected(file: &Path) -> Rows {
    let text = std::fs::read_to_string(format!("{}.expected.json", file.display())).unwrap();
    let rows: Vec<Json> = serde_json::from_str(&text).unwrap();
    let string = |json: &Json| json.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            let results = row["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| (string(&pair[0]).split(' ').map(str::to_owned).collect(), string(&pair[1])));
            (string(&row["case"]), results.collect())
        })
        .collect()
}

#[test]
fn every_kind_of_argument_gives_what_sprig_gives() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kinds.matrix");
    let rows = expected(&file);
    let mut funcs = functions();
    funcs.extend(host::functions());
    let (mut total, mut differing, mut row) = (0, 0, 0);
    let mut failures = String::new();
    let (mut last, mut current) = (None, None);
    for (call, kind, template, data) in calls(&std::fs::read_to_string(&file).unwrap()) {
        if last.as_ref().is_some_and(|last| *last != call) {
            row += 1;
        }
        assert_eq!(call, rows[row].0, "expected results are out of date");
        let found = rows[row].1.iter().find(|(kinds, _)| kinds.contains(&kind));
        last = Some(call.clone());
        let Some((_, want)) = found else {
            // Go prints a function's address, which is another in each run.
            assert_eq!(kind, "func", "{call}: expected results are out of date");
            continue;
        };
        // The calls with data of one row are one template.
        if current.as_ref().is_none_or(|(text, _)| *text != template) {
            current = Some((template.clone(), parsed(&template, &funcs)));
        }
        let got = current.as_ref().map_or_else(String::new, |(_, set)| outcome(set, &data, &funcs));
        total += 1;
        if *want != got {
            differing += 1;
            failures.push_str(&format!("\n{call} with {kind}\n  want {want}\n  got  {got}\n"));
        }
    }
    assert_eq!(row + 1, rows.len(), "expected results are out of date");
    assert!(failures.is_empty(), "{differing} of {total} results differ:\n{failures}");
    assert!(total > 15_000, "only {total} calls were found");
}

#[test]
fn every_function_is_in_the_matrix() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kinds.matrix");
    let text = std::fs::read_to_string(file).unwrap();
    let called: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("> ")?.split(' ').next()).collect();
    // These make large RSA keys of whatever they are given; they have cases and tests of their own. `now` has no
    // arguments and another result each time.
    let elsewhere = ["genCA", "genSelfSignedCert", "genSignedCert", "now"];
    let funcs = functions();
    let missing: Vec<_> =
        funcs.names().filter(|name| !called.contains(name) && !elsewhere.contains(name)).collect();
    assert!(missing.is_empty(), "not in the matrix: {missing:?}");
}
