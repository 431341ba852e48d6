//! The images of workloads: pod templates, and the values of Helm releases in the shapes Flux recognises.

use go_yaml::Value;
use image_policy::{ImageRef, ParseError};

use crate::file::Object;
use crate::path::FieldPath;

/// The container name of an image at the top level of a release's values.
const CHART_IMAGE: &str = "chart-image";

/// The images an object states.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Images {
    /// One entry per container: pods' in the order containers, init containers; a release's `chart-image` first, then
    /// by name.
    pub containers: Vec<ContainerImage>,
    /// Fields that look like an image and are none. They are not automated.
    pub problems: Vec<ImageProblem>,
}

/// A container and its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerImage {
    /// The container's name; `chart-image` or a key of the values for a release.
    pub container: String,
    /// The image, put together from its fields.
    pub image: ImageRef,
    /// The fields it stands in.
    pub fields: ImageFields,
}

/// Where an image is written, from the object's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFields {
    /// The whole reference, or the repository.
    pub image: FieldPath,
    /// A tag of its own, which overrides one in `image`.
    pub tag: Option<FieldPath>,
    /// A registry of its own, which overrides one in `image`.
    pub registry: Option<FieldPath>,
}

/// Why a field is not taken for an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageProblem {
    /// The text is not an image reference.
    #[error("{field} of container {container} is not an image")]
    Unreadable {
        /// The container.
        container: String,
        /// The field.
        field: FieldPath,
        /// Why.
        source: ParseError,
    },
    /// A tag such as 1.10 without quotes is the number 1.1.
    #[error("{field} of container {container} is not a text; put its value in quotes")]
    NotText {
        /// The container.
        container: String,
        /// The field.
        field: FieldPath,
    },
    /// Two containers have one name, so that a policy cannot tell them apart.
    #[error("there are several containers named {container}")]
    Duplicate {
        /// The name.
        container: String,
    },
}

/// The images of a Deployment, DaemonSet, StatefulSet, CronJob, FluxHelmRelease or HelmRelease; none for other kinds.
#[must_use]
pub fn images(object: &Object) -> Images {
    let mut images = Images::default();
    if is_release(object) {
        let path = FieldPath::default().key("spec").key("values");
        if let Some(values) = path.value(&object.value) {
            images.of_values(values, &path);
        }
    } else if let Some(path) = pod_spec(object) {
        for list in ["containers", "initContainers"] {
            images.of_containers(&object.value, &path.key(list));
        }
    }
    images.refuse_duplicates();
    images
}

/// Names of the pull secrets a workload's pods refer to; none for other kinds.
#[must_use]
pub fn pull_secrets(object: &Object) -> Vec<String> {
    let Some(path) = pod_spec(object) else { return Vec::new() };
    let secrets =
        path.key("imagePullSecrets").value(&object.value).and_then(Value::as_seq).unwrap_or_default();
    secrets.iter().filter_map(|secret| Some(secret.get("name")?.as_str()?.to_owned())).collect()
}

/// By kind alone, as Flux does: the group changed twice.
fn is_release(object: &Object) -> bool {
    matches!(object.id.kind.as_str(), "FluxHelmRelease" | "HelmRelease")
}

fn pod_spec(object: &Object) -> Option<FieldPath> {
    let path = FieldPath::default().key("spec");
    match object.id.kind.as_str() {
        "Deployment" | "DaemonSet" | "StatefulSet" => Some(path.key("template").key("spec")),
        "CronJob" => Some(path.key("jobTemplate").key("spec").key("template").key("spec")),
        _ => None,
    }
}

impl Images {
    fn of_containers(&mut self, object: &Value, path: &FieldPath) {
        let containers = path.value(object).and_then(Value::as_seq).unwrap_or_default();
        for (index, container) in containers.iter().enumerate() {
            let Some(name) = container.get("name").and_then(Value::as_str) else { continue };
            let field = path.index(index).key("image");
            match container.get("image") {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => {
                    let fields = ImageFields { image: field, tag: None, registry: None };
                    self.add(name, text.parse(), fields);
                }
                Some(_) => self.problems.push(ImageProblem::NotText { container: name.to_owned(), field }),
            }
        }
    }

    /// The top level, and one level down.
    fn of_values(&mut self, values: &Value, path: &FieldPath) {
        self.of_map(CHART_IMAGE, values, path);
        for (key, value) in values.as_map().into_iter().flatten() {
            self.of_map(key, value, &path.key(key));
        }
    }

    /// `image: repo:tag`; `image: repo` with `tag` and `registry` beside it; `image: {repository, tag, registry}`.
    fn of_map(&mut self, container: &str, map: &Value, path: &FieldPath) {
        let Some(image) = map.get("image") else { return };
        match image {
            Value::String(_) => self.of_fields(container, map, path, "image"),
            Value::Map(_) => self.of_fields(container, image, &path.key("image"), "repository"),
            _ => {}
        }
    }

