//! release-operator with git-syncer, each with the rights that the chart gives it, against a real cluster: a release's whole
//! life as the real kubectl and helm see it, what must never purge it, bad input, and a kill at every step.

mod kill_points;
mod life;
mod setup;
