//! The cases of `tests/cases/schema.jsonl` against what Helm says of them (see
//! `integration-tests/oracle/helm/cmd/schema`), and hostile schemas.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use helm_chart::{Chart, Limits, Mode, SetKind, SourceFile, Values, validate_values};
use serde_json::{Value as Json, json};

fn chart(name: &str, case: &Json) -> Chart {
    let file = |path: &str, text: String| SourceFile {
        path: path.into(),
        mode: Mode::File,
        bytes: text.into_bytes().into(),
    };
    let mut files = vec![file("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n"))];
    if let Some(schema) = case.get("schema") {
        let text = schema.as_str().map_or_else(|| schema.to_string(), str::to_owned);
        files.push(file("values.schema.json", text));
    }
    let mut chart = Chart::load(files, &Limits::default()).unwrap();
    for dependency in case["dependencies"].as_array().into_iter().flatten() {
        chart.dependencies.push(self::chart(dependency["name"].as_str().unwrap(), dependency));
    }
    chart
}

fn values(case: &Json) -> Values {
    let json = case.get("values").cloned().unwrap_or_default();
    let mut values = Values::try_from(go_yaml::Value::from(json)).unwrap();
    values.set(SetKind::Typed, case["set"].as_str().unwrap_or_default()).unwrap();
    values
}

/// What Helm says after its first line, in the order that the Go program writes.
fn run(case: &Json) -> Result<(), String> {
    let chart = chart(case["name"].as_str().unwrap_or("c"), case);
    validate_values(&chart, &values(case)).map_err(|error| {
        let text = error.to_string();
        let (heading, text) = text.split_once('\n').unwrap();
        assert_eq!(
            heading,
            "values don't meet the specifications of the schema(s) in the following chart(s):"
        );
        canonical(text)
    })
}

fn canonical(text: &str) -> String {
    let cut = |line: &str| -> String {
        for (begin, quotes) in [("failing loading \"", 2), ("duplicate ", 4)] {
            if line.starts_with(begin)
                && let Some((at, _)) = line.match_indices('"').nth(quotes - 1)
            {
                return line[..=at].to_owned();
            }
        }
        match line.split_once(" additional properties ").zip(line.strip_suffix(" not allowed")) {
            Some(((before, _), kept)) => {
                let names = &kept[before.len() + " additional properties ".len()..];
                let mut names: Vec<&str> = names.split(", ").collect();
                names.sort_unstable();
                format!("{before} additional properties {} not allowed", names.join(", "))
            }
            None => line.to_owned(),
        }
    };
    let lines: Vec<String> = text.split('\n').map(cut).collect();
    sorted(&lines, 0).join("\n")
}

/// The lines that begin with `- ` at this depth, with what is below each, in order.
fn sorted(lines: &[String], depth: usize) -> Vec<String> {
    let begins = |line: &String| line.starts_with(&format!("{}- ", "  ".repeat(depth)));
    let (mut out, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        if !begins(&lines[at]) {
            out.push(lines[at].clone());
            at += 1;
            continue;
        }
        let mut blocks = Vec::new();
        while at < lines.len() && begins(&lines[at]) {
            let deeper = lines[at + 1..].iter().take_while(|line| line.starts_with(&"  ".repeat(depth + 1)));
            let end = at + 1 + deeper.count();
            let below = sorted(&lines[at + 1..end], depth + 1);
            blocks.push([&lines[at..=at], &below].concat().join("\n"));
            at = end;
        }
        blocks.sort_unstable();
        out.extend(blocks);
    }
    out
}

/// The lines with their pointers alone, where our words differ.
fn pointers(text: &str) -> Vec<String> {
    let pointer = |line: &str| line.split_once("': ").map_or(line, |(pointer, _)| pointer).to_owned();
    text.lines().map(pointer).collect()
}

#[test]
fn every_case_is_judged_as_helm_judges_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = fs::read_to_string(folder.join("schema.jsonl")).unwrap();
    let expected = fs::read_to_string(folder.join("schema.jsonl.expected.json")).unwrap();
    let expected: Vec<Json> = serde_json::from_str(&expected).unwrap();
    let cases: Vec<Json> = cases.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), expected.len());
    let (mut failures, mut other_words) = (Vec::new(), Vec::new());
    for (case, expected) in cases.iter().zip(&expected) {
        let wanted =
            if expected["valid"] == json!(true) { Ok(()) } else { Err(expected["error"].as_str().unwrap()) };
        let got = run(case);
        let both = format!("{case}\n   got {got:?}\n  want {wanted:?}\n");
        match (&got, wanted) {
            (Ok(()), Ok(())) => {}
            (Err(got), Err(wanted)) if got == wanted => {}
            (Err(got), Err(wanted)) if pointers(got) == pointers(wanted) => other_words.push(both),
            _ => failures.push(both),
        }
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.concat());
    if std::env::var_os("WORDS").is_some() {
        panic!("{}", other_words.concat());
    }
    assert!(
        other_words.len() <= 20,
        "{} of {} say it otherwise:\n{}",
        other_words.len(),
        cases.len(),
        other_words.concat()
    );
}

fn check(schema: &Json, values: &Json) -> Result<(), String> {
    let started = Instant::now();
    let result = run(&json!({ "schema": schema, "values": values }));
    assert!(started.elapsed() < Duration::from_secs(60));
    result
}

