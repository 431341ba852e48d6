//! What is taken of an index and of tags against what Helm takes (see `integration-tests/oracle/helm/cmd/index`), and what
//! only our reader has: bounds, and texts that come in pieces.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::error::Error;

use helm_chart::{ChartIndex, IndexError, IndexReader, VersionConstraint, versions_of_tags};
use serde_json::Value as Json;

struct Case {
    name: String,
    index: String,
    tags: Option<String>,
    asks: Vec<String>,
}

fn cases() -> Vec<Case> {
    let text = format!("\n{}", include_str!("cases/index.cases"));
    let case = |part: &str| {
        let (name, body) = part.split_once('\n').unwrap();
        let sections = format!("\n{}", body.trim_end_matches('\n'));
        let sections: BTreeMap<_, _> = sections
            .split("\n=== ")
            .skip(1)
            .map(|section| section.split_once('\n').unwrap_or((section, "")))
            .collect();
        let index = match sections.get("index quoted") {
            Some(lines) => lines.lines().map(|line| serde_json::from_str::<String>(line).unwrap()).collect(),
            None => format!("{}\n", sections.get("index").copied().unwrap_or_default()),
        };
        let tags = sections.get("tags").copied().map(str::to_owned);
        let asks = sections["ask"].split('\n').map(str::to_owned).collect();
        Case { name: name.to_owned(), index, tags, asks }
    };
    text.split("\n### ").skip(1).map(case).collect()
}

