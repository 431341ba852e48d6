//! Charts and values as Helm 4.3.1 makes them of the same files: `tests/cases/load-*.cases`, whose expected results come
//! from Helm's own packages (`integration-tests/oracle/helm/cmd/load`).

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use helm_chart::{
    Chart, ChartFile, Dependency, Limits, LoadError, Metadata, Mode, SourceFile, Values, coalesce_values,
    expect_archive, process_dependencies,
};
use serde_json::{Map, Value, json};

#[test]
fn metadata_is_read_as_helm_reads_it() {
    check("load-metadata");
}

#[test]
fn files_are_sorted_into_the_chart_as_helm_does() {
    check("load-files");
}

#[test]
fn archives_are_unpacked_as_helm_does() {
    check("load-archives");
}

#[test]
fn dependencies_are_processed_as_helm_does() {
    check("load-dependencies");
}

#[test]
fn values_are_coalesced_as_helm_does() {
    check("load-values");
}

/// Charts of random dependencies, conditions, imports and values; charts of random Chart.yaml, locks and `.helmignore`.
#[test]
fn random_charts_and_values_become_what_helm_makes_of_them() {
    check("load-random");
    check("load-random-files");
}

fn check(name: &str) {
    let path = format!("{}/tests/cases/{name}.cases.expected.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let faults: Vec<String> = cases.iter().filter_map(|case| fault(&normal(case))).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// What of a case is not as expected.
fn fault(case: &Value) -> Option<String> {
    let ours = normal(&Value::Object(outcome(case)));
    if ours["no_archive"] != case["no_archive"] {
        return Some(format!("{}: {} is not {}", case["name"], ours["no_archive"], case["no_archive"]));
    }
    let differs = case["differs"].as_str().unwrap_or_default();
    let agreed = differs.strip_prefix("error: ").map(|text| json!({ "error": text }));
    let expected = agreed.as_ref().unwrap_or(case);
    let fields: &[&str] = match (differs, case["error"].is_string()) {
        ("", false) => &["error", "loaded", "processed", "values", "log"],
        ("", true) => &["error", "loaded", "processed", "values"],
        _ if agreed.is_some() => &["error"],
        _ => &["error", "processed", "values"],
    };
    for field in fields {
        let (ours, expected) = (&ours[field], &expected[field]);
        // What follows describes the place in a broken file, each library in its way; Helm does not name the pattern.
        let explained = |ours: &str| {
            let ends = ["invalid tar header", "gzip stream is broken"];
            let expected = expected.as_str().unwrap_or_default();
            ends.iter().any(|end| expected.ends_with(end)) && ours.starts_with(expected)
                || expected == "syntax error in pattern" && ours.ends_with(expected)
        };
        if ours != expected && !ours.as_str().is_some_and(explained) {
            return Some(format!("{}: {field}\n  ours {ours}\n  helm {expected}", case["name"]));
        }
    }
    None
}

fn outcome(case: &Value) -> Map<String, Value> {
    let mut outcome = Map::new();
    if case["packed"] == true
        && let Err(error) = expect_archive("file", &archive(case))
    {
        outcome.insert("no_archive".into(), error.to_string().into());
    }
    if let Err(error) = run(case, &mut outcome) {
        outcome.insert("error".into(), chain(&*error).into());
    }
    outcome
}

fn run(case: &Value, outcome: &mut Map<String, Value>) -> Result<(), Box<dyn Error>> {
    let chart = load(case)?;
    outcome.insert("loaded".into(), tree(&chart, true));
    let user = Values::from_yaml(case["user"].as_str().unwrap_or_default())?;
    let chart = process_dependencies(&chart, &user)?;
    outcome.insert("processed".into(), slim(&chart));
    let seen = coalesce_values(&chart, &user)?;
    let mut log: Vec<String> =
        chart.warnings.iter().chain(&seen.warnings).map(helm_chart::Warning::log_line).collect();
    log.sort();
    if !log.is_empty() {
        outcome.insert("log".into(), log.into());
    }
    put(outcome, "values", values(&seen.values));
    Ok(())
}

fn load(case: &Value) -> Result<Chart, LoadError> {
    if case["packed"] == true {
        return Chart::load_archive(&archive(case), &Limits::default());
    }
    let file = |file: &Value| SourceFile {
        path: file["path"].as_str().unwrap().into(),
        mode: Mode::File,
        bytes: match file.get("bytes") {
            Some(value) => bytes(value).into(),
            None => file["text"].as_str().unwrap_or_default().as_bytes().into(),
        },
    };
    let files = case["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    Chart::load(files.iter().map(file), &Limits::default())
}

fn archive(case: &Value) -> Vec<u8> {
    case.get("archive").map(bytes).unwrap_or_default()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// A chart as the oracle writes it.
fn tree(chart: &Chart, is_root: bool) -> Value {
    let shown = |files: &[ChartFile]| -> Vec<String> {
        files.iter().map(|file| format!("{} {}", file.name, file.data.len())).collect()
    };
    let mut fields = Map::new();
    fields.insert("metadata".into(), metadata(&chart.metadata));
    put(&mut fields, "lock", chart.lock.clone().map_or(Value::Null, Value::from));
    fields.insert("values".into(), chart.values.as_ref().map_or(Value::Null, values));
    put(&mut fields, "schema", chart.schema.as_ref().map(|data| String::from_utf8_lossy(data)).into());
    put(&mut fields, "templates", shown(&chart.templates).into());
    put(&mut fields, "files", shown(&chart.files).into());
    if is_root {
        let crds: Vec<String> = chart.crds().into_iter().map(|crd| crd.path).collect();
        put(&mut fields, "crds", crds.into());
    }
    let dependencies = sorted(chart).into_iter().map(|chart| tree(chart, false)).collect();
    put(&mut fields, "dependencies", Value::Array(dependencies));
    Value::Object(fields)
}

/// What processing changes.
fn slim(chart: &Chart) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), chart.name().into())]);
    put(&mut metadata, "dependencies", dependencies(&chart.metadata));
    let mut slimmed = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
    slimmed.insert("values".into(), chart.values.as_ref().map_or(Value::Null, values));
    let dependencies = chart.dependencies.iter().map(slim).collect();
    put(&mut slimmed, "dependencies", Value::Array(dependencies));
    Value::Object(slimmed)
}

