//! Statements: text, actions, `if`, `with`, `range`, `template`.

use super::{At, Executor, Frame, Slot};
use crate::fmt::quoted;
use crate::parse::{Branch, Node, TemplateCall};
use crate::value::Basic;
use crate::{Error, Number, Str, Value};

/// What a list of nodes ends with.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl Executor<'_> {
    pub(super) fn walk<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        nodes: &'t [Node],
    ) -> Result<Flow, Error> {
        for node in nodes {
            self.step(frame)?;
            let flow = match node {
                Node::Text(place) => {
                    self.write(frame, frame.tree.text(*place))?;
                    Flow::Next
                }
                Node::Action(pos, pipe) => {
                    frame.at = At::Action(*pos, pipe);
                    let slot = self.pipeline(frame, dot, pipe)?;
                    if pipe.decl.is_none() {
                        frame.at = At::Action(*pos, pipe);
                        self.print_action(frame, &slot)?;
                    }
                    Flow::Next
                }
                Node::If(branch) => self.branch(frame, dot, branch, false)?,
                Node::With(branch) => self.branch(frame, dot, branch, true)?,
                Node::Range(branch) => self.range(frame, dot, branch)?,
                Node::Template(call) => {
                    self.template(frame, dot, call)?;
                    Flow::Next
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn print_action(&mut self, frame: &Frame<'_>, slot: &Slot) -> Result<(), Error> {
        if let (Value::Func(_), At::Action(_, pipe)) = (&slot.value, frame.at) {
            return Err(frame.error(format!("can't print {{{{{pipe}}}}} of type {}", slot.value.type_name())));
        }
        self.print(frame, slot)
    }

    /// A nested block: one level deeper.
    fn block<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, nodes: &'t [Node]) -> Result<Flow, Error> {
        self.enter(frame)?;
        let result = self.walk(frame, dot, nodes);
        self.leave();
        result
    }

    fn branch<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        branch: &'t Branch,
        with: bool,
    ) -> Result<Flow, Error> {
        let scope = frame.vars.len();
        let slot = self.pipeline(frame, dot, &branch.pipe)?;
        let flow = if slot.value.truth() {
            self.block(frame, if with { &slot } else { dot }, &branch.list)?
        } else if let Some(otherwise) = &branch.otherwise {
            self.block(frame, dot, otherwise)?
        } else {
            Flow::Next
        };
        frame.vars.truncate(scope);
        Ok(flow)
    }

    fn range<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, branch: &'t Branch) -> Result<Flow, Error> {
        let scope = frame.vars.len();
        let slot = self.pipeline(frame, dot, &branch.pipe)?;
        let ran = self.range_over(frame, branch, slot.value.plain())?;
        let flow = match &branch.otherwise {
            Some(otherwise) if !ran => match self.block(frame, dot, otherwise)? {
                // Go's parser takes a break in the else list for one of an outer range; its executor ends this one.
                Flow::Break => Flow::Next,
                flow => flow,
            },
            _ => Flow::Next,
        };
        frame.vars.truncate(scope);
        Ok(flow)
    }

    /// Whether there was anything to range over.
    fn range_over<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        branch: &'t Branch,
        value: Value,
    ) -> Result<bool, Error> {
        match &value {
            Value::Nil => Ok(false),
            Value::List(list) => {
                let interface = list.holds_any();
                let items = list.to_vec();
                let slots = items
                    .into_iter()
                    .enumerate()
                    .map(|(i, value)| (Slot::plain(Value::Int(i as i64)), Slot::of(value, interface)));
                self.iterate(frame, branch, slots)
            }
            Value::Bytes(bytes) => {
                let bytes = bytes.clone();
                let slots = (0..bytes.len()).map(|i| {
                    let byte = Value::Number(Number::Uint8(bytes[i]));
                    (Slot::plain(Value::Int(i as i64)), Slot::plain(byte))
                });
                self.iterate(frame, branch, slots)
            }
            Value::Map(map) => {
                let interface = map.holds_any();
                let slots = map
                    .entries()
                    .into_iter()
                    .map(|(key, value)| (Slot::plain(Value::String(key)), Slot::of(value, interface)));
                self.iterate(frame, branch, slots)
            }
            value => self.range_over_number(frame, branch, value),
        }
    }

    fn range_over_number<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        branch: &'t Branch,
        value: &Value,
    ) -> Result<bool, Error> {
        let basic = value.basic();
        let (Some(Basic::Int(_)) | Some(Basic::Uint(_))) = basic else {
            let shown = self.shown(value);
            return Err(frame.error(format!("range can't iterate over {shown}")));
        };
        if branch.pipe.names().len() > 1 {
            let shown = self.shown(value);
            return Err(frame.error(format!("can't use {shown} to iterate over more than one variable")));
        }
        let end = match basic {
            Some(Basic::Int(i)) => u64::try_from(i).unwrap_or(0),
            Some(Basic::Uint(u)) => u,
            _ => 0,
        };
        let slots = (0..end).map(|i| (Slot::absent(), Slot::plain(same_kind(value, i))));
        self.iterate(frame, branch, slots)
    }

    /// A value in an error text, cut short if it is enormous.
    fn shown(&self, value: &Value) -> String {
        let mut out = Vec::new();
        // Beyond the room the text is what fitted.
        let _ = crate::fmt::Printer::new(&mut out, 1 << 16).action(value);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn iterate<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        branch: &'t Branch,
        slots: impl Iterator<Item = (Slot, Slot)>,
    ) -> Result<bool, Error> {
        let mark = frame.vars.len();
        let mut ran = false;
        for (index, item) in slots {
            ran = true;
            self.step(frame)?;
            self.assign_range(frame, branch, index, &item)?;
            let flow = self.block(frame, &item, &branch.list)?;
            frame.vars.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(ran)
    }

    fn assign_range(
        &mut self,
        frame: &mut Frame<'_>,
        branch: &Branch,
        index: Slot,
        item: &Slot,
    ) -> Result<(), Error> {
        let decl = branch.pipe.names();
        if branch.pipe.assigns() {
            match decl {
                [item_name] => frame.set(item_name, item.clone())?,
                [index_name, item_name] => {
                    frame.set(index_name, index)?;
                    frame.set(item_name, item.clone())?;
                }
                _ => {}
            }
            return Ok(());
        }
        // The pipeline has pushed the variables; the last is the item's.
        let mut top = frame.vars.iter_mut().rev();
        if let (false, Some(last)) = (decl.is_empty(), top.next()) {
            last.1 = item.clone();
        }
        if let (2, Some(before)) = (decl.len(), top.next()) {
            before.1 = index;
        }
        Ok(())
    }

    fn template<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        call: &'t TemplateCall,
    ) -> Result<(), Error> {
        frame.at = At::Template(call);
        let Some(tree) = self.lookup(&call.name) else {
            return Err(frame.error(format!("template {} not defined", quoted(call.name.as_bytes()))));
        };
        if self.depth >= self.options.limits.depth {
            self.enter(frame)?;
        }
        let data = match &call.pipe {
            Some(pipe) => self.pipeline(frame, dot, pipe)?,
            None => Slot::absent(),
        };
        self.run_tree(&tree, data)
    }
}

/// `i` as a number of the same type as `like`.
fn same_kind(like: &Value, i: u64) -> Value {
    match like {
        Value::Int64(_) => Value::Int64(i as i64),
        Value::Number(number) => Value::Number(match number {
            Number::Int8(_) => Number::Int8(i as i8),
            Number::Int16(_) => Number::Int16(i as i16),
            Number::Int32(_) => Number::Int32(i as i32),
            Number::Uint(_) => Number::Uint(i),
            Number::Uint8(_) => Number::Uint8(i as u8),
            Number::Uint16(_) => Number::Uint16(i as u16),
            Number::Uint32(_) => Number::Uint32(i as u32),
            Number::Uint64(_) => Number::Uint64(i),
            other => *other,
        }),
        _ => Value::Int(i as i64),
    }
}

impl Frame<'_> {
    /// Assigns the innermost variable of this name.
    pub(super) fn set(&mut self, name: &Str, slot: Slot) -> Result<(), Error> {
        // The parser takes an assignment for a declaration, as Go's does.
        match self.vars.iter_mut().rev().find(|var| var.0 == *name) {
            Some(var) => {
                var.1 = slot;
                Ok(())
            }
            None => Err(self.error(format!("undefined variable: {name}"))),
        }
    }
}
