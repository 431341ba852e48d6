//! A value checked by a compiled schema.
//!
//! The order of the keywords, and which of them end a check, decide what is reported: they are those of the validator in
//! Helm (`santhosh-tekuri/jsonschema` 6), so that the same places are named.

mod conditions;
mod lists;
mod objects;
mod scalars;

use std::collections::BTreeSet;

use go_yaml::Value;

use super::compile::Compiled;
use super::document::{Draft, escaped};
use super::equal::equals;
use super::failure::{Failure, Label, quoted, shown};
use super::limits::{Budget, LimitReached, MAX_LEVELS};
use super::node::{Id, Node, type_name};

/// What `value` fails; none if it fits.
pub(super) fn validate(
    schema: &Compiled,
    value: &Value,
    budget: &Budget,
) -> Result<Option<Vec<Failure>>, LimitReached> {
    let mut validator =
        Validator { nodes: &schema.nodes, budget, path: Vec::new(), scopes: Vec::new(), levels: 0 };
    let verdict = validator.alone(schema.root, value)?;
    Ok(verdict.err().map(Failure::into_members))
}

type Check<T> = Result<T, LimitReached>;

/// What is left unevaluated of a value that fits, or the failure.
type Verdict<'v> = Result<Unevaluated<'v>, Failure>;

struct Validator<'v> {
    nodes: &'v [Node],
    budget: &'v Budget,
    /// The tokens of the pointer to the value.
    path: Vec<String>,
    /// The schemas that are being checked, the innermost last.
    scopes: Vec<Scope>,
    levels: usize,
}

struct Scope {
    schema: Id,
    /// The keyword that led here, if it is a reference.
    reference: Option<&'static str>,
    /// How deep the value lies: equal for neighbours that check the same value.
    depth: usize,
}

/// The check of one value by one schema.
struct Frame<'v> {
    node: &'v Node,
    value: &'v Value,
    unevaluated: Unevaluated<'v>,
    failures: Vec<Failure>,
    /// Whether only the verdict counts.
    verdict_only: bool,
}

/// The members of a value that no schema has looked at; empty if nobody asks.
#[derive(Default)]
struct Unevaluated<'v> {
    properties: BTreeSet<&'v str>,
    items: BTreeSet<usize>,
}

impl<'v> Unevaluated<'v> {
    fn of(value: &'v Value, node: &Node, asked_for: bool) -> Self {
        match value {
            Value::Map(map)
                if node.additional_properties.is_none()
                    && (asked_for || node.unevaluated_properties.is_some()) =>
            {
                Self { properties: map.keys().map(String::as_str).collect(), items: BTreeSet::new() }
            }
            Value::Seq(items)
                if !node.evaluates_all_items() && (asked_for || node.unevaluated_items.is_some()) =>
            {
                Self { properties: BTreeSet::new(), items: (node.first_items.len()..items.len()).collect() }
            }
            _ => Self::default(),
        }
    }

    fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.items.is_empty()
    }

    fn len(&self) -> usize {
        self.properties.len() + self.items.len()
    }

    /// Leaves what `other` has left as well.
    fn merge(&mut self, other: &Self) {
        self.properties.retain(|name| other.properties.contains(name));
        self.items.retain(|index| other.items.contains(index));
    }
}

impl Node {
    fn evaluates_all_items(&self) -> bool {
        // A list of `items` leaves the others to `additionalItems`.
        self.other_items.is_some()
    }
}

impl<'v> Frame<'v> {
    fn is_decided(&self) -> bool {
        self.verdict_only && !self.failures.is_empty()
    }
}

