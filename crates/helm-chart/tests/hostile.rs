//! Charts and archives that mean harm: each class of faults known of the tools of this kind ends in an error that says
//! what is wrong, in little time and memory.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be made fails")]

use std::error::Error;

use flate2::Compression;
use flate2::write::GzEncoder;
use helm_chart::{
    Chart, CoalesceError, Limits, LoadError, Mode, SourceFile, Values, coalesce_values, process_dependencies,
};

const CHART_YAML: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

fn file(path: &str, bytes: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: path.into(), mode: Mode::File, bytes: bytes.as_ref().into() }
}

fn link(path: &str, target: &str) -> SourceFile {
    SourceFile { mode: Mode::Symlink, ..file(path, target) }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// A chart of these files and a Chart.yaml.
fn load(files: impl IntoIterator<Item = SourceFile>) -> Result<Chart, String> {
    let files = files.into_iter().chain([file("Chart.yaml", CHART_YAML)]);
    Chart::load(files, &Limits::default()).map_err(|error| chain(&error))
}

/// A .tgz of these files, whatever their paths.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
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

/// What is said of an archive as a chart, and as a dependency of a chart.
fn refusals(archive: &[u8], limits: &Limits) -> [String; 2] {
    let files = [file("Chart.yaml", CHART_YAML), file("charts/d.tgz", archive)];
    [
        chain(&Chart::load_archive(archive, limits).unwrap_err()),
        chain(&Chart::load(files, limits).unwrap_err()),
    ]
}

#[test]
fn a_path_that_leads_out_of_the_chart_is_refused() {
    for path in [
        "../x",
        "/etc/passwd",
        "templates/../../x",
        "a//b",
        "./a",
        "a/./b",
        "",
        "a/",
        "a\\b",
        "a\0b",
        "a/..",
        "~\n",
    ] {
        let error = load([file(path, "x")]).unwrap_err();
        assert!(error.starts_with(&format!("{path:?} is no path of a chart's file: ")), "{path:?}: {error}");
    }
    let chart_yaml = CHART_YAML.as_bytes();
    for path in ["d/../../x", "d//etc/passwd", "d/..", "d\\..\\x", "d/c:/x", "/../x", "d/a/../../../x"] {
        let archive = archive(&[("d/Chart.yaml", chart_yaml), (path, b"x")]);
        for error in refusals(&archive, &Limits::default()) {
            assert!(
                error.contains("chart illegally") || error.contains("illegally named"),
                "{path}: {error}"
            );
        }
    }
    assert!(load([file("a", "1"), file("a", "2")]).unwrap_err().contains("two files of this path"));
}

#[test]
fn a_symlink_is_refused_be_it_to_a_file_a_folder_or_a_link() {
    for (path, target) in [
        ("values.yaml", "/etc/passwd"),
        ("templates", "../.."),
        ("Chart.lock", "templates"),
        ("charts/d", "/"),
        ("crds/a.yaml", "values.yaml"),
    ] {
        let error = load([link(path, target)]).unwrap_err();
        assert!(error.starts_with(&format!("{path:?} is a symbolic link")), "{error}");
    }
    // One that is ignored is none of the chart's.
    assert!(load([link("x", "/"), file(".helmignore", "x\n")]).is_ok());
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, "d/Chart.yaml", "/etc/passwd").unwrap();
        let archive = tar.into_inner().unwrap().finish().unwrap();
        for error in refusals(&archive, &Limits::default()) {
            assert!(error.ends_with("\"d/Chart.yaml\" is neither a file nor a folder"), "{error}");
        }
    }
}

