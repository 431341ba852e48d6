//! What is a chart and what is not, in Helm's words; dependencies in archives.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be made fails")]

use std::error::Error;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use helm_chart::{Chart, Limits, LoadError, Mode, SourceFile};

const CHART_YAML: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

fn file(path: &str, bytes: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: path.into(), mode: Mode::File, bytes: bytes.as_ref().into() }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[test]
fn a_chart_that_helm_refuses_is_refused_in_its_words() {
    // Chart.yaml, and what `helm template` 4.3.1 says of it.
    let rows = [
        ("name: c\n", "validation: chart.metadata.version is required"),
        ("version: 1.0.0\n", "validation: chart.metadata.name is required"),
        ("name: c\nversion: one\n", "validation: chart.metadata.version \"one\" is invalid"),
        ("name: ..\nversion: 1.0.0\n", "validation: chart.metadata.name \"..\" is not allowed"),
        ("name: a/b\nversion: 1.0.0\n", "validation: chart.metadata.name \"a/b\" is invalid"),
        (
            "name: c\nversion: 1.0.0\ntype: x\n",
            "validation: chart.metadata.type must be application or library",
        ),
        (
            "name: c\nversion: 1.0.0\nmaintainers: [null]\n",
            "validation: maintainers must not contain empty or null nodes",
        ),
        (
            "name: c\nversion: 1.0.0\ndependencies: [{name: d, alias: 'a b'}]\n",
            "validation: dependency \"d\" has disallowed characters in the alias",
        ),
        (
            "name: c\nversion: 1.0.0\ndependencies: [{name: d}, {name: e, alias: d}]\n",
            "validation: more than one dependency with name or alias \"d\"",
        ),
        (
            "name: [c]\nversion: 1.0.0\n",
            "cannot load Chart.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field Metadata.name of type string",
        ),
        (
            "a: [\n",
            "cannot load Chart.yaml: error converting YAML to JSON: yaml: line 1: did not find expected node content",
        ),
    ];
    for (chart_yaml, message) in rows {
        let error = Chart::load([file("Chart.yaml", chart_yaml)], &Limits::default()).unwrap_err();
        assert_eq!(chain(&error), message, "{chart_yaml}");
    }
    let error = Chart::load([file("values.yaml", "")], &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "Chart.yaml file is missing");
    let source = [file("Chart.yaml", CHART_YAML), file("charts/README.md", "")];
    let error = Chart::load(source, &Limits::default()).unwrap_err();
    assert_eq!(chain(&error), "error unpacking subchart README.md in c: Chart.yaml file is missing");
}

#[test]
fn metadata_is_read_as_helm_reads_it() {
    let chart_yaml = "NAME: c\nversion: 1.0\nappVersion: 1.10\ndescription: \"a\\tb\\u0007\"\nannotations: {a: 1, b: true}\n";
    let chart = Chart::load([file("Chart.yaml", chart_yaml)], &Limits::default()).unwrap();
    let metadata = &chart.metadata;
    assert_eq!((chart.name(), metadata.version.as_str(), metadata.app_version.as_str()), ("c", "1", "1.1"));
    assert_eq!((metadata.api_version.as_str(), metadata.description.as_str()), ("v1", "a b"));
    assert_eq!(metadata.annotations.values().collect::<Vec<_>>(), ["1", "true"]);
}

/// A .tgz of these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, data) in files {
        let mut header = tar::Header::new_gnu();
        // Set as bytes: the builder itself refuses the paths that are tested here.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *data).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn load_archive(archive: Vec<u8>, limits: &Limits) -> Result<Chart, LoadError> {
    Chart::load([file("Chart.yaml", CHART_YAML), file("charts/d-1.tgz", archive)], limits)
}

#[test]
fn a_dependency_may_be_packed() {
    let inner = archive(&[("e/Chart.yaml", b"name: e\nversion: 1.0.0\n")]);
    let outer = archive(&[
        ("d/Chart.yaml", b"\xef\xbb\xbfname: d\nversion: 1.0.0\n"),
        ("d/templates/a.yaml", b"a: b\n"),
        ("d/charts/e.tgz", &inner),
    ]);
    let chart = load_archive(outer, &Limits::default()).unwrap();
    let dependency = &chart.dependencies[0];
    assert_eq!((dependency.name(), dependency.templates.len()), ("d", 1));
    assert_eq!(dependency.dependencies[0].name(), "e");
}

#[test]
fn an_archive_that_is_a_bomb_or_leads_out_is_refused() {
    let chart_yaml: &[u8] = b"name: d\nversion: 1.0.0\n";
    let zeros = vec![0u8; 2_000_000];
    let refusals: [(Vec<u8>, &str); 7] = [
        (b"no archive".to_vec(), "the archive cannot be unpacked: invalid gzip header"),
        (archive(&[]), "no files in chart archive"),
        (archive(&[("Chart.yaml", chart_yaml)]), "chart yaml not in base directory"),
        (
            archive(&[("d/../../x", b"")]),
            "\"d/../../x\" is no path of a chart's file: it has a part \".\" or \"..\"",
        ),
        (archive(&[("/etc/x", b"")]), ""),
        (
            archive(&[("d/Chart.yaml", chart_yaml), ("d/x", &zeros)]),
            "chart exceeds maximum decompressed size of 1000000 bytes",
        ),
        (
            archive(&[("d/a", b""), ("d/b", b""), ("d/c", b""), ("d/e", b"")]),
            "the chart has more than 3 files",
        ),
    ];
    let limits = Limits { files: 3, total_bytes: 1_000_000, ..Limits::default() };
    for (archive, message) in refusals {
        let error = chain(&load_archive(archive, &limits).unwrap_err());
        assert!(error.ends_with(message), "{error}\n  is not\n{message}");
    }
}

#[test]
fn archives_share_one_limit() {
    let mut half = vec![b' '; 600_000];
    half[..2].copy_from_slice(b"# ");
    let one = archive(&[("d/Chart.yaml", b"name: d\nversion: 1.0.0\n"), ("d/x", &half)]);
    let source = |count: usize| {
        let archives = (0..count).map(|n| file(&format!("charts/d{n}.tgz"), &one));
        archives.chain([file("Chart.yaml", CHART_YAML)]).collect::<Vec<_>>()
    };
    let limits = Limits { total_bytes: 1_000_000, ..Limits::default() };
    assert!(Chart::load(source(1), &limits).is_ok());
    let error = chain(&Chart::load(source(2), &limits).unwrap_err());
    assert!(error.ends_with("chart exceeds maximum decompressed size of 1000000 bytes"), "{error}");
}

#[test]
fn a_truncated_archive_is_refused() {
    let mut whole = archive(&[("d/Chart.yaml", b"name: d\nversion: 1.0.0\n")]);
    whole.truncate(whole.len() / 2);
    whole.flush().unwrap();
    assert!(matches!(load_archive(whole, &Limits::default()), Err(LoadError::Dependency { .. })));
}
