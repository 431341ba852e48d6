//! The values that a chart's templates see: the user's over the chart's, each dependency's in its own table.

use std::collections::HashSet;

use go_yaml::Value;

use crate::chart::Chart;
use crate::go_text::{percent_q, percent_t};
use crate::tables::{Id, Node, Room, Tables};
use crate::values::Values;
use crate::warning::Warning;

/// The table that every dependency gets a copy of.
const GLOBAL: &str = "global";

/// The most warnings of one coalescing.
const MAX_WARNINGS: usize = 1000;

/// Coalesced values, and what Helm logs of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Coalesced {
    /// The values.
    pub values: Values,
    /// What was skipped; the first thousand.
    pub warnings: Vec<Warning>,
}

/// Values that do not fit their chart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoalesceError {
    /// A dependency's values are no table. The text is Helm's.
    #[error("type mismatch on {dependency}: {found}")]
    TypeMismatch {
        /// The dependency.
        dependency: String,
        /// What Helm prints of the value.
        found: String,
    },
    /// Tables inside each other, which `import-values` can make of few, or even put into themselves.
    #[error(
        "the values have more than {0} tables inside each other: see import-values of the chart's dependencies"
    )]
    TooDeep(usize),
    /// Too much of it, `global` being copied for each dependency.
    #[error("the values of the chart and its dependencies take more than {0} bytes together")]
    TooLarge(usize),
}

/// Lays the user's values over the chart's.
///
/// Tables are merged, anything else is replaced; a null of the user's deletes the chart's value, and the chart's own
/// nulls do not count. A dependency's values are the table of its name, over its own defaults, with `global` copied down.
///
/// # Errors
/// If the value of a dependency's name is no table, or the result is too deep or too large.
pub fn coalesce_values(chart: &Chart, user: &Values) -> Result<Coalesced, CoalesceError> {
    let mut coalescer = Coalescer::new(false);
    let root = coalescer.tables.import(user.as_map());
    coalescer.run(chart, root, "")?;
    let values = coalescer.tables.export(root, &mut Room::new())?;
    Ok(Coalesced { values: Values::from_float_map(values), warnings: coalescer.warnings })
}

/// Lays one table of values over another, no chart being looked at: Helm's `CoalesceTables`. A null of `over` deletes what
/// `under` has; nulls of `under` stay.
///
/// # Errors
/// If the result is too deep or too large.
pub fn coalesce_tables(over: &Values, under: &Values) -> Result<Coalesced, CoalesceError> {
    let mut coalescer = Coalescer::new(false);
    let (root, under) = (coalescer.tables.import(over.as_map()), coalescer.tables.import(under.as_map()));
    coalescer.merge(root, under, "", false)?;
    let values = coalescer.tables.export(root, &mut Room::new())?;
    Ok(Coalesced { values: Values::from_float_map(values), warnings: coalescer.warnings })
}

/// Helm's `coalesce`, and with `keep_null` its `merge`.
pub(crate) struct Coalescer<'a> {
    pub(crate) tables: Tables<'a>,
    pub(crate) warnings: Vec<Warning>,
    /// Whether nulls are kept, for what is coalesced again later.
    keep_null: bool,
    depth: Room,
}

impl<'a> Coalescer<'a> {
    pub(crate) fn new(keep_null: bool) -> Self {
        Self { tables: Tables::default(), warnings: Vec::new(), keep_null, depth: Room::new() }
    }

    /// Lays `values` over the defaults of the chart and its dependencies.
    pub(crate) fn run(&mut self, chart: &'a Chart, values: Id, prefix: &str) -> Result<(), CoalesceError> {
        self.defaults(chart, values, prefix)?;
        let prefix = join(prefix, chart.name());
        for dependency in &chart.dependencies {
            let name = dependency.name();
            let own = match self.tables.get(values, name) {
                None => {
                    let own = self.tables.create();
                    self.tables.insert(values, name, Node::Table(own));
                    own
                }
                Some(Node::Table(own)) => own,
                Some(Node::Leaf(other)) => {
                    let found = percent_t(other);
                    return Err(CoalesceError::TypeMismatch { dependency: name.to_owned(), found });
                }
            };
            self.globals(own, values, &prefix)?;
            self.run(dependency, own, &prefix)?;
        }
        Ok(())
    }