#[test]
fn an_archive_bomb_is_refused() {
    let chart_yaml: (&str, &[u8]) = ("d/Chart.yaml", CHART_YAML.as_bytes());
    let zeros = vec![0; 8 << 20];
    let noise: Vec<u8> = (0..2_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let many: Vec<(String, &[u8])> = (0..40).map(|n| (format!("d/{n}"), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(path, data)| (path.as_str(), *data)).collect();
    let small = Limits { files: 30, total_bytes: 3_000_000, file_bytes: 2_500_000, ..Limits::default() };
    let rows: [(&str, Vec<u8>, Limits, &str); 5] = [
        (
            "more than 800 times its size",
            archive(&[chart_yaml, ("d/x", &zeros)]),
            Limits::default(),
            "an archive of the chart unpacks to more than 200 times its size",
        ),
        ("many entries", archive(&many), small, "the chart has more than 30 files"),
        (
            "in one file",
            archive(&[chart_yaml, ("d/x", &zeros[..2_600_000])]),
            Limits { ratio: 2000, ..small },
            "\"x\" is larger than the maximum size 2500000 of a file",
        ),
        (
            "in all files",
            archive(&[chart_yaml, ("d/x", &noise), ("d/y", &noise)]),
            small,
            "decompressed chart is larger than the maximum size 3000000",
        ),
        (
            "a long path",
            archive(&[chart_yaml, ("d/a/very/long/path", b"")]),
            Limits { path_bytes: 10, ..small },
            "the chart has a path of more than 10 bytes",
        ),
    ];
    for (name, archive, limits, message) in rows {
        for error in refusals(&archive, &limits) {
            assert!(error.ends_with(message), "{name}: {error}");
        }
    }
}

#[test]
fn a_name_or_attributes_without_end_are_refused() {
    for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader] {
        let noise: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(noise.len() as u64);
        header.set_cksum();
        tar.append(&header, noise.as_slice()).unwrap();
        let archive = tar.into_inner().unwrap().finish().unwrap();
        for error in refusals(&archive, &Limits::default()) {
            assert!(error.ends_with("archive/tar: header field too long"), "{kind:?}: {error}");
        }
    }
}

#[test]
fn archives_share_one_limit() {
    let one = archive(&[("d/Chart.yaml", b"name: d\nversion: 1.0.0\n"), ("d/x", &[b' '; 600_000])]);
    let load = |count: usize| {
        let archives = (0..count).map(|n| file(&format!("charts/d{n}.tgz"), &one));
        let limits = Limits { total_bytes: 2_000_000, ..Limits::default() };
        Chart::load(archives.chain([file("Chart.yaml", CHART_YAML)]), &limits)
    };
    assert!(load(3).is_ok());
    let error = chain(&load(4).unwrap_err());
    assert!(error.ends_with("decompressed chart is larger than the maximum size 2000000"), "{error}");
}

#[test]
fn charts_inside_each_other_have_an_end() {
    let mut inner = archive(&[("d/Chart.yaml", b"name: d\nversion: 1.0.0\n")]);
    for _ in 0..40 {
        inner = archive(&[("d/Chart.yaml", b"name: d\nversion: 1.0.0\n"), ("d/charts/d.tgz", &inner)]);
    }
    for error in refusals(&inner, &Limits::default()) {
        assert!(error.ends_with("more than 32 charts lie inside each other"), "{error}");
    }
}

#[test]
fn any_truncated_archive_is_refused_or_whole() {
    let whole = archive(&[("d/Chart.yaml", CHART_YAML.as_bytes()), ("d/templates/a.yaml", b"a: b\n")]);
    let chart = Chart::load_archive(&whole, &Limits::default()).unwrap();
    for end in 0..whole.len() {
        if let Ok(cut) = Chart::load_archive(&whole[..end], &Limits::default()) {
            assert_eq!(cut, chart, "{end}");
        }
    }
}

#[test]
fn null_and_odd_types_in_chart_yaml_are_read_or_refused() {
    let fields = [
        "name",
        "home",
        "sources",
        "version",
        "description",
        "keywords",
        "maintainers",
        "icon",
        "apiVersion",
        "condition",
        "tags",
        "appVersion",
        "deprecated",
        "annotations",
        "kubeVersion",
        "dependencies",
        "type",
        "engine",
    ];
    let inner = [
        "name",
        "email",
        "url",
        "version",
        "repository",
        "condition",
        "tags",
        "enabled",
        "import-values",
        "alias",
    ];
    let odd = [
        "null",
        "[]",
        "{}",
        "[null]",
        "[[null]]",
        "{a: null}",
        "5",
        "-1.5e300",
        "true",
        "x",
        "''",
        "[{}]",
        "!!binary eA==",
    ];
    let mut texts: Vec<String> = Vec::new();
    for value in odd {
        texts.push(value.to_owned());
        texts.extend(
            fields.map(|field| format!("apiVersion: v2\nname: c\nversion: 1.0.0\n{field}: {value}\n")),
        );
        for list in ["dependencies", "maintainers"] {
            texts.extend(inner.map(|field| format!("{CHART_YAML}{list}: [{{{field}: {value}}}]\n")));
        }
    }
    for text in texts {
        for name in ["Chart.yaml", "Chart.lock", "requirements.yaml", "values.yaml"] {
            let base = (name != "Chart.yaml").then(|| file("Chart.yaml", CHART_YAML));
            let files = [file(name, &text)].into_iter().chain(base);
            let Err(error) = Chart::load(files, &Limits::default()) else { continue };
            let error = chain(&error);
            let known = ["cannot load ", "validation: ", "unsupported chart version"];
            assert!(known.iter().any(|start| error.starts_with(start)), "{text}: {error}");
        }
    }
}

#[test]
fn a_chart_name_that_is_a_path_is_refused() {
    for name in [".", "..", "/", "a/b", "../a", "a/", "/a", "\"./\\u200b.\"", "\"\\u200b..\""] {
        let chart_yaml = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
        for source in ["Chart.yaml", "charts/d/Chart.yaml"] {
            let top = (source != "Chart.yaml").then(|| file("Chart.yaml", CHART_YAML));
            let files = [file(source, &chart_yaml)].into_iter().chain(top);
            let error = chain(&Chart::load(files, &Limits::default()).unwrap_err());
            assert!(error.contains("validation: chart.metadata.name"), "{name}: {error}");
        }
    }
    // The alias becomes a name as well.
    for alias in ["..", "a/b", "."] {
        let error = load([]).map(drop).and_then(|()| {
            let chart_yaml = format!("{CHART_YAML}dependencies: [{{name: d, alias: {alias}}}]\n");
            Chart::load([file("Chart.yaml", chart_yaml)], &Limits::default())
                .map(drop)
                .map_err(|error| chain(&error))
        });
        assert_eq!(
            error,
            Err("validation: dependency \"d\" has disallowed characters in the alias".to_owned())
        );
    }
}

#[test]
fn aliases_without_end_and_big_documents_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    let deep = format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    for (text, message) in [(&bomb, "excessive aliasing"), (&deep, "exceeded max depth of 200")] {
        for name in ["values.yaml", "Chart.lock", "requirements.yaml"] {
            let error = load([file(name, text)]).unwrap_err();
            assert!(
                error.starts_with(&format!("cannot load {name}: ")) && error.ends_with(message),
                "{error}"
            );
        }
        let error = Chart::load([file("Chart.yaml", text)], &Limits::default()).unwrap_err();
        assert!(matches!(error, LoadError::Yaml { file: "Chart.yaml", .. }), "{error}");
        assert!(Values::from_yaml(text).is_err());
    }
    let long = "#".repeat(go_yaml::limits::MAX_BYTES + 1);
    assert!(load([file("values.yaml", long)]).unwrap_err().ends_with("exceeds the limit of 67108864 bytes"));
}