impl<'v> Validator<'v> {
    /// Checks a value that is no part of another, as far as pointers and cycles go.
    fn alone(&mut self, schema: Id, value: &'v Value) -> Check<Verdict<'v>> {
        let path = std::mem::take(&mut self.path);
        let scopes = std::mem::replace(&mut self.scopes, vec![Scope { schema, reference: None, depth: 0 }]);
        let unevaluated = Unevaluated::of(value, &self.nodes[schema], false);
        let verdict = self.evaluate(schema, value, unevaluated, false);
        self.path = path;
        self.scopes = scopes;
        verdict
    }

    fn failure(&self, label: Label) -> Check<Failure> {
        let bytes = self.path.iter().map(String::len).sum::<usize>();
        self.budget.spend_failure(match &label {
            Label::Text(text) => bytes + text.len(),
            Label::Group | Label::Reference => bytes,
        })?;
        let at = self.path.iter().map(|token| format!("/{}", escaped(token))).collect();
        Ok(Failure { at, label, causes: Vec::new() })
    }

    fn text(&self, text: impl Into<String>) -> Check<Failure> {
        self.failure(Label::Text(text.into()))
    }

    fn add(&self, frame: &mut Frame<'v>, text: impl Into<String>) -> Check<()> {
        frame.failures.push(self.text(text)?);
        Ok(())
    }

    fn evaluate(
        &mut self,
        schema: Id,
        value: &'v Value,
        unevaluated: Unevaluated<'v>,
        verdict_only: bool,
    ) -> Check<Verdict<'v>> {
        self.budget.spend(1 + unevaluated.len())?;
        if self.levels == MAX_LEVELS {
            return Err(LimitReached::Levels);
        }
        self.levels += 1;
        let node = &self.nodes[schema];
        let mut frame = Frame { node, value, unevaluated, failures: Vec::new(), verdict_only };
        let verdict = match node.boolean {
            Some(true) => Ok(Ok(frame.unevaluated)),
            Some(false) => self.text("false schema").map(Err),
            None => match self.at_once(&frame) {
                Ok(None) => self.keywords(&mut frame).and_then(|done| match done {
                    Some(failure) => Ok(Err(failure)),
                    None => self.verdict(frame),
                }),
                Ok(Some(failure)) => Ok(Err(failure)),
                Err(limit) => Err(limit),
            },
        };
        self.levels -= 1;
        verdict
    }