#[test]
fn values_schema_with_a_ref_to_a_device_or_url() {
    for target in
        ["file:///dev/zero", "/dev/zero", "http://localhost:1/x", "https://example.com/x.json#/a", "../x"]
    {
        let error = check(&json!({ "properties": { "a": { "$ref": target } } }), &json!({})).unwrap_err();
        assert!(error.starts_with("c:\nfailing loading \""), "{error}");
    }
    let error = check(&json!({ "$schema": "http://localhost:1/meta" }), &json!({})).unwrap_err();
    assert_eq!(error, "c:\nfailing loading \"http://localhost:1/meta\"");
}

#[test]
fn values_schema_with_deep_or_cyclic_ref() {
    let cyclic = json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
    assert!(check(&cyclic, &json!({})).unwrap_err().contains("causing reference cycle"));

    let mut defs = serde_json::Map::new();
    for i in 0..5000 {
        defs.insert(format!("d{i}"), json!({ "$ref": format!("#/$defs/d{}", i + 1) }));
    }
    defs.insert("d5000".into(), json!({}));
    let deep = json!({ "$defs": defs, "$ref": "#/$defs/d0" });
    let error = check(&deep, &json!({})).unwrap_err();
    assert_eq!(error, "c:\nschemas apply inside each other more than 1000 levels deep\n");

    let deep = format!("{}{}", r#"{"not":"#.repeat(100_000), "}".repeat(100_000));
    assert_eq!(check(&json!(deep), &json!({})).unwrap_err(), "c:\nexceeded max depth");
}

#[test]
fn values_schema_with_a_bomb_of_refs() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let mut defs = serde_json::Map::new();
        for i in 0..60 {
            let next = json!({ "$ref": format!("#/$defs/d{}", i + 1) });
            defs.insert(format!("d{i}"), json!({ keyword: [next, next] }));
        }
        defs.insert("d60".into(), json!({ "type": "string" }));
        let bomb = json!({ "$defs": defs, "$ref": "#/$defs/d0" });
        let error = check(&bomb, &json!({})).unwrap_err();
        assert_eq!(error, "c:\nthe schema takes more than 2000000 steps to check\n");
    }
    // One subtree under many names.
    let alias = |i: usize| json!({ "$ref": format!("#/allOf/{}", "0".repeat(i + 1)) });
    let many = json!({ "allOf": [{ "properties": (0..600).map(|i| (format!("p{i}"), alias(i))).collect::<serde_json::Map<_, _>>() }] });
    let error = check(&many, &json!({})).unwrap_err();
    assert!(error.contains("more than"), "{error}");
}

#[test]
fn values_schema_with_a_pattern_that_backtracks_or_is_huge() {
    let text = "a".repeat(30_000);
    let backtracks = json!({ "properties": { "a": { "pattern": "^(a+)+$|(a|a)*b|(.*a){25}b" } } });
    assert_eq!(check(&backtracks, &json!({ "a": text })), Ok(()));
    for pattern in [
        "(a{1000}){1000}",
        &format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000)),
        "(\\p{L}{900}){1,900}",
    ] {
        let error = check(&json!({ "pattern": pattern }), &json!({})).unwrap_err();
        assert!(error.contains(" is not valid regex: error parsing regexp: "), "{error}");
    }
    let patterns: serde_json::Map<_, _> =
        (0..2000).map(|i| (format!("(x{i}|[^y]{{900}}){{1}}"), json!({}))).collect();
    let error = check(&json!({ "patternProperties": patterns }), &json!({})).unwrap_err();
    assert!(error.starts_with("c:\nthe schema takes more than "), "{error}");
}

#[test]
fn values_schema_with_too_many_failures() {
    let values: Vec<i32> = (0..30_000).collect();
    let error =
        check(&json!({ "properties": { "a": { "items": { "type": "string" } } } }), &json!({ "a": values }));
    assert_eq!(error.unwrap_err(), "c:\nthe schema takes more than 2000000 steps to check\n");
    let equal: Vec<Json> = (0..10_000).map(|i| json!({ "a": [i, i + 1], "b": "x" })).collect();
    assert_eq!(
        check(&json!({ "properties": { "a": { "uniqueItems": true } } }), &json!({ "a": equal })),
        Ok(())
    );
}

#[test]
fn values_schema_with_a_long_name_above_many_others() {
    let long = "n".repeat(1 << 20);
    let many: serde_json::Map<_, _> = (0..10_000).map(|i| (format!("p{i}"), json!({}))).collect();
    let error = check(&json!({ "properties": { &long: { "properties": many } } }), &json!({})).unwrap_err();
    assert!(error.starts_with("c:\nthe schema takes more than "), "{error}");
    let values: serde_json::Map<_, _> = (0..10_000).map(|i| (format!("p{i}"), json!(i))).collect();
    let schema = json!({ "additionalProperties": { "additionalProperties": { "type": "string" } } });
    let error = check(&schema, &json!({ long: values })).unwrap_err();
    assert!(error.starts_with("c:\nthe schema takes more than "), "{error}");
}

#[test]
fn a_check_needs_no_stack_of_its_caller() {
    let nested = |levels: usize| format!("{}null{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let recursive = json!({ "$defs": { "n": { "allOf": [{ "properties": { "a": { "$ref": "#/$defs/n" } } }] } }, "$ref": "#/$defs/n" });
    let values: Json = serde_json::from_str(&nested(120)).unwrap();
    let case = json!({ "schema": recursive, "values": values });
    let (chart, values) = (chart("c", &case), self::values(&case));
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let result = small.spawn(move || validate_values(&chart, &values)).unwrap().join().unwrap();
    assert_eq!(result, Ok(()));
}
