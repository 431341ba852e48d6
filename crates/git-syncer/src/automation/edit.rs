//! From selections and files to edited files: a pure function, table-tested.

use std::collections::BTreeMap;

use image_policy::{ImageRef, Tag};

use crate::git::FileEdit;
use crate::manifests::{self, Container, Workload};
use crate::sync::observe::ManifestFile;
use crate::trailers::ImageMove;

/// A tag that image-scanner chose for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The workload, `<namespace>:<kind in lower case>/<name>`.
    pub workload: String,
    /// The container.
    pub container: String,
    /// The image as it was declared, tag included.
    pub image: ImageRef,
    /// The tag pattern it was declared with.
    pub pattern: String,
    /// The tag that the file must still say.
    pub from_tag: Tag,
    /// The tag chosen.
    pub to_tag: Tag,
    /// The trace of the scan.
    pub traceparent: Option<String>,
}

/// What a commit will do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The files with their new content.
    pub edits: Vec<FileEdit>,
    /// The images that move.
    pub moves: Vec<ImageMove>,
    /// Traces of the selections carried out.
    pub traceparents: Vec<String>,
    /// Selections that are not carried out, with the reason.
    pub passed_over: Vec<(Selection, String)>,
}

/// Edits, in the files of the tip, what each selection asks for, if the file still says what the selection started from.
pub fn plan(selections: &[Selection], workloads: &[Workload], files: &[ManifestFile]) -> Plan {
    let mut plan = Plan::default();
    let mut contents: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for selection in selections {
        let done = check(selection, workloads).and_then(|(workload, container, image)| {
            let to = image.with_tag(&selection.to_tag).to_string();
            let file = files.iter().find(|file| file.path == workload.path).ok_or("its file is gone")?;
            let before = contents.get(file.path.as_str()).unwrap_or(&file.bytes);
            let (from, tag) = (&selection.from_tag, &selection.to_tag);
            let after = manifests::set_image(&file.path, before, workload, &container.name, from, tag)?;
            Ok((file.path.as_str(), after, image_move(workload, container, to)))
        });
        match done {
            Ok((path, content, image)) => {
                contents.insert(path, content);
                plan.moves.push(image);
                plan.traceparents.extend(selection.traceparent.clone());
            }
            Err(reason) => plan.passed_over.push((selection.clone(), reason)),
        }
    }
    plan.traceparents.dedup();
    plan.edits =
        contents.into_iter().map(|(path, content)| FileEdit { path: path.to_owned(), content }).collect();
    plan
}

/// Whether the tip still wants it: the workload is there, automated, with this pattern, and its image is the one declared.
fn check<'a>(
    selection: &Selection,
    workloads: &'a [Workload],
) -> Result<(&'a Workload, &'a Container, ImageRef), String> {
    let workload = workloads.iter().find(|workload| workload.id() == selection.workload);
    let workload = workload.ok_or("the workload is no longer in the repository, or its file has an error")?;
    if !workload.follows_images() {
        return Err("the workload is no longer automated".into());
    }
    let container = workload.containers.iter().find(|container| container.name == selection.container);
    let container = container.ok_or("the workload has no such container any more")?;
    let pattern = container.pattern.as_deref().unwrap_or("one that cannot be used");
    if pattern != selection.pattern {
        return Err(format!("its tag pattern is now {pattern}"));
    }
    let image: ImageRef =
        container.image.parse().map_err(|error| format!("its image cannot be read: {error}"))?;
    if image.repository() != selection.image.repository() {
        return Err(format!("its image is now {image}"));
    }
    if image.tag() != Some(&selection.from_tag) {
        return Err(format!("the file says {image}, no longer the tag {}", selection.from_tag));
    }
    if selection.to_tag == selection.from_tag {
        return Err("it has this tag already".into());
    }
    Ok((workload, container, image))
}

fn image_move(workload: &Workload, container: &Container, to: String) -> ImageMove {
    ImageMove {
        api_version: workload.object.api_version.clone(),
        kind: workload.object.kind.clone(),
        namespace: workload.object.namespace.clone().unwrap_or_default(),
        name: workload.object.name.clone(),
        container: container.name.clone(),
        from: container.image.clone(),
        to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::validate::validate;

    pub(crate) const RELEASE: &str = "\
# automated\napiVersion: helm.integrations.flux.weave.works/v1alpha2\nkind: FluxHelmRelease\nmetadata:\n  name: podinfo-dev\n  \
namespace: dev\n  annotations:\n    flux.weave.works/automated: \"true\"\n    flux.weave.works/tag.chart-image: glob:dev-*\nspec:\n  \
chartGitPath: podinfo\n  values:\n    image: 'stefanprodan/podinfo:dev-1' # keep\n    replicaCount: 1\n";

    fn selection(from: &str, to: &str) -> Selection {
        Selection {
            workload: "dev:fluxhelmrelease/podinfo-dev".into(),
            container: "chart-image".into(),
            image: format!("stefanprodan/podinfo:{from}").parse().unwrap(),
            pattern: "glob:dev-*".into(),
            from_tag: from.parse().unwrap(),
            to_tag: to.parse().unwrap(),
            traceparent: None,
        }
    }

    fn check(file: &str, selection: Selection, expected: Result<&str, &str>) {
        let files =
            [ManifestFile { path: "releases/dev/podinfo.yaml".into(), bytes: file.as_bytes().to_vec() }];
        let desired = validate(&files, "default");
        let workloads: Vec<_> = desired.objects.into_iter().filter_map(|object| object.workload).collect();
        let plan = plan(&[selection], &workloads, &files);
        match expected {
            Ok(text) => {
                let content = String::from_utf8(plan.edits[0].content.clone()).unwrap();
                assert_eq!(content, text);
                assert_eq!(plan.moves.len(), 1);
            }
            Err(reason) => {
                assert!(plan.edits.is_empty() && plan.moves.is_empty(), "{reason}");
                assert!(plan.passed_over[0].1.contains(reason), "{} lacks {reason}", plan.passed_over[0].1);
            }
        }
    }

    #[test]
    fn a_selection_is_carried_out_only_while_the_file_says_what_it_started_from() {
        let edited = RELEASE.replace("dev-1", "dev-2");
        check(RELEASE, selection("dev-1", "dev-2"), Ok(&edited));
        check(&edited, selection("dev-1", "dev-2"), Err("the file says stefanprodan/podinfo:dev-2"));
        check(
            &RELEASE.replace("\"true\"", "\"false\""),
            selection("dev-1", "dev-2"),
            Err("no longer automated"),
        );
        check(
            &RELEASE.replace("glob:dev-*", "glob:stg-*"),
            selection("dev-1", "dev-2"),
            Err("pattern is now glob:stg-*"),
        );
        check(
            &RELEASE.replace("stefanprodan/", "other/"),
            selection("dev-1", "dev-2"),
            Err("its image is now other/podinfo:dev-1"),
        );
        check(
            &RELEASE.replace("podinfo-dev", "renamed"),
            selection("dev-1", "dev-2"),
            Err("no longer in the repository"),
        );
        check(RELEASE, selection("dev-1", "dev-1"), Err("has this tag already"));
        let locked = RELEASE.replace(
            "flux.weave.works/automated: \"true\"",
            "flux.weave.works/automated: \"true\"\n    flux.weave.works/locked: \"true\"",
        );
        check(&locked, selection("dev-1", "dev-2"), Err("no longer automated"));
    }
}
