//! The cases of `tests/cases/set*.jsonl` against what Helm makes of them (see `integration-tests/oracle/helm/cmd/set`),
//! and the limits that Helm does not have.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::error::Error;
use std::fs;
use std::path::Path;

use go_yaml::Value;
use helm_chart::{SetError, SetKind, Values};
use serde_json::{Value as Json, json};

const KINDS: [SetKind; 5] = [SetKind::Json, SetKind::Typed, SetKind::Text, SetKind::File, SetKind::Literal];

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The values that a case makes.
fn run(case: &Json) -> Result<Values, Box<dyn Error>> {
    let mut values = Values::from_yaml(case["values"].as_str().unwrap_or_default())
        .map_err(|error| format!("failed to parse values.yaml: {}", chain(&error)))?;
    let mut read = |path: &str| {
        let name = path.strip_prefix("./").unwrap_or(path);
        let content = case["files"][name].as_str().map(str::to_owned);
        content.ok_or_else(|| format!("open {path}: no such file or directory").into())
    };
    for kind in KINDS {
        for text in case[kind.flag()].as_array().into_iter().flatten() {
            let text = text.as_str().unwrap();
            match kind {
                SetKind::File => values.set_file(text, &mut read)?,
                _ => values.set(kind, text)?,
            }
        }
    }
    Ok(values)
}

/// As the Go program writes it: what JSON does not tell is said.
fn marked(value: &Value) -> Json {
    match value {
        Value::Int(number) => json!({ "int64": number.to_string() }),
        Value::Float(number) => json!(number),
        Value::Seq(items) => {
            let mut out = Vec::new();
            for run in items.chunk_by(|a, b| a.is_null() && b.is_null()) {
                if run[0].is_null() && run.len() > 8 {
                    out.push(json!({ "nulls": run.len() }));
                } else {
                    out.extend(run.iter().map(marked));
                }
            }
            Json::Array(out)
        }
        Value::Map(map) => map.iter().map(|(key, value)| (key.clone(), marked(value))).collect(),
        other => other.clone().into(),
    }
}

/// Numbers as floats, as the marked values have them.
fn floats(json: &Json) -> Json {
    match json {
        Json::Number(number) => json!(number.as_f64()),
        Json::Array(items) => items.iter().map(floats).collect(),
        Json::Object(map) if map.contains_key("nulls") => json.clone(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

fn check(case: &Json, expected: &Json) -> Option<String> {
    let got = match run(case) {
        Ok(values) => json!({ "values": marked(&values.into()) }),
        Err(error) => json!({ "error": chain(error.as_ref()) }),
    };
    let expected = floats(expected);
    (got != expected).then(|| format!("{case}\n   got {got}\n  want {expected}\n"))
}

#[test]
fn every_case_sets_what_helm_sets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = fs::read_to_string(folder.join("set.jsonl")).unwrap();
    let expected = fs::read_to_string(folder.join("set.jsonl.expected.json")).unwrap();
    let expected: Vec<Json> = serde_json::from_str(&expected).unwrap();
    let cases: Vec<Json> = cases.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), expected.len());
    let failures: Vec<String> =
        cases.iter().zip(&expected).filter_map(|(case, expected)| check(case, expected)).collect();
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.concat());
}

fn set(text: &str) -> Result<Values, SetError> {
    let mut values = Values::new();
    values.set(SetKind::Typed, text).map(|()| values)
}

#[test]
fn set_with_a_huge_index_or_many_lists_ends() {
    let error = set("a[999999999]=1").unwrap_err();
    assert_eq!(
        chain(&error),
        "failed parsing --set data: index of 999999999 is greater than maximum supported index of 65536"
    );
    // Helm would fill 65 million items.
    let lists: Vec<String> = (0..1000).map(|i| format!("a{i}[65536]=1")).collect();
    assert_eq!(
        chain(&set(&lists.join(",")).unwrap_err()),
        "failed parsing --set data: lists of more than 4194304 items together"
    );
}

#[test]
fn set_with_deep_nesting_ends() {
    let deep = |part: &str, count: usize| format!("a{}=1", part.repeat(count));
    assert!(set(&deep("[0]", 200)).is_ok());
    for part in ["[0]", "[0].b"] {
        let error = set(&deep(part, 1_000_000)).unwrap_err();
        assert_eq!(chain(&error), "failed parsing --set data: lists and tables nest more than 200 levels");
    }
    let mut values = Values::new();
    let error = values.set(SetKind::Json, &format!("a={}", "[".repeat(1_000_000))).unwrap_err();
    assert!(matches!(error, SetError::Json { .. }));
    let error = set(&deep(".b", 1_000_000)).unwrap_err();
    assert!(
        chain(&error)
            .ends_with("value name nested level is greater than maximum supported nested level of 30")
    );
}

#[test]
fn whole_numbers_stay_integers_next_to_those_of_yaml() {
    let chart = Values::from_yaml("a: 1\nb: {c: 2}\n").unwrap();
    let merged = chart.merged_with(set("b.d=3,e={4}").unwrap());
    let float = |number| Value::Float(number);
    let b = merged.as_map().get("b").unwrap();
    assert_eq!((merged.as_map().get("a"), b.get("c")), (Some(&float(1.0)), Some(&float(2.0))));
    assert_eq!(
        (b.get("d"), merged.as_map().get("e")),
        (Some(&Value::Int(3)), Some(&Value::Seq(vec![Value::Int(4)])))
    );
}
