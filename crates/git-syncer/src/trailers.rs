//! The trailers of automation's commits: what moved, and in which trace.
//!
//! A commit message's last paragraph of `Key: value` lines, as `git interpret-trailers` reads it. They are the durable record of
//! automation: [`crate::grpc`] lists changes from them, and the trace goes on from them after a restart.

use crate::git::CommitInfo;

/// Key of the trace's trailer.
pub(crate) const TRACEPARENT: &str = "Traceparent";
/// Key of an item's trailer.
pub(crate) const ITEM: &str = "Windlass-Item";

/// One image moved by a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMove {
    /// API version of the workload.
    pub api_version: String,
    /// Kind of the workload.
    pub kind: String,
    /// Namespace of the workload.
    pub namespace: String,
    /// Name of the workload.
    pub name: String,
    /// The container.
    pub container: String,
    /// Image reference before.
    pub from: String,
    /// Image reference after.
    pub to: String,
}

impl ImageMove {
    /// `<apiVersion> <kind> <namespace>/<name> <container> <from> <to>`; only a container's name can hold spaces.
    fn to_trailer(&self) -> String {
        let ImageMove { api_version, kind, namespace, name, container, from, to } = self;
        format!("{api_version} {kind} {namespace}/{name} {container} {from} {to}")
    }

    fn from_trailer(value: &str) -> Option<Self> {
        let words: Vec<&str> = value.split(' ').collect();
        let [api_version, kind, object, container @ .., from, to] = words.as_slice() else { return None };
        let (namespace, name) = object.split_once('/')?;
        if container.is_empty() {
            return None;
        }
        Some(ImageMove {
            api_version: (*api_version).to_owned(),
            kind: (*kind).to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            container: container.join(" "),
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        })
    }
}

/// The message of a commit that moves images, in Flux's words: `Auto-release <image>` for one image,
/// `Auto-release multiple (N) images` and a list for several; then the trailers.
pub(crate) fn message(moves: &[ImageMove], traceparent: Option<&str>) -> String {
    let mut images: Vec<&str> = moves.iter().map(|image| image.to.as_str()).collect();
    images.sort_unstable();
    images.dedup();
    let mut text = match images.as_slice() {
        [image] => format!("Auto-release {image}\n"),
        several => {
            let list: String = several.iter().map(|image| format!(" - {image}\n")).collect();
            format!("Auto-release multiple ({}) images\n\n{list}", several.len())
        }
    };
    text.push('\n');
    for image in moves {
        text.push_str(&format!("{ITEM}: {}\n", image.to_trailer()));
    }
    if let Some(traceparent) = traceparent {
        text.push_str(&format!("{TRACEPARENT}: {traceparent}\n"));
    }
    text
}

/// What an automation commit tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The commit.
    pub commit: CommitInfo,
    /// The first line of its message.
    pub subject: String,
    /// The images it moved.
    pub moves: Vec<ImageMove>,
    /// Its trace.
    pub traceparent: Option<String>,
}

/// Reads a commit as a change; `None` when automation did not make it.
pub(crate) fn change_of(commit: CommitInfo) -> Option<Change> {
    let moves: Vec<_> = values(&commit.message, ITEM).filter_map(ImageMove::from_trailer).collect();
    if moves.is_empty() {
        return None;
    }
    let subject = commit.message.lines().next().unwrap_or_default().to_owned();
    let traceparent = traceparent_of(&commit.message);
    Some(Change { subject, moves, traceparent, commit })
}

/// The trace that a commit continues, if its message names a well-formed one.
pub(crate) fn traceparent_of(message: &str) -> Option<String> {
    let value = values(message, TRACEPARENT).next()?;
    service_kit::trace_context::parse(value).map(|_| value.to_owned())
}

/// The values of a trailer: lines of the last paragraph that begin with `key: `.
fn values<'a>(message: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    last.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn image_move(container: &str, to: &str) -> ImageMove {
        ImageMove {
            api_version: "helm.integrations.flux.weave.works/v1alpha2".into(),
            kind: "FluxHelmRelease".into(),
            namespace: "dev".into(),
            name: "podinfo-dev".into(),
            container: container.into(),
            from: "stefanprodan/podinfo:dev-1".into(),
            to: to.into(),
        }
    }

    #[test]
    fn one_image_and_several_read_as_flux_wrote_them() {
        let one = message(&[image_move("chart-image", "podinfo:dev-2")], Some(TRACE));
        assert_eq!(
            one,
            format!(
                "Auto-release podinfo:dev-2\n\nWindlass-Item: helm.integrations.flux.weave.works/v1alpha2 FluxHelmRelease \
                 dev/podinfo-dev chart-image stefanprodan/podinfo:dev-1 podinfo:dev-2\nTraceparent: {TRACE}\n"
            )
        );
        let several =
            message(&[image_move("a", "y:2"), image_move("b", "x:2"), image_move("c", "y:2")], None);
        assert!(
            several.starts_with("Auto-release multiple (2) images\n\n - x:2\n - y:2\n\nWindlass-Item: "),
            "{several}"
        );
    }

    #[test]
    fn a_change_is_read_back_from_its_message() {
        let moves = vec![image_move("chart-image", "podinfo:dev-2"), image_move("two words", "x:1")];
        let commit = |message: String| CommitInfo {
            commit: "main@sha1:0123456789abcdef0123456789abcdef01234567"
                .parse::<crate::git::Revision>()
                .unwrap()
                .commit,
            message,
            seconds: 1,
        };
        let change = change_of(commit(message(&moves, Some(TRACE)))).unwrap();
        assert_eq!((change.moves, change.traceparent.as_deref()), (moves, Some(TRACE)));
        assert_eq!(change.subject, "Auto-release multiple (2) images");
        assert!(
            change_of(commit("Add podinfo\n\nWindlass-Item: is mentioned here\n\nand no trailer\n".into()))
                .is_none()
        );
        assert!(change_of(commit("Windlass-Item: only three words\n".into())).is_none());
        assert_eq!(traceparent_of("x\n\nTraceparent: rubbish\n"), None);
    }
}
