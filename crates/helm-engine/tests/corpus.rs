//! The charts in `charts/` rendered by this crate and by the real helm 4.3.1 (`regenerate.sh`): equal bytes, equal notes,
//! equal errors.
//!
//! A case is a file `cases/CHART/CASE.values.yaml` with the user's values; beside it lies helm's output (`.out`, `.notes`) or
//! its error (`.err`). A first line `# helm: FLAGS` holds flags of `helm template`.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::error::Error;
use std::path::{Path, PathBuf};

use helm_chart::{Chart, Limits, Mode, SourceFile, Values};
use helm_engine::{
    Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions, RenderError, Rendered,
};

/// API versions that helm assumes when it has no cluster and that the charts ask for.
const API_VERSIONS: [&str; 4] = ["v1", "apps/v1", "batch/v1", "autoscaling/v2"];

#[test]
fn every_case_is_as_the_real_helm_has_it() {
    let mut differences = Vec::new();
    let mut count = 0;
    for chart in folders(&tests().join("cases")) {
        let name = chart.file_name().unwrap().to_str().unwrap().to_owned();
        // Those of `post_render.rs`.
        if name.starts_with("post_render") {
            continue;
        }
        let loaded = LoadedChart::new(load(&tests().join("charts").join(&name)));
        for values in
            files(&chart).into_iter().filter(|path| path.to_string_lossy().ends_with(".values.yaml"))
        {
            count += 1;
            if let Err(difference) = check(&loaded, &values) {
                differences.push(format!("{}: {difference}", values.display()));
            }
        }
    }
    assert!(count >= 90, "only {count} cases were found");
    assert!(
        differences.is_empty(),
        "{} of {count} cases differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Renders one case twice, the second time from the parsed templates, and compares.
fn check(chart: &LoadedChart, values: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(values).unwrap();
    let expected = |extension: &str| {
        let path = values.to_string_lossy().replace(".values.yaml", extension);
        std::fs::read_to_string(path).ok()
    };
    let first = render(chart, &text);
    let second = render(chart, &text);
    match (&first, &second) {
        (Ok(first), Ok(second)) if first != second => return Err("a second render differs".to_owned()),
        (Ok(_), Err(error)) => return Err(format!("a second render fails: {error}")),
        _ => {}
    }
    match (first, expected(".out"), expected(".err")) {
        (Ok(rendered), Some(output), None) => {
            same(&rendered.to_template_output(), &output)?;
            same(rendered.notes.trim(), expected(".notes").unwrap_or_default().trim())
        }
        (Err(error), None, Some(output)) => same(&chain(&error), output.trim_end()),
        (Ok(_), ..) => Err("renders, and helm's does not".to_owned()),
        (Err(error), ..) => Err(format!("fails, and helm's does not: {}", chain(&error))),
    }
}

fn render(chart: &LoadedChart, values: &str) -> Result<Rendered, RenderError> {
    let flags = values.lines().next().and_then(|line| line.strip_prefix("# helm: ")).unwrap_or_default();
    let mut operation = Operation::Install;
    let mut host = Host::default();
    let mut kube_version = "v1.36.0";
    let mut api_versions: Vec<String> = API_VERSIONS.map(str::to_owned).into();
    let mut flags = flags.split_whitespace();
    while let Some(flag) = flags.next() {
        match flag {
            "--is-upgrade" => operation = Operation::Upgrade,
            "--render-subchart-notes" => host.subchart_notes = true,
            "--kube-version" => kube_version = flags.next().unwrap(),
            "--api-versions" => api_versions.push(flags.next().unwrap().to_owned()),
            other => panic!("unknown flag {other}"),
        }
    }
    let release = ReleaseOptions { name: "demo".into(), namespace: "space".into(), revision: 1, operation };
    let capabilities = Capabilities::new(KubeVersion::parse(kube_version).unwrap(), api_versions);
    chart.render(&Values::from_yaml(values).unwrap(), &release, &capabilities, &host)
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The first line that differs, if one does.
fn same(ours: &str, helm: &str) -> Result<(), String> {
    if ours == helm {
        return Ok(());
    }
    let mut lines = ours.split('\n').zip(helm.split('\n')).enumerate();
    Err(match lines.find(|(_, (ours, helm))| ours != helm) {
        Some((line, (ours, helm))) => format!("line {}:\n    ours {ours:?}\n    helm {helm:?}", line + 1),
        None => format!("{} bytes, helm's has {}", ours.len(), helm.len()),
    })
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn load(folder: &Path) -> Chart {
    let mut source = Vec::new();
    read(folder, folder, &mut source);
    Chart::load(source, &Limits::default())
        .unwrap_or_else(|error| panic!("{}: {}", folder.display(), chain(&error)))
}

fn read(root: &Path, folder: &Path, source: &mut Vec<SourceFile>) {
    for file in files(folder) {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        source.push(SourceFile { path, mode: Mode::File, bytes: std::fs::read(&file).unwrap().into() });
    }
    folders(folder).iter().for_each(|folder| read(root, folder, source));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_file()).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
