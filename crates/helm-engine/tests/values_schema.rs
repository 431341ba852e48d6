//! Values checked by values.schema.json when a chart is rendered, and whole numbers of `--set`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use helm_chart::{Chart, Limits, Mode, SetKind, SourceFile, Values};
use helm_engine::{Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions};

const HEADING: &str = "values don't meet the specifications of the schema(s) in the following chart(s):\n";

fn chart(extra: &str) -> LoadedChart {
    let file = |path: &str, text: &str| SourceFile {
        path: path.into(),
        mode: Mode::File,
        bytes: text.as_bytes().into(),
    };
    let source = [
        file("Chart.yaml", &format!("apiVersion: v2\nname: c\nversion: 1.0.0\n{extra}")),
        file("values.yaml", "size: 1\nother: 1\n"),
        file("values.schema.json", r#"{"properties": {"size": {"type": "integer", "maximum": 3}}}"#),
        file(
            "templates/x.yaml",
            r#"n: {{ printf "%T %v" .Values.size .Values.size }}, {{ printf "%T" .Values.other }}"#,
        ),
        file("charts/d/Chart.yaml", "apiVersion: v2\nname: d\nversion: 1.0.0\n"),
        file("charts/d/values.yaml", "a: x\nb: 1\n"),
        file("charts/d/values.schema.json", r#"{"required": ["a"], "properties": {"b": {"enum": [1, 2]}}}"#),
    ];
    LoadedChart::new(Chart::load(source, &Limits::default()).unwrap())
}

fn render(chart: &LoadedChart, set: &str, host: &Host) -> Result<String, String> {
    let mut values = Values::new();
    values.set(SetKind::Typed, set).unwrap();
    let release = ReleaseOptions {
        name: "r".into(),
        namespace: "default".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.37.0").unwrap(), vec!["v1".into()]);
    let rendered = chart.render(&values, &release, &capabilities, host);
    rendered.map(|rendered| rendered.manifest()).map_err(|error| error.to_string())
}

#[test]
fn coalesced_values_are_checked_by_the_schemas_of_all_charts() {
    let plain = chart("");
    // --set, and what Helm says.
    let rows = [
        ("", ""),
        ("size=3,d.b=2", ""),
        ("size=4", "c:\n- at '/size': maximum: got 4, want 3\n"),
        (
            "size=x,d.b=3",
            "c:\n- at '/size': got string, want integer\nd:\n- at '/b': value must be one of 1, 2\n",
        ),
        ("d.a=null", "d:\n- at '': missing property 'a'\n"),
    ];
    for (set, fault) in rows {
        let got = render(&plain, set, &Host::default());
        let wanted = if fault.is_empty() { None } else { Some(format!("{HEADING}{fault}")) };
        assert_eq!(got.err(), wanted, "{set}");
    }
    let skipping = Host { skip_schema_validation: true, ..Host::default() };
    assert!(render(&plain, "size=4", &skipping).is_ok());
    // Values come before the cluster's version.
    let later = chart("kubeVersion: '>=9'\n");
    assert!(render(&later, "size=4", &Host::default()).unwrap_err().starts_with(HEADING));
    assert!(
        render(&later, "size=3", &Host::default()).unwrap_err().starts_with("chart requires kubeVersion")
    );
}

#[test]
fn whole_numbers_of_set_are_int64_in_templates() {
    let rendered = render(&chart(""), "size=3", &Host::default()).unwrap();
    assert_eq!(rendered, "---\n# Source: c/templates/x.yaml\nn: int64 3, float64\n");
}
