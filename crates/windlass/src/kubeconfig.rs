//! The namespace of the current context of kubeconfig files. Nothing else is read of them.

use std::collections::BTreeMap;

use go_yaml::Value;

use crate::disk;
use crate::process::Process;

/// The most bytes of a kubeconfig file.
const MOST_BYTES: u64 = 16 << 20;

/// The namespace of the context, if there is one: of the file `path`, or else of those in `KUBECONFIG`, or else of
/// `~/.kube/config`. Of files that are merged, the first that states something counts.
pub(crate) fn namespace(path: Option<&str>, context: Option<&str>, process: &Process<'_>) -> Option<String> {
    let files = files(path, process);
    let documents: Vec<Value> = files.iter().filter_map(|path| read(path)).collect();
    let stated = context.map(str::to_owned).or_else(|| process.text("HELM_KUBECONTEXT"));
    let stated = stated.filter(|name| !name.is_empty());
    let current = || {
        let named = documents.iter().filter_map(|document| text(document.as_map()?, "current-context"));
        named.into_iter().next()
    };
    let name = stated.or_else(current)?;
    documents.iter().find_map(|document| context_namespace(document, &name))
}

fn files(path: Option<&str>, process: &Process<'_>) -> Vec<String> {
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        return vec![path.to_owned()];
    }
    if let Some(list) = process.text("KUBECONFIG").filter(|list| !list.is_empty()) {
        return list.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    }
    process.text("HOME").map(|home| format!("{home}/.kube/config")).into_iter().collect()
}

/// A file that cannot be read counts as empty, as it does for Helm.
fn read(path: &str) -> Option<Value> {
    go_yaml::from_slice(&disk::read_file(path, MOST_BYTES).ok()?).ok()
}

fn context_namespace(document: &Value, name: &str) -> Option<String> {
    let Value::Seq(contexts) = document.as_map()?.get("contexts")? else { return None };
    let contexts = contexts.iter().filter_map(Value::as_map);
    let context = contexts.into_iter().find(|context| text(context, "name").as_deref() == Some(name))?;
    text(context.get("context")?.as_map()?, "namespace")
}

fn text(map: &BTreeMap<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}
