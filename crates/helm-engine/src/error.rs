//! Why a chart could not be rendered, in Helm's words.

use go_template::ErrorKind;
use helm_chart::{CoalesceError, SchemaError};

use crate::manifest::ManifestError;

/// Why a chart could not be rendered. The text, with its causes joined by `: `, is that of `helm template`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The chart is of a type that cannot be installed.
    #[error("{0} charts are not installable")]
    NotInstallable(String),
    /// Chart.yaml names dependencies that are not in `charts/`.
    #[error(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}",
        .0.join(", ")
    )]
    MissingDependencies(Vec<String>),
    /// The values do not fit the dependencies.
    #[error("chart dependencies processing failed")]
    Dependencies(#[source] CoalesceError),
    /// The values do not fit the chart.
    #[error(transparent)]
    Values(#[from] CoalesceError),
    /// The values do not fit the charts' schemas.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The chart is for other versions of Kubernetes.
    #[error("chart requires kubeVersion: {range} which is incompatible with Kubernetes {version}")]
    KubeVersion {
        /// Chart.yaml's `kubeVersion`.
        range: String,
        /// The cluster's version.
        version: String,
    },
    /// A template is malformed.
    #[error("parse error at ({location}): {message}")]
    Parse {
        /// Template and line.
        location: String,
        /// What is wrong.
        message: String,
    },
    /// A template called `fail`, or `required` with nothing.
    #[error("execution error at ({location}): {message}")]
    Refused {
        /// Template, line and column.
        location: String,
        /// The chart's message.
        message: String,
    },
    /// A template failed.
    #[error("{text}")]
    Template {
        /// Helm's text: the places from the outermost to the innermost, and what went wrong there.
        text: String,
    },
    /// The render used up a budget.
    #[error("rendering was stopped: {text}")]
    Budget {
        /// Which budget, and where.
        text: String,
    },
    /// The templates print more objects than anybody installs.
    #[error("rendering was stopped: the templates print more than {0} objects")]
    TooManyObjects(usize),
    /// A template asks for the time or for randomness, and the host gives none.
    #[error("{template} asks for {thing}, which this render has none of")]
    NotGiven {
        /// The template.
        template: String,
        /// What it asks for.
        thing: &'static str,
    },
    /// A template printed something that is no object.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A defect in this crate or below it.
    #[error("rendering template failed: {0}")]
    Defect(String),
}

/// Marks around the message of `fail` and `required`, by which it is found again in the text of the outermost error.
const REFUSAL: (&str, &str) = ("HELM_ERR_START", "HELM_ERR_END");

/// The message of `fail` or `required`, marked.
pub(crate) fn refusal(message: &str) -> String {
    format!("{}{message}{}", REFUSAL.0, REFUSAL.1)
}

/// Helm's error for a file that could not be parsed: the place, and the last of the texts joined by `: `.
pub(crate) fn parse_error(error: &go_template::Error) -> RenderError {
    let text = error.to_string();
    let parts: Vec<&str> = text.split(": ").collect();
    let part = |part: Option<&&str>| part.copied().unwrap_or_default().to_owned();
    RenderError::Parse { location: part(parts.get(1)), message: part(parts.last()) }
}

/// Helm's error for a template that failed while it ran.
pub(crate) fn exec_error(error: &go_template::Error) -> RenderError {
    let text = error.to_string();
    if matches!(error.root().kind(), ErrorKind::Budget(_)) || matches!(error.kind(), ErrorKind::Budget(_)) {
        return RenderError::Budget { text };
    }
    let mut parts = text.splitn(3, ": ");
    if let (Some(_), Some(location), Some(rest)) = (parts.next(), parts.next(), parts.next())
        && let Some((_, marked)) = rest.split_once(REFUSAL.0)
        && let Some((message, _)) = marked.rsplit_once(REFUSAL.1)
    {
        return RenderError::Refused { location: location.to_owned(), message: message.to_owned() };
    }
    RenderError::Template { text: trace(error).unwrap_or(text) }
}

/// The places of an error from the outermost to the innermost. Nothing if the innermost cause is no template's error:
/// Helm shows Go's text then.
fn trace(error: &go_template::Error) -> Option<String> {
    let mut places: Vec<String> = Vec::new();
    let mut current = Some(error);
    while let Some(error) = current {
        let place = place(&error.to_string())?;
        if places.last() != Some(&place) {
            places.push(place);
        }
        current = error.inner_template_error();
        // A function that failed by itself: its own message is the innermost error.
        if current.is_none() && error.message().starts_with("error calling ") {
            return None;
        }
    }
    Some(places.concat().trim().to_owned())
}

/// Takes one error's text apart: place, template and expression, message, each on a line of its own.
fn place(text: &str) -> Option<String> {
    let rest = text.strip_prefix("template: ")?;
    if rest.starts_with("no template ") {
        return Some(format!("{text}\n"));
    }
    let own_message = |message: &str| message.split(" template:").next().unwrap_or_default().to_owned();
    if let Some((location, after)) = rest.split_once(": executing ") {
        let (function, after) = after.strip_prefix('"')?.split_once('"')?;
        let (expression, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
        let message = own_message(message);
        return Some(format!("{location}\n  executing \"{function}\" at <{expression}>:\n    {message}\n"));
    }
    let (location, message) = rest.rsplit_once(": ")?;
    Some(format!("{location}\n  {}\n", own_message(message)))
}
