//! Expressions: pipelines, commands, fields, variables, constants.

use super::{At, Executor, Frame, Slot};
use crate::fmt::quoted;
use crate::parse::{Command, Expr, ExprKind, Literal, Pipe};
use crate::{Error, Func, List, Map, MissingKey, Number, Object, Str, Type, Value};

impl Executor<'_> {
    /// The value of a pipeline; variables it declares are pushed.
    pub(super) fn pipeline<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        pipe: &'t Pipe,
    ) -> Result<Slot, Error> {
        frame.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.cmds {
            value = Some(Slot::plain(self.command(frame, dot, command, value)?.value));
        }
        let value = value.unwrap_or_default();
        for name in pipe.names() {
            if pipe.assigns() {
                frame.set(name, value.clone())?;
            } else {
                frame.vars.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn command<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        command: &'t Command,
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let Some(first) = command.args.first() else {
            return Err(frame.error("empty command"));
        };
        match &first.kind {
            ExprKind::Field(fields) => {
                frame.at = At::Expr(first);
                self.chain(frame, dot, dot.clone(), first, fields, &command.args, last)
            }
            ExprKind::Chain(chain) => {
                let (node, fields) = &**chain;
                let receiver = self.chain_receiver(frame, dot, first, node)?;
                self.chain(frame, dot, receiver, first, fields, &command.args, last)
            }
            ExprKind::Function(function) => {
                frame.at = At::Expr(first);
                self.function(frame, dot, function, At::Command(command), &command.args[1..], last)
            }
            ExprKind::Pipe(pipe) => {
                self.not_a_function(frame, command, &last)?;
                self.nested_pipeline(frame, dot, pipe)
            }
            ExprKind::Variable(names) => {
                let (name, fields) = names.split_first().expect("a variable has a name");
                frame.at = At::Expr(first);
                let value = self.variable(frame, name)?;
                if fields.is_empty() {
                    self.not_a_function(frame, command, &last)?;
                    return Ok(value);
                }
                self.chain(frame, dot, value, first, fields, &command.args, last)
            }
            ExprKind::Nil => {
                frame.at = At::Expr(first);
                self.not_a_function(frame, command, &last)?;
                Err(frame.error("nil is not a command"))
            }
            _ => {
                frame.at = At::Expr(first);
                self.not_a_function(frame, command, &last)?;
                self.constant(frame, dot, first)
            }
        }
    }

    /// A pipeline in parentheses: one level deeper.
    pub(super) fn nested_pipeline<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        pipe: &'t Pipe,
    ) -> Result<Slot, Error> {
        self.enter(frame)?;
        let result = self.pipeline(frame, dot, pipe);
        self.leave();
        result
    }

    fn not_a_function(&self, frame: &Frame<'_>, command: &Command, last: &Option<Slot>) -> Result<(), Error> {
        if command.args.len() > 1 || last.is_some() {
            return Err(frame.error(format!("can't give argument to non-function {}", command.args[0])));
        }
        Ok(())
    }

    /// Dot and literals.
    pub(super) fn constant<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        expr: &'t Expr,
    ) -> Result<Slot, Error> {
        frame.at = At::Expr(expr);
        Ok(match &expr.kind {
            ExprKind::Dot => dot.clone(),
            ExprKind::Bool(b) => Slot::plain(Value::Bool(*b)),
            ExprKind::String(text) => Slot::plain(Value::String(text.value())),
            ExprKind::Number(literal) => Slot::plain(ideal(frame, literal)?),
            _ => {
                return Err(
                    frame.error(format!("can't evaluate command {}", quoted(expr.to_string().as_bytes())))
                );
            }
        })
    }

    pub(super) fn variable(&self, frame: &Frame<'_>, name: &Str) -> Result<Slot, Error> {
        match frame.vars.iter().rev().find(|var| var.0 == *name) {
            Some(var) => Ok(var.1.clone()),
            None => Err(frame.error(format!("undefined variable: {name}"))),
        }
    }

    /// What the fields of a chain such as `(pipe).a.b` are taken from.
    pub(super) fn chain_receiver<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        chain: &'t Expr,
        node: &'t Expr,
    ) -> Result<Slot, Error> {
        frame.at = At::Expr(chain);
        if matches!(node.kind, ExprKind::Nil) {
            return Err(frame.error(format!("indirection through explicit nil in {chain}")));
        }
        self.argument(frame, dot, None, node)
    }

    /// `receiver.a.b.c`; the last may be a method, which gets the arguments.
    #[expect(clippy::too_many_arguments, reason = "the parts of one expression in its scope")]
    pub(super) fn chain<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        mut receiver: Slot,
        node: &'t Expr,
        fields: &'t [Str],
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let Some((final_field, before)) = fields.split_last() else {
            return Ok(receiver);
        };
        for field in before {
            receiver = self.field(frame, dot, &receiver, node, field, &[], None)?;
        }
        self.field(frame, dot, &receiver, node, final_field, args.get(1..).unwrap_or(&[]), last)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one expression in its scope")]
    fn field<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        receiver: &Slot,
        node: &'t Expr,
        name: &Str,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        match &receiver.value {
            Value::Nil if receiver.is_interface() => {
                Err(frame.error(format!("nil pointer evaluating interface {{}}.{name}")))
            }
            Value::Nil if self.missing_key() == MissingKey::Error => {
                Err(frame.error(format!("nil data; no entry for key {}", quoted(name))))
            }
            Value::Nil => Ok(Slot::absent()),
            Value::NilPointer(_) => {
                Err(frame.error(format!("nil pointer evaluating {}.{name}", receiver.type_name())))
            }
            Value::Map(map) => match self.map_method(map, name) {
                Some(func) => self.method_of_map(frame, dot, map, (node, name), &func, args, last),
                None => self.key(frame, map, name, !args.is_empty() || last.is_some()),
            },
            Value::Object(object) => {
                let method = object.method(&name.to_str());
                match method {
                    Some(_) => {
                        let object = object.clone();
                        self.method(frame, dot, &object, node, name, args, last)
                    }
                    None => self.object_field(
                        frame,
                        receiver,
                        &**object,
                        name,
                        !args.is_empty() || last.is_some(),
                    ),
                }
            }
            _ => Err(no_field(frame, receiver, name)),
        }
    }

    /// The method that a map of a named type has.
    fn map_method(&self, map: &Map, name: &Str) -> Option<Func> {
        match map.ty() {
            Type::Named(ty, _) => self.funcs.method(ty, name).cloned(),
            _ => None,
        }
    }

    fn key(&self, frame: &Frame<'_>, map: &Map, name: &Str, has_args: bool) -> Result<Slot, Error> {
        if has_args {
            return Err(frame.error(format!("{name} is not a method but has arguments")));
        }
        if let Some(value) = map.borrow().get(&name[..]) {
            return Ok(Slot::of(value.clone(), map.holds_any()));
        }
        match self.missing_key() {
            MissingKey::Default => Ok(Slot::absent()),
            MissingKey::Zero => Ok(Slot::of(zero(map.elem()), map.holds_any())),
            MissingKey::Error => Err(frame.error(format!("map has no entry for key {}", quoted(name)))),
        }
    }

    fn object_field(
        &self,
        frame: &Frame<'_>,
        receiver: &Slot,
        object: &dyn Object,
        name: &Str,
        has_args: bool,
    ) -> Result<Slot, Error> {
        if let Some(Value::Map(map)) = object.data() {
            return self.key(frame, &map, name, has_args);
        }
        match object.field(&name.to_str()) {
            Some(_) if has_args => {
                Err(frame.error(format!("{name} has arguments but cannot be invoked as function")))
            }
            Some(value) => Ok(Slot::of(value, object.has_interface_field(&name.to_str()))),
            None => Err(no_field(frame, receiver, name)),
        }
    }
}

