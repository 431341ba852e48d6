//! Making a [`Chart`] of its files.

mod error;
mod room;

use std::collections::BTreeMap;
use std::sync::Arc;

use go_yaml::Value;

use crate::archive::{self, ArchiveError};
use crate::chart::{Chart, ChartFile, Mode, SourceFile};
use crate::decode::Fields;
use crate::ignore::{self, IgnoreRules};
use crate::limits::{LimitExceeded, Limits};
use crate::metadata::{RawMetadata, read_lock};
use crate::values::Values;
use crate::warning::Warning;

pub use error::{LoadError, PathFault};
pub(crate) use room::Room;

const CHART_YAML: &str = "Chart.yaml";

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Paths and contents.
pub(crate) type Files = Vec<(String, Arc<[u8]>)>;

impl Chart {
    /// Makes a chart of the files below its folder, given in any order. `.helmignore` is followed.
    ///
    /// # Errors
    /// If the files are no chart, exceed a limit, or have paths or links that lead out of the chart.
    ///
    /// ```
    /// use helm_chart::{Chart, Limits, Mode, SourceFile};
    ///
    /// let file = |path: &str, text: &str| SourceFile {
    ///     path: path.into(),
    ///     mode: Mode::File,
    ///     bytes: text.as_bytes().into(),
    /// };
    /// let chart = Chart::load(
    ///     [file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"), file("values.yaml", "port: 80\n")],
    ///     &Limits::default(),
    /// )?;
    /// assert_eq!(chart.name(), "web");
    /// # Ok::<(), helm_chart::LoadError>(())
    /// ```
    pub fn load(source: impl IntoIterator<Item = SourceFile>, limits: &Limits) -> Result<Self, LoadError> {
        let source = checked(source, limits)?;
        let is_chart_yaml = |file: &&SourceFile| file.path == CHART_YAML && file.mode == Mode::File;
        // As Helm does, before the rules of .helmignore are read.
        if let Some(chart_yaml) = source.iter().find(is_chart_yaml) {
            detect_version(&chart_yaml.bytes)?;
        }
        load_checked(kept(source)?, Room::new(limits))
    }

    /// Like [`Chart::load`], any `apiVersion` being taken: `helm lint` loads charts so.
    ///
    /// # Errors
    /// As [`Chart::load`], but for [`LoadError::UnsupportedVersion`] and [`LoadError::Version3`].
    pub fn load_any_version(
        source: impl IntoIterator<Item = SourceFile>,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        load_checked(kept(checked(source, limits)?)?, Room::new(limits))
    }

    /// Makes a chart of a .tgz, as `helm package` makes it: the files lie in one folder, whose name is of no matter.
    ///
    /// Refused, as by Helm, are paths that lead out of the folder. Refused too, other than by Helm, are links, devices
    /// and sparse files, and what exceeds `limits`. Only what is kept is in memory.
    ///
    /// # Errors
    /// If the bytes are no archive, a broken one, or no chart.
    pub fn load_archive(archive: &[u8], limits: &Limits) -> Result<Self, LoadError> {
        let mut room = Room::new(limits);
        let files = archive::unpack(archive, &mut room).map_err(|error| match error {
            ArchiveError::NotGzip => LoadError::NotGzip,
            error => LoadError::UnreadableArchive(error),
        })?;
        let chart_yaml = files.iter().find(|(path, _)| path == CHART_YAML);
        detect_version(&chart_yaml.ok_or(LoadError::NoChartYamlInArchive)?.1)?;
        load_checked(files, room)
    }
}

/// The files that `.helmignore` keeps.
fn kept(source: Vec<SourceFile>) -> Result<Files, LoadError> {
    let rules = source.iter().find(|file| file.path == ignore::FILE_NAME);
    let rules = rules.map(|file| file.bytes.as_ref()).unwrap_or_default();
    let rules = IgnoreRules::parse(rules).map_err(LoadError::Ignore)?;
    let mut files = Files::new();
    for file in source {
        if rules.ignores_file(&file.path) {
            continue;
        }
        if file.mode == Mode::Symlink {
            return Err(LoadError::Symlink(file.path));
        }
        let bytes = file.bytes.strip_prefix(BYTE_ORDER_MARK).map_or(file.bytes.clone(), Arc::from);
        files.push((file.path, bytes));
    }
    Ok(files)
}

