//! Schemas checked by the meta-schemas of their drafts.

use std::sync::OnceLock;

use go_yaml::Value;

use super::compile::{Compiled, compile};
use super::document::Draft;
use super::failure::Failure;
use super::limits::{Budget, LimitReached};
use super::validate::validate;

/// By draft.
static COMPILED: [OnceLock<Compiled>; Draft::ALL.len()] = [const { OnceLock::new() }; Draft::ALL.len()];

/// What a schema fails of its draft's meta-schema; none if it is a schema.
pub(super) fn check(
    draft: Draft,
    schema: &Value,
    budget: &Budget,
) -> Result<Option<Vec<Failure>>, LimitReached> {
    let compiled = COMPILED[draft as usize].get_or_init(|| {
        compile(draft.url(), None, true, &Budget::new()).expect("the meta-schemas are schemas")
    });
    validate(compiled, schema, budget)
}
