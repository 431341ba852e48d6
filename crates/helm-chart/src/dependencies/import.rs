//! `import-values`: what parents take over from their dependencies' values.

use go_yaml::Value;

use crate::chart::Chart;
use crate::coalesce::{CoalesceError, Coalescer};
use crate::go_text::{percent_q, percent_v};
use crate::metadata::Dependency;
use crate::tables::{Id, Node, Room};
use crate::values::Values;
use crate::warning::Warning;

/// An entry of `import-values`: the table at `child` of the dependency's values comes to `parent` of the chart's.
struct Import {
    child: String,
    parent: String,
    /// Where the table is looked for, from the chart's values.
    path: String,
    warning: Warning,
}

/// Puts what dependencies export under their parents' values, the innermost first.
pub(super) fn import_values(chart: &mut Chart, warnings: &mut Vec<Warning>) -> Result<(), CoalesceError> {
    for dependency in &mut chart.dependencies {
        import_values(dependency, warnings)?;
    }
    if !chart.metadata.states_dependencies {
        return Ok(());
    }
    let imports: Vec<Vec<Import>> = chart.metadata.dependencies.iter().map(imports).collect();
    let values = merged_values(chart, &imports, warnings)?;
    chart.values = Some(values);
    for (dependency, imports) in chart.metadata.dependencies.iter_mut().zip(imports) {
        dependency.import_values = imports.into_iter().map(stated).collect();
    }
    Ok(())
}

/// The defaults of the chart and its dependencies, and under them what is imported.
fn merged_values(
    chart: &Chart,
    imports: &[Vec<Import>],
    warnings: &mut Vec<Warning>,
) -> Result<Values, CoalesceError> {
    let mut coalescer = Coalescer::new(true);
    let values = coalescer.tables.create();
    coalescer.run(chart, values, "")?;
    let imported = coalescer.tables.create();
    for import in imports.iter().flatten() {
        match table_at(&coalescer, values, &import.path) {
            Ok(table) => {
                let table = nest(&mut coalescer, &import.parent, table);
                coalescer.merge(imported, table, "", true)?;
            }
            Err(part) => {
                let error = format!("{} is not a table", percent_q(part));
                coalescer.warnings.push(import.warning.clone().with("error", error));
            }
        }
    }
    // Parts of the values are parts of what is imported by now.
    let copy = coalescer.tables.deep_copy(values, &mut Room::new())?;
    coalescer.merge(copy, imported, "", true)?;
    warnings.append(&mut coalescer.warnings);
    Ok(Values::from_float_map(coalescer.tables.export(copy, &mut Room::new())?))
}

fn imports(dependency: &Dependency) -> Vec<Import> {
    let name = &dependency.name;
    let import = |import: &Value| {
        let (child, parent, warning) = match import {
            Value::Map(names) => {
                let text = |key: &str| percent_v(names.get(key).unwrap_or(&Value::Null));
                let warning = Warning::warn("ImportValues missing table from chart").with("chart", name);
                (text("child"), text("parent"), warning)
            }
            Value::String(export) => {
                let warning = Warning::warn("ImportValues missing table");
                (format!("exports.{export}"), ".".to_owned(), warning)
            }
            _ => return None,
        };
        let path = format!("{name}.{child}");
        Some(Import { child, parent, path, warning })
    };
    dependency.import_values.iter().filter_map(import).collect()
}

/// The entry with both its names, as Helm leaves it.
fn stated(import: Import) -> Value {
    let names = [
        ("child".to_owned(), Value::String(import.child)),
        ("parent".to_owned(), Value::String(import.parent)),
    ];
    Value::Map(names.into())
}

/// The table at a path, or the part of the path that is none.
fn table_at<'p>(coalescer: &Coalescer<'_>, values: Id, path: &'p str) -> Result<Id, &'p str> {
    path.split('.').try_fold(values, |table, part| {
        coalescer.tables.get(table, part).and_then(Node::as_table).ok_or(part)
    })
}

/// `table` at the path `parent`; `.` is the top.
fn nest<'a>(coalescer: &mut Coalescer<'a>, parent: &'a str, table: Id) -> Id {
    // Helm copies a table without entries.
    let table = if coalescer.tables.is_empty(table) { coalescer.tables.create() } else { table };
    if parent == "." {
        return table;
    }
    parent.rsplit('.').fold(table, |table, part| {
        let outer = coalescer.tables.create();
        coalescer.tables.insert(outer, part, Node::Table(table));
        outer
    })
}
