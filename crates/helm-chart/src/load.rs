//! Making a [`Chart`] of its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use go_yaml::{ReadError, Value};

use crate::archive::{self, ArchiveError};
use crate::chart::{Chart, ChartFile, Mode, SourceFile};
use crate::decode::WrongType;
use crate::ignore::{self, InvalidRule, Rules};
use crate::limits::{LimitExceeded, Limits};
use crate::metadata::{InvalidMetadata, Metadata, MetadataError};
use crate::values::{Values, ValuesError};

pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why files are no chart. With its causes, joined by `: `, the text is Helm's where Helm refuses too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A path that no file of a chart may have.
    #[error("{path:?} is no path of a chart's file")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        fault: PathFault,
    },
    /// A symbolic link. Helm follows them; here a chart consists of its own files.
    #[error(
        "{0:?} is a symbolic link, which a chart must not contain: put the file itself there or list it in .helmignore"
    )]
    Symlink(String),
    /// `.helmignore` cannot be read.
    #[error("cannot load .helmignore")]
    Ignore(#[source] InvalidRule),
    /// There is no Chart.yaml.
    #[error("Chart.yaml file is missing")]
    NoChartYaml,
    /// A file is not YAML.
    #[error("cannot load {file}: error converting YAML to JSON")]
    Yaml {
        /// Chart.yaml, Chart.lock, requirements.yaml or requirements.lock.
        file: &'static str,
        /// What is wrong.
        #[source]
        source: ReadError,
    },
    /// Chart.yaml or requirements.yaml has a field of the wrong type.
    #[error("cannot load {file}")]
    Metadata {
        /// The file.
        file: &'static str,
        /// What is wrong.
        #[source]
        source: WrongType,
    },
    /// values.yaml cannot be read.
    #[error("cannot load values.yaml")]
    Values(#[source] ValuesError),
    /// Chart.yaml breaks a rule.
    #[error(transparent)]
    Invalid(#[from] InvalidMetadata),
    /// A dependency in `charts/` is no chart.
    #[error("error unpacking subchart {name} in {chart}")]
    Dependency {
        /// Its folder.
        name: String,
        /// The chart that contains it.
        chart: String,
        /// What is wrong with it.
        #[source]
        source: Box<LoadError>,
    },
    /// A packed dependency cannot be unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// It is empty or has an empty part.
    #[error("it is empty, absolute or has an empty part")]
    Empty,
    /// It has a part `.` or `..`.
    #[error("it has a part \".\" or \"..\"")]
    Dots,
    /// It has a backslash or a control character.
    #[error("it has a backslash or a control character")]
    Character,
    /// Two files have it.
    #[error("the chart has two files of this path")]
    Twice,
}

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
        let rules = source.iter().find(|file| file.path == ignore::FILE_NAME);
        let rules = rules.map(|file| String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
        let rules = Rules::parse(&rules).map_err(LoadError::Ignore)?;
        let mut files = Files::new();
        for file in source {
            if rules.ignores(&file.path) {
                continue;
            }
            if file.mode == Mode::Symlink {
                return Err(LoadError::Symlink(file.path));
            }
            let bytes = file.bytes.strip_prefix(BYTE_ORDER_MARK).map_or(file.bytes.clone(), Arc::from);
            files.push((file.path, bytes));
        }
        load_files(files, &mut Room { limits, left: *limits }, limits.nesting)
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

/// What may still be unpacked: all archives of a chart share one limit.
pub(crate) struct Room<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) left: Limits,
}

/// Makes a chart of files that are checked; `nesting` charts may still lie inside each other.
fn load_files(files: Files, room: &mut Room<'_>, nesting: usize) -> Result<Chart, LoadError> {
    let Some(nesting) = nesting.checked_sub(1) else {
        return Err(LimitExceeded::Nesting(room.limits.nesting).into());
    };
    let (metadata, rest) = take_metadata(files)?;
    let mut chart = Chart {
        metadata,
        lock: None,
        values: None,
        schema: None,
        templates: Vec::new(),
        files: Vec::new(),
        dependencies: Vec::new(),
    };
    let mut dependencies: BTreeMap<String, Files> = BTreeMap::new();
    for (name, data) in rest {
        if let Some(path) = name.strip_prefix("charts/").filter(|path| !path.ends_with(".prov")) {
            let folder = path.split('/').next().unwrap_or(path);
            dependencies.entry(folder.to_owned()).or_default().push((path.to_owned(), data));
        } else {
            add_file(&mut chart, ChartFile { name, data })?;
        }
    }
    chart.metadata = chart.metadata.validate()?;
    for (folder, files) in dependencies {
        if folder.starts_with(['_', '.']) {
            continue;
        }
        let chart_name = chart.metadata.name.clone();
        let wrap = |source| LoadError::Dependency {
            name: folder.clone(),
            chart: chart_name,
            source: Box::new(source),
        };
        chart.dependencies.push(load_dependency(&folder, files, room, nesting).map_err(wrap)?);
    }
    Ok(chart)
}

fn load_dependency(
    folder: &str,
    files: Files,
    room: &mut Room<'_>,
    nesting: usize,
) -> Result<Chart, LoadError> {
    if folder.ends_with(".tgz") {
        // A folder of such a name holds no archive: its first file is tried as one, and fails.
        let archive = files.first().map(|(_, data)| data.clone()).unwrap_or_default();
        return load_files(archive::unpack(&archive, room)?, room, nesting);
    }
    // A file that lies directly in charts/ is no folder's.
    let below = |(path, data): (String, Arc<[u8]>)| Some((path.split_once('/')?.1.to_owned(), data));
    load_files(files.into_iter().filter_map(below).collect(), room, nesting)
}

/// Chart.yaml, with requirements.yaml laid over it, and all other files.
fn take_metadata(files: Files) -> Result<(Metadata, Files), LoadError> {
    let find = |name: &str| files.iter().find(|(path, _)| path == name).map(|(_, data)| data);
    let chart_yaml = find("Chart.yaml").ok_or(LoadError::NoChartYaml)?;
    let wrap = |file| {
        move |error| match error {
            MetadataError::Invalid(invalid) => LoadError::Invalid(invalid),
            MetadataError::WrongType(source) => LoadError::Metadata { file, source },
        }
    };
    let mut metadata = Metadata::decode(&read_yaml("Chart.yaml", chart_yaml)?).map_err(wrap("Chart.yaml"))?;
    if let Some(data) = find("requirements.yaml") {
        let requirements = read_yaml("requirements.yaml", data)?;
        metadata.update(&requirements).map_err(wrap("requirements.yaml"))?;
    }
    let rest = files.into_iter().filter(|(path, _)| path != "Chart.yaml").collect();
    Ok((metadata, rest))
}

fn add_file(chart: &mut Chart, file: ChartFile) -> Result<(), LoadError> {
    let v1 = chart.metadata.api_version == "v1";
    match file.name.as_str() {
        "Chart.lock" => chart.lock = Some(read_yaml("Chart.lock", &file.data)?),
        "requirements.lock" => {
            chart.lock = Some(read_yaml("requirements.lock", &file.data)?);
            chart.files.extend(v1.then_some(file));
        }
        // Its content is in the metadata already.
        "requirements.yaml" => chart.files.extend(v1.then_some(file)),
        "values.yaml" => {
            let text = utf8("values.yaml", &file.data)?;
            chart.values = Some(Values::from_yaml(text).map_err(LoadError::Values)?);
        }
        "values.schema.json" => chart.schema = Some(file.data),
        name if name.starts_with("templates/") => chart.templates.push(file),
        _ => chart.files.push(file),
    }
    Ok(())
}

fn read_yaml(file: &'static str, data: &[u8]) -> Result<Value, LoadError> {
    go_yaml::from_slice(data).map_err(|source| LoadError::Yaml { file, source })
}

fn utf8<'a>(file: &'static str, data: &'a [u8]) -> Result<&'a str, LoadError> {
    match std::str::from_utf8(data) {
        Ok(text) => Ok(text),
        // go-yaml's reader has the words for it.
        Err(_) => match read_yaml(file, data) {
            Err(error) => Err(error),
            Ok(_) => Ok(""),
        },
    }
}