    /// Puts the chart's defaults under `values`.
    fn defaults(&mut self, chart: &'a Chart, values: Id, prefix: &str) -> Result<(), CoalesceError> {
        let Some(defaults) = &chart.values else { return Ok(()) };
        let prefix = join(prefix, chart.name());
        let defaults = self.tables.import(defaults.as_map());
        for (key, default) in self.tables.entries(defaults) {
            match self.tables.get(values, key) {
                Some(value) if value.is_null() && !self.keep_null => self.tables.remove(values, key),
                Some(Node::Table(over)) => match default {
                    Node::Table(under) => {
                        let is_dependency = chart.dependencies.iter().any(|chart| chart.name() == key);
                        let keep_null = self.keep_null || is_dependency;
                        if !keep_null {
                            self.tables.remove_nulls(under);
                        }
                        self.merge(over, under, &join(&prefix, key), keep_null)?;
                    }
                    default if default.is_null() => {}
                    _ => {
                        let text = format!("warning: skipped value for {prefix}.{key}: Not a table.");
                        self.warn(Warning::info(text));
                    }
                },
                Some(_) => {}
                None => {
                    if !self.keep_null {
                        if default.is_null() {
                            continue;
                        }
                        if let Node::Table(table) = default {
                            self.tables.remove_nulls(table);
                        }
                    }
                    self.tables.insert(values, key, default);
                }
            }
        }
        Ok(())
    }

    /// Copies the parent's globals over the dependency's. Tables inside a global's table are shared, not copied.
    fn globals(&mut self, own: Id, parent: Id, prefix: &str) -> Result<(), CoalesceError> {
        let globals = match self.tables.get(own, GLOBAL) {
            None => self.tables.create(),
            Some(Node::Table(table)) => table,
            Some(_) => {
                self.warn_globals("destination");
                return Ok(());
            }
        };
        match self.tables.get(parent, GLOBAL) {
            None => {}
            Some(Node::Table(table)) => {
                for (key, value) in self.tables.entries(table) {
                    self.global(globals, key, value, prefix)?;
                }
            }
            Some(_) => {
                self.warn_globals("source");
                return Ok(());
            }
        }
        self.tables.insert(own, GLOBAL, Node::Table(globals));
        Ok(())
    }

    fn global(
        &mut self,
        globals: Id,
        key: &'a str,
        value: Node<'a>,
        prefix: &str,
    ) -> Result<(), CoalesceError> {
        let own = self.tables.get(globals, key);
        match (value, own) {
            (Node::Table(over), None) => {
                let copy = self.tables.shallow_copy(over);
                self.tables.insert(globals, key, Node::Table(copy));
            }
            (Node::Table(over), Some(Node::Table(under))) => {
                let copy = self.tables.shallow_copy(over);
                // Nulls stay here; the coalescing of the dependency's defaults, which follows, removes them.
                self.merge(copy, under, &join(prefix, key), true)?;
                self.tables.insert(globals, key, Node::Table(copy));
            }
            (Node::Table(_), Some(Node::Leaf(_))) => {
                let key = percent_q(key);
                let text = format!("Conflict: cannot merge map onto non-map for {key}. Skipping.");
                self.warn(Warning::info(text));
            }
            (Node::Leaf(_), Some(Node::Table(_))) => {
                self.warn(Warning::info(format!("key {key} is table. Skipping")));
            }
            (value, _) => self.tables.insert(globals, key, value),
        }
        Ok(())
    }

    /// Keeps a warning, unless there are more than anybody reads.
    fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }

    fn warn_globals(&mut self, which: &str) {
        let text = format!("warning: skipping globals because {which} {GLOBAL} is not a table.");
        self.warn(Warning::info(text));
    }

    /// Lays `over` over `under`. A null in `over` removes what `under` has, unless nulls are kept; one without a
    /// counterpart stays. Tables of `under` become parts of `over` as they are.
    pub(crate) fn merge(
        &mut self,
        over: Id,
        under: Id,
        prefix: &str,
        keep_null: bool,
    ) -> Result<(), CoalesceError> {
        self.depth.enter()?;
        let stated: HashSet<&str> = self
            .tables
            .entries(under)
            .into_iter()
            .filter(|(_, node)| !node.is_null())
            .map(|(key, _)| key)
            .collect();
        for (key, node) in self.tables.entries(over) {
            if node.is_null() {
                self.tables.insert(under, key, Node::NULL);
            }
        }
        for (key, value) in self.tables.entries(under) {
            match (self.tables.get(over, key), value) {
                (Some(own), _) if own.is_null() && !keep_null && stated.contains(key) => {
                    self.tables.remove(over, key);
                }
                (None, value) => self.tables.insert(over, key, value),
                (Some(Node::Table(own)), Node::Table(value)) => {
                    self.merge(own, value, &join(prefix, key), keep_null)?;
                }
                (Some(Node::Leaf(_)), Node::Table(_)) => {
                    let key = join(prefix, key);
                    let text = format!("warning: cannot overwrite table with non table for {key}");
                    self.warn(Warning::info(text).quoting(self.tables.text(value)));
                }
                (Some(Node::Table(_)), Node::Leaf(leaf)) if *leaf != Value::Null => {
                    let key = join(prefix, key);
                    let text = format!("warning: destination for {key} is a table. Ignoring non-table value");
                    self.warn(Warning::info(text).quoting(self.tables.text(value)));
                }
                _ => {}
            }
        }
        self.depth.leave();
        Ok(())
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}
