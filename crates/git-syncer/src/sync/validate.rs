//! Validate: from files to the objects that can be applied, and every reason why others cannot.
//!
//! A pure function. Each file, document and object stands for itself: what is wrong with one takes nothing from the others.

use std::collections::BTreeMap;

use kube_apply::ObjectRef;

use super::observe::ManifestFile;
use crate::manifests::{self, FileError, ManifestObject};

/// What a revision asks for.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The objects, in the order of files and documents.
    pub objects: Vec<ManifestObject>,
    /// What is wrong with files.
    pub errors: Vec<FileError>,
}

/// Parses the files. An object that two documents state is taken from neither of them: which one wins would depend on the names
/// of files, and the live object stays as it is until the repository says one thing.
pub fn validate(files: &[ManifestFile], default_namespace: &str) -> Desired {
    let mut desired = Desired::default();
    for file in files {
        let (objects, errors) = manifests::parse(&file.path, &file.bytes, default_namespace);
        desired.objects.extend(objects);
        desired.errors.extend(errors);
    }
    refuse_duplicates(&mut desired, default_namespace);
    desired.errors.sort();
    desired
}

fn refuse_duplicates(desired: &mut Desired, default_namespace: &str) {
    let mut places: BTreeMap<ObjectKey, Vec<usize>> = BTreeMap::new();
    for (index, object) in desired.objects.iter().enumerate() {
        places.entry(ObjectKey::of(&object.object, default_namespace)).or_default().push(index);
    }
    let mut refused = Vec::new();
    for indices in places.into_values().filter(|indices| indices.len() > 1) {
        for &index in &indices {
            let object = &desired.objects[index];
            let others: Vec<String> = indices
                .iter()
                .filter(|other| **other != index)
                .map(|other| place(&desired.objects[*other]))
                .collect();
            desired.errors.push(FileError {
                path: object.path.clone(),
                document: object.document,
                line: 0,
                message: format!(
                    "{} is stated twice, also in {}; it is applied from neither: remove one of them",
                    object.object,
                    others.join(" and in ")
                ),
            });
        }
        refused.extend(indices);
    }
    let mut index = 0;
    desired.objects.retain(|_| {
        index += 1;
        !refused.contains(&(index - 1))
    });
}

fn place(object: &ManifestObject) -> String {
    format!("{} (document {})", object.path, object.document)
}

/// What makes two documents mean the same object: group, kind, namespace and name; not the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl ObjectKey {
    /// The key of an object, with the namespace it would get.
    pub fn of(object: &ObjectRef, default_namespace: &str) -> Self {
        ObjectKey {
            group: object.group().to_owned(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone().unwrap_or_else(|| default_namespace.to_owned()),
            name: object.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], objects: &[&str], errors: &[&str]) {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| ManifestFile { path: (*path).into(), bytes: text.as_bytes().to_vec() })
            .collect();
        let desired = validate(&files, "default");
        let is: Vec<_> = desired.objects.iter().map(|object| object.object.to_string()).collect();
        assert_eq!(is, objects);
        let is: Vec<_> = desired.errors.iter().map(ToString::to_string).collect();
        assert_eq!(is.len(), errors.len(), "{is:?}");
        for (is, expected) in is.iter().zip(errors) {
            assert!(is.contains(expected), "{is}\nlacks {expected}");
        }
    }

    const DEV: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: dev}\n";
    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn good_documents_pass_and_bad_ones_are_named() {
        check(&[("ns.yaml", DEV)], &["Namespace dev"], &[]);
        check(&[("bad.yaml", "a: [1\n"), ("ns.yaml", DEV)], &["Namespace dev"], &["bad.yaml"]);
        check(
            &[("no-name.yaml", "apiVersion: v1\nkind: ConfigMap\n"), ("ns.yaml", DEV)],
            &["Namespace dev"],
            &["no-name.yaml"],
        );
        check(
            &[("many.yaml", &format!("{DEV}---\n---\n# nothing\n---\n{MAP}"))],
            &["Namespace dev", "ConfigMap a"],
            &[],
        );
    }

    #[test]
    fn an_object_stated_twice_is_applied_from_neither() {
        let in_default = MAP.replace("{name: a}", "{name: a, namespace: default}");
        check(
            &[("one.yaml", MAP), ("two.yaml", &format!("{DEV}---\n{in_default}"))],
            &["Namespace dev"],
            &[
                "one.yaml, document 1: ConfigMap a is stated twice, also in two.yaml (document 2)",
                "two.yaml, document 2: ConfigMap default/a is stated twice, also in one.yaml (document 1)",
            ],
        );
        let elsewhere = MAP.replace("{name: a}", "{name: a, namespace: dev}");
        check(&[("one.yaml", MAP), ("two.yaml", &elsewhere)], &["ConfigMap a", "ConfigMap dev/a"], &[]);
    }
}
