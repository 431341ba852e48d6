//! The chart that a command names: a folder or an archive on this machine.

use std::path::{Path, PathBuf};

use helm_chart::{Chart, IgnoreRules, Limits, LoadError, NotAnArchive, expect_archive};

use crate::command::chain;
use crate::console::{Console, Level};
use crate::disk::{self, ChartFolder, FileError, FolderError, Followed};

/// The most bytes of an archive. What it holds has the limits of a chart.
pub(crate) const MOST_ARCHIVE: u64 = 100 << 20;

const CHART_YAML: &str = "Chart.yaml";
const HELMIGNORE: &str = ".helmignore";

/// The most bytes of `.helmignore`.
const MOST_RULES: u64 = 1 << 20;

/// Why there is no chart. With the causes, joined by `: `, the texts are Helm's where Helm reads charts from disk too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ChartError {
    #[error("path {0:?} not found")]
    NotFound(String),
    #[error(
        "{0:?} is neither a folder nor a file: charts come from this machine only; download the chart first (helm pull) and name its folder or archive"
    )]
    NotLocal(String),
    #[error("unable to detect chart at {path}")]
    NoChart { path: PathBuf, source: FolderError },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    NotAnArchive(#[from] NotAnArchive),
    #[error("file '{0}' does not appear to be a valid chart file (details: gzip: invalid header)")]
    NotGzip(String),
    #[error("unable to load chart archive")]
    UnreadableArchive,
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Where the chart lies; the path is absolute. Whether it is a chart is not looked at.
pub(crate) fn locate(name: &str) -> Result<PathBuf, ChartError> {
    let name = name.trim();
    let path = Path::new(name);
    if disk::is_folder(path).is_some() {
        return Ok(disk::absolute(path).unwrap_or_else(|_| path.to_owned()));
    }
    if path.is_absolute() || name.starts_with('.') {
        return Err(ChartError::NotFound(name.to_owned()));
    }
    Err(ChartError::NotLocal(name.to_owned()))
}

/// Reads the chart at a path that [`locate`] gave.
pub(crate) fn load(path: &Path, console: &mut Console<'_>) -> Result<Chart, ChartError> {
    let limits = Limits::default();
    let chart = match disk::is_folder(path) {
        Some(true) => load_folder(path, &limits, console),
        _ => load_archive(path, &limits, console),
    }?;
    chart.warnings.iter().for_each(|warning| console.note(&warning.log_line()));
    Ok(chart)
}

fn load_folder(path: &Path, limits: &Limits, console: &mut Console<'_>) -> Result<Chart, ChartError> {
    let folder = ChartFolder::open(path)?;
    if let Err(source) = folder.file(CHART_YAML, limits.total_bytes as u64) {
        return Err(ChartError::NoChart { path: path.join(CHART_YAML), source });
    }
    // Before anything else is read: what is ignored may be large, or not readable.
    let helmignore = match disk::is_folder(&path.join(HELMIGNORE)) {
        Some(false) => folder.file(HELMIGNORE, MOST_RULES)?,
        _ => Vec::new(),
    };
    let rules = IgnoreRules::parse(&helmignore).map_err(LoadError::Ignore)?;
    let files = folder.read(limits, &|path, is_folder| rules.ignores(path, is_folder))?;
    log_links(&files.links, console);
    Ok(Chart::load(files.files, limits)?)
}

/// Says which links were followed, as Helm does.
pub(crate) fn log_links(links: &[Followed], console: &mut Console<'_>) {
    for link in links {
        let message = "found symbolic link in path. Contents of linked file included and used";
        let (path, target) = (link.path.to_string_lossy(), link.target.to_string_lossy());
        console.log(Level::Info, message, &[("path", &path), ("resolved", &target)]);
    }
}

fn load_archive(path: &Path, limits: &Limits, console: &mut Console<'_>) -> Result<Chart, ChartError> {
    let bytes = disk::read_file(path, MOST_ARCHIVE)?;
    let name = path.to_string_lossy();
    expect_archive(&name, &bytes)?;
    Chart::load_archive(&bytes, limits).map_err(|error| match error {
        LoadError::NotGzip => ChartError::NotGzip(name.into_owned()),
        LoadError::UnreadableArchive(cause) => {
            // Helm does not say what is wrong.
            console.log(Level::Debug, "unable to load chart archive", &[("error", &chain(&cause))]);
            ChartError::UnreadableArchive
        }
        error => error.into(),
    })
}
