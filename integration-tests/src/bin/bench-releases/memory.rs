//! What release-operator's memory owes to the number of kinds in the cluster.

use std::time::Duration;

use anyhow::Context as _;

use crate::{figures, ours, report};

/// Releases beside the CustomResourceDefinitions.
const RELEASES: usize = 50;

/// Installs and upgrades [`RELEASES`] with each number of CustomResourceDefinitions, and prints release-operator's peak memory.
///
/// # Errors
/// Something did not become ready.
pub(crate) async fn run(crds: &[usize]) -> anyhow::Result<()> {
    let mut peaks = Vec::new();
    for &crds in crds {
        report::begins(&format!("{RELEASES} releases beside {crds} CustomResourceDefinitions"));
        peaks.push((crds, ours::measure(RELEASES, crds, Duration::ZERO).await?.part.peak));
    }
    report::memory(RELEASES, &peaks);
    let (_, few) = peaks.iter().min().context("no number of CustomResourceDefinitions")?;
    let (_, many) = peaks.iter().max().context("no number of CustomResourceDefinitions")?;
    report::figures(&[figures::memory(*few, *many)]);
    Ok(())
}
