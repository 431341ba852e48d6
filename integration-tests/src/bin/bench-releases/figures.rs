//! Figures: what is held against a goal.

use crate::burst::{Burst, Part};
use crate::helm::{Helm, Run};
use crate::ours::Ours;
use crate::requests::Purpose;

/// A number and the goal it is to stay below.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// What it is of.
    pub(crate) name: String,
    /// The number.
    pub(crate) value: f64,
    /// What it counts, or is a ratio to.
    pub(crate) unit: &'static str,
    /// The goal: no more than this.
    pub(crate) bound: f64,
}

impl Figure {
    /// The line that programs read.
    pub(crate) fn line(&self) -> String {
        let Figure { name, value, unit, bound } = self;
        let verdict = if value <= bound { "ok" } else { "short" };
        format!("figure {name} {value:.3} {unit} goal <={bound} {verdict}")
    }
}

/// No more than twice the time of the writes alone.
const FLOOR: f64 = 2.0;
/// No more than a tenth of helm's time.
const HELM: f64 = 0.1;
/// Finalizer, record, four objects, record, status, and two to spare.
const WRITES: f64 = 10.0;
/// Three, and one for each object.
const READS: f64 = 7.0;
/// A release among the most takes at most so much more than one among the fewest.
const GROWTH: f64 = 1.25;
/// Megabytes.
const MEMORY: f64 = 100.0;
/// Memory with the most CustomResourceDefinitions to that with the fewest.
const MEMORY_GROWTH: f64 = 1.1;

/// Of release-operator with one number of releases.
pub(crate) fn ours(ours: &Ours) -> Vec<Figure> {
    let size = ours.part.releases;
    let each = |purpose| ours.part.install.requests.count(purpose) as f64 / size as f64;
    let figure = |name: String, value, unit, bound| Figure { name, value, unit, bound };
    vec![
        figure(format!("install-{size}-writes"), each(Purpose::Write), "a-release", WRITES),
        figure(format!("install-{size}-reads"), each(Purpose::Read), "a-release", READS),
        figure(format!("steady-{size}-discovery"), ours.steady_discovery() as f64, "requests", 0.0),
    ]
}

/// Of release-operator beside the writes alone.
pub(crate) fn beside_floor(ours: &Part, floor: &Part) -> Vec<Figure> {
    let time = |work: &str, ours: &Burst, floor: &Burst, size: usize| Figure {
        name: format!("{work}-{size}-time"),
        value: ours.wall.as_secs_f64() / floor.wall.as_secs_f64(),
        unit: "of-floor",
        bound: FLOOR,
    };
    vec![
        time("install", &ours.install, &floor.install, ours.releases),
        time("upgrade", &ours.upgrade, &floor.upgrade, ours.releases),
    ]
}

/// Of release-operator beside helm, each by its time for one release.
pub(crate) fn beside_helm(ours: &Part, helm: &Helm) -> Vec<Figure> {
    let time = |work: &str, ours: &Burst, helm: &Run, releases: usize| Figure {
        name: format!("{work}-{}-time-of-helm", releases),
        value: (ours.wall.as_secs_f64() / releases as f64) / helm.each(),
        unit: "of-helm",
        bound: HELM,
    };
    vec![
        time("install", &ours.install, &helm.install, ours.releases),
        time("upgrade", &ours.upgrade, &helm.upgrade, ours.releases),
    ]
}

/// Of the most releases, beside the fewest: what grows with their number only, and memory.
pub(crate) fn growth(fewest: &Part, most: &Part) -> Vec<Figure> {
    let mut figures = Vec::new();
    if fewest.releases < most.releases {
        let each = |burst: &Burst, part: &Part| burst.wall.as_secs_f64() / part.releases as f64;
        let time = |work: &str, few: &Burst, many: &Burst| Figure {
            name: format!("{work}-growth"),
            value: each(many, most) / each(few, fewest),
            unit: "of-the-fewest",
            bound: GROWTH,
        };
        figures.push(time("install", &fewest.install, &most.install));
        figures.push(time("upgrade", &fewest.upgrade, &most.upgrade));
    }
    let (name, value) = (format!("peak-memory-{}", most.releases), most.peak as f64 / 1e6);
    figures.push(Figure { name, value, unit: "MB", bound: MEMORY });
    figures
}

/// Of memory with the most CustomResourceDefinitions, beside the fewest.
pub(crate) fn memory(fewest: u64, most: u64) -> Figure {
    let value = most as f64 / fewest as f64;
    Figure { name: "crds-memory-growth".to_owned(), value, unit: "of-the-fewest", bound: MEMORY_GROWTH }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::requests::Requests;

    fn burst(seconds: u64) -> Burst {
        Burst { wall: Duration::from_secs(seconds), cpu: Vec::new(), requests: Requests::default() }
    }

    fn part(releases: usize, install: u64, upgrade: u64) -> Part {
        Part { releases, install: burst(install), upgrade: burst(upgrade), peak: 50_000_000 }
    }

    #[test]
    fn figures_are_held_against_their_goals() {
        let (few, many) = (part(100, 10, 20), part(1000, 100, 300));
        let run =
            |seconds| Run { wall: Duration::from_secs(seconds), apiserver: Duration::ZERO, releases: 50 };
        let helm = Helm { install: run(50), upgrade: run(200) };
        let figures =
            [beside_floor(&few, &part(100, 4, 10)), beside_helm(&few, &helm), growth(&few, &many)].concat();
        let lines: Vec<_> = figures.iter().map(Figure::line).collect();
        let expected = [
            "figure install-100-time 2.500 of-floor goal <=2 short",
            "figure upgrade-100-time 2.000 of-floor goal <=2 ok",
            "figure install-100-time-of-helm 0.100 of-helm goal <=0.1 ok",
            "figure upgrade-100-time-of-helm 0.050 of-helm goal <=0.1 ok",
            "figure install-growth 1.000 of-the-fewest goal <=1.25 ok",
            "figure upgrade-growth 1.500 of-the-fewest goal <=1.25 short",
            "figure peak-memory-1000 50.000 MB goal <=100 ok",
        ];
        assert_eq!(lines, expected);
        assert_eq!(growth(&few, &few).len(), 1);
        assert_eq!(memory(100, 120).line(), "figure crds-memory-growth 1.200 of-the-fewest goal <=1.1 short");
    }
}
