//! Kinds of Kubernetes that are deprecated.

use crate::capabilities::KubeVersion;

/// Made by the reference's own libraries (`cmd/lint` of the Helm oracle): API version, kind, the minor version that deprecates
/// it, and what Kubernetes says of it.
const TABLE: &str = include_str!("deprecations.txt");

/// What Kubernetes says of a deprecated kind; nothing if it is not deprecated in this version.
pub(super) fn warning(api_version: &str, kind: &str, kube_version: &KubeVersion) -> Option<String> {
    let (major, minor) = (kube_version.major.parse::<u64>(), kube_version.minor.parse::<u64>());
    let (Ok(major), Ok(minor)) = (major, minor) else { return None };
    TABLE.lines().find_map(|row| {
        let mut columns = row.split('\t');
        let (known, known_kind) = (columns.next()?, columns.next()?);
        if known != api_version || known_kind != kind {
            return None;
        }
        let (since_major, since_minor) = columns.next()?.split_once('.')?;
        let since = (since_major.parse::<u64>().ok()?, since_minor.parse::<u64>().ok()?);
        // A version of zeros is one that is not known.
        ((major, minor) == (0, 0) || since <= (major, minor)).then(|| columns.next().map(str::to_owned))?
    })
}
