//! The real helm, which packages, indexes, pushes, and says what it would take itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// A folder with charts in it, and a home for helm.
pub(crate) struct Charts {
    folder: tempfile::TempDir,
}

impl Charts {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("repository"))?;
        Ok(Self { folder })
    }

    /// What a file server serves: archives and their index.
    pub(crate) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Packages a chart into the repository's folder.
    pub(crate) fn package(&self, name: &str, version: &str) -> anyhow::Result<PathBuf> {
        let chart = self.folder.path().join("source").join(name);
        std::fs::create_dir_all(chart.join("templates"))?;
        let metadata = format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: '7'\n");
        std::fs::write(chart.join("Chart.yaml"), metadata)?;
        std::fs::write(chart.join("values.yaml"), format!("tag: {version:?}\n"))?;
        let template =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {tag: {{ .Values.tag }}}\n";
        std::fs::write(chart.join("templates/web.yaml"), template)?;
        let (source, destination) = (chart.display().to_string(), self.repository().display().to_string());
        self.helm(&["package", &source, "--destination", &destination])?;
        Ok(self.repository().join(format!("{name}-{version}.tgz")))
    }

    /// Writes the repository's index; with `url` the addresses in it are absolute.
    pub(crate) fn index(&self, url: Option<&str>) -> anyhow::Result<()> {
        let folder = self.repository().display().to_string();
        let mut args = vec!["repo", "index", &folder];
        args.extend(url.into_iter().flat_map(|url| ["--url", url]));
        self.helm(&args).map(drop)
    }

    /// Changes the text of the index.
    pub(crate) fn edit_index(&self, edit: impl Fn(&str) -> String) -> anyhow::Result<()> {
        let path = self.repository().join("index.yaml");
        Ok(std::fs::write(&path, edit(&std::fs::read_to_string(&path)?))?)
    }

    /// Pushes an archive to a registry that speaks plain HTTP.
    pub(crate) fn push(&self, archive: &Path, to: &str, as_whom: Option<(&str, &str)>) -> anyhow::Result<()> {
        let archive = archive.display().to_string();
        let mut args = vec!["push", &archive, to, "--plain-http"];
        if let Some((username, password)) = as_whom {
            args.extend(["--username", username, "--password", password]);
        }
        self.helm(&args).map(drop)
    }

    /// The version of a chart that helm itself takes; none if it takes none.
    pub(crate) fn chosen(&self, args: &[&str], version: &str) -> Option<String> {
        let mut all = vec!["show", "chart"];
        all.extend(args);
        if !version.is_empty() {
            all.extend(["--version", version]);
        }
        let shown = self.helm(&all).ok()?;
        shown.lines().find_map(|line| line.strip_prefix("version: ")).map(str::to_owned)
    }

    fn helm(&self, args: &[&str]) -> anyhow::Result<String> {
        let program = tools()?.join("helm");
        let home = self.folder.path().join("home");
        let output = Command::new(&program)
            .args(args)
            .env_clear()
            .env("HOME", &home)
            .output()
            .with_context(|| format!("{} does not run; `make tools` builds it", program.display()))?;
        if !output.status.success() {
            bail!("helm {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Where `make tools` puts the programs of the testbed.
fn tools() -> anyhow::Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    variable("WINDLASS_TOOLS")
        .or_else(|| Some(cache()?.join("windlass/tools")))
        .context("set WINDLASS_TOOLS to the folder that `make tools` fills")
}
