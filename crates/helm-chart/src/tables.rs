//! Tables that share parts, as Go's maps do while Helm coalesces.
//!
//! Helm copies some tables of values and shares others, so that what is merged into one place can show in another: a
//! dependency's `global.a.b` reaches its parent's. All tables of one coalescing lie in one arena here and refer to each
//! other by number. Texts and lists are borrowed until the result is made.
//!
//! Invariants: a table is only a part of a table, never of a list. What is made by [`Tables::export`] is bounded in depth
//! and size, even if tables contain themselves.

use std::collections::BTreeMap;

use go_yaml::Value;

use crate::coalesce::CoalesceError;
use crate::go_text::percent_v;

/// The most tables inside each other. YAML's own limit is 200, to which charts inside each other and `import-values` add.
pub(crate) const MAX_DEPTH: usize = 512;

/// The most memory of coalesced values, about: globals are copied for each dependency.
const MAX_BYTES: usize = 64 << 20;

/// The most memory of a value that a message quotes.
const MAX_QUOTED_BYTES: usize = 64 << 10;

/// About what a value costs by itself.
const NODE_BYTES: usize = 64;

/// A table's number.
pub(crate) type Id = usize;

pub(crate) type Table = BTreeMap<String, Value>;

static NULL: Value = Value::Null;

#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    /// Anything but a table.
    Leaf(&'a Value),
    Table(Id),
}

impl Node<'_> {
    pub(crate) const NULL: Node<'static> = Node::Leaf(&NULL);

    pub(crate) fn is_null(self) -> bool {
        matches!(self, Self::Leaf(Value::Null))
    }

    pub(crate) fn as_table(self) -> Option<Id> {
        match self {
            Self::Table(id) => Some(id),
            Self::Leaf(_) => None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Tables<'a>(Vec<BTreeMap<&'a str, Node<'a>>>);

impl<'a> Tables<'a> {
    /// An empty table.
    pub(crate) fn create(&mut self) -> Id {
        self.0.push(BTreeMap::new());
        self.0.len() - 1
    }

    /// The table and all tables in it.
    pub(crate) fn import(&mut self, table: &'a Table) -> Id {
        let entries = table.iter().map(|(key, value)| (key.as_str(), self.node(value))).collect();
        self.0.push(entries);
        self.0.len() - 1
    }

    fn node(&mut self, value: &'a Value) -> Node<'a> {
        match value {
            Value::Map(table) => Node::Table(self.import(table)),
            leaf => Node::Leaf(leaf),
        }
    }

    pub(crate) fn get(&self, table: Id, key: &str) -> Option<Node<'a>> {
        self.0[table].get(key).copied()
    }

    pub(crate) fn insert(&mut self, table: Id, key: &'a str, node: Node<'a>) {
        self.0[table].insert(key, node);
    }

    pub(crate) fn remove(&mut self, table: Id, key: &str) {
        self.0[table].remove(key);
    }

    /// The entries as they are now.
    pub(crate) fn entries(&self, table: Id) -> Vec<(&'a str, Node<'a>)> {
        self.0[table].iter().map(|(key, node)| (*key, *node)).collect()
    }

    pub(crate) fn is_empty(&self, table: Id) -> bool {
        self.0[table].is_empty()
    }

    /// A new table that shares the tables inside.
    pub(crate) fn shallow_copy(&mut self, table: Id) -> Id {
        let copy = self.0[table].clone();
        self.0.push(copy);
        self.0.len() - 1
    }

    /// A copy that shares nothing.
    pub(crate) fn deep_copy(&mut self, table: Id, room: &mut Room) -> Result<Id, CoalesceError> {
        room.enter()?;
        let mut copy = BTreeMap::new();
        for (key, node) in self.entries(table) {
            room.spend(key.len())?;
            let node = match node {
                Node::Table(id) => Node::Table(self.deep_copy(id, room)?),
                leaf => leaf,
            };
            copy.insert(key, node);
        }
        room.leave();
        self.0.push(copy);
        Ok(self.0.len() - 1)
    }

    /// Removes the nulls in the table and in all tables in it.
    pub(crate) fn remove_nulls(&mut self, table: Id) {
        self.0[table].retain(|_, node| !node.is_null());
        for (_, node) in self.entries(table) {
            if let Node::Table(inner) = node {
                self.remove_nulls(inner);
            }
        }
    }

    /// The table as a value of its own.
    pub(crate) fn export(&self, table: Id, room: &mut Room) -> Result<Table, CoalesceError> {
        room.enter()?;
        let mut exported = Table::new();
        for (key, node) in &self.0[table] {
            room.spend(key.len())?;
            let value = match node {
                Node::Table(id) => Value::Map(self.export(*id, room)?),
                Node::Leaf(leaf) => {
                    room.spend_leaf(leaf)?;
                    (*leaf).clone()
                }
            };
            exported.insert((*key).to_owned(), value);
        }
        room.leave();
        Ok(exported)
    }

    /// What Go's `%v` prints of a node, for a message; an ellipsis if that is long.
    pub(crate) fn text(&self, node: Node<'a>) -> String {
        let mut room = Room { depth: MAX_DEPTH, bytes: MAX_QUOTED_BYTES };
        let value = match node {
            Node::Leaf(leaf) => room.spend_leaf(leaf).map(|()| leaf.clone()),
            Node::Table(id) => self.export(id, &mut room).map(Value::Map),
        };
        value.map_or_else(|_| "…".to_owned(), |value| percent_v(&value))
    }
}

/// How deep and large a copy may still become.
pub(crate) struct Room {
    depth: usize,
    bytes: usize,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { depth: MAX_DEPTH, bytes: MAX_BYTES }
    }

    pub(crate) fn enter(&mut self) -> Result<(), CoalesceError> {
        self.depth = self.depth.checked_sub(1).ok_or(CoalesceError::TooDeep(MAX_DEPTH))?;
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth += 1;
    }

    fn spend(&mut self, bytes: usize) -> Result<(), CoalesceError> {
        let left = self.bytes.checked_sub(bytes.saturating_add(NODE_BYTES));
        self.bytes = left.ok_or(CoalesceError::TooLarge(MAX_BYTES))?;
        Ok(())
    }

    /// Counts a value that is no table.
    fn spend_leaf(&mut self, value: &Value) -> Result<(), CoalesceError> {
        match value {
            Value::String(text) => self.spend(text.len()),
            Value::Seq(items) => items.iter().try_for_each(|item| {
                self.spend(0)?;
                self.spend_leaf(item)
            }),
            Value::Map(table) => table.iter().try_for_each(|(key, value)| {
                self.spend(key.len())?;
                self.spend_leaf(value)
            }),
            _ => Ok(()),
        }
    }
}
