//! Any texts as Chart.yaml, values.yaml, requirements.yaml, Chart.lock and .helmignore of a chart with dependencies, and
//! as a user's values: no panic, and what is loaded keeps the rules.
#![no_main]

use helm_chart::{Chart, Limits, Mode, SourceFile, Values, coalesce_values, process_dependencies};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] =
    ["Chart.yaml", "values.yaml", "requirements.yaml", "Chart.lock", ".helmignore", "charts/b/values.yaml"];

fuzz_target!(|bytes: &[u8]| {
    // The texts are separated by a byte that is in none.
    let mut texts = bytes.split(|byte| *byte == 0xff);
    let user = texts.next().unwrap_or_default();
    let mut files: Vec<SourceFile> = NAMES.iter().zip(texts).map(|(name, text)| file(name, text)).collect();
    for name in ["a", "b"] {
        let chart = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
        files.push(file(&format!("charts/{name}/Chart.yaml"), chart.as_bytes()));
    }
    files.push(file("charts/a/values.yaml", b"exports: {x: {y: {z: 1}}}\nglobal: {g: {h: {i: 1}}}\n"));
    let Ok(chart) = Chart::load(files, &Limits::default()) else { return };
    check(&chart);
    let Ok(user) = Values::from_slice(user) else { return };
    let Ok(processed) = process_dependencies(&chart, &user) else { return };
    let Ok(seen) = coalesce_values(&processed, &user) else { return };
    seen.warnings.iter().for_each(|warning| assert!(warning.log_line().starts_with("level=")));
    for dependency in &processed.dependencies {
        let own = seen.values.as_map().get(dependency.name());
        assert!(own.is_some_and(|own| own.as_map().is_some()), "a dependency has a table of values");
    }
});

fn file(path: &str, text: &[u8]) -> SourceFile {
    SourceFile { path: path.into(), mode: Mode::File, bytes: text.into() }
}

fn check(chart: &Chart) {
    let metadata = &chart.metadata;
    assert!(!metadata.name.is_empty() && !metadata.name.contains('/'));
    assert!(![".", ".."].contains(&metadata.name.as_str()));
    assert!(sprig::Version::parse(&metadata.version).is_ok());
    for dependency in &metadata.dependencies {
        assert!(dependency.alias.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    }
}
