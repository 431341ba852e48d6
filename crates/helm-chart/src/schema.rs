//! Values checked by the charts' values.schema.json (`helm.sh/helm/v4/pkg/chart/common/util`,
//! `ValidateAgainstSchema`).
//!
//! Drafts 4, 6, 7, 2019-09 and 2020-12; a schema without `$schema` is of draft 2020-12. The texts are Helm's; where its
//! order is random, ours is that of the names. Unlike in Helm, a schema refers to nothing outside itself but to the
//! meta-schemas of these drafts.
//!
//! Invariants: no I/O. A check ends after a fixed number of steps, whatever the schema is; it has a stack of its own that
//! fits its limit on levels.

mod compile;
mod document;
mod equal;
mod failure;
mod format;
mod limits;
mod meta;
mod node;
mod number;
mod pattern;
mod validate;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use go_yaml::Value;
use go_yaml::json::{self, JsonError};

use crate::chart::Chart;
use crate::values::Values;

use compile::{Compiled, compile};
use failure::Failure;
use limits::{Budget, LimitReached};

/// Values that do not fit the schemas of a chart and its dependencies. The text is Helm's, and may quote values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "values don't meet the specifications of the schema(s) in the following chart(s):\n{}",
    .charts.iter().map(|fault| format!("{}:\n{}", fault.chart, fault.text)).collect::<String>()
)]
pub struct SchemaError {
    charts: Vec<ChartFault>,
}

impl SchemaError {
    /// The charts whose values do not fit, a chart before its dependencies.
    pub fn charts(&self) -> &[ChartFault] {
        &self.charts
    }
}

/// What is wrong with the values of one chart, or with its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChartFault {
    /// The chart's name, or alias.
    pub chart: String,
    /// Lines `- at '/pointer': message`, what led to a line two spaces deeper below it; or why the schema cannot be used.
    pub text: String,
    /// The pointers of the lines, in their order.
    pub pointers: Vec<String>,
}

/// Checks a chart's values, and those of its dependencies, by their schemas.
///
/// `chart` is what [`process_dependencies`](crate::process_dependencies) gave, and `values` are what
/// [`coalesce_values`](crate::coalesce_values) gave.
///
/// # Errors
/// If a value does not fit, or a schema cannot be used.
///
/// ```
/// use helm_chart::{Chart, Limits, Mode, SourceFile, coalesce_values, validate_values, Values};
///
/// let file = |path: &str, text: &str| SourceFile {
///     path: path.into(),
///     mode: Mode::File,
///     bytes: text.as_bytes().into(),
/// };
/// let source = [
///     file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
///     file("values.schema.json", r#"{"properties": {"port": {"type": "integer", "maximum": 65535}}}"#),
/// ];
/// let chart = Chart::load(source, &Limits::default())?;
/// let values = coalesce_values(&chart, &Values::from_yaml("port: 70000")?)?.values;
/// assert_eq!(
///     validate_values(&chart, &values).unwrap_err().to_string(),
///     "values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n\
///      - at '/port': maximum: got 70,000, want 65,535\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn validate_values(chart: &Chart, values: &Values) -> Result<(), SchemaError> {
    SchemaCache::default().validate(chart, values)
}

/// The compiled schemas of charts, kept for the next check.
#[derive(Debug, Default)]
pub struct SchemaCache {
    /// By the address of the text.
    compiled: Mutex<HashMap<usize, Kept>>,
}

/// What became of a text, which is kept alive here.
type Kept = (Arc<[u8]>, Arc<Outcome>);

/// A compiled schema, or why there is none.
type Outcome = Result<Compiled, CompileError>;

/// How many schemas are kept.
const MOST_KEPT: usize = 256;

impl SchemaCache {
    /// As [`validate_values`].
    ///
    /// # Errors
    /// As [`validate_values`].
    pub fn validate(&self, chart: &Chart, values: &Values) -> Result<(), SchemaError> {
        if !has_schema(chart) {
            return Ok(());
        }
        // The same thread, with a stack that fits the limit on levels.
        let charts = stacker::grow(limits::STACK, || {
            let mut charts = Vec::new();
            self.collect(chart, &values.clone().into(), &mut charts);
            charts
        });
        if charts.is_empty() { Ok(()) } else { Err(SchemaError { charts }) }
    }

