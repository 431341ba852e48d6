//! Figures: what is held against a goal.

/// A ratio and the goal it is to stay below.
pub(super) struct Figure {
    /// What it is of.
    pub(super) name: String,
    /// The ratio.
    pub(super) value: f64,
    /// What it is a ratio to.
    pub(super) unit: &'static str,
    /// The goal: no more than this.
    pub(super) bound: f64,
}

impl Figure {
    /// The line that programs read.
    pub(super) fn line(&self) -> String {
        let Figure { name, value, unit, bound } = self;
        let verdict = if value <= bound { "ok" } else { "short" };
        format!("figure {name} {value:.3} {unit} goal <={bound} {verdict}")
    }
}