fn sorted(chart: &Chart) -> Vec<&Chart> {
    let mut charts: Vec<&Chart> = chart.dependencies.iter().collect();
    charts.sort_by_key(|chart| format!("{} {}", chart.name(), chart.metadata.version));
    charts
}

fn metadata(metadata: &Metadata) -> Value {
    let mut fields = Map::new();
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        let mut fields = Map::new();
        put(&mut fields, "name", maintainer.name.clone().into());
        put(&mut fields, "email", maintainer.email.clone().into());
        put(&mut fields, "url", maintainer.url.clone().into());
        Value::Object(fields)
    });
    for (name, value) in [
        ("name", metadata.name.clone().into()),
        ("home", metadata.home.clone().into()),
        ("sources", metadata.sources.clone().into()),
        ("version", metadata.version.clone().into()),
        ("description", metadata.description.clone().into()),
        ("keywords", metadata.keywords.clone().into()),
        ("maintainers", maintainers.collect()),
        ("icon", metadata.icon.clone().into()),
        ("apiVersion", metadata.api_version.clone().into()),
        ("condition", metadata.condition.clone().into()),
        ("tags", metadata.tags.clone().into()),
        ("appVersion", metadata.app_version.clone().into()),
        ("deprecated", metadata.deprecated.into()),
        ("annotations", json!(metadata.annotations)),
        ("kubeVersion", metadata.kube_version.clone().into()),
        ("dependencies", dependencies(metadata)),
        ("type", metadata.type_text.clone().into()),
    ] {
        put(&mut fields, name, value);
    }
    Value::Object(fields)
}

fn dependencies(metadata: &Metadata) -> Value {
    let dependency = |dependency: &Dependency| {
        let imports: Vec<Value> = dependency.import_values.iter().cloned().map(Value::from).collect();
        let mut fields = Map::new();
        fields.insert("name".into(), dependency.name.clone().into());
        fields.insert("repository".into(), dependency.repository.clone().into());
        put(&mut fields, "version", dependency.version.clone().into());
        put(&mut fields, "condition", dependency.condition.clone().into());
        put(&mut fields, "tags", dependency.tags.clone().into());
        put(&mut fields, "enabled", dependency.enabled.into());
        put(&mut fields, "import-values", imports.into());
        put(&mut fields, "alias", dependency.alias.clone().into());
        Value::Object(fields)
    };
    metadata.dependencies.iter().map(dependency).collect()
}

fn values(values: &Values) -> Value {
    Value::from(go_yaml::Value::from(values.clone()))
}

/// Go's `omitempty`.
fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let empty = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    if !empty {
        fields.insert(name.to_owned(), value);
    }
}

/// With all numbers as floats.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        other => other.clone(),
    }
}
