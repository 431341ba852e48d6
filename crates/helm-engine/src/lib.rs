//! Helm's engine: a chart, values and a cluster's capabilities in; objects, hooks and notes out.
//!
//! [`LoadedChart`] keeps a chart with its templates parsed; [`LoadedChart::render`] renders it for one release, and may be
//! called from many threads at once. The output is that of Helm 4.3, byte for byte, and so are the errors of templates.
//!
//! Invariants:
//! - No I/O: `lookup` asks the [`Lookup`] that the caller gives, and the caller's [`Budgets`] hold for it as well.
//! - A hostile chart ends with an error, not with the process: steps, output and depth are bounded, and a render has a
//!   stack of its own that fits its depth.
//! - What is rendered is a pure function of the arguments, the functions `now` and `rand…` aside.
//!
//! A render blocks; call it where blocking is allowed.

mod cache;
mod capabilities;
mod context;
mod data;
mod duration;
mod error;
mod files;
mod functions;
mod glob;
mod lint;
mod loaded;
mod manifest;
mod objects;
mod order;
pub mod post_render;
mod pretty;
mod release;
mod shape;
mod toml;
mod values;
mod yaml;

pub use cache::{CacheLimits, ChartCache};
pub use capabilities::{Capabilities, HelmVersion, InvalidKubeVersion, KubeVersion};
pub use error::RenderError;
pub use functions::functions;
pub use lint::{LintMessage, LintOptions, LintSource, Linted, Severity, lint};
pub use loaded::LoadedChart;
pub use manifest::{
    HOOK, HeadError, Hook, Manifest, ManifestError, Printed, parse_manifest, split_documents,
};
pub use order::{KindOrder, sort_by_kind};
pub use release::{
    Budgets, Clock, Dns, Host, Lookup, LookupError, Mode, NoLookup, Operation, Random, ReleaseOptions,
    Rendered,
};