/// A chart that imports these from its dependency `d`, which has these values.
fn importing(imports: &[(String, String)], values: &str) -> Chart {
    let mut chart_yaml = format!("{CHART_YAML}dependencies:\n- name: d\n  version: '*'\n  import-values:\n");
    for (child, parent) in imports {
        chart_yaml.push_str(&format!("  - {{child: '{child}', parent: '{parent}'}}\n"));
    }
    let dependency = "apiVersion: v2\nname: d\nversion: 1.0.0\n";
    let files = [
        file("Chart.yaml", chart_yaml),
        file("charts/d/Chart.yaml", dependency),
        file("charts/d/values.yaml", values),
    ];
    Chart::load(files, &Limits::default()).unwrap()
}

#[test]
fn imports_that_multiply_or_contain_themselves_are_refused() {
    let text = |text: &str| text.to_owned();
    let circle = [(text("x"), text("p")), (text("x.a"), text("p.a.b"))];
    let deep = [(text("x"), vec!["p"; 5000].join("."))];
    // Each table comes twice into the one before.
    let mut doubling = vec![(text("t0"), text("p"))];
    let mut values = text("t0: {n: 1}\n");
    for n in 1..64 {
        let path = vec!["l"; n - 1].join(".");
        let parent = if path.is_empty() { text("p") } else { format!("p.{path}") };
        doubling.push((format!("t{n}"), format!("{parent}.l")));
        doubling.push((format!("t{n}"), format!("{parent}.r")));
        values.push_str(&format!("t{n}: {{n: 1}}\n"));
    }
    for (imports, values, expected) in [
        (&circle[..], "x: {a: {c: 1}}", CoalesceError::TooDeep(512)),
        (&deep, "x: {a: 1}", CoalesceError::TooDeep(512)),
        (&doubling, &values, CoalesceError::TooLarge(64 << 20)),
    ] {
        let processed = process_dependencies(&importing(imports, values), &Values::new());
        assert_eq!(processed.map(drop), Err(expected));
    }
}

#[test]
fn globals_that_each_dependency_gets_are_bounded() {
    let names = (0..100).map(|n| format!("charts/d{n}/Chart.yaml"));
    let charts = names.enumerate().map(|(n, path)| file(&path, format!("name: d{n}\nversion: 1.0.0\n")));
    let global = format!("global: {{x: '{}'}}\n", "x".repeat(1 << 20));
    let chart = load(charts.chain([file("values.yaml", global)])).unwrap();
    assert_eq!(coalesce_values(&chart, &Values::new()), Err(CoalesceError::TooLarge(64 << 20)));
}

#[test]
fn warnings_are_bounded_and_show_no_value_by_accident() {
    let keys = |value: &str| (0..5000).map(|n| format!("k{n}: {value}\n")).collect::<String>();
    let chart = load([file("values.yaml", keys("{secret: hidden}"))]).unwrap();
    let seen = coalesce_values(&chart, &Values::from_yaml(&keys("text")).unwrap()).unwrap();
    assert_eq!(seen.warnings.len(), 0);
    let chart =
        load([file("values.yaml", format!("t:\n{}", keys("{secret: hidden}").replace('k', "  k")))]).unwrap();
    let user = Values::from_yaml(&format!("t:\n{}", keys("text").replace('k', "  k"))).unwrap();
    let seen = coalesce_values(&chart, &user).unwrap();
    assert_eq!(seen.warnings.len(), 1000);
    assert_eq!(seen.warnings[0].to_string(), "warning: cannot overwrite table with non table for c.t.k0");
    assert_eq!(
        seen.warnings[0].log_line(),
        "level=INFO msg=\"warning: cannot overwrite table with non table for c.t.k0 (map[secret:hidden])\""
    );
    assert!(!format!("{:?}", seen.warnings).contains("hidden"));
}
