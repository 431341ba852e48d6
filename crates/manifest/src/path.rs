//! Places inside a document.

use std::fmt;

use go_yaml::{NodeRef, Value};

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item, from 0.
    Index(usize),
}

/// The way from a document's root to one of its fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldPath(pub Vec<Step>);

impl FieldPath {
    /// The path one key further down.
    #[must_use]
    pub fn key(&self, key: &str) -> FieldPath {
        self.with(Step::Key(key.to_owned()))
    }

    /// The path one item further down.
    #[must_use]
    pub fn index(&self, index: usize) -> FieldPath {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> FieldPath {
        FieldPath(self.0.iter().cloned().chain([step]).collect())
    }

    /// The value there.
    #[must_use]
    pub fn value<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(root, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.as_seq()?.get(*index),
        })
    }

    /// The value there, to be changed.
    pub(crate) fn value_mut<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(root, |value, step| match (step, value) {
            (Step::Key(key), Value::Map(map)) => map.get_mut(key),
            (Step::Index(index), Value::Seq(items)) => items.get_mut(*index),
            _ => None,
        })
    }

    /// The nodes from the root to the field, both included. Aliases are not followed and merged keys not found: `Err`
    /// has the nodes up to there.
    pub(crate) fn nodes<'d, 'a>(
        &self,
        root: NodeRef<'d, 'a>,
    ) -> Result<Vec<NodeRef<'d, 'a>>, Vec<NodeRef<'d, 'a>>> {
        let mut nodes = vec![root];
        let mut node = root;
        for step in &self.0 {
            let next = match step {
                Step::Key(key) => node.get(key),
                Step::Index(index) => node.items().nth(*index),
            };
            let Some(next) = next else { return Err(nodes) };
            node = next;
            nodes.push(node);
        }
        Ok(nodes)
    }
}

/// `spec.containers[0].image`
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
