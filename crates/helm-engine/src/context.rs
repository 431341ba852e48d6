//! What each chart's templates see: dot.

use std::collections::BTreeMap;
use std::sync::Arc;

use go_template::{List, Map, Type, Value};
use helm_chart::{Chart, Dependency, Maintainer, Metadata, Values};

use crate::capabilities::Capabilities;
use crate::data::{from_yaml, table};
use crate::files::Files;
use crate::objects::CapabilitiesObject;
use crate::release::Operation;
use crate::values::{VALUES, table_at};

/// The dot of one chart's templates, shared by all of them: what one sets, the next sees.
pub(crate) struct Dot {
    map: Map,
    base_path: String,
}

impl Dot {
    /// The dot for the template `name`.
    pub(crate) fn for_template(&self, name: &str) -> Value {
        let template = Map::typed(VALUES);
        template.insert("Name", name);
        template.insert("BasePath", self.base_path.as_str());
        self.map.insert("Template", template);
        Value::Map(self.map.clone())
    }
}

/// The dots of a chart and its dependencies, by the chart's full path.
pub(crate) fn dots(
    chart: &Chart,
    values: &Values,
    release: &ReleaseFacts<'_>,
    capabilities: &Arc<Capabilities>,
) -> BTreeMap<String, Dot> {
    let shared = Shared {
        release: Value::Map(release_table(release)),
        capabilities: Value::object(CapabilitiesObject(capabilities.clone())),
    };
    let mut dots = BTreeMap::new();
    let values = table(VALUES, values.as_map());
    add(chart, chart.name().to_owned(), true, values, &shared, &mut dots);
    dots
}

/// `.Release`.
pub(crate) struct ReleaseFacts<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) revision: u32,
    /// None while a chart is linted: then it is neither installed nor upgraded.
    pub(crate) operation: Option<Operation>,
}

struct Shared {
    release: Value,
    capabilities: Value,
}

fn add(
    chart: &Chart,
    path: String,
    root: bool,
    values: Map,
    shared: &Shared,
    dots: &mut BTreeMap<String, Dot>,
) -> Map {
    let map = Map::typed(VALUES);
    let metadata = metadata_table(&chart.metadata);
    metadata.insert("IsRoot", root);
    let subcharts = Map::new();
    map.insert("Chart", metadata);
    map.insert("Files", Value::object(Files::new(&chart.files)));
    map.insert("Release", shared.release.clone());
    map.insert("Capabilities", shared.capabilities.clone());
    map.insert("Values", values.clone());
    map.insert("Subcharts", subcharts.clone());
    for dependency in &chart.dependencies {
        let name = dependency.name();
        // Not a copy: what the dependency's templates set, the parent's see.
        let own = table_at(&values, name).unwrap_or_else(|_| Map::typed(VALUES));
        let path = format!("{path}/charts/{name}");
        subcharts.insert(name, add(dependency, path, false, own, shared, dots));
    }
    let base_path = format!("{path}/templates");
    dots.insert(path, Dot { map: map.clone(), base_path });
    map
}

fn release_table(release: &ReleaseFacts<'_>) -> Map {
    let map = Map::new();
    map.insert("Name", release.name);
    map.insert("Namespace", release.namespace);
    map.insert("IsUpgrade", release.operation == Some(Operation::Upgrade));
    map.insert("IsInstall", release.operation == Some(Operation::Install));
    map.insert("Revision", Value::Int(release.revision.into()));
    map.insert("Service", "Helm");
    map
}

/// Chart.yaml under the names of Go's fields.
fn metadata_table(metadata: &Metadata) -> Map {
    let map = Map::new();
    for (name, text) in [
        ("Name", &metadata.name),
        ("Home", &metadata.home),
        ("Version", &metadata.version),
        ("Description", &metadata.description),
        ("Icon", &metadata.icon),
        ("APIVersion", &metadata.api_version),
        ("Condition", &metadata.condition),
        ("Tags", &metadata.tags),
        ("AppVersion", &metadata.app_version),
        ("KubeVersion", &metadata.kube_version),
        ("Type", &metadata.type_text),
    ] {
        map.insert(name, text.as_str());
    }
    map.insert("Sources", texts(&metadata.sources));
    map.insert("Keywords", texts(&metadata.keywords));
    map.insert("Deprecated", metadata.deprecated);
    let annotations = match &metadata.annotations {
        annotations if annotations.is_empty() => Map::nil(Type::STRING_MAP),
        annotations => Map::of_strings(annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
    };
    map.insert("Annotations", annotations);
    map.insert("Maintainers", metadata.maintainers.iter().map(maintainer_table).collect::<List>());
    map.insert("Dependencies", metadata.dependencies.iter().map(dependency_table).collect::<List>());
    map
}

fn maintainer_table(maintainer: &Maintainer) -> Map {
    let fields = [("Name", &maintainer.name), ("Email", &maintainer.email), ("URL", &maintainer.url)];
    fields.into_iter().map(|(name, text)| (name, text.as_str())).collect()
}

fn dependency_table(dependency: &Dependency) -> Map {
    let map = Map::new();
    for (name, text) in [
        ("Name", &dependency.name),
        ("Version", &dependency.version),
        ("Repository", &dependency.repository),
        ("Condition", &dependency.condition),
        ("Alias", &dependency.alias),
    ] {
        map.insert(name, text.as_str());
    }
    map.insert("Tags", texts(&dependency.tags));
    map.insert("Enabled", dependency.enabled);
    map.insert("ImportValues", List::new(dependency.import_values.iter().map(from_yaml).collect()));
    map
}

fn texts(texts: &[String]) -> List {
    texts.iter().map(String::as_str).collect()
}
