//! The article, played against real servers: one story for the demo to show and for the tests to hold.
//!
//! A step does what the article's reader does (with the real git, kubectl, helm, kubeseal) and then waits for what the
//! article promises. [`play`] runs the steps in order and tells a [`Narrator`] of each; the first that does not hold ends the story,
//! and those behind it are named as not reached.

mod disaster;
mod pipeline;
mod secrets;
mod stage;
mod trace;

use std::time::{Duration, Instant};

pub use stage::Stage;

/// What a step led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It held.
    Held,
    /// It did not, and why.
    Failed(String),
    /// A step before it failed.
    NotReached,
}

/// A step and what came of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The step's name.
    pub step: &'static str,
    /// What it led to.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// Who listens to the story.
pub trait Narrator {
    /// A step begins.
    fn begins(&mut self, step: &'static str);
    /// Something worth showing happened within the step: a commit, a history, a trace.
    fn shows(&mut self, text: &str);
    /// The step has ended.
    fn ended(&mut self, told: &Told);
}

/// The steps of the story, in the article's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Servers and Windlass.
    Install,
    /// The SSH key becomes a deploy key.
    DeployKey,
    /// The first push.
    FirstRelease,
    /// A new image is found, committed and released.
    ImageUpdate,
    /// The chart changes.
    ChartChange,
    /// `helm history` shows all three.
    History,
    /// The staging environment.
    Promotion,
    /// An environment for hotfixes.
    Hotfix,
    /// Several containers with policies of their own.
    ManyContainers,
    /// A secret goes through git.
    SealedSecret,
    /// A release is deleted.
    Delete,
    /// The cluster is lost and comes back from git.
    DisasterRecovery,
    /// One trace from the tag to the upgrade.
    Trace,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 13] = [
        Step::Install,
        Step::DeployKey,
        Step::FirstRelease,
        Step::ImageUpdate,
        Step::ChartChange,
        Step::History,
        Step::Promotion,
        Step::Hotfix,
        Step::ManyContainers,
        Step::SealedSecret,
        Step::Delete,
        Step::DisasterRecovery,
        Step::Trace,
    ];

    /// The steps that a cluster of the person's own is spared: they fill a registry with images that hold nothing, and
    /// destroy the cluster.
    #[must_use]
    pub fn harmless() -> Vec<Step> {
        let spared = [Step::ManyContainers, Step::DisasterRecovery];
        Step::ALL.into_iter().filter(|step| !spared.contains(step)).collect()
    }

    /// What the step is, for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Install => "real servers start and Windlass is installed",
            Step::DeployKey => "git-syncer's public key becomes a deploy key with write access",
            Step::FirstRelease => "git push: namespaces and the release podinfo-dev",
            Step::ImageUpdate => "a new image is committed to git and released",
            Step::ChartChange => "a chart change is pushed and released",
            Step::History => "helm history shows three revisions",
            Step::Promotion => "promotion: podinfo-rc in stg, with its own configuration",
            Step::Hotfix => "a new environment: hotfix",
            Step::ManyContainers => "openfaas: several containers, each with its policy",
            Step::SealedSecret => "a sealed secret goes through git",
            Step::Delete => "a release is deleted: from git, then with kubectl",
            Step::DisasterRecovery => "disaster recovery: a new cluster from git and the key's backup",
            Step::Trace => "one trace from the pushed tag to the upgrade",
        }
    }

    async fn run(self, stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
        match self {
            Step::Install => stage.install(narrator).await,
            Step::DeployKey => stage.deploy_key(narrator).await,
            Step::FirstRelease => pipeline::first_release(stage, narrator).await,
            Step::ImageUpdate => pipeline::image_update(stage, narrator).await,
            Step::ChartChange => pipeline::chart_change(stage, narrator).await,
            Step::History => pipeline::history(stage, narrator).await,
            Step::Promotion => pipeline::promotion(stage, narrator).await,
            Step::Hotfix => pipeline::hotfix(stage, narrator).await,
            Step::ManyContainers => pipeline::many_containers(stage, narrator).await,
            Step::SealedSecret => secrets::sealed_secret(stage, narrator).await,
            Step::Delete => pipeline::delete(stage, narrator).await,
            Step::DisasterRecovery => disaster::recovery(stage, narrator).await,
            Step::Trace => trace::one_trace(stage, narrator).await,
        }
    }
}

/// Plays `steps` on `stage`.
pub async fn play(stage: &mut Stage, steps: &[Step], narrator: &mut dyn Narrator) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::with_capacity(steps.len());
    for &step in steps {
        let stopped = told.iter().any(|told| told.outcome != Outcome::Held);
        let began = Instant::now();
        let outcome = if stopped {
            Outcome::NotReached
        } else {
            narrator.begins(step.name());
            match step.run(stage, narrator).await {
                Ok(()) => Outcome::Held,
                Err(error) => Outcome::Failed(format!("{error:#}")),
            }
        };
        let entry = Told { step: step.name(), outcome, took: began.elapsed() };
        narrator.ended(&entry);
        told.push(entry);
    }
    told
}
