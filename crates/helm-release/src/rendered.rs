//! The parts of a record that come from a chart and its rendering.

use helm_chart::{Chart, Dependency, Maintainer, Metadata, Values};
use serde_json::{Map, Value, json};

use crate::hook::{Hook, HookExecution};
use crate::record::{ChartFile, ChartMetadata, ReleaseChart};

/// The chart as the record holds it. Give the chart that was rendered ([`helm_engine::Rendered::chart`]): Helm stores it
/// without disabled dependencies and with its dependencies' values in its own.
pub fn chart(chart: &Chart) -> ReleaseChart {
    let file = |file: &helm_chart::ChartFile| ChartFile {
        name: file.name.clone(),
        data: file.data.to_vec(),
        extra: Map::new(),
    };
    ReleaseChart {
        metadata: metadata(&chart.metadata),
        lock: chart.lock.clone().map_or(Value::Null, Value::from),
        templates: chart.templates.iter().map(file).collect(),
        values: chart.values.as_ref().map(values),
        schema: chart.schema.as_ref().map(|schema| schema.to_vec()),
        files: chart.files.iter().map(file).collect(),
        // Helm writes it whether there is a schema or not.
        extra: Map::from_iter([("schemamodtime".to_owned(), json!("0001-01-01T00:00:00Z"))]),
    }
}

/// Values as the record holds them: the user's for [`crate::Release::config`].
pub fn values(values: &Values) -> Map<String, Value> {
    values.as_map().iter().map(|(key, value)| (key.clone(), Value::from(value.clone()))).collect()
}

/// Hooks that have not run yet.
pub fn hooks(hooks: &[helm_engine::Hook]) -> Vec<Hook> {
    let hook = |hook: &helm_engine::Hook| Hook {
        name: hook.name.clone(),
        kind: hook.kind.clone(),
        path: hook.path.clone(),
        manifest: hook.manifest.clone(),
        events: words(&hook.events),
        last_run: HookExecution::default(),
        weight: hook.weight,
        delete_policies: words(&hook.delete_policies),
        output_log_policies: words(&hook.output_log_policies),
        extra: Map::new(),
    };
    hooks.iter().map(hook).collect()
}

fn words<T: for<'a> From<&'a str>>(words: &[String]) -> Vec<T> {
    words.iter().map(|word| T::from(word.as_str())).collect()
}

fn metadata(metadata: &Metadata) -> ChartMetadata {
    let mut extra = Map::new();
    for (name, text) in [
        ("home", &metadata.home),
        ("description", &metadata.description),
        ("icon", &metadata.icon),
        ("apiVersion", &metadata.api_version),
        ("condition", &metadata.condition),
        ("tags", &metadata.tags),
        ("kubeVersion", &metadata.kube_version),
        ("type", &metadata.type_text),
    ] {
        insert_stated(&mut extra, name, json!(text));
    }
    insert_stated(&mut extra, "sources", json!(metadata.sources));
    insert_stated(&mut extra, "keywords", json!(metadata.keywords));
    insert_stated(&mut extra, "deprecated", json!(metadata.deprecated));
    insert_stated(&mut extra, "annotations", json!(metadata.annotations));
    insert_stated(&mut extra, "maintainers", metadata.maintainers.iter().map(maintainer).collect());
    insert_stated(&mut extra, "dependencies", metadata.dependencies.iter().map(dependency).collect());
    ChartMetadata {
        name: metadata.name.clone(),
        version: metadata.version.clone(),
        app_version: metadata.app_version.clone(),
        extra,
    }
}

fn maintainer(maintainer: &Maintainer) -> Value {
    let mut fields = Map::new();
    insert_stated(&mut fields, "name", json!(maintainer.name));
    insert_stated(&mut fields, "email", json!(maintainer.email));
    insert_stated(&mut fields, "url", json!(maintainer.url));
    Value::Object(fields)
}

fn dependency(dependency: &Dependency) -> Value {
    let mut fields = Map::from_iter([
        ("name".to_owned(), json!(dependency.name)),
        ("repository".to_owned(), json!(dependency.repository)),
    ]);
    insert_stated(&mut fields, "version", json!(dependency.version));
    insert_stated(&mut fields, "condition", json!(dependency.condition));
    insert_stated(&mut fields, "tags", json!(dependency.tags));
    insert_stated(&mut fields, "enabled", json!(dependency.enabled));
    insert_stated(
        &mut fields,
        "import-values",
        dependency.import_values.iter().cloned().map(Value::from).collect(),
    );
    insert_stated(&mut fields, "alias", json!(dependency.alias));
    Value::Object(fields)
}

/// Go leaves out what is empty.
fn insert_stated(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let empty = match &value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(value) => !value,
        _ => false,
    };
    if !empty {
        fields.insert(name.to_owned(), value);
    }
}