    fn collect(&self, chart: &Chart, values: &Value, faults: &mut Vec<ChartFault>) {
        if let Some(schema) = &chart.schema {
            let fault = |text, pointers| ChartFault { chart: chart.name().to_owned(), text, pointers };
            match &*self.compiled(schema) {
                Err(error) => faults.push(fault(error.to_string(), error.pointers())),
                Ok(compiled) => match validate::validate(compiled, values, &Budget::new()) {
                    Ok(None) => {}
                    Ok(Some(failures)) => {
                        let (mut text, pointers) = printed(&failures);
                        text.push('\n');
                        faults.push(fault(text, pointers));
                    }
                    Err(limit) => faults.push(fault(format!("{limit}\n"), Vec::new())),
                },
            }
        }
        for dependency in &chart.dependencies {
            match values.get(dependency.name()) {
                None | Some(Value::Null) => {}
                Some(values @ Value::Map(_)) => self.collect(dependency, values, faults),
                Some(other) => faults.push(ChartFault {
                    chart: dependency.name().to_owned(),
                    text: format!(
                        "invalid type for values: expected object (map), got {}\n",
                        crate::set::go_type(other)
                    ),
                    pointers: Vec::new(),
                }),
            }
        }
    }

    fn compiled(&self, schema: &Arc<[u8]>) -> Arc<Outcome> {
        let key = schema.as_ptr().addr();
        if let Some((_, kept)) = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return kept.clone();
        }
        let outcome = Arc::new(read(schema));
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= MOST_KEPT {
            compiled.clear();
        }
        compiled.insert(key, (schema.clone(), outcome.clone()));
        outcome
    }
}

fn has_schema(chart: &Chart) -> bool {
    chart.schema.is_some() || chart.dependencies.iter().any(has_schema)
}

fn read(schema: &[u8]) -> Outcome {
    if schema.iter().all(u8::is_ascii_whitespace) {
        return Err(CompileError::Empty);
    }
    let document = json::from_slice(schema)?;
    compile(document::ROOT, Some(&document), false, &Budget::for_schema(schema.len()))
}

/// The lines of failures without the last line's end, and their pointers.
fn printed(failures: &[Failure]) -> (String, Vec<String>) {
    let (mut text, mut pointers) = (String::new(), Vec::new());
    for failure in failures {
        failure.print(0, &mut text, &mut pointers);
    }
    text.truncate(text.trim_end_matches('\n').len());
    (text, pointers)
}

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
enum CompileError {
    #[error("EOF")]
    Empty,
    #[error("{}", json_text(.0))]
    Json(#[from] JsonError),
    #[error(
        "failing loading {0:?}: a schema may refer to itself only; put what it refers to into its \"$defs\", or skip the check by schemas"
    )]
    Remote(String),
    #[error("draft {0:?} is not supported")]
    Draft(String),
    #[error("error in parsing id at {0:?}")]
    Id(String),
    #[error("duplicate id {id:?} in {url:?}")]
    DuplicateId { id: String, url: String },
    #[error("duplicate anchor {anchor:?} in {url:?}")]
    DuplicateAnchor { anchor: String, url: String },
    #[error("anchor in {reference:?} not found in schema {url:?}")]
    Anchor { reference: String, url: String },
    #[error("{0}")]
    Reference(String),
    #[error("json-pointer in {0:?} not found")]
    NotFound(String),
    #[error("invalid regex {pattern:?} at {location:?}: {complaint}")]
    Pattern { pattern: String, location: String, complaint: String },
    #[error(
        "{location:?} is not valid against metaschema: jsonschema validation failed with '{draft_url}#'\n{}",
        .text
    )]
    Invalid { location: String, draft_url: &'static str, text: String, pointers: Vec<String> },
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

impl CompileError {
    fn pointers(&self) -> Vec<String> {
        match self {
            Self::Invalid { pointers, .. } => pointers.clone(),
            _ => Vec::new(),
        }
    }
}

/// In the words of Go's decoder of streams.
fn json_text(error: &JsonError) -> String {
    match error {
        JsonError::UnexpectedEnd => "unexpected EOF".to_owned(),
        JsonError::InvalidCharacter { context: "after top-level value", .. } => {
            "invalid character after top-level value".to_owned()
        }
        other => other.to_string(),
    }
}
