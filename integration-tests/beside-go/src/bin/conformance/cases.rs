//! The cases: a chart, and values for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A chart with a user's values.
pub(crate) struct Case {
    chart: String,
    values: String,
    folder: PathBuf,
    arguments: Vec<OsString>,
}

impl Case {
    /// Chart and values, below the folder that was searched.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.chart, self.values)
    }

    /// The chart, below the folder that was searched.
    pub(crate) fn chart(&self) -> &str {
        &self.chart
    }

    /// The arguments for `template`.
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// Where it runs: paths in its flags are below this.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn new(root: &Path, chart: &Path, values: Option<&Path>, flags: &[String]) -> Self {
        let below = |path: &Path, root: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let mut arguments: Vec<OsString> = vec!["demo".into(), chart.into()];
        arguments.extend(["--namespace", "space"].map(OsString::from));
        if let Some(values) = values {
            arguments.extend(["--values".into(), values.as_os_str().to_owned()]);
        }
        arguments.extend(flags.iter().map(OsString::from));
        let values = values.map_or_else(
            || "defaults".to_owned(),
            |values| below(values, if values.starts_with(chart) { chart } else { root }),
        );
        Self { chart: below(chart, root), values, folder: root.to_owned(), arguments }
    }
}

/// The cases of a crate: `tests/charts/CHART` with `tests/cases/CHART/CASE.values.yaml`, whose first line
/// `# helm: FLAGS` holds flags.
pub(crate) fn of_crate(root: &Path) -> anyhow::Result<Vec<Case>> {
    let root = root.canonicalize().with_context(|| format!("there is no folder {}", root.display()))?;
    let tests = root.join("tests");
    let mut cases = Vec::new();
    for folder in sorted(&tests.join("cases"))?.into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().context("a folder has a name")?;
        let chart = tests.join("charts").join(name);
        for values in sorted(&folder)? {
            if values.to_string_lossy().ends_with(".values.yaml") {
                let text = std::fs::read_to_string(&values)?;
                let flags = text.lines().next().and_then(|line| line.strip_prefix("# helm: "));
                let flags = flags.unwrap_or_default().split_whitespace();
                let flags: Vec<String> =
                    ["--kube-version", "v1.36.0"].into_iter().chain(flags).map(str::to_owned).collect();
                cases.push(Case::new(&root, &chart, Some(&values), &flags));
            }
        }
    }
    Ok(cases)
}

/// Every chart below a folder, packed or not, with its own values and with each file of its `ci` folder.
pub(crate) fn in_folder(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let folder = folder.canonicalize().with_context(|| format!("there is no folder {}", folder.display()))?;
    let mut cases = Vec::new();
    search(&folder, &folder, &mut cases)?;
    Ok(cases)
}

/// What lies below a chart belongs to it.
fn search(root: &Path, folder: &Path, cases: &mut Vec<Case>) -> anyhow::Result<()> {
    if folder.join("Chart.yaml").is_file() {
        cases.push(Case::new(root, folder, None, &[]));
        let ci = folder.join("ci");
        let files = if ci.is_dir() { sorted(&ci)? } else { Vec::new() };
        let is_yaml = |path: &&PathBuf| path.is_file() && path.extension().is_some_and(|name| name == "yaml");
        cases.extend(files.iter().filter(is_yaml).map(|values| Case::new(root, folder, Some(values), &[])));
        return Ok(());
    }
    for path in sorted(folder)? {
        // Links may lead in circles.
        if path.is_symlink() || path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        if path.is_dir() {
            search(root, &path, cases)?;
        } else if path.extension().is_some_and(|name| name == "tgz") {
            cases.push(Case::new(root, &path, None, &[]));
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = read().with_context(|| format!("cannot read {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}
