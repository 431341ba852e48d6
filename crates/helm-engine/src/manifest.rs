//! Rendered files split into objects, and hooks told apart from the rest.

use std::collections::BTreeMap;

use go_yaml::{NodeRef, Value};
use helm_chart::{Fields, Warning, WrongType};
use memchr::memmem;

use crate::error::RenderError;
use crate::order::{KindOrder, sort_by_kind};
use crate::shape::{Fault, Shape, Source, Struct, fault};

/// A rendered object that is no hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The template that it comes from, beginning with the chart's name: `podinfo/templates/service.yaml`.
    pub path: String,
    /// The YAML document, without separator; what follows the document in its file's text is still at its end.
    pub content: String,
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// A rendered hook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hook {
    /// The template that it comes from, beginning with the chart's name.
    pub path: String,
    /// The YAML document.
    pub manifest: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// When it runs: `pre-install`, `post-upgrade`, `test`, …
    pub events: Vec<String>,
    /// Its place among the hooks of one event; lighter ones run first.
    pub weight: i64,
    /// When its object is deleted, as annotated: `before-hook-creation`, `hook-succeeded`, `hook-failed`.
    pub delete_policies: Vec<String>,
    /// When its log is shown, as annotated.
    pub output_log_policies: Vec<String>,
}

/// A rendered file that is not YAML, or whose head does not look like an object's.
#[derive(Debug, thiserror::Error)]
#[error("YAML parse error on {path}")]
pub struct ManifestError {
    /// The template.
    pub path: String,
    /// What is wrong with its output.
    #[source]
    pub source: HeadError,
    /// What all templates of the render printed; empty for a stored manifest.
    pub printed: Printed,
}

/// What templates printed. It may hold secrets: `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Printed(String);

impl Printed {
    /// The text, each file below its path as in a manifest.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Printed({} bytes)", self.0.len())
    }
}

/// Why a document's head cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Not YAML.
    #[error("error converting YAML to JSON")]
    Yaml(#[from] go_yaml::ReadError),
    /// A field has a value of another type.
    #[error(transparent)]
    WrongType(#[from] WrongType),
}

/// The annotation that makes an object a hook.
pub const HOOK: &str = "helm.sh/hook";
const HOOK_WEIGHT: &str = "helm.sh/hook-weight";
const HOOK_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
const HOOK_OUTPUT_LOG_POLICY: &str = "helm.sh/hook-output-log-policy";

const EVENTS: [&str; 9] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
];

