//! What a render that was made to eat memory takes at most, in a process of its own: one test, so that nothing else counts.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use helm_chart::{Chart, Limits, Mode, SourceFile, Values};
use helm_engine::{Budgets, Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions};

fn render(template: &str, budgets: Budgets) {
    let file = |path: &str, text: &str| SourceFile {
        path: path.into(),
        mode: Mode::File,
        bytes: text.as_bytes().into(),
    };
    let chart_yaml = file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    let source = [chart_yaml, file("templates/a.yaml", template)];
    let chart = LoadedChart::new(Chart::load(source, &Limits::default()).unwrap());
    let release = ReleaseOptions {
        name: "a".into(),
        namespace: "b".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0").unwrap(), Vec::new());
    let host = Host { budgets, ..Host::default() };
    // Whether it ends with an error is not the question here.
    let _ = chart.render(&Values::new(), &release, &capabilities, &host);
}

/// The most memory that this process had, in MiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() >> 10
}

#[test]
fn a_memory_cap_holds_for_each_render() {
    let budgets = Budgets { steps: 2_000_000, output: 5 << 20, ..Budgets::default() };
    let templates = [
        "{{ $l := list }}{{ range until 10000 }}{{ $l = append $l (until 100000) }}{{ end }}",
        r#"{{ $l := list }}{{ range until 10000 }}{{ $l = append $l (splitList "" (repeat 10000 "a")) }}{{ end }}"#,
        r#"{{ $d := dict }}{{ range $i := 3000000 }}{{ $_ := set $d (toString $i) $i }}{{ end }}"#,
        r#"{{ $l := list }}{{ range $i := 3000000 }}{{ $l = list $l (dict "a" $i) }}{{ end }}"#,
        r#"{{ $l := list }}{{ range $i := 100000 }}{{ $l = list $l (repeat 1000 "x") }}{{ end }}"#,
        r#"{{ range $i := 1000000 }}{{ $x := tpl (printf "{{ define \"%d\" }}a{{ end }}" $i) $ }}{{ end }}"#,
        r#"{{ $x := dict "a" (dict "b" (until 10)) }}{{ $l := list }}{{ range $i := 1000000 }}{{ $l = list $l (deepCopy $x) }}{{ end }}"#,
        r#"{{ $l := list }}{{ range $i := 1000000 }}{{ $l = list $l (fromYamlArray "[{a: 1},{a: 1},{a: 1}]") }}{{ end }}"#,
        r#"{{ $l := list }}{{ range $i := 1000000 }}{{ $l = list $l (mustFromJson `[{"a":1},{"a":1},{"a":1}]`) }}{{ end }}"#,
        r#"{{ $l := list }}{{ range $i := 1000000 }}{{ $l = list $l (split "," "a,b,c,d") }}{{ end }}"#,
        r#"{{ range 10000 }}{{ repeat 200 "x" }}{{ printf "\n---\na: " }}{{ end }}"#,
    ];
    for template in templates {
        render(template, budgets.clone());
        assert!(peak() < 150, "{} MiB: {template}", peak());
    }
}
