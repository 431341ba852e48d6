//! The keywords of arrays.

use go_yaml::Value;

use super::super::document::Draft;
use super::super::equal::duplicates;
use super::super::failure::{Label, count};
use super::super::node::Additional;
use super::{Check, Frame, Validator};

impl<'v> Validator<'v> {
    pub(super) fn list(&mut self, frame: &mut Frame<'v>, items: &'v [Value]) -> Check<()> {
        let node = frame.node;
        let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if let Some(wanted) = node.min_items.filter(|wanted| size < *wanted) {
            self.add(frame, format!("minItems: got {}, want {}", count(size), count(wanted)))?;
        }
        if let Some(wanted) = node.max_items.filter(|wanted| size > *wanted) {
            self.add(frame, format!("maxItems: got {}, want {}", count(size), count(wanted)))?;
        }
        if node.unique_items
            && let Some((a, b)) = duplicates(items, self.budget)?
        {
            let (a, b) = (count(a as i64), count(b as i64));
            self.add(frame, format!("items at {a} and {b} are equal"))?;
        }
        for (index, (item, schema)) in items.iter().zip(&node.first_items).enumerate() {
            let failure = self.part(frame, *schema, item, &index.to_string())?;
            frame.failures.extend(failure);
        }
        let evaluated = node.first_items.len().min(items.len());
        match node.other_items {
            Some(Additional::Allowed(false)) if evaluated < items.len() => {
                let left = count((items.len() - evaluated) as i64);
                self.add(frame, format!("last {left} additionalItem(s) not allowed"))?;
            }
            Some(Additional::Fits(schema)) => {
                for (index, item) in items.iter().enumerate().skip(evaluated) {
                    let failure = self.part(frame, schema, item, &index.to_string())?;
                    frame.failures.extend(failure);
                }
            }
            _ => {}
        }
        match node.contains {
            Some(schema) => self.contains(frame, items, schema),
            None => Ok(()),
        }
    }

    fn contains(&mut self, frame: &mut Frame<'v>, items: &'v [Value], schema: usize) -> Check<()> {
        let node = frame.node;
        let (mut failures, mut matched) = (Vec::new(), Vec::new());
        for (index, item) in items.iter().enumerate() {
            match self.part(frame, schema, item, &index.to_string())? {
                Some(failure) => failures.push(failure),
                None => {
                    matched.push(index);
                    if node.draft >= Draft::Draft2020 {
                        frame.unevaluated.items.remove(&index);
                    }
                }
            }
        }
        let places = || matched.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let found = i64::try_from(matched.len()).unwrap_or(i64::MAX);
        let too_few = match node.min_contains {
            Some(wanted) if found < wanted => Some(match found {
                0 => {
                    format!("min {} items required to match contains schema, but none matched", count(wanted))
                }
                _ => format!(
                    "min {} items required to match contains schema, but matched {} items at {}",
                    count(wanted),
                    count(found),
                    places()
                ),
            }),
            None if found == 0 => Some("no items match contains schema".to_owned()),
            _ => None,
        };
        if let Some(text) = too_few {
            let mut failure = self.failure(Label::Text(text))?;
            failure.causes = failures;
            frame.failures.push(failure);
        }
        if let Some(wanted) = node.max_contains.filter(|wanted| found > *wanted) {
            let text = format!(
                "max {} items required to match contains schema, but matched {} items at {}",
                count(wanted),
                count(found),
                places()
            );
            self.add(frame, text)?;
        }
        Ok(())
    }
}
