//! The charts in `lint/*.cases` linted by this crate and by helm 4.3.1's own linter (`integration-tests/oracle/helm/cmd/lint`,
//! which has the cases' format): equal messages in equal order.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::collections::BTreeMap;
use std::path::Path;

use helm_chart::{Mode, SourceFile, Values};
use helm_engine::{KubeVersion, LintOptions, LintSource, lint};

/// The chart that each case changes.
const BASE: [(&str, &str); 3] = [
    ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nicon: https://example.org/i.png\n"),
    ("values.yaml", "{}\n"),
    ("templates/", ""),
];

#[test]
fn every_case_is_as_the_real_helm_has_it() {
    let mut differences = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cases") {
            continue;
        }
        let cases = std::fs::read_to_string(&path).unwrap();
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        let expected: BTreeMap<_, _> = parts(&expected, "=== ").collect();
        for (name, body) in parts(&cases, "=== ") {
            count += 1;
            let ours = messages(body);
            let helm = expected[name];
            if ours.trim_end() != helm.trim_end() {
                differences.push(format!("{}: {name}\n  ours:\n{ours}\n  helm:\n{helm}", path.display()));
            }
        }
    }
    assert!(count >= 80, "only {count} cases were found");
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n"));
}

/// What follows each line that begins with `mark`, and the rest of that line.
fn parts<'a>(text: &'a str, mark: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let starts =
        text.match_indices(mark).map(|(at, _)| at).filter(|at| text[..*at].ends_with('\n') || *at == 0);
    let starts: Vec<usize> = starts.chain([text.len()]).collect();
    let part = move |range: &[usize]| text[range[0] + mark.len()..range[1]].split_once('\n').unwrap();
    starts.windows(2).map(part).collect::<Vec<_>>().into_iter()
}

fn messages(case: &str) -> String {
    let mut files: BTreeMap<String, String> =
        BASE.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let mut values = Values::new();
    let mut options = LintOptions::default();
    let head = case.split(">>> ").next().unwrap();
    for line in head.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("kube", version) => options.kube_version = Some(KubeVersion::parse(version).unwrap()),
            ("namespace", name) => options.namespace = name.to_owned(),
            ("skip-schema", _) => options.skip_schema_validation = true,
            _ => {}
        }
    }
    for (path, text) in parts(case, ">>> ") {
        let (path, how) = path.split_once(' ').unwrap_or((path, ""));
        let text = match how {
            "crlf" => text.replace('\n', "\r\n"),
            "bom" => format!("\u{feff}{text}"),
            _ => text.to_owned(),
        };
        match path.strip_prefix('!') {
            Some(left_out) => drop(files.remove(left_out)),
            None if path == "@values" => values = Values::from_yaml(&text).unwrap(),
            None => drop(files.insert(path.to_owned(), text)),
        }
    }
    let folders: Vec<String> =
        files.keys().filter_map(|path| path.strip_suffix('/')).map(str::to_owned).collect();
    let file = |(path, text): (String, String)| SourceFile {
        path,
        mode: Mode::File,
        bytes: text.into_bytes().into(),
    };
    let files: Vec<_> = files.into_iter().filter(|(path, _)| !path.ends_with('/')).map(file).collect();
    let linted = lint(&LintSource { folder: "/chart", files: &files, folders: &folders }, &values, &options);
    linted.messages.iter().map(|message| format!("{message}\n")).collect()
}