    fn verdict(&self, mut frame: Frame<'v>) -> Check<Verdict<'v>> {
        Ok(match frame.failures.len() {
            0 => Ok(frame.unevaluated),
            1 => Err(frame.failures.remove(0)),
            _ => {
                let mut group = self.failure(Label::Group)?;
                group.causes = frame.failures;
                Err(group)
            }
        })
    }

    /// What makes the rest of the schema irrelevant.
    fn at_once(&self, frame: &Frame<'v>) -> Check<Option<Failure>> {
        let (node, value) = (frame.node, frame.value);
        if let Some(text) = self.cycle() {
            return self.text(text).map(Some);
        }
        if !node.types.is_empty() && !node.types.take(value) {
            let wanted = node.types.names().join(" or ");
            return self.text(format!("got {}, want {wanted}", type_name(value))).map(Some);
        }
        if let Some(constant) = &node.constant
            && !equals(value, constant, self.budget)?
        {
            return self
                .text(match constant {
                    Value::Seq(_) | Value::Map(_) => "'const' failed".to_owned(),
                    constant => format!("value must be {}", shown(constant)),
                })
                .map(Some);
        }
        if let Some(values) = &node.one_value_of {
            let mut found = false;
            for wanted in values {
                found = found || equals(value, wanted, self.budget)?;
            }
            if !found {
                return self.text(enum_text(values)).map(Some);
            }
        }
        if let (Some(format), Value::String(text)) = (&node.format, value)
            && let Err(complaint) = format.check(text, self.budget)?
        {
            let text = quoted(text);
            return self.text(format!("{text} is not valid {}: {complaint}", format.name())).map(Some);
        }
        Ok(None)
    }

    /// The other keywords, which add to the frame's failures; or the one failure that there is.
    fn keywords(&mut self, frame: &mut Frame<'v>) -> Check<Option<Failure>> {
        if let Some(target) = frame.node.reference {
            let failure = self.reference(frame, target, "$ref")?;
            if frame.node.draft < Draft::Draft2019 {
                return Ok(failure);
            }
            frame.failures.extend(failure);
        }
        match frame.value {
            Value::Map(map) => self.object(frame, map)?,
            Value::Seq(items) => self.list(frame, items)?,
            Value::String(text) => self.string(frame, text)?,
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => self.number(frame)?,
            Value::Null | Value::Bool(_) => {}
        }
        if !frame.is_decided() {
            self.other_references(frame)?;
            self.conditions(frame)?;
            self.unevaluated(frame)?;
        }
        Ok(None)
    }

    /// Checks the frame's value by another schema as well.
    fn in_place(
        &mut self,
        frame: &mut Frame<'v>,
        schema: Id,
        reference: Option<&'static str>,
        verdict_only: bool,
    ) -> Check<Option<Failure>> {
        let depth = self.scopes.last().map_or(0, |scope| scope.depth);
        self.scopes.push(Scope { schema, reference, depth });
        let unevaluated = Unevaluated::of(frame.value, &self.nodes[schema], !frame.unevaluated.is_empty());
        let verdict = self.evaluate(schema, frame.value, unevaluated, frame.verdict_only || verdict_only)?;
        self.scopes.pop();
        Ok(match verdict {
            Ok(left) => {
                frame.unevaluated.merge(&left);
                None
            }
            Err(failure) => Some(failure),
        })
    }

    /// Checks a part of the frame's value.
    fn part(
        &mut self,
        frame: &Frame<'v>,
        schema: Id,
        value: &'v Value,
        token: &str,
    ) -> Check<Option<Failure>> {
        let depth = self.scopes.last().map_or(0, |scope| scope.depth) + 1;
        self.scopes.push(Scope { schema, reference: None, depth });
        self.path.push(token.to_owned());
        let unevaluated = Unevaluated::of(value, &self.nodes[schema], false);
        let verdict = self.evaluate(schema, value, unevaluated, frame.verdict_only)?;
        self.path.pop();
        self.scopes.pop();
        Ok(verdict.err())
    }

    fn reference(
        &mut self,
        frame: &mut Frame<'v>,
        target: Id,
        keyword: &'static str,
    ) -> Check<Option<Failure>> {
        let Some(failure) = self.in_place(frame, target, Some(keyword), false)? else { return Ok(None) };
        let mut reference = self.failure(Label::Reference)?;
        reference.causes = failure.into_members();
        Ok(Some(reference))
    }

    /// `$recursiveRef` and `$dynamicRef`.
    fn other_references(&mut self, frame: &mut Frame<'v>) -> Check<()> {
        if let Some(target) = frame.node.recursive_reference {
            let mut target = target;
            if self.nodes[target].recursive_anchor {
                let outermost = self
                    .scopes
                    .iter()
                    .find(|scope| self.nodes[self.nodes[scope.schema].resource].recursive_anchor);
                target = outermost.map_or(target, |scope| scope.schema);
            }
            let failure = self.reference(frame, target, "$recursiveRef")?;
            frame.failures.extend(failure);
        }
        if let Some((target, anchor)) = &frame.node.dynamic_reference {
            let mut target = *target;
            if let Some(anchor) = anchor
                && self.nodes[target].dynamic_anchor.as_ref() == Some(anchor)
            {
                self.budget.spend(self.scopes.len())?;
                let of_scope = |scope: &Scope| {
                    self.nodes[self.nodes[scope.schema].resource].dynamic_anchors.get(anchor).copied()
                };
                target = self.scopes.iter().find_map(of_scope).unwrap_or(target);
            }
            let failure = self.reference(frame, target, "$dynamicRef")?;
            frame.failures.extend(failure);
        }
        Ok(())
    }

    /// Says so if the schema is applied to the value inside itself.
    fn cycle(&self) -> Option<String> {
        let (last, before) = self.scopes.split_last()?;
        let same_value = before.iter().enumerate().rev().take_while(|(_, scope)| scope.depth == last.depth);
        let (at, _) = same_value.into_iter().find(|(_, scope)| scope.schema == last.schema)?;
        let url = go_template::quote_bytes(self.nodes[last.schema].location.as_bytes(), false);
        let (here, there) = (self.keyword_path(self.scopes.len() - 1), self.keyword_path(at));
        let url = String::from_utf8_lossy(&url).into_owned();
        Some(format!("both {here} and {there} resolve to {url} causing reference cycle"))
    }

    /// The keywords that led to a scope.
    fn keyword_path(&self, scope: usize) -> String {
        let location = |scope: &Scope| self.nodes[scope.schema].location.as_str();
        let steps = self.scopes[..=scope].windows(2).map(|pair| match pair[1].reference {
            Some(keyword) => format!("/{keyword}"),
            None => location(&pair[1]).strip_prefix(location(&pair[0])).unwrap_or_default().to_owned(),
        });
        steps.collect()
    }
}

fn enum_text(values: &[Value]) -> String {
    match values {
        values if values.iter().any(|value| matches!(value, Value::Seq(_) | Value::Map(_))) => {
            "'enum' failed".to_owned()
        }
        [value] => format!("value must be {}", shown(value)),
        values => {
            let values: Vec<String> = values.iter().map(shown).collect();
            format!("value must be one of {}", values.join(", "))
        }
    }
}