fn no_field(frame: &Frame<'_>, receiver: &Slot, name: &Str) -> Error {
    frame.error(format!("can't evaluate field {name} in type {}", receiver.type_name()))
}

/// The zero value of a type.
pub(crate) fn zero(ty: Type) -> Value {
    match ty.underlying() {
        Type::Any => Value::Nil,
        Type::Bool => Value::Bool(false),
        Type::String => Value::String(Str::default()),
        Type::Int => Value::Int(0),
        Type::Int64 => Value::Int64(0),
        Type::Float64 => Value::Float64(0.0),
        Type::Int8 => Value::Number(Number::Int8(0)),
        Type::Int16 => Value::Number(Number::Int16(0)),
        Type::Int32 => Value::Number(Number::Int32(0)),
        Type::Uint => Value::Number(Number::Uint(0)),
        Type::Uint8 => Value::Number(Number::Uint8(0)),
        Type::Uint16 => Value::Number(Number::Uint16(0)),
        Type::Uint32 => Value::Number(Number::Uint32(0)),
        Type::Uint64 => Value::Number(Number::Uint64(0)),
        Type::Float32 => Value::Number(Number::Float32(0.0)),
        Type::Complex128 => Value::complex(0.0, 0.0),
        Type::List(_) => Value::List(List::nil(ty)),
        Type::Map(_) => Value::Map(Map::nil(ty)),
        Type::Opaque(name) if name.starts_with('*') => Value::NilPointer(name),
        Type::Opaque(_) | Type::Named(..) => Value::Nil,
    }
}

/// The value of a number whose type only its own text tells.
fn ideal(frame: &Frame<'_>, literal: &Literal) -> Result<Value, Error> {
    if let Some((re, im)) = literal.complex {
        return Ok(Value::complex(re, im));
    }
    let text = &literal.text;
    let hex_int =
        text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
    let rune = text.starts_with('\'');
    match literal.float {
        Some(float) if !hex_int && !rune && text.contains(['.', 'e', 'E', 'p', 'P']) => {
            Ok(Value::Float64(float))
        }
        _ => match literal.int {
            Some(int) => Ok(Value::Int(int)),
            None => Err(frame.error(format!("{text} overflows int"))),
        },
    }
}
