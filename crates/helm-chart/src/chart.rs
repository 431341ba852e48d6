//! A chart in memory.

use std::sync::Arc;

use go_yaml::Value;

use crate::metadata::{ChartType, Metadata};
use crate::values::Values;
use crate::warning::Warning;

/// What kind of file a path of the chart's source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A file, executable or not.
    File,
    /// A symbolic link.
    Symlink,
}

/// A file of the chart's source.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path below the chart's folder, with `/` between its parts.
    pub path: String,
    /// What it is.
    pub mode: Mode,
    /// The content.
    pub bytes: Arc<[u8]>,
}

/// A file of a chart. Cloning it shares the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartFile {
    /// The path below the chart's folder: `templates/service.yaml`.
    pub name: String,
    /// The content, without a byte order mark.
    pub data: Arc<[u8]>,
}

/// A file below `crds/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crd {
    /// The path beginning with the root chart's name: `podinfo/charts/redis/crds/a.yaml`.
    pub path: String,
    /// The file.
    pub file: ChartFile,
}

/// A chart and the charts it depends on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Chart {
    /// Chart.yaml.
    pub metadata: Metadata,
    /// Chart.lock or requirements.lock as Helm keeps it: a map of `generated`, `digest` and `dependencies`.
    pub lock: Option<Value>,
    /// values.yaml; none if the chart has no such file.
    pub values: Option<Values>,
    /// values.schema.json.
    pub schema: Option<Arc<[u8]>>,
    /// The files in `templates/`.
    pub templates: Vec<ChartFile>,
    /// All files that are none of the above and no dependency's.
    pub files: Vec<ChartFile>,
    /// The charts in `charts/`, in the order of their folders.
    pub dependencies: Vec<Chart>,
    /// What Helm logs when it loads the chart and its dependencies, and of a chart of
    /// [`process_dependencies`](crate::process_dependencies) when it processes them. Empty in a dependency.
    pub warnings: Vec<Warning>,
}

impl Chart {
    /// The chart's name; for a dependency with an alias, the alias.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Whether the chart only holds partials for others and cannot be installed itself.
    pub fn is_library(&self) -> bool {
        self.metadata.chart_type == ChartType::Library
    }

    /// The files below `crds/` of this chart and, after them, of its dependencies.
    pub fn crds(&self) -> Vec<Crd> {
        let mut crds = Vec::new();
        self.collect_crds(self.name(), &mut crds);
        crds
    }

    fn collect_crds(&self, full_path: &str, crds: &mut Vec<Crd>) {
        let is_crd = |file: &&ChartFile| file.name.starts_with("crds/") && has_manifest_extension(&file.name);
        crds.extend(
            self.files
                .iter()
                .filter(is_crd)
                .map(|file| Crd { path: format!("{full_path}/{}", file.name), file: file.clone() }),
        );
        for dependency in &self.dependencies {
            dependency.collect_crds(&format!("{full_path}/charts/{}", dependency.name()), crds);
        }
    }
}

fn has_manifest_extension(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