/// Makes the outermost chart.
fn load_checked(files: Files, mut room: Room<'_>) -> Result<Chart, LoadError> {
    let nesting = room.limits.nesting;
    let mut chart = load_files(files, &mut room, nesting)?;
    chart.warnings = room.warnings;
    Ok(chart)
}

/// Refuses a chart of an unknown `apiVersion`. Helm asks only about the outermost chart.
fn detect_version(chart_yaml: &[u8]) -> Result<(), LoadError> {
    let value = read_yaml(CHART_YAML, chart_yaml)?;
    let wrap = |source| LoadError::Metadata { file: CHART_YAML, source };
    let fields = Fields::of("chartBase", "loader.chartBase", &value).map_err(wrap)?;
    match fields.string("apiVersion").map_err(wrap)?.as_deref() {
        None | Some("" | "v1" | "v2") => Ok(()),
        Some("v3") => Err(LoadError::Version3),
        Some(_) => Err(LoadError::UnsupportedVersion),
    }
}

/// Checks number, size and paths, and sorts as a walk over folders does.
fn checked(
    source: impl IntoIterator<Item = SourceFile>,
    limits: &Limits,
) -> Result<Vec<SourceFile>, LoadError> {
    let mut files: Vec<SourceFile> = Vec::new();
    let mut total = 0usize;
    for file in source {
        if file.bytes.len() > limits.file_bytes {
            return Err(LimitExceeded::FileBytes { path: file.path, most: limits.file_bytes }.into());
        }
        total = total.saturating_add(file.bytes.len());
        if total > limits.total_bytes {
            return Err(LimitExceeded::TotalBytes(limits.total_bytes).into());
        }
        if files.len() == limits.files {
            return Err(LimitExceeded::Files(limits.files).into());
        }
        if file.path.len() > limits.path_bytes {
            return Err(LimitExceeded::PathBytes(limits.path_bytes).into());
        }
        if let Some(fault) = path_fault(&file.path) {
            return Err(LoadError::Path { path: file.path, fault });
        }
        files.push(file);
    }
    files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
    if let Some([first, _]) = files.array_windows().find(|[a, b]| a.path == b.path) {
        return Err(LoadError::Path { path: first.path.clone(), fault: PathFault::Twice });
    }
    Ok(files)
}

pub(crate) fn path_fault(path: &str) -> Option<PathFault> {
    if path.split('/').any(str::is_empty) {
        Some(PathFault::Empty)
    } else if path.split('/').any(|part| part == "." || part == "..") {
        Some(PathFault::Dots)
    } else if path.chars().any(|c| c == '\\' || c.is_control()) {
        Some(PathFault::Character)
    } else {
        None
    }
}

/// Makes a chart of files that are checked, in Helm's order; `nesting` charts may still lie inside each other.
fn load_files(files: Files, room: &mut Room<'_>, nesting: usize) -> Result<Chart, LoadError> {
    let Some(nesting) = nesting.checked_sub(1) else {
        return Err(LimitExceeded::Nesting(room.limits.nesting).into());
    };
    let mut parts = Parts::default();
    for (_, data) in files.iter().filter(|(path, _)| path == CHART_YAML) {
        parts.read_metadata(CHART_YAML, data)?;
        let api_version = &mut parts.raw_metadata().api_version;
        if api_version.is_empty() {
            *api_version = "v1".to_owned();
        }
    }
    for (name, data) in files.into_iter().filter(|(path, _)| path != CHART_YAML) {
        parts.add(name, data, &mut room.warnings)?;
    }
    let metadata = parts.metadata.take().ok_or(LoadError::NoChartYaml)?.validate()?;
    let folders = std::mem::take(&mut parts.folders);
    let mut chart = Chart {
        metadata,
        lock: parts.lock,
        values: parts.values,
        schema: parts.schema,
        templates: parts.templates,
        files: parts.files,
        dependencies: Vec::new(),
        warnings: Vec::new(),
    };
    for (folder, files) in folders {
        if !folder.starts_with(['_', '.']) {
            let dependency = load_dependency(&chart, &folder, files, room, nesting)?;
            chart.dependencies.push(dependency);
        }
    }
    Ok(chart)
}

