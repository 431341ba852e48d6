//! Rendered files split into objects, and hooks told apart from the rest.

use std::collections::BTreeMap;

use go_yaml::Value;
use helm_chart::{Fields, WrongType};

use crate::order::{KindOrder, sort_by_kind};

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
    let (mut start, mut position) = (0, 0);
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            pieces.push(&text[start..position]);
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            start = position + "---".len() + blanks;
        }
        position += line.len();
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
        read(path, content)
    };
    split_documents(text).into_iter().map(parse).collect()
}

/// Splits rendered files and sorts their objects for installing.
pub(crate) fn sort_files(
    files: &BTreeMap<String, String>,
) -> Result<(Vec<Hook>, Vec<Manifest>), ManifestError> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, text) in files {
        for document in split_documents(text) {
            let manifest = read(path, document)?;
            match manifest.annotations.get(HOOK) {
                None => manifests.push(manifest),
                // Helm leaves out, with a word in its log, a hook for an event that it does not know.
                Some(events) => hooks.extend(hook_events(events).map(|events| hook(events, &manifest))),
            }
        }
    }
    sort_by_kind(&mut hooks, KindOrder::Install, |hook| &hook.kind);
    sort_by_kind(&mut manifests, KindOrder::Install, |manifest| &manifest.kind);
    Ok((hooks, manifests))
}

fn read(path: &str, content: &str) -> Result<Manifest, ManifestError> {
    let wrap = |source| ManifestError { path: path.to_owned(), source };
    let value = go_yaml::from_str(content).map_err(|error| wrap(error.into()))?;
    let mut manifest = head(&value).map_err(|error| wrap(error.into()))?;
    path.clone_into(&mut manifest.path);
    content.clone_into(&mut manifest.content);
    Ok(manifest)
}

/// The fields that Helm reads of every object, whatever else it holds.
fn head(value: &Value) -> Result<Manifest, WrongType> {
    let fields = Fields::of("SimpleHead", "util.SimpleHead", value)?;
    let metadata = fields.get("metadata").unwrap_or(&Value::Null);
    let metadata =
        Fields::of(".metadata", "struct { Name string; Annotations map[string]string }", metadata)?;
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
pub(crate) fn combined<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    sources.into_iter().map(|(path, content)| format!("---\n# Source: {path}\n{content}\n")).collect()
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
        let (hooks, manifests) = sort_files(&files).unwrap();
        let manifests: Vec<_> = manifests.iter().map(|m| (m.kind.as_str(), m.name.as_str())).collect();
        assert_eq!(manifests, [("Service", "s"), ("Pod", "p")]);
        let [hook] = hooks.as_slice() else { panic!("{hooks:?}") };
        assert_eq!(
            (hook.events.as_slice(), hook.weight),
            (["post-install".to_owned(), "test".to_owned()].as_slice(), -5)
        );
        assert_eq!(hook.delete_policies, ["hook-succeeded", "hook-failed"]);
    }

    #[test]
    fn a_stored_manifest_gives_back_its_objects() {
        let text = combined([
            ("c/templates/a.yaml", "kind: A\nmetadata:\n  name: a\n"),
            ("c/templates/b.yaml", "kind: B"),
        ]);
        let objects = parse_manifest(&text).unwrap();
        let objects: Vec<_> =
            objects.iter().map(|m| (m.path.as_str(), m.kind.as_str(), m.name.as_str())).collect();
        assert_eq!(objects, [("c/templates/a.yaml", "A", "a"), ("c/templates/b.yaml", "B", "")]);
    }

    #[test]
    fn says_which_template_printed_no_object() {
        let files = BTreeMap::from([("c/templates/a.yaml".to_owned(), "kind: [A]\n".to_owned())]);
        let error = sort_files(&files).unwrap_err();
        assert_eq!(error.to_string(), "YAML parse error on c/templates/a.yaml");
    }
}