    fn of_fields(&mut self, container: &str, map: &Value, path: &FieldPath, repository: &str) {
        let Some(written) = map.get(repository).and_then(Value::as_str).filter(|text| !text.is_empty())
        else {
            return;
        };
        let mut fields = ImageFields { image: path.key(repository), tag: None, registry: None };
        let mut parts = [None, None];
        for (part, key) in parts.iter_mut().zip(["tag", "registry"]) {
            match map.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.is_empty() && key == "registry" => {}
                Some(Value::String(text)) => *part = Some(text.as_str()),
                Some(_) => {
                    let field = path.key(key);
                    self.problems.push(ImageProblem::NotText { container: container.to_owned(), field });
                    return;
                }
            }
        }
        let [tag, registry] = parts;
        fields.tag = tag.map(|_| path.key("tag"));
        fields.registry = registry.map(|_| path.key("registry"));
        self.add(container, compose(written, tag, registry), fields);
    }

    fn add(&mut self, container: &str, image: Result<ImageRef, ParseError>, fields: ImageFields) {
        let container = container.to_owned();
        match image {
            Ok(image) => self.containers.push(ContainerImage { container, image, fields }),
            Err(source) => {
                self.problems.push(ImageProblem::Unreadable { container, field: fields.image, source });
            }
        }
    }

    fn refuse_duplicates(&mut self) {
        let mut names: Vec<String> = self.containers.iter().map(|found| found.container.clone()).collect();
        names.sort();
        let mut duplicates: Vec<String> =
            names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
        duplicates.dedup();
        self.containers.retain(|found| !duplicates.contains(&found.container));
        self.problems.extend(duplicates.into_iter().map(|container| ImageProblem::Duplicate { container }));
    }
}

/// The image that the fields make together.
fn compose(written: &str, tag: Option<&str>, registry: Option<&str>) -> Result<ImageRef, ParseError> {
    let image: ImageRef = written.parse()?;
    let mut image = match registry {
        Some(registry) => {
            let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
            format!("{registry}/{}{tag}", image.path()).parse()?
        }
        None => image,
    };
    if let Some(tag) = tag {
        image = image.with_tag(&tag.parse()?);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `container=image@fields` for every image, `!problem` for every problem.
    fn of(kind: &str, spec: &str) -> Vec<String> {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n");
        let parsed = crate::parse("x.yaml", text.as_bytes());
        let images = images(&parsed.objects[0]);
        let show = |found: ContainerImage| {
            let fields = [Some(found.fields.image), found.fields.tag, found.fields.registry];
            let fields: Vec<String> = fields.into_iter().flatten().map(|path| path.to_string()).collect();
            format!("{}={} @ {}", found.container, found.image, fields.join(" "))
        };
        let problems = images.problems.into_iter().map(|problem| format!("!{problem}"));
        images.containers.into_iter().map(show).chain(problems).collect()
    }

    #[test]
    fn of_pod_templates() {
        let pods = "{initContainers: [{name: i, image: 'init:1'}], containers: [{name: a, image: 'x/a:1'}, {name: b}]}";
        for kind in ["Deployment", "DaemonSet", "StatefulSet"] {
            assert_eq!(
                of(kind, &format!("{{template: {{spec: {pods}}}}}")),
                [
                    "a=x/a:1 @ spec.template.spec.containers[0].image",
                    "i=init:1 @ spec.template.spec.initContainers[0].image"
                ]
            );
        }
        let cron = format!("{{jobTemplate: {{spec: {{template: {{spec: {pods}}}}}}}}}");
        assert_eq!(of("CronJob", &cron).len(), 2);
        assert_eq!(of("Job", &format!("{{template: {{spec: {pods}}}}}")), [""; 0]);
        let odd = "{template: {spec: {containers: [{name: a, image: 1.1}, {name: b, image: 'B:1'}, {name: c, image: 'c:1'}, {name: c, image: 'c:2'}]}}}";
        assert_eq!(
            of("Deployment", odd),
            [
                "!spec.template.spec.containers[0].image of container a is not a text; put its value in quotes",
                "!spec.template.spec.containers[1].image of container b is not an image",
                "!there are several containers named c"
            ]
        );
    }

    #[test]
    fn of_release_values() {
        let table: &[(&str, &[&str])] = &[
            ("{image: 'a/b:1'}", &["chart-image=a/b:1 @ spec.values.image"]),
            ("{image: 'a/b', tag: '1'}", &["chart-image=a/b:1 @ spec.values.image spec.values.tag"]),
            (
                "{image: a/b, tag: v1, registry: quay.io}",
                &["chart-image=quay.io/a/b:v1 @ spec.values.image spec.values.tag spec.values.registry"],
            ),
            ("{image: 'a/b:0', tag: v1}", &["chart-image=a/b:v1 @ spec.values.image spec.values.tag"]),
            (
                "{image: 'docker.io/a/b:2', registry: 'r.io:5000'}",
                &["chart-image=r.io:5000/a/b:2 @ spec.values.image spec.values.registry"],
            ),
            (
                "{image: {repository: a/b, tag: v1}}",
                &["chart-image=a/b:v1 @ spec.values.image.repository spec.values.image.tag"],
            ),
            ("{image: {repository: 'a/b:2'}}", &["chart-image=a/b:2 @ spec.values.image.repository"]),
            (
                "{image: {repository: a/b, tag: v1, registry: q.io}}",
                &[
                    "chart-image=q.io/a/b:v1 @ spec.values.image.repository spec.values.image.tag spec.values.image.registry",
                ],
            ),
            (
                "{z: {image: 'z:1'}, b: {image: {repository: b, tag: '2'}}, image: 'c:3'}",
                &[
                    "chart-image=c:3 @ spec.values.image",
                    "b=b:2 @ spec.values.b.image.repository spec.values.b.image.tag",
                    "z=z:1 @ spec.values.z.image",
                ],
            ),
            ("{a: {b: {image: 'x:1'}}, c: [{image: 'y:1'}], d: {repository: z}}", &[]),
            ("{image: {tag: v1}, tag: x}", &[]),
            (
                "{image: a, tag: 1.10}",
                &["!spec.values.tag of container chart-image is not a text; put its value in quotes"],
            ),
            ("{image: 'not an image'}", &["!spec.values.image of container chart-image is not an image"]),
            ("{image: [a], b: {image: 3}}", &[]),
            ("{}", &[]),
        ];
        for (values, want) in table {
            for kind in ["FluxHelmRelease", "HelmRelease"] {
                assert_eq!(of(kind, &format!("{{values: {values}}}")), *want, "{values}");
            }
        }
    }
}
