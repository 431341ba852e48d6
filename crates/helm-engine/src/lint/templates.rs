//! The rules for templates: the chart renders, and what it renders are objects.

use std::collections::BTreeMap;

use go_yaml::Value;
use helm_chart::{Chart, Values, coalesce_values, process_dependencies, validate_values};

use crate::capabilities::{Capabilities, KubeVersion};
use crate::context::ReleaseFacts;
use crate::lint::deprecations::warning;
use crate::lint::documents::{Documents, Head};
use crate::lint::{Entry, LintOptions, Linter, Loaded, Severity, chain, names, quoted};
use crate::loaded::LoadedChart;
use crate::release::{Host, Mode};
use crate::shape::{Shape, Source, Struct, fault};

const FOLDER: &str = "templates/";

pub(super) fn check(linter: &mut Linter<'_>, chart: &Loaded, values: &Values, options: &LintOptions) {
    let entry = linter.entry("templates");
    let missing = (entry == Entry::Missing).then_some("directory does not exist");
    if !linter.rule(Severity::Warning, FOLDER, missing) {
        return;
    }
    let file = matches!(entry, Entry::File(_)).then_some("not a directory");
    if !linter.rule(Severity::Error, FOLDER, file) {
        return;
    }
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            linter.rule(Severity::Error, FOLDER, Some(error.as_str()));
            return;
        }
    };
    let mut capabilities = Capabilities::reference();
    if let Some(version) = &options.kube_version {
        capabilities.kube_version = version.clone();
    }
    let Some(outputs) = render(linter, chart, values, &capabilities, options) else { return };
    for template in &chart.templates {
        let output = outputs.get(&format!("{}/{}", chart.name(), template.name));
        let output = output.map_or("", String::as_str);
        if !check_template(linter, &template.name, output, &capabilities.kube_version) {
            return;
        }
    }
}

/// What the templates print, by their full paths.
fn render(
    linter: &mut Linter<'_>,
    chart: &Chart,
    values: &Values,
    capabilities: &Capabilities,
    options: &LintOptions,
) -> Option<BTreeMap<String, String>> {
    let processed = process_dependencies(chart, values);
    // Those of loading come first; there are no others if the values do not fit.
    let warnings = processed.as_ref().map_or(&chart.warnings, |processed| &processed.warnings);
    linter.linted.warnings.extend(warnings.iter().cloned());
    // Values that do not fit are passed over in silence, as Helm does.
    let chart = processed.ok()?;
    let first = coalesce_values(&chart, values).ok()?;
    // Helm coalesces twice here: what a null deleted comes back from the chart's own values.
    let coalesced = match coalesce_values(&chart, &first.values) {
        Ok(coalesced) => coalesced,
        Err(error) => {
            linter.rule(Severity::Error, FOLDER, Some(chain(&error)));
            return None;
        }
    };
    if !options.skip_schema_validation
        && let Err(error) = validate_values(&chart, &coalesced.values)
    {
        linter.rule(Severity::Error, FOLDER, Some(error.to_string()));
        return None;
    }
    linter.linted.warnings.extend(first.warnings);
    linter.linted.warnings.extend(coalesced.warnings);
    let release =
        ReleaseFacts { name: "test-release", namespace: &options.namespace, revision: 0, operation: None };
    let host = Host { mode: Mode::Lint, ..options.host.clone() };
    let loaded = LoadedChart::new(chart.clone());
    match loaded.outputs(&chart, &coalesced.values, &release, capabilities, &host) {
        Ok(outputs) => {
            linter.linted.warnings.extend(outputs.warnings);
            Some(outputs.files)
        }
        Err(error) => {
            linter.rule(Severity::Error, FOLDER, Some(chain(&error)));
            None
        }
    }
}

