//! The rules for dependencies: Chart.yaml and `charts/` name the same ones.

use std::collections::HashSet;

use helm_chart::Chart;

use crate::lint::{Linter, Loaded, Severity};

pub(super) fn check(linter: &mut Linter<'_>, chart: &Loaded) {
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            linter.rule(Severity::Error, "", Some(format!("unable to load chart\n\t{error}")));
            return;
        }
    };
    linter.linted.warnings.extend(chart.warnings.iter().cloned());
    let folder = linter.source.folder;
    linter.rule(Severity::Error, folder, not_stated(chart));
    linter.rule(Severity::Error, folder, shadowed(chart));
    linter.rule(Severity::Warning, folder, not_there(chart));
}

fn not_stated(chart: &Chart) -> Option<String> {
    let stated: HashSet<&str> =
        chart.metadata.dependencies.iter().map(|stated| stated.name.as_str()).collect();
    let there = chart.dependencies.iter().map(Chart::name);
    listed("chart metadata is missing these dependencies", there.filter(|name| !stated.contains(name)))
}

fn not_there(chart: &Chart) -> Option<String> {
    let there: HashSet<&str> = chart.dependencies.iter().map(Chart::name).collect();
    let stated = chart.metadata.dependencies.iter().map(|stated| stated.name.as_str());
    listed("chart directory is missing these dependencies", stated.filter(|name| !there.contains(name)))
}

fn shadowed(chart: &Chart) -> Option<String> {
    let mut known = HashSet::new();
    let names = chart.metadata.dependencies.iter().map(|stated| match stated.alias.as_str() {
        "" => stated.name.as_str(),
        alias => alias,
    });
    listed("multiple dependencies with name or alias", names.filter(|name| !known.insert(*name)))
}

fn listed<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| format!("{what}: {}", names.join(",")))
}
