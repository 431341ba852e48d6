//! `helm lint`: whether a chart is well-formed, in Helm's words and order.
//!
//! The rules read the chart's files as they are, so that a chart that does not load is reported too. Nothing here fails:
//! whatever is wrong becomes a message.

mod address;
mod chart_yaml;
mod crds;
mod dependencies;
mod deprecations;
mod documents;
mod duplicates;
mod names;
mod templates;
mod values;

use std::error::Error as _;
use std::fmt;

use helm_chart::{Chart, Limits, LoadError, SourceFile, Values, Warning};

use crate::capabilities::KubeVersion;
use crate::release::Host;

/// A chart's files, as they lie in its folder: those too that `.helmignore` leaves out.
#[derive(Clone, Debug)]
pub struct LintSource<'a> {
    /// The absolute path of the chart's folder. Nothing is read there: messages name it.
    pub folder: &'a str,
    /// The files.
    pub files: &'a [SourceFile],
    /// Folders below it, as paths with `/`. Those that hold files need not be named.
    pub folders: &'a [String],
}

/// How a chart is linted.
#[derive(Clone)]
pub struct LintOptions {
    /// `.Release.Namespace`.
    pub namespace: String,
    /// The Kubernetes that deprecations are told for and `.Capabilities` speaks of; without one the reference Helm's.
    pub kube_version: Option<KubeVersion>,
    /// Whether values are not held against values.schema.json.
    pub skip_schema_validation: bool,
    /// Limits on the chart.
    pub limits: Limits,
    /// What templates may use. Its mode does not count, and its look-ups are not asked.
    pub host: Host,
}

impl Default for LintOptions {
    /// Namespace `default`, the reference's Kubernetes, schemas checked, default limits and host.
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            kube_version: None,
            skip_schema_validation: false,
            limits: Limits::default(),
            host: Host::default(),
        }
    }
}

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Against a convention, and will likely work.
    Warning,
    /// Will likely not work.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        })
    }
}

/// What a rule found. `Display` gives Helm's line: `[ERROR] Chart.yaml: name is required`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintMessage {
    /// How grave it is.
    pub severity: Severity,
    /// The file or folder; for what concerns dependencies the chart's folder, and nothing if the chart does not load.
    pub path: String,
    /// What is wrong; it may have several lines.
    pub text: String,
}

impl fmt::Display for LintMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}: {}", self.severity, self.path, self.text)
    }
}

/// What was found in a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linted {
    /// What the rules found, in Helm's order.
    pub messages: Vec<LintMessage>,
    /// What Helm logs while it renders: values that do not fit, and what `required` and `fail` were called with.
    pub warnings: Vec<Warning>,
}

/// Lints a chart with these values over its own, as `helm lint` does with one folder.
///
/// Blocks as long as a render of the chart takes.
///
/// ```
/// use helm_chart::{Mode, SourceFile, Values, Warning};
/// use helm_engine::{LintOptions, LintSource, lint};
///
/// let chart_yaml = SourceFile {
///     path: "Chart.yaml".into(),
///     mode: Mode::File,
///     bytes: b"apiVersion: v2\nname: web\nversion: one\nicon: https://example.org/i.png\n".as_slice().into(),
/// };
/// let source = LintSource { folder: "/charts/web", files: &[chart_yaml], folders: &[] };
/// let linted = lint(&source, &Values::new(), &LintOptions::default());
/// let lines: Vec<String> = linted.messages.iter().map(ToString::to_string).collect();
/// assert_eq!(lines[0], "[ERROR] Chart.yaml: version 'one' is not a valid SemVer");
/// ```
pub fn lint(source: &LintSource<'_>, values: &Values, options: &LintOptions) -> Linted {
    let mut linter = Linter { source, linted: Linted::default() };
    // Helm loads the chart once for each group of rules; the result is the same each time.
    let chart = Chart::load_any_version(source.files.iter().cloned(), &options.limits);
    let chart = chart.map_err(|error| reason(&error));
    chart_yaml::check(&mut linter);
    values::check(&mut linter, values, options);
    templates::check(&mut linter, &chart, values, options);
    dependencies::check(&mut linter, &chart);
    crds::check(&mut linter, &chart);
    linter.linted
}

/// The chart, or why it does not load.
type Loaded = Result<Chart, String>;

/// Helm's text: of a bad `.helmignore` it tells the cause alone.
fn reason(error: &LoadError) -> String {
    match error {
        LoadError::Ignore(rule) => rule.source().map_or_else(|| rule.to_string(), ToString::to_string),
        _ => chain(error),
    }
}

struct Linter<'a> {
    source: &'a LintSource<'a>,
    linted: Linted,
}

/// What a path of the chart's folder is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry<'a> {
    Missing,
    Folder,
    File(&'a [u8]),
}

impl<'a> Linter<'a> {
    /// Takes down what a rule found; whether it found nothing.
    fn rule<T: Into<String>>(&mut self, severity: Severity, path: &str, found: Option<T>) -> bool {
        let Some(text) = found else { return true };
        self.linted.messages.push(LintMessage { severity, path: path.to_owned(), text: text.into() });
        false
    }

    fn entry(&self, path: &str) -> Entry<'a> {
        if let Some(file) = self.source.files.iter().find(|file| file.path == path) {
            return Entry::File(&file.bytes);
        }
        let below = |other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let folder = self.source.folders.iter().any(|folder| folder == path || below(folder))
            || self.source.files.iter().any(|file| below(&file.path));
        if folder { Entry::Folder } else { Entry::Missing }
    }
}

/// An error with its causes, as Go joins them.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// Go's `%q`.
fn quoted(text: &str) -> String {
    String::from_utf8_lossy(&go_template::quote_bytes(text.as_bytes(), false)).into_owned()
}
