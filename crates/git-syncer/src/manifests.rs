//! The repository's manifests in git-syncer's own terms: what crate `manifest` reads, made ready for applying and automation.

use std::fmt;

use image_policy::Tag;
use kube_apply::ObjectRef;
use manifest::ObjectId;
use serde_json::Value;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileError {
    /// Path relative to the root of the repository.
    pub path: String,
    /// Number of the document in the file, from 1; 0 when the whole file is meant.
    pub document: u32,
    /// Line in the file, from 1; 0 when unknown.
    pub line: u32,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.document > 0 {
            write!(f, ", document {}", self.document)?;
        }
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// One object that a file states.
#[derive(Debug, Clone)]
pub struct ManifestObject {
    /// Its identity as written.
    pub object: ObjectRef,
    /// The file.
    pub path: String,
    /// Number of its document in the file, from 1.
    pub document: u32,
    /// What to apply.
    pub content: Value,
    /// Flux's `ignore` policy: not applied, not automated.
    pub ignored: bool,
    /// For an object that runs containers.
    pub workload: Option<Workload>,
}

/// An object that runs containers, with its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The object; its namespace is always given.
    pub object: ObjectRef,
    /// Its identity as the file writes it.
    pub written: ObjectId,
    /// The file.
    pub path: String,
    /// Whether automation moves its images.
    pub automated: bool,
    /// Whether it is locked.
    pub locked: bool,
    /// Whether it is ignored.
    pub ignored: bool,
    /// Its containers in the file's order.
    pub containers: Vec<Container>,
    /// Names of the pull secrets it refers to.
    pub pull_secrets: Vec<String>,
}

impl Workload {
    /// Flux's id: `<namespace>:<kind in lower case>/<name>`.
    pub fn id(&self) -> String {
        let namespace = self.object.namespace.as_deref().unwrap_or_default();
        format!("{namespace}:{}/{}", self.object.kind.to_lowercase(), self.object.name)
    }

    /// Whether automation may edit it.
    pub fn follows_images(&self) -> bool {
        self.automated && !self.locked && !self.ignored
    }
}

/// A container of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Name; `chart-image` for the image at the top level of a release's values.
    pub name: String,
    /// Image reference as the file writes it.
    pub image: String,
    /// Its tag pattern; `glob:*` when the file gives none, `None` when the file gives one that cannot be used.
    pub pattern: Option<String>,
}
/// Reads a file: its objects, and everything that is wrong with other parts of it. Objects without a namespace count as of
/// `default_namespace` where a namespace is needed to name a workload.
pub fn parse(path: &str, bytes: &[u8], default_namespace: &str) -> (Vec<ManifestObject>, Vec<FileError>) {
    let parsed = manifest::parse(path, bytes);
    let mut errors: Vec<FileError> = parsed.errors.iter().map(file_error).collect();
    let objects =
        parsed.objects.into_iter().map(|object| read_object(path, &object, default_namespace, &mut errors));
    (objects.collect(), errors)
}

/// The file with the container's image moved to another tag, every other byte as it was. The file must still say `from`.
///
/// # Errors
/// A sentence that says why the file cannot be edited.
pub fn set_image(
    path: &str,
    bytes: &[u8],
    workload: &Workload,
    container: &str,
    from: &Tag,
    to: &Tag,
) -> Result<Vec<u8>, String> {
    let change = manifest::ImageChange { container, from: Some(from), to };
    manifest::set_image(path, bytes, &workload.written, change).map_err(|error| service_kit::chain(&error))
}

