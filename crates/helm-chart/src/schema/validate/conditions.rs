//! The keywords that combine schemas, and those of what is left after them.

use go_yaml::Value;

use super::super::document::Draft;
use super::super::failure::{Label, count};
use super::{Check, Frame, Validator};

impl<'v> Validator<'v> {
    pub(super) fn conditions(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        let node = frame.node;
        if let Some(schema) = node.not
            && self.in_place(frame, schema, None, true)?.is_none()
        {
            self.add(frame, "'not' failed")?;
        }
        self.all_of(frame)?;
        self.any_of(frame)?;
        self.one_of(frame)?;
        if let Some(schema) = node.condition {
            let branch = match self.in_place(frame, schema, None, true)? {
                None => node.then,
                Some(_) => node.otherwise,
            };
            if let Some(schema) = branch {
                let failure = self.in_place(frame, schema, None, false)?;
                frame.failures.extend(failure);
            }
        }
        Ok(())
    }

    fn all_of(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        let mut failures = Vec::new();
        for schema in &frame.node.all_of {
            if let Some(failure) = self.in_place(frame, *schema, None, false)? {
                failures.push(failure);
                if frame.verdict_only {
                    break;
                }
            }
        }
        if !failures.is_empty() {
            let mut failure = self.failure(Label::Text("'allOf' failed".to_owned()))?;
            failure.causes = failures;
            frame.failures.push(failure);
        }
        Ok(())
    }

    fn any_of(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        let (mut fits, mut failures) = (frame.node.any_of.is_empty(), Vec::new());
        for schema in &frame.node.any_of {
            match self.in_place(frame, *schema, None, false)? {
                Some(failure) => failures.push(failure),
                None => {
                    fits = true;
                    // What is left unevaluated depends on all of them.
                    if frame.unevaluated.is_empty() {
                        break;
                    }
                }
            }
        }
        if !fits {
            let mut failure = self.failure(Label::Text("'anyOf' failed".to_owned()))?;
            failure.causes = failures;
            frame.failures.push(failure);
        }
        Ok(())
    }

    fn one_of(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        let (mut fitting, mut failures) = (None, Vec::new());
        for (index, schema) in frame.node.one_of.iter().enumerate() {
            match (self.in_place(frame, *schema, None, fitting.is_some())?, fitting) {
                (Some(failure), None) => failures.push(failure),
                (Some(_), Some(_)) => {}
                (None, None) => fitting = Some(index),
                (None, Some(first)) => {
                    let (first, second) = (count(first as i64), count(index as i64));
                    return self.add(frame, format!("'oneOf' failed, subschemas {first}, {second} matched"));
                }
            }
        }
        if fitting.is_none() && !frame.node.one_of.is_empty() {
            let mut failure = self.failure(Label::Text("'oneOf' failed, none matched".to_owned()))?;
            failure.causes = failures;
            frame.failures.push(failure);
        }
        Ok(())
    }

    pub(super) fn unevaluated(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        let node = frame.node;
        if node.draft < Draft::Draft2019 {
            return Ok(());
        }
        if let (Value::Map(object), Some(schema)) = (frame.value, node.unevaluated_properties) {
            for name in std::mem::take(&mut frame.unevaluated.properties) {
                if let Some(value) = object.get(name) {
                    let failure = self.part(frame, schema, value, name)?;
                    frame.failures.extend(failure);
                }
            }
        }
        if let (Value::Seq(items), Some(schema)) = (frame.value, node.unevaluated_items) {
            for index in std::mem::take(&mut frame.unevaluated.items) {
                if let Some(item) = items.get(index) {
                    let failure = self.part(frame, schema, item, &index.to_string())?;
                    frame.failures.extend(failure);
                }
            }
        }
        Ok(())
    }
}
