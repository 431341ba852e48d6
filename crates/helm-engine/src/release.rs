//! What a render is given and what it gives.

use std::sync::Arc;

use go_yaml::Value;
use helm_chart::{Chart, Crd, Warning};

use crate::manifest::{Hook, Manifest, combined, parts};

/// The release that a chart is rendered for: `.Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseOptions {
    /// `.Release.Name`.
    pub name: String,
    /// `.Release.Namespace`.
    pub namespace: String,
    /// `.Release.Revision`, counted from 1.
    pub revision: u32,
    /// `.Release.IsInstall` or `.Release.IsUpgrade`.
    pub operation: Operation,
}

/// What is done with the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is installed.
    Install,
    /// It is upgraded or rolled back.
    Upgrade,
}

/// What failed in a look-up.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// Reads live objects for the template function `lookup`.
///
/// Called on the thread of the render, which waits for the answer: give it a time-out.
pub trait Lookup: Send + Sync {
    /// The object of this name, or with an empty name the list of all in the namespace; an empty namespace means
    /// all of them. What does not exist is an empty table.
    ///
    /// # Errors
    /// If the cluster cannot be asked; the render fails with the error's text.
    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Value, LookupError>;
}

/// Finds nothing, as `helm template` does.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, LookupError> {
        Ok(Value::Map(Default::default()))
    }
}

/// What one render may cost.
#[derive(Clone)]
pub struct Budgets {
    /// Steps of evaluation. A large public chart takes some hundred thousand.
    pub steps: u64,
    /// Bytes of output, and of texts made on the way.
    pub output: u64,
    /// Levels of templates, blocks and parentheses inside each other. Each takes 16 KiB of address space.
    pub depth: usize,
    /// Asked now and then; true ends the render. Usually a deadline or a cancellation.
    pub interrupt: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Default for Budgets {
    /// 50 million steps, 128 MiB, 4000 levels, no deadline. With as many levels it is Helm's own limit of a thousand includes
    /// inside each other that ends an endless `include`.
    fn default() -> Self {
        Self { steps: 50_000_000, output: 128 << 20, depth: 4000, interrupt: None }
    }
}

impl std::fmt::Debug for Budgets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budgets")
            .field("steps", &self.steps)
            .field("output", &self.output)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

/// The time now, in seconds and nanoseconds since 1970.
pub type Clock = Arc<dyn Fn() -> (i64, u32) + Send + Sync>;

/// Fills bytes at random, well enough for passwords and keys.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Finds the addresses of host names for the template function `getHostByName`.
///
/// Called on the thread of the render, which waits for the answer: give it a time-out.
pub trait Dns: Send + Sync {
    /// The addresses of a name as text; none if it has none or nothing answers.
    fn addresses(&self, name: &str) -> Vec<String>;
}

/// How templates are run: Helm's engine has a switch for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// As `helm template` and `helm install` do: a value that is missing prints as nothing.
    #[default]
    Normal,
    /// A value that is missing ends the render (`map has no entry for key "x"`).
    Strict,
    /// As `helm lint` does: `required` and `fail` give an empty text and a warning, `lookup` finds nothing.
    Lint,
}

/// What a render uses of the world around it, and how it is done.
#[derive(Clone)]
pub struct Host {
    /// Answers `lookup`.
    pub lookup: Arc<dyn Lookup>,
    /// What the render may cost.
    pub budgets: Budgets,
    /// Answers `now` and its like. Without one, a render that asks for the time fails.
    pub clock: Option<Clock>,
    /// Feeds `randAlphaNum`, `genPrivateKey` and their like. Without one, a render that asks for randomness fails.
    pub random: Option<Random>,
    /// Answers `getHostByName`. Without one, which is Helm's default, every name has the empty address.
    pub dns: Option<Arc<dyn Dns>>,
    /// How templates are run.
    pub mode: Mode,
    /// Whether values are not checked by values.schema.json (`--skip-schema-validation`).
    pub skip_schema_validation: bool,
    /// Whether the dependencies' NOTES.txt are rendered below the chart's own (`--render-subchart-notes`).
    pub subchart_notes: bool,
}

impl Host {
    /// A host with these look-ups, the default budgets, no name service, and neither time nor randomness.
    pub fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self {
            lookup,
            budgets: Budgets::default(),
            clock: None,
            random: None,
            dns: None,
            mode: Mode::Normal,
            skip_schema_validation: false,
            subchart_notes: false,
        }
    }
}

impl Default for Host {
    /// No look-ups, the default budgets, neither time nor randomness.
    fn default() -> Self {
        Self::new(Arc::new(NoLookup))
    }
}

/// What a render gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rendered {
    /// The objects that are no hooks, in the order of installing.
    pub manifests: Vec<Manifest>,
    /// The hooks, by kind in the order of installing. An event's hooks run by weight and, of equal weight, by name.
    pub hooks: Vec<Hook>,
    /// NOTES.txt of the chart itself, and with [`Host::subchart_notes`] those of its dependencies, by path; empty if there
    /// is none.
    pub notes: String,
    /// The files below `crds/`, which are no templates. Helm creates them before anything else, and never changes them.
    pub crds: Vec<Crd>,
    /// The chart as Helm stores it: without what the values disable, imported values put in.
    pub chart: Chart,
    /// What Helm would have logged.
    pub warnings: Vec<Warning>,
}

impl Rendered {
    /// The objects' text as Helm stores it in the record and prints it.
    pub fn manifest(&self) -> String {
        combined(self.manifest_parts())
    }

    /// The pieces that [`Self::manifest`] consists of, for those who need not have it as one.
    pub fn manifest_parts(&self) -> impl Iterator<Item = &str> + Clone {
        parts(self.manifests.iter().map(|manifest| (manifest.path.as_str(), manifest.content.as_str())))
    }

    /// What `helm template` prints: the manifest, and after it the hooks.
    pub fn to_template_output(&self) -> String {
        let hooks = self.hooks.iter().map(|hook| (hook.path.as_str(), hook.manifest.as_str()));
        format!("{}\n{}", self.manifest().trim(), combined(parts(hooks)))
    }
}
