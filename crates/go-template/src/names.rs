//! [`FunctionNames`]: the functions that the templates of a set may call, numbered, so that a call finds its function
//! without its name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::builtin::Builtin;

/// A function of a [`FunctionNames`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FunctionId(usize);

impl FunctionId {
    /// The position in a table of [`FunctionNames::len`] places.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Names and their numbers: Go's built-in functions first, then those of the host. A host's function of a built-in one's
/// name has that one's number.
#[derive(Debug)]
pub(crate) struct FunctionNames {
    ids: HashMap<Arc<str>, FunctionId>,
    /// Whether the host has functions of these names, which are keywords otherwise.
    pub(crate) break_is_function: bool,
    pub(crate) continue_is_function: bool,
}

impl FunctionNames {
    pub(crate) fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let builtins = Builtin::ALL.iter().map(|builtin| builtin.name().to_owned());
        let mut ids = HashMap::new();
        for name in builtins.chain(names.into_iter().map(Into::into)) {
            let next = FunctionId(ids.len());
            ids.entry(name.into()).or_insert(next);
        }
        FunctionNames {
            break_is_function: ids.contains_key("break"),
            continue_is_function: ids.contains_key("continue"),
            ids,
        }
    }

    /// The function of this name, and the name for those who keep it.
    pub(crate) fn find(&self, name: &str) -> Option<(&Arc<str>, FunctionId)> {
        self.ids.get_key_value(name).map(|(name, id)| (name, *id))
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

impl Default for FunctionNames {
    fn default() -> Self {
        Self::new(std::iter::empty::<String>())
    }
}