fn read(index: &str, charts: &[&str], piece: usize) -> Result<ChartIndex, IndexError> {
    let mut reader = IndexReader::new(charts.iter().map(|chart| (*chart).to_owned()));
    for piece in index.as_bytes().chunks(piece) {
        reader.feed(piece)?;
    }
    reader.finish()
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// `version url digest`, or `error`.
fn answer(index: &ChartIndex, ask: &str) -> String {
    let (chart, version) = ask.split_once(' ').unwrap_or((ask, ""));
    let Ok(constraint) = VersionConstraint::parse(version) else { return "error".to_owned() };
    let chosen = index.get(chart).ok().flatten().and_then(|versions| versions.choose(&constraint));
    chosen.map_or("error".to_owned(), |chosen| {
        let url = chosen.urls.first().map(String::as_str).unwrap_or_default();
        format!("{} {url} {}", chosen.version, chosen.digest)
    })
}

/// The same of what Helm says.
fn expected(answer: &Json) -> String {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    if answer.get("error").is_some() {
        return "error".to_owned();
    }
    format!("{} {} {}", text("version"), text("url"), text("digest"))
}

#[test]
fn what_is_taken_is_what_helm_takes() {
    let expectations: Json = serde_json::from_str(include_str!("cases/index.cases.expected.json")).unwrap();
    let cases = cases();
    assert_eq!(cases.len(), expectations.as_array().unwrap().len());
    let (mut rows, mut differ) = (0, Vec::new());
    for (case, expectation) in cases.iter().zip(expectations.as_array().unwrap()) {
        let charts: Vec<_> = case.asks.iter().filter_map(|ask| ask.split(' ').next()).collect();
        assert_eq!(expectation["name"], case.name.as_str());
        if let Some(tags) = &case.tags {
            let versions = versions_of_tags(tags.lines());
            for (ask, want) in case.asks.iter().zip(expectation["answers"].as_array().unwrap()) {
                let constraint = VersionConstraint::parse(ask).ok();
                let got =
                    constraint.and_then(|constraint| constraint.choose(versions.iter().map(String::as_str)));
                rows += 1;
                if got != want["version"].as_str() {
                    differ.push(format!("{}: {ask:?}: {got:?}, not {want}", case.name));
                }
            }
            continue;
        }
        // However the text is cut, it says the same.
        for piece in [usize::MAX, 1, 2, 3, 5, 7, 64] {
            let read = read(&case.index, &charts, piece);
            let wanted: Vec<String> = match (&expectation["answers"], &expectation["ours"]) {
                (Json::Array(answers), _) => answers.iter().map(expected).collect(),
                (_, Json::Array(ours)) => {
                    ours.iter().map(|version| format!("{}  ", version.as_str().unwrap())).collect()
                }
                _ => match read.map(|index| charts.iter().any(|chart| index.get(chart).is_err())) {
                    Err(_) | Ok(true) => continue,
                    Ok(false) => {
                        differ.push(format!("{} is read, and Helm says {}", case.name, expectation["load"]));
                        continue;
                    }
                },
            };
            let index = match read {
                Ok(index) => index,
                Err(error) => {
                    differ.push(format!("{} in pieces of {piece}: {}", case.name, chain(&error)));
                    continue;
                }
            };
            for (ask, want) in case.asks.iter().zip(wanted) {
                rows += usize::from(piece == 1);
                let got = answer(&index, ask);
                if got != want {
                    differ
                        .push(format!("{} in pieces of {piece}: {ask:?}: {got:?}, not {want:?}", case.name));
                }
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(rows > 150, "{rows} rows");
}

fn check(index: &str, expected: &str) {
    let text = match read(index, &["a"], 16) {
        Ok(index) => index.get("a").err().map_or("read".to_owned(), |error| chain(&error)),
        Err(error) => chain(&error),
    };
    assert!(text.contains(expected), "{index:?}: {text:?} does not say {expected:?}");
}

#[test]
fn faults_are_named_with_their_place() {
    let in_chart = |text: &str| format!("apiVersion: v1\nentries:\n  a:\n{text}");
    check("", "empty");
    check("# only this\n", "empty");
    check("[]", "no mapping");
    check("<html></html>", "no mapping");
    check("entries: {}", "states no apiVersion");
    check("apiVersion: v1\nentries:\n- a\n", "entries of the index, in line 3");
    check("apiVersion: v1\nentries: [a]\n", "entries of the index, in line 2");
    check(
        "apiVersion: v1\nentries: {a: 7}\n",
        "versions of the chart \"a\" in line 2 of the index are no list",
    );
    check("apiVersion: v1\nentries:\n  a:\n    b: c\n", "versions of the chart \"a\" in line 3");
    check("apiVersion: v1\nentries: *x\n", "alias is not supported");
    check("apiVersion: v1\n? entries\n: {}\n", "line 2 of the index has a key that is marked");
    check("apiVersion: v1\nentries:\n  <<: {}\n", "line 3 of the index merges");
    check("apiVersion: v1\nword\nentries: {}\n", "line 2 of the index begins with something that is no key");
    check("  apiVersion: v1\nentries: {}\n", "line 2 of the index is indented less");
    check("apiVersion: v1\nentries: {a: [", "ends in the middle");
    check("apiVersion: v1\nentries:\n  a: \"\n", "ends in the middle, in line 4");
    check(
        &in_chart("  - {version: *x}\n"),
        "line 4 of the index, cannot be read; an alias of something outside of it is not supported: yaml: unknown anchor 'x'",
    );
    check(&in_chart("  a:\n"), "has the chart \"a\" twice, the second time in line 4");
    check(&in_chart("  - a: b: c\n"), "line 4");
    check(&format!("apiVersion: v1\n{}", "[".repeat(300)), "line 2 of the index collections nest too deep");
    check(
        &format!("\"{}\": v1\n", "x".repeat(5000)),
        "line 1 of the index has a key of more than 4096 bytes",
    );
    check(
        &in_chart(&format!("  - b: {}\n", "x".repeat(2 << 20))),
        "line 4 of the index takes more than 1048576",
    );
    check(&in_chart(&"  - {}\n".repeat(50_001)), "more than 50000 versions of the chart \"a\"");
    let long = format!("  - {{name: a, version: 1.0.0, urls: ['{}']}}\n", "x".repeat(900_000));
    check(&in_chart(&long.repeat(40)), "takes more than 33554432 bytes");
    // Other charts have no bounds.
    check(&format!("apiVersion: v1\nentries:\n  b: {}\n", "[x], ".repeat(1 << 20)), "read");
}

#[test]
fn entries_that_are_left_out_are_counted() {
    let index =
        "apiVersion: v1\nentries:\n  a:\n  - {name: a, version: x}\n  -\n  - {name: a, version: 1.0.0}\n";
    let index = read(index, &["a"], 9).unwrap();
    let fault = "validation: chart.metadata.version \"x\" is invalid";
    assert_eq!(index.get("a").unwrap().unwrap().skipped(), (2, Some(fault)));
}

#[test]
fn a_fault_of_one_chart_takes_nothing_from_the_others() {
    let good = "[{name: b, version: 1.0.0}]";
    let long = format!("[{{name: a, x: {}}}, {{version: 1.0.0}}]", "x".repeat(2 << 20));
    for bad in ["{}", "7", "*x", "[*x, {name: a, version: 1.0.0}]", &long, "[]\n  a: []"] {
        for index in [
            format!("apiVersion: v1\nentries:\n  b: {good}\n  a: {bad}\n  c: {good}\n"),
            format!("{{apiVersion: v1, entries: {{b: {good}, a: {bad}, c: {good}}}}}"),
        ] {
            if bad.contains('\n') && index.starts_with('{') {
                continue;
            }
            let read = read(&index, &["a", "b", "c"], 100).unwrap();
            assert!(read.get("a").is_err(), "{bad}");
            for chart in ["b", "c"] {
                assert_eq!(read.get(chart).unwrap().unwrap().newest_first().len(), 1, "{chart} beside {bad}");
            }
        }
    }
}

/// The next of a row of numbers that look random (xorshift).
fn next(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state % below as u64) as usize
}

/// Texts of pieces that mean something in YAML.
fn text(state: &mut u64) -> String {
    const PIECES: [&str; 24] = [
        "a",
        "web",
        " ",
        "  ",
        "\n",
        "\n\n",
        ": ",
        ":",
        " #",
        "#",
        "- ",
        "-",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\\",
        "|",
        "? ",
        "\t",
        "long words that make a line so long that it has to be folded somewhere in the middle",
    ];
    (0..next(state, 9)).map(|_| PIECES[next(state, PIECES.len())]).collect()
}

/// Indexes as programs write them, with names and texts made to mislead, say what `go-yaml` reads as a whole.
#[test]
fn random_indexes_are_read_as_a_whole_document_is() {
    use go_yaml::{Value, json};
    for seed in 1..=400 {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
        let state = &mut state;
        let mut charts = BTreeMap::new();
        for _ in 0..next(state, 6) {
            let versions = (0..next(state, 4)).map(|patch| {
                let mut entry = BTreeMap::from([
                    ("name".to_owned(), Value::from("web")),
                    ("version".to_owned(), Value::from(format!("1.0.{patch}"))),
                    ("urls".to_owned(), Value::Seq(vec![Value::from(text(state))])),
                    ("digest".to_owned(), Value::from(text(state))),
                ]);
                for _ in 0..next(state, 4) {
                    entry.insert(format!("x{}", text(state)), Value::Seq(vec![Value::from(text(state))]));
                    entry.insert(format!("y{}", text(state)), Value::from(text(state)));
                }
                Value::Map(entry)
            });
            let versions = Value::Seq(versions.collect());
            // A key over lines, or a long one, is marked by "?".
            let name = text(state).replace(['\n', 'w'], "");
            charts.insert(format!("{}{}", name.get(..40).unwrap_or(&name), next(state, 9)), versions);
        }
        let root = BTreeMap::from([
            ("apiVersion".to_owned(), Value::from("v1")),
            ("annotations".to_owned(), Value::Map(BTreeMap::from([(text(state), Value::from(text(state)))]))),
            ("entries".to_owned(), Value::Map(charts.clone())),
            ("generated".to_owned(), Value::from(text(state))),
        ]);
        let root = Value::Map(root);
        let names: Vec<&str> = charts.keys().map(String::as_str).collect();
        for index in [
            go_yaml::to_string(&root).unwrap(),
            json::to_string(&root, json::Style::Compact).unwrap(),
            json::to_string(&root, json::Style::PrettyRaw).unwrap(),
        ] {
            let read = read(&index, &names, 1 + next(state, 40))
                .unwrap_or_else(|error| panic!("{seed}: {}\n{index}", chain(&error)));
            for (name, versions) in &charts {
                let text = |entry: &Value, key: &str| entry.get(key).unwrap().as_str().unwrap().to_owned();
                let mut want: Vec<_> = versions.as_seq().unwrap().iter().collect();
                want.reverse();
                let want: Vec<_> =
                    want.iter().map(|entry| (text(entry, "version"), text(entry, "digest"))).collect();
                let got = read
                    .get(name)
                    .unwrap()
                    .unwrap_or_else(|| panic!("{seed}: {name:?} is not found\n{index}"));
                let got: Vec<_> = got
                    .newest_first()
                    .iter()
                    .map(|entry| (entry.version.clone(), entry.digest.clone()))
                    .collect();
                assert_eq!(got, want, "{seed}: {name:?}\n{index}");
            }
        }
    }
}

/// What `go-yaml` reads in the text as a whole and the reader finds otherwise. A fault that the reader names is no difference.
fn difference(index: &str) -> Option<String> {
    let whole = go_yaml::from_str(index).ok()?;
    let charts = whole.get("entries")?.as_map()?;
    // No chart has such a name, and what YAML makes one of is strange beyond what is of interest.
    let charts = || charts.iter().filter(|(name, _)| !name.is_empty() && !name.contains(' '));
    let names: Vec<&str> = charts().map(|(name, _)| name.as_str()).collect();
    let read = read(index, &names, 13).ok()?;
    charts().find_map(|(name, versions)| {
        let want: Vec<_> = versions.as_seq().unwrap_or_default().iter().collect();
        let Some(got) = read.get(name).ok()? else {
            // A key between brackets that has no value is not looked for.
            return (!versions.is_null()).then(|| format!("{name:?} is not found"));
        };
        let count = got.newest_first().len() + got.skipped().0;
        let digest = |digest: &str| {
            want.iter().any(|entry| entry.get("digest").and_then(go_yaml::Value::as_str) == Some(digest))
        };
        let strange = got.newest_first().iter().find(|got| !got.digest.is_empty() && !digest(&got.digest));
        (count != want.len() || strange.is_some())
            .then(|| format!("{name:?}: {count} for {}, {strange:?}", want.len()))
    })
}

/// Texts near to those of the cases.
#[test]
fn what_is_found_is_what_a_whole_document_has() {
    const PIECES: [&str; 32] = [
        "\n", "\r\n", " ", "  ", "    ", "\t", "- ", "-", ": ", ":", "\"", "'", "[", "]", "{", "}", ",", "#",
        " #", "| \n", ">-\n", "&a ", "*a", "!!str ", "? ", "---\n", "...\n", "a", "1", "\n  ", "\n- ", "\\",
    ];
    let rounds = std::env::var("ROUNDS").map_or(2000, |rounds| rounds.parse().unwrap());
    let cases: Vec<String> =
        cases().into_iter().map(|case| case.index).filter(|index| index.len() > 40).collect();
    let state = &mut 88_172_645_463_325_252;
    let (mut differ, mut whole) = (Vec::new(), 0);
    for _ in 0..rounds {
        let mut index = cases[next(state, cases.len())].clone();
        for _ in 0..1 + next(state, 3) {
            let from = index.floor_char_boundary(next(state, index.len() + 1));
            let to = index.floor_char_boundary((from + next(state, 4)).min(index.len()));
            let piece = PIECES[next(state, PIECES.len())];
            index.replace_range(from..to, if next(state, 3) == 0 { "" } else { piece });
        }
        whole += usize::from(go_yaml::from_str(&index).is_ok());
        differ.extend(difference(&index).map(|difference| format!("{difference}\n{index}")));
    }
    println!("{whole} of {rounds} are YAML");
    assert!(
        differ.is_empty(),
        "{} differ: {}",
        differ.len(),
        differ[..differ.len().min(3)].join("\n=====\n")
    );
    assert!(whole > rounds / 10);
}
