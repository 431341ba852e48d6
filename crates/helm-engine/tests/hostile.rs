//! Charts that are made to do harm: each ends with an error, soon.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::sync::Arc;

use helm_chart::{Chart, Limits, LoadError, Mode, SourceFile, Values};
use helm_engine::{
    Budgets, Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions, RenderError, Rendered,
};

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.into(), mode: Mode::File, bytes: text.as_bytes().into() }
}

fn chart(template: &str) -> LoadedChart {
    let source =
        [file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), file("templates/a.yaml", template)];
    LoadedChart::new(Chart::load(source, &Limits::default()).unwrap())
}

fn render_with(template: &str, budgets: Budgets) -> Result<Rendered, RenderError> {
    let release = ReleaseOptions {
        name: "a".into(),
        namespace: "b".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0").unwrap(), Vec::new());
    let host = Host { budgets, ..Host::default() };
    chart(template).render(&Values::new(), &release, &capabilities, &host)
}

#[test]
fn budgets_end_what_does_not_end_by_itself() {
    let budgets = Budgets { steps: 2_000_000, output: 4 << 20, ..Budgets::default() };
    let templates = [
        // Recursion, by each of its ways.
        r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}"#,
        // Endless and doubling work.
        r#"{{ range 1000000000 }}{{ end }}"#,
        r#"{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"#,
        r#"{{ $x := "ab" }}{{ range until 64 }}{{ $x = print $x $x }}{{ end }}{{ $x }}"#,
        r#"{{ repeat 1000000000 "x" }}"#,
    ];
    for template in templates {
        let error = render_with(template, budgets.clone()).unwrap_err();
        let ended = matches!(error, RenderError::Budget { .. } | RenderError::Template { .. });
        assert!(ended, "{template}: {error}");
    }
}

#[test]
fn a_value_that_contains_itself_is_no_danger() {
    let looped = r#"{{ $d := dict }}{{ $_ := set $d "self" $d }}"#;
    for print in
        ["{{ toYaml $d }}", "{{ toJson $d }}", "{{ toToml $d }}", "{{ $d }}", "{{ toYamlPretty $d }}"]
    {
        // Whether it prints nothing or fails: it ends.
        let _ = render_with(&format!("{looped}{print}"), Budgets::default());
    }
}

#[test]
fn an_interrupt_ends_a_render() {
    let budgets = Budgets { interrupt: Some(Arc::new(|| true)), ..Budgets::default() };
    let error = render_with("{{ range 10000 }}{{ end }}", budgets).unwrap_err();
    assert!(matches!(error, RenderError::Budget { .. }), "{error}");
}

#[test]
fn a_template_sees_nothing_of_the_host() {
    for template in [r#"{{ env "PATH" }}"#, r#"{{ expandenv "$PATH" }}"#] {
        assert!(
            matches!(render_with(template, Budgets::default()), Err(RenderError::Parse { .. })),
            "{template}"
        );
    }
    let rendered = render_with(r#"a: {{ getHostByName "localhost" | quote }}"#, Budgets::default()).unwrap();
    assert!(rendered.manifest().contains("a: \"\""), "{}", rendered.manifest());
}

#[test]
fn paths_links_and_sizes_are_checked() {
    let load = |files: Vec<SourceFile>, limits: Limits| {
        let chart_yaml = file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
        Chart::load(files.into_iter().chain([chart_yaml]), &limits).unwrap_err()
    };
    for path in ["../x", "/x", "a/../../x", "a//b", "", ".", "a/./b", "a\\..\\x", "a\nb", "a/"] {
        let error = load(vec![file(path, "")], Limits::default());
        assert!(matches!(error, LoadError::Path { .. }), "{path:?}: {error}");
    }
    let link = SourceFile { mode: Mode::Symlink, ..file("templates/a.yaml", "/etc/passwd") };
    assert!(
        matches!(load(vec![link], Limits::default()), LoadError::Symlink(path) if path == "templates/a.yaml")
    );
    let limits = Limits { files: 3, total_bytes: 100, path_bytes: 20, nesting: 2, ..Limits::default() };
    let cases: [(Vec<SourceFile>, &str); 4] = [
        ((0..3).map(|n| file(&format!("f{n}"), "")).collect(), "the chart has more than 3 files"),
        (vec![file("a", &"x".repeat(101))], "chart exceeds maximum decompressed size of 100 bytes"),
        (vec![file(&"p".repeat(21), "")], "the chart has a path of more than 20 bytes"),
        (vec![file("a", ""), file("a", "")], "\"a\" is no path of a chart's file"),
    ];
    for (files, message) in cases {
        assert_eq!(load(files, limits).to_string(), message);
    }
    let nested = file("charts/a/charts/b/Chart.yaml", "name: b\nversion: 1.0.0\n");
    let a = file("charts/a/Chart.yaml", "name: a\nversion: 1.0.0\n");
    let limits = Limits { nesting: 2, ..Limits::default() };
    assert!(matches!(load(vec![a, nested], limits), LoadError::Dependency { .. }));
}

#[test]
fn names_that_are_paths_are_refused() {
    for name in [".", "..", "a/b", "/a", "\"\"", "[a]", "null"] {
        let chart_yaml = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
        assert!(Chart::load([file("Chart.yaml", &chart_yaml)], &Limits::default()).is_err(), "{name}");
    }
    let dependency = "apiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: a, alias: ../b}]\n";
    assert!(Chart::load([file("Chart.yaml", dependency)], &Limits::default()).is_err());
}
