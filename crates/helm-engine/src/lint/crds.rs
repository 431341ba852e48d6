//! The rules for the files below `crds/`.

use crate::lint::documents::Documents;
use crate::lint::{Entry, Linter, Loaded, Severity};

const FOLDER: &str = "crds/";

pub(super) fn check(linter: &mut Linter<'_>, chart: &Loaded) {
    let found = match linter.entry("crds") {
        Entry::Missing => return,
        Entry::File(_) => Some("not a directory"),
        Entry::Folder => None,
    };
    if !linter.rule(Severity::Error, FOLDER, found) {
        return;
    }
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            linter.rule(Severity::Error, FOLDER, Some(error.as_str()));
            return;
        }
    };
    linter.linted.warnings.extend(chart.warnings.iter().cloned());
    for crd in chart.crds() {
        let path = &crd.file.name;
        for document in Documents::of(&crd.file.data) {
            let head = match document {
                Ok(Some(head)) => head,
                Ok(None) => continue,
                // Helm stops at the first document that it cannot read, whatever files come after.
                Err(why) => {
                    linter.rule(Severity::Error, path, Some(format!("unable to parse YAML: {why}")));
                    return;
                }
            };
            let other_group = !head.api_version.starts_with("apiextensions.k8s.io");
            let found = other_group.then_some("apiVersion is not in 'apiextensions.k8s.io'");
            linter.rule(Severity::Error, path, found);
            let other_kind = head.kind != "CustomResourceDefinition";
            let found = other_kind.then_some("object kind is not 'CustomResourceDefinition'");
            linter.rule(Severity::Error, path, found);
        }
    }
}
