//! Which dependencies take part in a release: ranges, aliases, tags, conditions; and what their parents import.

use std::collections::{BTreeMap, HashSet};

use go_yaml::Value;
use go_yaml::number::go_float;

use crate::chart::Chart;
use crate::coalesce::{CoalesceError, coalesce_values, merge_defaults, merge_tables};
use crate::metadata::Dependency;
use crate::semver_range::is_compatible_range;
use crate::values::Values;

type Table = BTreeMap<String, Value>;

/// The chart with the dependencies that the values enable, under their aliases, and with the values that parents import
/// from them (`helm.sh/helm/v4/pkg/chart/v2/util`, `ProcessDependencies`).
///
/// A condition counts more than tags; a dependency with neither is enabled; one in `charts/` that Chart.yaml does not
/// name always is.
///
/// # Errors
/// If the value of a dependency's name is no table.
pub fn process_dependencies(chart: &Chart, user: &Values) -> Result<Chart, CoalesceError> {
    let mut chart = chart.clone();
    keep_enabled(&mut chart, user, "")?;
    import_values(&mut chart)?;
    Ok(chart)
}

/// Removes what is disabled. `path` leads from the root's values to this chart's, and ends with a dot.
fn keep_enabled(chart: &mut Chart, values: &Values, path: &str) -> Result<(), CoalesceError> {
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    chart.dependencies = select(&chart.metadata.dependencies, &chart.dependencies);
    for dependency in &mut chart.metadata.dependencies {
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
        dependency.enabled = true;
    }
    let values = coalesce_values(chart, values)?.values;
    for dependency in &mut chart.metadata.dependencies {
        dependency.enabled = enabled_by_condition(dependency, values.as_map(), path)
            .unwrap_or_else(|| enabled_by_tags(dependency, values.as_map()));
    }
    let disabled = chart.metadata.dependencies.iter().filter(|dependency| !dependency.enabled);
    let disabled: HashSet<String> = disabled.map(|dependency| dependency.name.clone()).collect();
    chart.dependencies.retain(|dependency| !disabled.contains(dependency.name()));
    chart.metadata.dependencies.retain(|dependency| !disabled.contains(&dependency.name));
    for dependency in &mut chart.dependencies {
        let path = format!("{path}{}.", dependency.name());
        keep_enabled(dependency, &values, &path)?;
    }
    Ok(())
}

/// The charts that Chart.yaml does not name, then, in the order of Chart.yaml, those that it names, under their aliases.
fn select(wanted: &[Dependency], present: &[Chart]) -> Vec<Chart> {
    let fits = |wanted: &Dependency, chart: &Chart| {
        chart.name() == wanted.name && is_compatible_range(&wanted.version, &chart.metadata.version)
    };
    let unnamed = |chart: &&Chart| !wanted.iter().any(|wanted| fits(wanted, chart));
    let mut selected: Vec<Chart> = present.iter().filter(unnamed).cloned().collect();
    for wanted in wanted {
        if let Some(chart) = present.iter().find(|chart| fits(wanted, chart)) {
            let mut chart = chart.clone();
            if !wanted.alias.is_empty() {
                chart.metadata.name.clone_from(&wanted.alias);
            }
            selected.push(chart);
        }
    }
    selected
}

/// What the first condition path says that leads to a boolean.
fn enabled_by_condition(dependency: &Dependency, values: &Table, path: &str) -> Option<bool> {
    let conditions = dependency.condition.trim().split(',').filter(|condition| !condition.is_empty());
    conditions.into_iter().find_map(|condition| {
        let full = format!("{path}{condition}");
        let mut parts = full.split('.');
        let first = values.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))?.as_bool()
    })
}

/// A tag that is true outweighs those that are false.
fn enabled_by_tags(dependency: &Dependency, values: &Table) -> bool {
    let Some(Value::Map(tags)) = values.get("tags") else { return true };
    let stated: Vec<bool> = dependency.tags.iter().filter_map(|tag| tags.get(tag)?.as_bool()).collect();
    stated.is_empty() || stated.contains(&true)
}

/// Puts what dependencies export under their parents' values, the innermost first.
fn import_values(chart: &mut Chart) -> Result<(), CoalesceError> {
    for dependency in &mut chart.dependencies {
        import_values(dependency)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let mut values = merge_defaults(chart)?;
    let mut imported = Table::new();
    for dependency in &mut chart.metadata.dependencies {
        let mut normal = Vec::new();
        for import in &dependency.import_values {
            let Some((child, parent)) = child_and_parent(import) else { continue };
            if let Some(table) = table_at(&values, &format!("{}.{child}", dependency.name)) {
                merge_tables(&mut imported, nest(&parent, table.clone()));
            }
            let names =
                [("child".to_owned(), Value::String(child)), ("parent".to_owned(), Value::String(parent))];
            normal.push(Value::Map(names.into()));
        }
        dependency.import_values = normal;
    }
    merge_tables(&mut values, imported);
    chart.values = Some(Values::from_float_map(values));
    Ok(())
}

fn child_and_parent(import: &Value) -> Option<(String, String)> {
    match import {
        Value::Map(names) => {
            let name = |key: &str| go_text(names.get(key).unwrap_or(&Value::Null));
            Some((name("child"), name("parent")))
        }
        Value::String(name) => Some((format!("exports.{name}"), ".".to_owned())),
        _ => None,
    }
}

/// Go's `%v` of the scalars that a path may be written as.
fn go_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => go_float(*number),
        Value::Null | Value::Seq(_) | Value::Map(_) => "<nil>".to_owned(),
    }
}

fn table_at<'a>(values: &'a Table, path: &str) -> Option<&'a Table> {
    path.split('.').try_fold(values, |table, part| table.get(part)?.as_map())
}

/// `table` at the path `parent`; `.` is the top.
fn nest(parent: &str, table: Table) -> Table {
    if parent == "." {
        return table;
    }
    parent.rsplit('.').fold(table, |table, part| Table::from([(part.to_owned(), Value::Map(table))]))
}
