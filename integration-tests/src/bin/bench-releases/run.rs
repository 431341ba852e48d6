//! The whole run: each part with each number of releases, on servers of its own.

use std::time::Duration;

use crate::burst::Part as Measured;
use crate::ours::Ours;
use crate::{Part, figures, floor, helm, ours, report};

/// CustomResourceDefinitions in the cluster beside Windlass' own.
const CRDS: usize = 250;

/// What is to be measured.
pub(crate) struct Plan {
    /// Numbers of releases.
    pub(crate) sizes: Vec<usize>,
    /// The parts; all when it is empty.
    pub(crate) only: Vec<Part>,
    /// How long nothing happens between install and upgrade.
    pub(crate) quiet: Duration,
    /// How many releases helm makes.
    pub(crate) helm_releases: usize,
}

impl Plan {
    fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Measures, and prints tables and figures. Short figures are no error.
///
/// # Errors
/// Something did not become ready.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<()> {
    let mut figures = Vec::new();
    let helm = if plan.has(Part::Helm) {
        report::begins(&format!("helm: {} releases, one after the other", plan.helm_releases));
        let helm = helm::measure(plan.helm_releases, CRDS).await?;
        report::helm(&helm);
        Some(helm)
    } else {
        None
    };
    let mut parts: Vec<Measured> = Vec::new();
    for &size in &plan.sizes {
        let (ours, floor) = both(plan, size).await?;
        report::size(size, CRDS, ours.as_ref(), floor.as_ref());
        let Some(ours) = ours else { continue };
        figures.extend(floor.iter().flat_map(|floor| figures::beside_floor(&ours.part, floor)));
        figures.extend(helm.iter().flat_map(|helm| figures::beside_helm(&ours.part, helm)));
        figures.extend(figures::ours(&ours));
        parts.push(ours.part);
    }
    parts.sort_by_key(|part| part.releases);
    if let (Some(fewest), Some(most)) = (parts.first(), parts.last()) {
        figures.extend(figures::growth(fewest, most));
    }
    report::figures(&figures);
    Ok(())
}

async fn both(plan: &Plan, size: usize) -> anyhow::Result<(Option<Ours>, Option<Measured>)> {
    let floor = if plan.has(Part::Floor) {
        report::begins(&format!("the floor: {size} releases"));
        Some(floor::measure(size, CRDS).await?)
    } else {
        None
    };
    let ours = if plan.has(Part::Ours) {
        report::begins(&format!("release-operator: {size} releases"));
        Some(ours::measure(size, CRDS, plan.quiet).await?)
    } else {
        None
    };
    Ok((ours, floor))
}
