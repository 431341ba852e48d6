//! [`FunctionNames`]: the functions that the templates of a set may call, numbered, so that a call finds its function
//! without its name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::builtin::Builtin;

/// A function of a [`FunctionNames`].
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Function {
    name: Arc<str>,
    index: usize,
}

impl Function {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The position in a table of [`FunctionNames::len`] places.
    pub(crate) fn index(&self) -> usize {
        self.index
    }
}

/// Names and their numbers: Go's built-in functions first, then those of the host. A host's function of a built-in one's
/// name has that one's number.
#[derive(Debug)]
pub(crate) struct FunctionNames {
    functions: HashMap<Arc<str>, Arc<Function>>,
    /// Whether the host has functions of these names, which are keywords otherwise.
    pub(crate) break_is_function: bool,
    pub(crate) continue_is_function: bool,
}

impl FunctionNames {
    pub(crate) fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let builtins = Builtin::ALL.iter().map(|builtin| builtin.name().to_owned());
        let mut functions = HashMap::new();
        for name in builtins.chain(names.into_iter().map(Into::into)) {
            let (name, index) = (Arc::<str>::from(name), functions.len());
            functions.entry(name.clone()).or_insert_with(|| Arc::new(Function { name, index }));
        }
        FunctionNames {
            break_is_function: functions.contains_key("break"),
            continue_is_function: functions.contains_key("continue"),
            functions,
        }
    }

    /// The function of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.functions.len()
    }
}

impl Default for FunctionNames {
    fn default() -> Self {
        Self::new(std::iter::empty::<String>())
    }
}
