//! The keywords of strings and numbers.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use super::super::failure::{count, quoted};
use super::super::number::Decimal;
use super::{Check, Frame, Validator};

impl<'v> Validator<'v> {
    pub(super) fn string(&mut self, frame: &mut Frame<'v>, text: &str) -> Check<()> {
        let node = frame.node;
        if node.min_length.is_some() || node.max_length.is_some() {
            self.budget.spend(text.len() / 16)?;
            let size = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            if let Some(wanted) = node.min_length.filter(|wanted| size < *wanted) {
                self.add(frame, format!("minLength: got {}, want {}", count(size), count(wanted)))?;
            }
            if let Some(wanted) = node.max_length.filter(|wanted| size > *wanted) {
                self.add(frame, format!("maxLength: got {}, want {}", count(size), count(wanted)))?;
            }
        }
        if let Some(pattern) = &node.pattern
            && !pattern.matches(text, self.budget)?
        {
            let pattern = quoted(pattern.source());
            self.add(frame, format!("{} does not match pattern {pattern}", quoted(text)))?;
        }
        Ok(())
    }

    pub(super) fn number(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        let node = frame.node;
        let bounds: [(_, &str, &[Ordering]); 4] = [
            (&node.minimum, "minimum", &[Less]),
            (&node.maximum, "maximum", &[Greater]),
            (&node.exclusive_minimum, "exclusiveMinimum", &[Less, Equal]),
            (&node.exclusive_maximum, "exclusiveMaximum", &[Greater, Equal]),
        ];
        if bounds.iter().all(|(bound, ..)| bound.is_none()) && node.multiple_of.is_none() {
            return Ok(());
        }
        let Some(number) = Decimal::of(frame.value) else { return Ok(()) };
        for (bound, keyword, faults) in bounds {
            if let Some(bound) = bound
                && faults.contains(&number.compare(bound))
            {
                self.add(
                    frame,
                    format!("{keyword}: got {}, want {}", number.localized(), bound.localized()),
                )?;
            }
        }
        if let Some(divisor) = &node.multiple_of
            && !number.is_multiple_of(divisor)
        {
            let text = format!("multipleOf: got {}, want {}", number.localized(), divisor.localized());
            self.add(frame, text)?;
        }
        Ok(())
    }
}
