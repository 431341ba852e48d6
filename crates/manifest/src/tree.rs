//! Which files of a repository are manifests.

use std::collections::BTreeSet;

/// The directories that are Helm charts: those that hold a `Chart.yaml`. The repository's root is the empty text.
///
/// Flux v1 asks for a `values.yaml` as well; without one its templates would be taken for manifests.
pub fn chart_directories<'a>(paths: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    paths
        .into_iter()
        .filter_map(|path| match path.rsplit_once('/') {
            Some((directory, "Chart.yaml")) => Some(directory),
            None if path == "Chart.yaml" => Some(""),
            _ => None,
        })
        .collect()
}

/// Whether the file at `path` is to be applied: it ends in `.yaml` or `.yml`, as Flux v1 has it (a `package.json` is no
/// manifest), and stands neither below `charts_path` (empty: there is none) nor in or below a chart directory ([`chart_directories`]).
///
/// Paths are relative to the repository's root, with `/` between directories.
#[must_use]
pub fn is_manifest(path: &str, charts: &BTreeSet<&str>, charts_path: &str) -> bool {
    let named = [".yaml", ".yml"].iter().any(|extension| path.ends_with(extension));
    let charts_path = charts_path.trim_matches('/');
    let mut above = std::iter::successors(parent(path), |directory| parent(directory));
    named
        && !above.any(|directory| {
            charts.contains(directory) || (!charts_path.is_empty() && directory == charts_path)
        })
}

/// The directory that holds `path`; the root is the empty text and has none.
fn parent(path: &str) -> Option<&str> {
    if path.is_empty() { None } else { Some(path.rsplit_once('/').map_or("", |(directory, _)| directory)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_are_not_applied() {
        let paths = [
            "charts/podinfo/Chart.yaml",
            "charts/podinfo/templates/a.yaml",
            "charts/loose.yaml",
            "apps/web/Chart.yaml",
            "apps/web/templates/deep/x.yml",
            "apps/website.yaml",
            "releases/dev/a.yaml",
            "ns.yml",
            "b.json",
            "README.md",
            "x.yaml.bak",
            "MyChart.yaml",
        ];
        let charts = chart_directories(paths);
        assert_eq!(charts, ["apps/web", "charts/podinfo"].into());
        let applied = |charts_path| -> Vec<&str> {
            paths.into_iter().filter(|path| is_manifest(path, &charts, charts_path)).collect()
        };
        let rest = ["apps/website.yaml", "releases/dev/a.yaml", "ns.yml", "MyChart.yaml"];
        assert_eq!(applied("charts"), rest);
        assert_eq!(applied("/charts/"), rest);
        assert_eq!(applied(""), [&["charts/loose.yaml"], &rest[..]].concat());
        let root = chart_directories(["Chart.yaml", "templates/a.yaml"]);
        assert!(!is_manifest("templates/a.yaml", &root, ""));
    }
}