fn read_object(
    path: &str,
    object: &manifest::Object,
    default_namespace: &str,
    errors: &mut Vec<FileError>,
) -> ManifestObject {
    let policies = manifest::policies(object);
    let images = manifest::images(object);
    let (document, line) = (number(Some(object.document)), number(Some(object.line)));
    let mut report = |problem: &(dyn std::error::Error + 'static)| {
        let message = format!("{}: {}", object.id, service_kit::chain(problem));
        errors.push(FileError { path: path.to_owned(), document, line, message });
    };
    policies.problems.iter().for_each(|problem| report(problem));
    if policies.automated {
        images.problems.iter().for_each(|problem| report(problem));
    }
    let identity = ObjectRef {
        api_version: object.id.api_version.clone(),
        kind: object.id.kind.clone(),
        namespace: object.id.namespace.clone(),
        name: object.id.name.clone(),
    };
    let ignored = policies.ignore == manifest::Ignore::Yes;
    let workload = (!images.containers.is_empty()).then(|| Workload {
        object: ObjectRef {
            namespace: Some(identity.namespace.clone().unwrap_or_else(|| default_namespace.to_owned())),
            ..identity.clone()
        },
        written: object.id.clone(),
        path: path.to_owned(),
        automated: policies.automated,
        locked: policies.locked,
        ignored,
        containers: images.containers.iter().map(|found| container(found, &policies)).collect(),
        pull_secrets: manifest::pull_secrets(object),
    });
    let content = to_json(&object.value);
    ManifestObject { object: identity, path: path.to_owned(), document, content, ignored, workload }
}

fn container(found: &manifest::ContainerImage, policies: &manifest::Policies) -> Container {
    let pattern = policies.pattern(&found.container);
    Container {
        name: found.container.clone(),
        image: found.image.to_string(),
        pattern: pattern.map(|it| it.to_string()),
    }
}

/// The error in the parts that the API has; its text without them.
fn file_error(error: &manifest::ManifestError) -> FileError {
    let (document, line) = (number(error.document()), number(error.line()));
    let mut place = error.file().to_owned();
    for (name, number) in [("document", document), ("line", line)] {
        if number > 0 {
            place.push_str(&format!(", {name} {number}"));
        }
    }
    let text = service_kit::chain(error);
    let message = text.strip_prefix(&place).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
    FileError { path: error.file().to_owned(), document, line, message: message.to_owned() }
}

fn number(number: Option<usize>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// The value as JSON. A whole number written with a fraction (`1.0`) becomes an integer, as Go's encoder prints it.
fn to_json(value: &go_yaml::Value) -> Value {
    use go_yaml::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(*value),
        Yaml::Int(value) => Value::from(*value),
        Yaml::Uint(value) => Value::from(*value),
        Yaml::Float(value) if value.fract() == 0.0 && value.abs() < MAX_WHOLE => Value::from(*value as i64),
        Yaml::Float(value) => Value::from(*value),
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Seq(items) => Value::Array(items.iter().map(to_json).collect()),
        Yaml::Map(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), to_json(value))).collect())
        }
    }
}

/// 2⁵³: below it every whole number is exact.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_carry_their_policies_and_images() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    \
                    flux.weave.works/automated: 'true'\n    flux.weave.works/tag.web: glob:v1.*\nspec:\n  replicas: 1.0\n  template:\n    \
                    spec:\n      imagePullSecrets: [{name: pull}]\n      containers:\n      - {name: web, image: 'web:v1.0'}\n      \
                    - {name: side, image: side}\n";
        let (objects, errors) = parse("web.yaml", text.as_bytes(), "default");
        assert_eq!(errors, []);
        assert_eq!(objects[0].content["spec"]["replicas"], serde_json::json!(1));
        let workload = objects[0].workload.as_ref().unwrap();
        assert_eq!((workload.id().as_str(), workload.follows_images()), ("default:deployment/web", true));
        assert_eq!(workload.pull_secrets, ["pull"]);
        let containers: Vec<_> = workload
            .containers
            .iter()
            .map(|it| (it.name.as_str(), it.image.as_str(), it.pattern.as_deref()))
            .collect();
        assert_eq!(containers, [("web", "web:v1.0", Some("glob:v1.*")), ("side", "side", Some("glob:*"))]);
    }

    #[test]
    fn errors_say_where_and_what_once() {
        let check = |text: &str, start: &str| {
            let (_, errors) = parse("a/b.yaml", text.as_bytes(), "default");
            let shown = errors[0].to_string();
            assert!(shown.starts_with(start), "{shown}");
            assert_eq!(shown.matches("a/b.yaml").count(), 1, "{shown}");
        };
        check("kind: [\n", "a/b.yaml, document 1, line ");
        check(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
            "a/b.yaml, document 1, line 1: metadata.name is missing",
        );
        check(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {flux.weave.works/automated: true}}\n",
            "a/b.yaml, document 1, line 1: v1 ConfigMap a: annotation flux.weave.works/automated is not a text",
        );
    }
}
