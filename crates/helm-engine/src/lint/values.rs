//! The rule for values.yaml: it can be read, and with the user's values over it fits the schema.

use helm_chart::{Chart, Limits, Mode, SourceFile, Values, coalesce_tables, validate_values};

use crate::lint::{Entry, LintOptions, Linter, Severity, chain};
use crate::shape::{Shape, Source, Struct, fault};

const FILE: &str = "values.yaml";
const SCHEMA: &str = "values.schema.json";

/// Any map. Go's type is a map, of which nothing but being one is asked.
static VALUES: Shape = Shape::Struct(&Struct { name: "", go_type: "common.Values", fields: &[] });

pub(super) fn check(linter: &mut Linter<'_>, values: &Values, options: &LintOptions) {
    let entry = linter.entry(FILE);
    if !linter.rule(Severity::Info, FILE, (entry == Entry::Missing).then_some("file does not exist")) {
        return;
    }
    let found = match entry {
        Entry::File(bytes) => problem(linter, bytes, values, options).err(),
        _ => Some(format!("unable to parse YAML: read {}/{FILE}: is a directory", linter.source.folder)),
    };
    linter.rule(Severity::Error, FILE, found);
}

fn problem(
    linter: &mut Linter<'_>,
    bytes: &[u8],
    values: &Values,
    options: &LintOptions,
) -> Result<(), String> {
    let unreadable = |why: String| format!("unable to parse YAML: {why}");
    // Only the first document: the loader merges them all, this rule does not.
    let own = go_yaml::from_slice(bytes)
        .map_err(|error| unreadable(format!("error converting YAML to JSON: {error}")))?;
    if let Some(fault) = fault(&own, &VALUES, Source::Yaml) {
        return Err(unreadable(chain(&fault)));
    }
    let own = Values::try_from(own).map_err(|error| unreadable(error.to_string()))?;
    let coalesced = coalesce_tables(values, &own).map_err(|error| chain(&error))?;
    linter.linted.warnings.extend(coalesced.warnings);
    let schema = match linter.entry(SCHEMA) {
        Entry::Missing | Entry::Folder | Entry::File([]) => return Ok(()),
        Entry::File(_) if options.skip_schema_validation => return Ok(()),
        Entry::File(schema) => schema,
    };
    let chart = schema_alone(schema).map_err(|error| chain(&error))?;
    // Of this one chart Helm shows the text without its name.
    validate_values(&chart, &coalesced.values)
        .map_err(|error| error.charts().iter().map(|fault| fault.text.as_str()).collect())
}

/// A chart of nothing but a schema: the rule looks at no dependency, and the chart itself may not load.
fn schema_alone(schema: &[u8]) -> Result<Chart, helm_chart::LoadError> {
    let file =
        |path: &str, bytes: &[u8]| SourceFile { path: path.into(), mode: Mode::File, bytes: bytes.into() };
    let chart_yaml = file("Chart.yaml", b"apiVersion: v2\nname: any\nversion: 0.0.0\n");
    Chart::load([chart_yaml, file(SCHEMA, schema)], &Limits::default())
}
