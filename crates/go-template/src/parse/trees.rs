//! The templates that one text defines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::ast::{Node, Tree};
use super::utf8;

/// Templates in the order of their definitions, each name once.
#[derive(Default)]
pub(super) struct Trees {
    defined: Vec<Defined>,
    by_name: HashMap<Arc<str>, usize>,
}

struct Defined {
    name: Arc<str>,
    root: Box<[Node]>,
    empty: bool,
}

impl Trees {
    /// Adds a template of `source`; an empty one neither replaces another nor keeps one from replacing it. False if the
    /// name has a template already.
    pub(super) fn add(&mut self, name: &str, root: Box<[Node]>, source: &[u8]) -> bool {
        let empty = root.iter().all(|node| match node {
            Node::Text(place) => is_space(place.of(source)),
            _ => false,
        });
        let name: Arc<str> = name.into();
        let new = Defined { name: name.clone(), root, empty };
        match self.by_name.entry(name) {
            Entry::Vacant(place) => {
                place.insert(self.defined.len());
                self.defined.push(new);
            }
            Entry::Occupied(place) => {
                let old = &mut self.defined[*place.get()];
                if old.empty {
                    *old = new;
                } else if !empty {
                    return false;
                }
            }
        }
        true
    }

    /// The trees, which share the text they came from.
    pub(super) fn finish(self, source_name: &str, source: Arc<[u8]>) -> Vec<Tree> {
        let source_name: Arc<str> = source_name.into();
        let tree = |Defined { name, root, empty }| Tree {
            name,
            source_name: source_name.clone(),
            source: source.clone(),
            root,
            empty,
        };
        self.defined.into_iter().map(tree).collect()
    }
}

/// Go's `bytes.TrimSpace` leaves nothing.
fn is_space(text: &[u8]) -> bool {
    utf8::chars(text).all(|(c, _)| c.is_whitespace())
}
