//! What is wrong with values that do not open, in words a person can act on.

use std::fmt;

use thiserror::Error;

use crate::Scope;

/// How many items a message lists before it only counts the rest, so that it fits into a condition.
const LISTED_ITEMS: usize = 20;

/// The items of one SealedSecret that do not open: all of them, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct UnsealError {
    /// Never empty.
    pub items: Vec<ItemFailure>,
}

/// One item that does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemFailure {
    /// Key of the item in `spec.encryptedData`.
    pub key: String,
    /// What is wrong with it.
    pub problem: ItemProblem,
}

/// What is wrong with one item.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ItemProblem {
    /// The text is not base64.
    #[error("it is not base64; copy it again from kubeseal's output")]
    NotBase64,
    /// The bytes end too early, or their beginning states a length that no RSA key has.
    #[error("it is cut off or was never sealed; copy it again from kubeseal's output")]
    NotSealed,
    /// The item was sealed for a key of another size than those tried.
    #[error(
        "it was sealed with a key of {bits} bits, and no sealing key of this size is held here; \
         seal it again with this controller's certificate"
    )]
    OtherKeySize {
        /// Size of the key that it was sealed with.
        bits: usize,
    },
    /// A key opens the first part, and the value behind it is damaged.
    #[error("it was changed or cut off after it was sealed; copy it again from kubeseal's output")]
    Damaged,
    /// It would open under another scope.
    #[error("{}", other_scope(*.sealed, *.stated))]
    OtherScope {
        /// The scope that it was sealed with.
        sealed: Scope,
        /// The scope that the SealedSecret's annotations state.
        stated: Scope,
    },
    /// It would open under the namespace and name that the template records.
    #[error(
        "it was sealed for {namespace}/{name}; give this SealedSecret that namespace and name, or seal it again for \
         its own"
    )]
    OtherObject {
        /// The namespace that it was sealed for.
        namespace: String,
        /// The name that it was sealed for.
        name: String,
    },
    /// No key opens it.
    #[error(
        "no sealing key opens it with scope {scope} for {namespace}/{name}: it was sealed for another namespace, name \
         or scope, or with the certificate of another cluster; seal it again with this controller's certificate"
    )]
    NoKeyOpens {
        /// The scope that the SealedSecret's annotations state.
        scope: Scope,
        /// Namespace of the SealedSecret.
        namespace: String,
        /// Name of the SealedSecret.
        name: String,
    },
    /// There is no key at all.
    #[error("no sealing key is loaded")]
    NoKeys,
}

fn other_scope(sealed: Scope, stated: Scope) -> String {
    let remedy = match (sealed.annotation(), stated.annotation()) {
        (Some(wanted), _) => format!("annotate the SealedSecret with {wanted}: \"true\""),
        (None, Some(present)) => format!("remove the annotation {present}"),
        (None, None) => String::from("keep its annotations"),
    };
    format!(
        "it was sealed with scope {sealed}, and the SealedSecret's annotations say {stated}; {remedy}, or seal it \
         again with --scope {stated}"
    )
}

impl fmt::Display for UnsealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.items[..self.items.len().min(LISTED_ITEMS)];
        for (index, item) in shown.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}item {:?}: {}", item.key, item.problem)?;
        }
        match self.items.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more items"),
        }
    }
}