/// Splits text at lines that begin with `---`, as Helm does: what follows the dashes on their line begins the next
/// document. Empty documents are left out.
pub fn split_documents(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    let mut pieces = Vec::new();
    let mut start = 0;
    let first = text.starts_with("---").then_some(0);
    let others = memmem::find_iter(text.as_bytes(), b"\n---").map(|line_end| line_end + 1);
    for position in first.into_iter().chain(others) {
        pieces.push(&text[start..position]);
        let rest = &text[position + "---".len()..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        start = position + "---".len() + blanks;
    }
    pieces.push(&text[start..]);
    pieces.into_iter().map(str::trim_start).filter(|document| !document.is_empty()).collect()
}

/// The objects in a manifest as a release's record holds it, in its order, with the paths of its `# Source:` lines.
///
/// # Errors
/// If a document is not YAML or no object.
pub fn parse_manifest(text: &str) -> Result<Vec<Manifest>, ManifestError> {
    let parse = |document: &str| {
        let source = document.strip_prefix("# Source: ").and_then(|rest| rest.split_once('\n'));
        let (path, content) = source.unwrap_or(("", document));
        read(path, content.to_owned())
    };
    split_documents(text).into_iter().map(parse).collect()
}

/// What rendered files hold, in the order of installing.
pub(crate) struct Sorted {
    pub(crate) hooks: Vec<Hook>,
    pub(crate) manifests: Vec<Manifest>,
    /// What was left out.
    pub(crate) warnings: Vec<Warning>,
}

/// Objects of one render, at most. Large public charts make some hundred.
const MAX_OBJECTS: usize = 50_000;

/// Splits rendered files and sorts their objects for installing. A small document may take long to read, by its aliases:
/// `interrupted` is asked before each.
pub(crate) fn sort_files(
    files: BTreeMap<String, String>,
    interrupted: &dyn Fn() -> bool,
) -> Result<Sorted, RenderError> {
    let mut heads = heads(&files, interrupted)?.into_iter();
    let mut manifests = Vec::new();
    for (path, text) in files {
        for content in contents(text) {
            let Some(head) = heads.next() else { break };
            manifests.push(Manifest { path: path.clone(), content, ..head });
        }
    }
    Ok(sort(manifests))
}

/// Tells hooks from other objects and sorts both for installing. The objects are in the order of their files.
pub(crate) fn sort(objects: Vec<Manifest>) -> Sorted {
    let (mut hooks, mut manifests, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for manifest in objects {
        let Some(events) = manifest.annotations.get(HOOK) else {
            manifests.push(manifest);
            continue;
        };
        match hook_events(events) {
            Some(events) => hooks.push(hook(events, &manifest)),
            None => warnings.push(Warning::info("skipping unknown hooks").with("hookTypes", events)),
        }
    }
    sort_by_kind(&mut hooks, KindOrder::Install, |hook| &hook.kind);
    sort_by_kind(&mut manifests, KindOrder::Install, |manifest| &manifest.kind);
    Sorted { hooks, manifests, warnings }
}

/// What is read of each document, in the order of the files and of the documents in them.
fn heads(
    files: &BTreeMap<String, String>,
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<Manifest>, RenderError> {
    let mut heads = Vec::new();
    for (path, text) in files {
        for document in split_documents(text) {
            if heads.len() == MAX_OBJECTS {
                return Err(RenderError::TooManyObjects(MAX_OBJECTS));
            }
            if interrupted() {
                return Err(RenderError::Budget {
                    text: format!("interrupted while the objects of {path} were read"),
                });
            }
            heads.push(
                read_head(path, document)
                    .map_err(|error| ManifestError { printed: printed(files), ..error })?,
            );
        }
    }
    Ok(heads)
}

/// The documents of a file. One that is all of the file, as most are, is not copied.
fn contents(mut text: String) -> Vec<String> {
    let documents = split_documents(&text);
    if let [document] = documents.as_slice() {
        let before = text.len() - document.len();
        if text.ends_with(document) {
            text.drain(..before);
            return vec![text];
        }
    }
    documents.into_iter().map(str::to_owned).collect()
}

/// All files, as Helm shows them when one of them cannot be read.
fn printed(files: &BTreeMap<String, String>) -> Printed {
    let files = files.iter().filter(|(_, text)| !text.trim().is_empty());
    Printed(combined(parts(files.map(|(path, text)| (path.as_str(), text.as_str())))))
}

/// A document with what is read of it.
pub(crate) fn read(path: &str, content: String) -> Result<Manifest, ManifestError> {
    let head = read_head(path, &content)?;
    Ok(Manifest { path: path.to_owned(), content, ..head })
}

/// All but path and content.
fn read_head(path: &str, content: &str) -> Result<Manifest, ManifestError> {
    let wrap = |source| ManifestError { path: path.to_owned(), source, printed: Printed::default() };
    let value = fields(content).map_err(|error| wrap(error.into()))?;
    head(&value).map_err(|error| wrap(error.into()))
}

/// The object's fields, without those that no head has: building them all takes longer than reading the text.
fn fields(content: &str) -> Result<Value, go_yaml::ReadError> {
    let document = go_yaml::parse(content)?;
    let root = document.root();
    if !root.is_mapping() || !document.is_plain() {
        return document.to_value();
    }
    let in_head = |key: &str| HEAD_FIELDS.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
    let entry = |(key, value): (NodeRef<'_, '_>, NodeRef<'_, '_>)| {
        let (name, _) = key.scalar().filter(|(name, _)| in_head(name))?;
        Some(value.to_value().map(|value| (name.to_owned(), value)))
    };
    Ok(Value::Map(root.entries().filter_map(entry).collect::<Result<_, _>>()?))
}

static HEAD: Shape =
    Shape::Struct(&Struct { name: "SimpleHead", go_type: "util.SimpleHead", fields: HEAD_FIELDS });

const HEAD_FIELDS: &[(&str, Shape)] =
    &[("apiVersion", Shape::Text), ("kind", Shape::Text), ("metadata", METADATA)];

const METADATA: Shape = Shape::Struct(&Struct {
    name: "",
    go_type: r#"struct { Name string "json:\"name\""; Annotations map[string]string "json:\"annotations\"" }"#,
    fields: &[("name", Shape::Text), ("annotations", Shape::TextMap)],
});

/// The fields that Helm reads of every object, whatever else it holds.
fn head(value: &Value) -> Result<Manifest, WrongType> {
    if let Some(Fault::WrongType(wrong)) = fault(value, &HEAD, Source::Yaml) {
        return Err(wrong);
    }
    let fields = Fields::of("SimpleHead", "util.SimpleHead", value)?;
    let metadata = Fields::of("", "", fields.get("metadata").unwrap_or(&Value::Null))?;
    Ok(Manifest {
        path: String::new(),
        content: String::new(),
        api_version: fields.string("apiVersion")?.unwrap_or_default(),
        kind: fields.string("kind")?.unwrap_or_default(),
        name: metadata.string("name")?.unwrap_or_default(),
        annotations: metadata.string_map("annotations")?.unwrap_or_default(),
    })
}

/// The events of the annotation; nothing if one of them is unknown.
fn hook_events(annotation: &str) -> Option<Vec<String>> {
    words(annotation)
        .map(|event| match event.as_str() {
            // Helm 2 called it so.
            "test-success" => Some("test".to_owned()),
            _ => EVENTS.contains(&event.as_str()).then_some(event),
        })
        .collect()
}

fn hook(events: Vec<String>, manifest: &Manifest) -> Hook {
    let annotation = |name: &str| manifest.annotations.get(name);
    let policies = |name: &str| annotation(name).map(|text| words(text).collect()).unwrap_or_default();
    Hook {
        path: manifest.path.clone(),
        manifest: manifest.content.clone(),
        kind: manifest.kind.clone(),
        name: manifest.name.clone(),
        events,
        weight: annotation(HOOK_WEIGHT).and_then(|weight| weight.parse().ok()).unwrap_or(0),
        delete_policies: policies(HOOK_DELETE_POLICY),
        output_log_policies: policies(HOOK_OUTPUT_LOG_POLICY),
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|word| word.trim().to_lowercase())
}

/// The manifest as Helm stores it in the record and prints it: each object below its template's path.
pub(crate) fn parts<'a>(
    sources: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> impl Iterator<Item = &'a str> + Clone {
    sources.flat_map(|(path, content)| ["---\n# Source: ", path, "\n", content, "\n"])
}

pub(crate) fn combined<'a>(parts: impl Iterator<Item = &'a str> + Clone) -> String {
    // A manifest may be large: it is made in one piece.
    let mut text = String::with_capacity(parts.clone().map(str::len).sum());
    text.extend(parts);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_like_helm() {
        let rows: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("\n \n---\n---\n", &[]),
            ("a: 1", &["a: 1"]),
            ("---\na: 1\n---\nb: 2\n", &["a: 1\n", "b: 2\n"]),
            ("a: 1\n--- \t# note\nb: 2", &["a: 1\n", "# note\nb: 2"]),
            ("---apiVersion: v1\nkind: A", &["apiVersion: v1\nkind: A"]),
            ("------\na: 1", &["---\na: 1"]),
            ("a: |\n  ---\nb: 1", &["a: |\n  ---\nb: 1"]),
            ("# only a comment\n---\n\n  a: 1", &["# only a comment\n", "a: 1"]),
        ];
        for (text, expected) in rows {
            assert_eq!(split_documents(text), expected, "{text:?}");
        }
    }

    #[test]
    fn tells_hooks_from_objects() {
        let hook =
            |annotations: &str| format!("kind: Job\nmetadata:\n  name: j\n  annotations:\n{annotations}");
        let files = [
            (
                "c/templates/b.yaml",
                "kind: Pod\nmetadata: {name: p}\n---\nkind: Service\nmetadata: {name: s}\n".to_owned(),
            ),
            (
                "c/templates/h.yaml",
                hook(
                    "    helm.sh/hook: Post-Install, test-success\n    helm.sh/hook-weight: -5\n    helm.sh/hook-delete-policy: hook-succeeded,hook-failed\n",
                ),
            ),
            ("c/templates/u.yaml", hook("    helm.sh/hook: pre-dawn\n")),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text)).into();
        let Sorted { hooks, manifests, warnings } = sort_files(files, &|| false).unwrap();
        let manifests: Vec<_> = manifests.iter().map(|m| (m.kind.as_str(), m.name.as_str())).collect();
        assert_eq!(manifests, [("Service", "s"), ("Pod", "p")]);
        let [hook] = hooks.as_slice() else { panic!("{hooks:?}") };
        assert_eq!(
            (hook.events.as_slice(), hook.weight),
            (["post-install".to_owned(), "test".to_owned()].as_slice(), -5)
        );
        assert_eq!(hook.delete_policies, ["hook-succeeded", "hook-failed"]);
        let lines: Vec<_> = warnings.iter().map(Warning::log_line).collect();
        assert_eq!(lines, ["level=INFO msg=\"skipping unknown hooks\" hookTypes=pre-dawn"]);
    }

    #[test]
    fn a_stored_manifest_gives_back_its_objects() {
        let stored =
            [("c/templates/a.yaml", "kind: A\nmetadata:\n  name: a\n"), ("c/templates/b.yaml", "kind: B")];
        let text = combined(parts(stored.into_iter()));
        let objects = parse_manifest(&text).unwrap();
        let objects: Vec<_> =
            objects.iter().map(|m| (m.path.as_str(), m.kind.as_str(), m.name.as_str())).collect();
        assert_eq!(objects, [("c/templates/a.yaml", "A", "a"), ("c/templates/b.yaml", "B", "")]);
    }

    #[test]
    fn says_which_template_printed_no_object() {
        let files = BTreeMap::from([("c/templates/a.yaml".to_owned(), "kind: [A]\n".to_owned())]);
        let error = sort_files(files, &|| false).map(drop).unwrap_err();
        let RenderError::Manifest(error) = error else { panic!("{error}") };
        assert_eq!(error.to_string(), "YAML parse error on c/templates/a.yaml");
        assert_eq!(error.printed.as_str(), "---\n# Source: c/templates/a.yaml\nkind: [A]\n\n");
        assert!(!format!("{error:?}").contains("[A]"), "{error:?}");
    }
}
