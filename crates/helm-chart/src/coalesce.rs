//! The values that a chart's templates see: the user's over the chart's, each dependency's in its own table.

use std::collections::{BTreeMap, HashSet};

use go_yaml::Value;
use go_yaml::number::go_float;

use crate::chart::Chart;
use crate::values::Values;

/// The table that every dependency gets a copy of.
const GLOBAL: &str = "global";

type Table = BTreeMap<String, Value>;

/// Coalesced values, and what Helm would have warned of.
#[derive(Clone, Debug, PartialEq)]
pub struct Coalesced {
    /// The values.
    pub values: Values,
    /// What was skipped, in Helm's words. They may quote a value.
    pub warnings: Vec<String>,
}

/// A dependency's values are no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("type mismatch on {dependency}: {found}")]
pub struct CoalesceError {
    /// The dependency.
    pub dependency: String,
    /// What Helm prints of the value.
    pub found: String,
}

/// Lays the user's values over the chart's.
///
/// Tables are merged, anything else is replaced; a null of the user's deletes the chart's value, and the chart's own
/// nulls do not count. A dependency's values are the table of its name, over its own defaults, with `global` copied down.
///
/// # Errors
/// If the value of a dependency's name is no table.
pub fn coalesce_values(chart: &Chart, user: &Values) -> Result<Coalesced, CoalesceError> {
    let mut warnings = Vec::new();
    let values =
        Coalescer { keep_null: false, warnings: &mut warnings }.run(chart, user.as_map().clone(), "")?;
    Ok(Coalesced { values: Values::from_float_map(values), warnings })
}

/// Like [`coalesce_values`] without a user's values, nulls being kept: for what is coalesced again later.
pub(crate) fn merge_defaults(chart: &Chart) -> Result<Table, CoalesceError> {
    Coalescer { keep_null: true, warnings: &mut Vec::new() }.run(chart, Table::new(), "")
}

/// Lays `over` over `under`, nulls being kept.
pub(crate) fn merge_tables(over: &mut Table, under: Table) {
    Coalescer { keep_null: true, warnings: &mut Vec::new() }.tables(over, under, "", true);
}

struct Coalescer<'a> {
    /// Helm's `merge`: whether nulls are kept.
    keep_null: bool,
    warnings: &'a mut Vec<String>,
}

