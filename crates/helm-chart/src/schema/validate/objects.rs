//! The keywords of objects.

use std::collections::BTreeMap;

use go_yaml::Value;

use super::super::failure::{Label, count, quoted, quoted_list};
use super::super::node::{Additional, Dependency};
use super::{Check, Frame, Validator};

type Table = BTreeMap<String, Value>;

impl<'v> Validator<'v> {
    pub(super) fn object(&mut self, frame: &mut Frame<'v>, object: &'v Table) -> Check<()> {
        let node = frame.node;
        let size = i64::try_from(object.len()).unwrap_or(i64::MAX);
        if let Some(wanted) = node.min_properties.filter(|wanted| size < *wanted) {
            self.add(frame, format!("minProperties: got {}, want {}", count(size), count(wanted)))?;
        }
        if let Some(wanted) = node.max_properties.filter(|wanted| size > *wanted) {
            self.add(frame, format!("maxProperties: got {}, want {}", count(size), count(wanted)))?;
        }
        let missing = self.missing(object, &node.required)?;
        if let [name] = missing[..] {
            self.add(frame, format!("missing property {}", quoted(name)))?;
        } else if !missing.is_empty() {
            self.add(frame, format!("missing properties {}", quoted_list(missing)))?;
        }
        if frame.is_decided() {
            return Ok(());
        }
        for (name, dependency) in &node.dependencies {
            if object.contains_key(name) {
                match dependency {
                    Dependency::Properties(wanted) => self.dependent(frame, object, name, wanted)?,
                    Dependency::Schema(schema) => {
                        let failure = self.in_place(frame, *schema, None, false)?;
                        frame.failures.extend(failure);
                    }
                }
            }
        }
        self.properties(frame, object)?;
        if let Some(schema) = node.property_names {
            self.property_names(frame, object, schema)?;
        }
        for (name, schema) in &node.dependent_schemas {
            if object.contains_key(name) {
                let failure = self.in_place(frame, *schema, None, false)?;
                frame.failures.extend(failure);
            }
        }
        for (name, wanted) in &node.dependent_required {
            if object.contains_key(name) {
                self.dependent(frame, object, name, wanted)?;
            }
        }
        Ok(())
    }

    fn missing(&self, object: &Table, wanted: &'v [String]) -> Check<Vec<&'v str>> {
        self.budget.spend(wanted.len())?;
        Ok(wanted.iter().filter(|name| !object.contains_key(*name)).map(String::as_str).collect())
    }

    fn dependent(
        &mut self,
        frame: &mut Frame<'v>,
        object: &Table,
        name: &str,
        wanted: &'v [String],
    ) -> Check<()> {
        let missing = self.missing(object, wanted)?;
        if missing.is_empty() {
            return Ok(());
        }
        let text = format!("properties {} required, if {} exists", quoted_list(missing), quoted(name));
        self.add(frame, text)
    }

    fn properties(&mut self, frame: &mut Frame<'v>, object: &'v Table) -> Check<()> {
        let node = frame.node;
        let mut refused = Vec::new();
        for (name, value) in object {
            if frame.is_decided() {
                return Ok(());
            }
            self.budget.spend(1 + name.len() / 16)?;
            let mut evaluated = false;
            if let Some(schema) = node.properties.get(name) {
                evaluated = true;
                let failure = self.part(frame, *schema, value, name)?;
                frame.failures.extend(failure);
            }
            for (pattern, schema) in &node.pattern_properties {
                if pattern.matches(name, self.budget)? {
                    evaluated = true;
                    let failure = self.part(frame, *schema, value, name)?;
                    frame.failures.extend(failure);
                }
            }
            match node.additional_properties {
                Some(additional) if !evaluated => {
                    evaluated = true;
                    match additional {
                        Additional::Allowed(true) => {}
                        Additional::Allowed(false) => refused.push(name.as_str()),
                        Additional::Fits(schema) => {
                            let failure = self.part(frame, schema, value, name)?;
                            frame.failures.extend(failure);
                        }
                    }
                }
                _ => {}
            }
            if evaluated {
                frame.unevaluated.properties.remove(name.as_str());
            }
        }
        if !refused.is_empty() {
            self.add(frame, format!("additional properties {} not allowed", quoted_list(refused)))?;
        }
        Ok(())
    }

    /// Names are values of their own; the validator says that they are at the top.
    fn property_names(&mut self, frame: &mut Frame<'v>, object: &'v Table, schema: usize) -> Check<()> {
        for name in object.keys() {
            self.budget.spend(1 + name.len())?;
            let text = Value::String(name.clone());
            let verdict = Validator {
                nodes: self.nodes,
                budget: self.budget,
                path: Vec::new(),
                scopes: Vec::new(),
                levels: self.levels,
            }
            .alone(schema, &text)?;
            if let Err(inner) = verdict {
                let mut failure =
                    self.failure(Label::Text(format!("invalid propertyName {}", quoted(name))))?;
                failure.causes = inner.into_members();
                frame.failures.push(failure);
            }
        }
        Ok(())
    }
}