/// What the files of a chart hold.
#[derive(Default)]
struct Parts {
    metadata: Option<RawMetadata>,
    lock: Option<Value>,
    values: Option<Values>,
    schema: Option<Arc<[u8]>>,
    templates: Vec<ChartFile>,
    files: Vec<ChartFile>,
    /// What lies in `charts/`, by the first part of the path there.
    folders: BTreeMap<String, Files>,
}

impl Parts {
    fn raw_metadata(&mut self) -> &mut RawMetadata {
        self.metadata.get_or_insert_default()
    }

    fn is_v1(&mut self) -> bool {
        self.raw_metadata().api_version == "v1"
    }

    fn read_metadata(&mut self, file: &'static str, data: &[u8]) -> Result<(), LoadError> {
        let value = read_yaml(file, data)?;
        self.raw_metadata().read(&value).map_err(|source| LoadError::Metadata { file, source })
    }

    fn read_lock(&mut self, file: &'static str, data: &[u8]) -> Result<(), LoadError> {
        let value = read_yaml(file, data)?;
        self.lock = read_lock(&value).map_err(|source| LoadError::Lock { file, source })?;
        Ok(())
    }

    /// Any file but Chart.yaml.
    fn add(&mut self, name: String, data: Arc<[u8]>, warnings: &mut Vec<Warning>) -> Result<(), LoadError> {
        match name.as_str() {
            "Chart.lock" => self.read_lock("Chart.lock", &data)?,
            "values.yaml" => self.values = Some(Values::from_slice(&data).map_err(LoadError::Values)?),
            "values.schema.json" => self.schema = Some(data),
            "requirements.yaml" => {
                if !self.is_v1() {
                    warnings.push(Warning::info(REQUIREMENTS_IN_V2));
                }
                self.read_metadata("requirements.yaml", &data)?;
                if self.is_v1() {
                    self.files.push(ChartFile { name, data });
                }
            }
            "requirements.lock" => {
                self.read_lock("requirements.lock", &data)?;
                if self.is_v1() {
                    self.files.push(ChartFile { name, data });
                } else {
                    warnings.push(Warning::info(LOCK_IN_V2));
                }
            }
            path if path.starts_with("templates/") => self.templates.push(ChartFile { name, data }),
            path => match path.strip_prefix("charts/") {
                Some(path) if !path.ends_with(".prov") => {
                    let folder = path.split('/').next().unwrap_or(path).to_owned();
                    self.folders.entry(folder).or_default().push((path.to_owned(), data));
                }
                _ => self.files.push(ChartFile { name, data }),
            },
        }
        Ok(())
    }
}

const REQUIREMENTS_IN_V2: &str = "Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend migrating dependencies to Chart.yaml.";

const LOCK_IN_V2: &str = "Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend migrating to Chart.lock.";

/// The chart in a folder or an archive in `charts/` of `parent`.
fn load_dependency(
    parent: &Chart,
    folder: &str,
    files: Files,
    room: &mut Room<'_>,
    nesting: usize,
) -> Result<Chart, LoadError> {
    let wrap = |source: LoadError| LoadError::Dependency {
        name: folder.to_owned(),
        chart: parent.name().to_owned(),
        source: Box::new(source),
    };
    if folder.ends_with(".tgz") {
        let Some((path, archive)) = files.into_iter().next() else {
            return Err(wrap(LoadError::NoChartYaml));
        };
        if path != folder {
            return Err(LoadError::FolderAsArchive {
                name: folder.to_owned(),
                chart: parent.name().to_owned(),
                found: path,
            });
        }
        let files = archive::unpack(&archive, room).map_err(|error| wrap(error.into()))?;
        return load_files(files, room, nesting).map_err(wrap);
    }
    // A file that lies directly in charts/ is no folder's.
    let below = |(path, data): (String, Arc<[u8]>)| Some((path.split_once('/')?.1.to_owned(), data));
    load_files(files.into_iter().filter_map(below).collect(), room, nesting).map_err(wrap)
}

fn read_yaml(file: &'static str, data: &[u8]) -> Result<Value, LoadError> {
    go_yaml::from_slice(data).map_err(|source| LoadError::Yaml { file, source })
}
