//! Regular expressions of schemas: Go's, which need time in proportion to the text.

use regex::{Regex, RegexBuilder};

use super::limits::{Budget, LimitReached};

/// Bytes that a compiled expression may take, from what most need to the limit.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Steps for compiling an expression of the smallest size.
const COMPILING: usize = 500;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    source: String,
    regex: Regex,
    /// How many times the smallest size it takes, and so at most the time for a byte.
    weight: usize,
}

impl Pattern {
    /// Go's complaint if `source` is no expression.
    pub(super) fn compile(source: &str, budget: &Budget) -> Result<Result<Self, String>, LimitReached> {
        budget.spend(source.len())?;
        let translated = match sprig::re2(source) {
            Ok(translated) => translated,
            Err(complaint) => return Ok(Err(format!("error parsing regexp: {complaint}"))),
        };
        for size in SIZES {
            let weight = size / SIZES[0];
            budget.spend(weight * COMPILING)?;
            match RegexBuilder::new(&translated).size_limit(size).build() {
                Ok(regex) => return Ok(Ok(Self { source: source.to_owned(), regex, weight })),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(_) => return Ok(Err(format!("error parsing regexp: invalid expression: `{source}`"))),
            }
        }
        Ok(Err(format!("error parsing regexp: expression too large: `{source}`")))
    }

    pub(super) fn matches(&self, text: &str, budget: &Budget) -> Result<bool, LimitReached> {
        budget.spend((1 + text.len() / 4).saturating_mul(self.weight))?;
        Ok(self.regex.is_match(text))
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }
}
