//! Which dependencies take part in a release: ranges, aliases, tags, conditions.

mod import;

use std::collections::HashSet;

use go_yaml::Value;

use crate::chart::Chart;
use crate::coalesce::{CoalesceError, coalesce_values};
use crate::metadata::Dependency;
use crate::semver_range::is_compatible_range;
use crate::tables::Table;
use crate::values::Values;
use crate::warning::Warning;

/// The chart with the dependencies that the values enable, under their aliases, and with the values that parents import
/// from them (`helm.sh/helm/v4/pkg/chart/v2/util`, `ProcessDependencies`). What Helm logs is added to
/// [`Chart::warnings`].
///
/// A condition counts more than tags; a dependency with neither is enabled; one in `charts/` that Chart.yaml does not
/// name always is.
///
/// # Errors
/// If the value of a dependency's name is no table, or `import-values` makes too much of little.
pub fn process_dependencies(chart: &Chart, user: &Values) -> Result<Chart, CoalesceError> {
    let mut chart = chart.clone();
    let mut warnings = std::mem::take(&mut chart.warnings);
    keep_enabled(&mut chart, user, "", &mut warnings)?;
    import::import_values(&mut chart, &mut warnings)?;
    chart.warnings = warnings;
    Ok(chart)
}

/// Removes what is disabled. `path` leads from the root's values to this chart's, and ends with a dot.
fn keep_enabled(
    chart: &mut Chart,
    values: &Values,
    path: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(), CoalesceError> {
    if !chart.metadata.states_dependencies {
        return Ok(());
    }
    chart.dependencies = select(&chart.metadata.dependencies, &chart.dependencies);
    for dependency in &mut chart.metadata.dependencies {
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
        dependency.enabled = true;
    }
    let mut coalesced = coalesce_values(chart, values)?;
    warnings.append(&mut coalesced.warnings);
    let values = coalesced.values;
    for dependency in &mut chart.metadata.dependencies {
        dependency.enabled = enabled_by_tags(dependency, values.as_map(), warnings);
    }
    for dependency in &mut chart.metadata.dependencies {
        if let Some(enabled) = enabled_by_condition(dependency, values.as_map(), path, warnings) {
            dependency.enabled = enabled;
        }
    }
    let disabled = chart.metadata.dependencies.iter().filter(|dependency| !dependency.enabled);
    let disabled: HashSet<String> = disabled.map(|dependency| dependency.name.clone()).collect();
    chart.dependencies.retain(|dependency| !disabled.contains(dependency.name()));
    chart.metadata.dependencies.retain(|dependency| !disabled.contains(&dependency.name));
    chart.metadata.states_dependencies = !chart.metadata.dependencies.is_empty();
    for dependency in &mut chart.dependencies {
        let path = format!("{path}{}.", dependency.name());
        keep_enabled(dependency, &values, &path, warnings)?;
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
fn enabled_by_condition(
    dependency: &Dependency,
    values: &Table,
    path: &str,
    warnings: &mut Vec<Warning>,
) -> Option<bool> {
    let conditions = dependency.condition.trim().split(',').filter(|condition| !condition.is_empty());
    for condition in conditions {
        match value_at(values, &format!("{path}{condition}")) {
            Some(Value::Bool(enabled)) => return Some(*enabled),
            Some(_) => warnings.push(
                Warning::warn("returned non-bool value")
                    .with("path", condition)
                    .with("chart", &dependency.name),
            ),
            None => {}
        }
    }
    None
}

/// Helm's `PathValue`: what the path leads to if that is no table.
fn value_at<'a>(values: &'a Table, path: &str) -> Option<&'a Value> {
    let (tables, key) = path.rsplit_once('.').map_or((None, path), |(tables, key)| (Some(tables), key));
    let table = tables.map_or(Some(values), |tables| {
        tables.split('.').try_fold(values, |table, part| table.get(part)?.as_map())
    });
    table?.get(key).filter(|value| value.as_map().is_none())
}

/// A tag that is true outweighs those that are false.
fn enabled_by_tags(dependency: &Dependency, values: &Table, warnings: &mut Vec<Warning>) -> bool {
    let Some(Value::Map(tags)) = values.get("tags") else { return true };
    let mut stated = Vec::new();
    for tag in &dependency.tags {
        match tags.get(tag) {
            Some(Value::Bool(enabled)) => stated.push(*enabled),
            Some(_) => warnings.push(
                Warning::warn("returned non-bool value").with("tag", tag).with("chart", &dependency.name),
            ),
            None => {}
        }
    }
    stated.is_empty() || stated.contains(&true)
}