/// Checks one template and what it printed. False if that is no YAML: Helm looks at no further template then.
fn check_template(linter: &mut Linter<'_>, path: &str, output: &str, kube_version: &KubeVersion) -> bool {
    let extension = extension(path);
    let known = [".yaml", ".yml", ".tpl", ".txt"].contains(&extension);
    let found = (!known).then(|| {
        format!("file extension '{extension}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt")
    });
    linter.rule(Severity::Error, path, found);
    let yaml = extension.eq_ignore_ascii_case(".yaml") || extension.eq_ignore_ascii_case(".yml");
    if !yaml || output.trim().is_empty() {
        return true;
    }
    linter.rule(Severity::Warning, path, indented(output));
    for document in Documents::of(output.as_bytes()) {
        let head = match document {
            Ok(Some(head)) => head,
            Ok(None) => continue,
            Err(why) => {
                return linter.rule(Severity::Error, path, Some(format!("unable to parse YAML: {why}")));
            }
        };
        linter.rule(Severity::Warning, path, names::problem(&head.kind, &head.name));
        let deprecated = warning(&head.api_version, &head.kind, kube_version);
        linter.rule(Severity::Warning, path, deprecated);
        linter.rule(Severity::Error, path, without_selector(&head, output));
        linter.rule(Severity::Error, path, list_annotation(&head, output));
    }
    true
}

/// The extension as Go's `filepath.Ext` has it: from the last dot of the last part.
fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |dot| &name[dot..])
}

/// A first line that is indented. The length of a line is bounded as in Go's scanner.
fn indented(output: &str) -> Option<String> {
    const LONGEST: usize = 64 * 1024;
    for line in output.split('\n') {
        if line.len() >= LONGEST {
            return Some("bufio.Scanner: token too long".to_owned());
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !line.trim().is_empty() {
            return line.starts_with([' ', '\t']).then(|| {
                let line = quoted(line);
                format!("document starts with an illegal indent: {line}, which may cause parsing problems")
            });
        }
    }
    None
}

fn without_selector(head: &Head, output: &str) -> Option<String> {
    let selects = matches!(head.kind.as_str(), "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet");
    let has = output.contains("matchLabels") || output.contains("matchExpressions");
    (selects && !has).then(|| {
        format!(
            "a {} must contain matchLabels or matchExpressions, and {} does not",
            head.kind,
            quoted(&head.name)
        )
    })
}

static LIST: Shape = Shape::Struct(&Struct {
    name: "",
    go_type: "struct { Items []struct { Metadata struct { Annotations map[string]string } } }",
    fields: &[(
        "Items",
        Shape::List("[]struct { Metadata struct { Annotations map[string]string } }", &ITEM),
    )],
});

static ITEM: Shape = Shape::Struct(&Struct {
    name: "",
    go_type: "struct { Metadata struct { Annotations map[string]string } }",
    fields: &[("Metadata", ITEM_METADATA)],
});

const ITEM_METADATA: Shape = Shape::Struct(&Struct {
    name: "",
    go_type: "struct { Annotations map[string]string }",
    fields: &[("Annotations", Shape::TextMap)],
});

/// Helm reads the first document of the file for this, whichever document the list is in.
fn list_annotation(head: &Head, output: &str) -> Option<String> {
    if head.kind != "List" {
        return None;
    }
    let unreadable = |why: String| Some(format!("unable to parse YAML: {why}"));
    let value = match go_yaml::from_str(output) {
        Ok(value) => value,
        Err(error) => return unreadable(format!("error converting YAML to JSON: {error}")),
    };
    if let Some(fault) = fault(&value, &LIST, Source::Yaml) {
        return unreadable(chain(&fault));
    }
    let annotations = |item| folded(folded(item, "Metadata")?, "Annotations");
    let kept = |item| annotations(item)?.get("helm.sh/resource-policy");
    let items = folded(&value, "Items").and_then(Value::as_seq).unwrap_or_default();
    let ignored = items.iter().any(|item| kept(item).is_some());
    ignored.then(|| "annotation 'helm.sh/resource-policy' within List objects are ignored".to_owned())
}

/// A field, the case of its letters being of no matter.
fn folded<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let map = value.as_map()?;
    map.get(key)
        .or_else(|| map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}
