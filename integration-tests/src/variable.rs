//! Settings of a test run, from the environment.

use std::str::FromStr;

use anyhow::Context as _;

/// A variable of the environment; nothing when it is absent or empty.
///
/// # Errors
/// It cannot be read as what is asked for.
pub fn variable<T: FromStr>(name: &str) -> anyhow::Result<Option<T>> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => {
            Ok(Some(text.parse().ok().with_context(|| format!("{name} is {text:?}"))?))
        }
        _ => Ok(None),
    }
}