impl Coalescer<'_> {
    fn run(&mut self, chart: &Chart, mut values: Table, prefix: &str) -> Result<Table, CoalesceError> {
        self.defaults(chart, &mut values, prefix);
        let prefix = join(prefix, chart.name());
        for dependency in &chart.dependencies {
            let name = dependency.name();
            let mut own = match values.remove(name) {
                None => Table::new(),
                Some(Value::Map(table)) => table,
                Some(other) => {
                    return Err(CoalesceError { dependency: name.to_owned(), found: go_percent_t(&other) });
                }
            };
            self.globals(&mut own, &values, &prefix);
            let own = self.run(dependency, own, &prefix)?;
            values.insert(name.to_owned(), Value::Map(own));
        }
        Ok(values)
    }

    /// Puts the chart's defaults under `values`.
    fn defaults(&mut self, chart: &Chart, values: &mut Table, prefix: &str) {
        let Some(defaults) = &chart.values else { return };
        let prefix = join(prefix, chart.name());
        for (key, default) in defaults.as_map() {
            match values.get_mut(key) {
                Some(Value::Null) if !self.keep_null => {
                    values.remove(key);
                }
                Some(Value::Map(over)) => match default {
                    Value::Map(under) => {
                        let is_dependency =
                            chart.dependencies.iter().any(|dependency| dependency.name() == key);
                        let keep_null = self.keep_null || is_dependency;
                        let mut under = under.clone();
                        if !keep_null {
                            remove_nulls(&mut under);
                        }
                        self.tables(over, under, &join(&prefix, key), keep_null);
                    }
                    Value::Null => {}
                    _ => {
                        self.warnings.push(format!("warning: skipped value for {prefix}.{key}: Not a table."))
                    }
                },
                Some(_) => {}
                None => {
                    let mut default = default.clone();
                    if !self.keep_null {
                        if default.is_null() {
                            continue;
                        }
                        if let Value::Map(table) = &mut default {
                            remove_nulls(table);
                        }
                    }
                    values.insert(key.clone(), default);
                }
            }
        }
    }

    /// Copies the parent's globals over the dependency's.
    fn globals(&mut self, own: &mut Table, parent: &Table, prefix: &str) {
        let mut globals = match own.get(GLOBAL) {
            None => Table::new(),
            Some(Value::Map(table)) => table.clone(),
            Some(_) => return self.warn_globals("destination"),
        };
        match parent.get(GLOBAL) {
            None => {}
            Some(Value::Map(table)) => {
                for (key, value) in table {
                    self.global(&mut globals, key, value, prefix);
                }
            }
            Some(_) => return self.warn_globals("source"),
        }
        own.insert(GLOBAL.to_owned(), Value::Map(globals));
    }

    fn global(&mut self, globals: &mut Table, key: &str, value: &Value, prefix: &str) {
        let merged = match (value, globals.remove(key)) {
            (Value::Map(over), Some(Value::Map(under))) => {
                let mut over = over.clone();
                // Nulls stay here; the coalescing of the dependency's defaults, which follows, removes them.
                self.tables(&mut over, under, &join(prefix, key), true);
                Value::Map(over)
            }
            (Value::Map(_), Some(other)) => {
                self.warnings.push(format!("Conflict: cannot merge map onto non-map for {key:?}. Skipping."));
                other
            }
            (_, Some(Value::Map(table))) => {
                self.warnings.push(format!("key {key} is table. Skipping"));
                Value::Map(table)
            }
            (value, _) => value.clone(),
        };
        globals.insert(key.to_owned(), merged);
    }

    fn warn_globals(&mut self, which: &str) {
        self.warnings.push(format!("warning: skipping globals because {which} {GLOBAL} is not a table."));
    }

    /// Lays `over` over `under`. A null in `over` removes what `under` has; one without a counterpart stays.
    fn tables(&mut self, over: &mut Table, mut under: Table, prefix: &str, keep_null: bool) {
        let stated: HashSet<String> =
            under.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.clone()).collect();
        for (key, value) in over.iter() {
            if value.is_null() {
                under.insert(key.clone(), Value::Null);
            }
        }
        for (key, value) in under {
            let full_key = join(prefix, &key);
            match (over.get_mut(&key), value) {
                (Some(Value::Null), _) if !keep_null && stated.contains(&key) => {
                    over.remove(&key);
                }
                (None, value) => {
                    over.insert(key, value);
                }
                (Some(Value::Map(over)), Value::Map(under)) => self.tables(over, under, &full_key, keep_null),
                (Some(_), Value::Map(_)) => {
                    self.warnings
                        .push(format!("warning: cannot overwrite table with non table for {full_key}"));
                }
                (Some(Value::Map(_)), value) if !value.is_null() => self.warnings.push(format!(
                    "warning: destination for {full_key} is a table. Ignoring non-table value"
                )),
                _ => {}
            }
        }
    }
}

fn remove_nulls(table: &mut Table) {
    table.retain(|_, value| !value.is_null());
    for value in table.values_mut() {
        if let Value::Map(table) = value {
            remove_nulls(table);
        }
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// Go's `%t` of a value that is no table. It fits booleans only; for others Go says so in the text.
fn go_percent_t(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Null => "%!t(<nil>)".to_owned(),
        Value::String(text) => format!("%!t(string={text})"),
        Value::Float(number) => format!("%!t(float64={})", go_float(*number)),
        Value::Int(number) => format!("%!t(int64={number})"),
        Value::Uint(number) => format!("%!t(uint64={number})"),
        Value::Seq(items) => {
            format!("[{}]", items.iter().map(go_percent_t).collect::<Vec<_>>().join(" "))
        }
        Value::Map(table) => {
            let entry =
                |(key, value): (&String, &Value)| format!("%!t(string={key}):{}", go_percent_t(value));
            format!("map[{}]", table.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
    }
}
