//! Calls: arguments with Go's checks, functions, methods, built-in functions.

use std::rc::Rc;

use super::eval::zero;
use super::{At, Executor, Frame, Resolved, Slot};
use crate::builtin::Builtin;
use crate::names::Function;
use crate::parse::{Expr, ExprKind, Literal};
use crate::value::Basic;
use crate::{Error, Func, FuncError, Map, Number, Object, Signature, Str, Type, Value};

impl Executor<'_> {
    /// A function with its arguments.
    pub(super) fn function<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        function: &Function,
        whole: At<'t>,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let name = function.name();
        match self.resolve(function) {
            Resolved::Host(func) => {
                let values = self.arguments(frame, dot, name, func.signature(), args, last)?;
                let result = self.called(|exec| func.invoke(exec, &values), frame)?;
                self.spare.keep_values(values);
                let interface = func.has_interface_result();
                finish(frame, whole, name, result.map(|value| Slot::of(value, interface)))
            }
            Resolved::Builtin(builtin) => self.builtin(frame, dot, builtin, whole, args, last),
            Resolved::Unknown | Resolved::Missing => {
                let quoted = crate::fmt::quoted(name.as_bytes());
                Err(frame.error(format!("{quoted} is not a defined function")))
            }
        }
    }

    /// The method `name` of `object` with its arguments.
    #[expect(clippy::too_many_arguments, reason = "the parts of one expression in its scope")]
    pub(super) fn method<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        object: &Rc<dyn Object>,
        node: &'t Expr,
        name: &Str,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let name = name.to_str();
        let Some(signature) = object.method(&name) else {
            return Ok(Slot::absent());
        };
        let values = self.arguments(frame, dot, &name, signature, args, last)?;
        let result = self.called(|exec| object.call(exec, &name, &values), frame)?;
        self.spare.keep_values(values);
        finish(frame, At::Expr(node), &name, result.map(Slot::plain))
    }

    /// A method of a named map type with its arguments.
    #[expect(clippy::too_many_arguments, reason = "the parts of one expression in its scope")]
    pub(super) fn method_of_map<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        map: &Map,
        (node, name): (&'t Expr, &Str),
        func: &Func,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let name = name.to_str();
        let mut values = self.arguments(frame, dot, &name, func.signature(), args, last)?;
        values.insert(0, Value::Map(map.clone()));
        let result = self.called(|exec| func.invoke(exec, &values), frame)?;
        self.spare.keep_values(values);
        let interface = func.has_interface_result();
        finish(frame, At::Expr(node), &name, result.map(|value| Slot::of(value, interface)))
    }

    /// Runs host code one level deeper: it may run templates.
    fn called<T>(
        &mut self,
        call: impl FnOnce(&mut Self) -> Result<T, FuncError>,
        frame: &Frame<'_>,
    ) -> Result<Result<T, FuncError>, Error> {
        self.step(frame)?;
        self.enter(frame)?;
        let result = call(self);
        self.leave();
        Ok(result)
    }

    fn arguments<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        name: &str,
        signature: Signature,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Vec<Value>, Error> {
        self.check_number(frame, name, signature, args.len(), last.is_some())?;
        let mut values = self.spare.values.pop().unwrap_or_default();
        for (i, arg) in args.iter().enumerate() {
            values.push(self.argument(frame, dot, Some(signature.param(i)), arg)?.value);
        }
        if let Some(last) = last {
            values.push(fit(frame, last, signature.param(values.len()))?);
        }
        Ok(values)
    }

    fn check_number(
        &self,
        frame: &Frame<'_>,
        name: &str,
        signature: Signature,
        args: usize,
        last: bool,
    ) -> Result<(), Error> {
        let given = args + usize::from(last);
        let required = signature.required();
        if signature.is_variadic() {
            if given < required {
                let message = format!("wrong number of args for {name}: want at least {required} got {args}");
                return Err(frame.error(message));
            }
        } else if given != required {
            let message = format!("wrong number of args for {name}: want {required} got {given}");
            return Err(frame.error(message));
        }
        Ok(())
    }

    fn builtin<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        builtin: Builtin,
        whole: At<'t>,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let name = builtin.name();
        if let Some(signature) = builtin.checked() {
            let values = self.arguments(frame, dot, name, signature, args, last)?;
            let result = self.called(|exec| builtin.print(exec, &values), frame)?;
            self.spare.keep_values(values);
            return finish(frame, whole, name, result.map(Slot::plain));
        }
        self.check_number(frame, name, builtin.signature(), args.len(), last.is_some())?;
        if let Builtin::And | Builtin::Or = builtin {
            return self.logic(frame, dot, builtin == Builtin::Or, args, last);
        }
        let mut slots = self.spare.slots.pop().unwrap_or_default();
        for arg in args {
            slots.push(self.argument(frame, dot, None, arg)?);
        }
        slots.extend(last);
        let result = match builtin {
            Builtin::Call => {
                let callee = args.first().map_or_else(|| reflected(&slots), Expr::to_string);
                self.called(|exec| exec.call_value(&callee, &slots), frame)?
            }
            _ => self.called(|exec| builtin.invoke(exec, &slots), frame)?,
        };
        self.spare.keep_slots(slots);
        finish(frame, whole, name, result)
    }

    /// `and` and `or`, which evaluate no more than they have to.
    fn logic<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        until: bool,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Result<Slot, Error> {
        let mut slot = Slot::absent();
        for arg in args {
            slot = self.argument(frame, dot, None, arg)?;
            if slot.value.truth() == until {
                return Ok(slot);
            }
        }
        Ok(last.unwrap_or(slot))
    }

    /// `call`: a function that is a value.
    fn call_value(&mut self, callee: &str, slots: &[Slot]) -> Result<Slot, FuncError> {
        let Some((function, args)) = slots.split_first() else {
            return Err("call of nil".into());
        };
        let func: &Func = match &function.value {
            Value::Nil => return Err("call of nil".into()),
            Value::Func(func) => func,
            other => return Err(format!("non-function {callee} of type {}", other.type_name()).into()),
        };
        let signature = func.signature();
        let (given, required) = (args.len(), signature.required());
        if signature.is_variadic() && given < required {
            return Err(
                format!("wrong number of args for {callee}: got {given} want at least {required}").into()
            );
        }
        if !signature.is_variadic() && given != required {
            return Err(format!("wrong number of args for {callee}: got {given} want {required}").into());
        }
        let mut values = Vec::with_capacity(given);
        for (i, arg) in args.iter().enumerate() {
            let value = prepare(&arg.value, signature.param(i));
            values.push(value.map_err(|message| format!("arg {i}: {message}"))?);
        }
        func.invoke(self, &values).map(Slot::plain)
    }

    /// An argument. With a type it is checked and converted as Go does; without (Go's `reflect.Value`) it is taken
    /// as it is.
    pub(super) fn argument<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        ty: Option<Type>,
        expr: &'t Expr,
    ) -> Result<Slot, Error> {
        self.step(frame)?;
        frame.at = At::Expr(expr);
        let slot = match &expr.kind {
            ExprKind::Dot => dot.clone(),
            ExprKind::Nil => {
                return match ty {
                    None => Ok(Slot::absent()),
                    Some(ty) if ty.nillable() => Ok(Slot::plain(zero(ty))),
                    Some(ty) => Err(frame.error(format!("cannot assign nil to {ty}"))),
                };
            }
            ExprKind::Field(fields) => self.chain(frame, dot, dot.clone(), expr, fields, &[], None)?,
            ExprKind::Variable(names) => {
                let (name, fields) = names.split_first().expect("a variable has a name");
                let value = self.variable(frame, name)?;
                self.chain(frame, dot, value, expr, fields, &[], None)?
            }
            ExprKind::Pipe(pipe) => self.nested_pipeline(frame, dot, pipe)?,
            ExprKind::Function(function) => self.function(frame, dot, function, At::Expr(expr), &[], None)?,
            ExprKind::Chain(chain) => {
                let (node, fields) = &**chain;
                let receiver = self.chain_receiver(frame, dot, expr, node)?;
                self.chain(frame, dot, receiver, expr, fields, &[], None)?
            }
            ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {
                return match ty {
                    None | Some(Type::Any) => self.constant(frame, dot, expr),
                    Some(ty) => literal(frame, ty, expr).map(Slot::plain),
                };
            }
        };
        match ty {
            None => Ok(slot),
            Some(ty) => fit(frame, slot, ty).map(Slot::plain),
        }
    }
}

/// What `call` takes for the name of a function that comes through the pipeline: `String()` of Go's `reflect.Value`.
fn reflected(slots: &[Slot]) -> String {
    match slots.first().map(|slot| &slot.value) {
        None | Some(Value::Nil) => "<invalid Value>".to_owned(),
        Some(Value::String(text)) => text.to_string(),
        Some(value) => format!("<{} Value>", value.type_name()),
    }
}

fn finish<'t>(
    frame: &mut Frame<'t>,
    whole: At<'t>,
    name: &str,
    result: Result<Slot, FuncError>,
) -> Result<Slot, Error> {
    result.map_err(|error| {
        frame.at = whole;
        frame.call_error(name, error)
    })
}

/// A value for a parameter of type `ty`.
fn fit(frame: &Frame<'_>, slot: Slot, ty: Type) -> Result<Value, Error> {
    if slot.is_absent() {
        if ty.nillable() {
            return Ok(zero(ty));
        }
        return Err(frame.error(format!("invalid value; expected {ty}")));
    }
    if ty == Type::Any {
        return Ok(slot.value);
    }
    let wrong = |got: String| frame.error(format!("wrong type for value; expected {ty}; got {got}"));
    let Some(got) = slot.value.ty() else {
        return Err(wrong("interface {}".to_owned()));
    };
    if got.assignable_to(ty) {
        return Ok(if got == ty { slot.value } else { slot.value.plain() });
    }
    Err(wrong(got.to_string()))
}

/// A value for a parameter of a function called through `call`: integers convert among themselves.
fn prepare(value: &Value, ty: Type) -> Result<Value, String> {
    let Some(got) = value.ty() else {
        if ty.nillable() {
            return Ok(zero(ty));
        }
        return Err(format!("value is nil; should be of type {ty}"));
    };
    if got.assignable_to(ty) {
        return Ok(value.clone());
    }
    let converted = match value.basic() {
        Some(Basic::Int(i)) => integer_of(ty, i),
        Some(Basic::Uint(u)) => integer_of(ty, u as i64),
        _ => None,
    };
    converted.ok_or_else(|| format!("value has type {got}; should be {ty}"))
}

/// An integer of type `ty`, wrapped to its size as Go's conversions do.
fn integer_of(ty: Type, i: i64) -> Option<Value> {
    Some(match ty {
        Type::Int => Value::Int(i),
        Type::Int64 => Value::Int64(i),
        Type::Int8 => Value::Number(Number::Int8(i as i8)),
        Type::Int16 => Value::Number(Number::Int16(i as i16)),
        Type::Int32 => Value::Number(Number::Int32(i as i32)),
        Type::Uint => Value::Number(Number::Uint(i as u64)),
        Type::Uint8 => Value::Number(Number::Uint8(i as u8)),
        Type::Uint16 => Value::Number(Number::Uint16(i as u16)),
        Type::Uint32 => Value::Number(Number::Uint32(i as u32)),
        Type::Uint64 => Value::Number(Number::Uint64(i as u64)),
        _ => return None,
    })
}

/// A literal as an argument of a type other than `interface {}`.
fn literal(frame: &Frame<'_>, ty: Type, expr: &Expr) -> Result<Value, Error> {
    let number = match &expr.kind {
        ExprKind::Number(number) => Some(&**number),
        _ => None,
    };
    let expected = |what: &str| frame.error(format!("expected {what}; found {expr}"));
    match (ty, &expr.kind) {
        (Type::Bool, ExprKind::Bool(b)) => Ok(Value::Bool(*b)),
        (Type::Bool, _) => Err(expected("bool")),
        (Type::String, ExprKind::String(text)) => Ok(Value::String(text.value())),
        (Type::String, _) => Err(expected("string")),
        (Type::Int | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64, _) => {
            let int = number.and_then(|n: &Literal| n.int);
            int.and_then(|i| integer_of(ty, i)).ok_or_else(|| expected("integer"))
        }
        (Type::Uint | Type::Uint8 | Type::Uint16 | Type::Uint32 | Type::Uint64, _) => {
            let uint = number.and_then(|n| n.uint);
            uint.and_then(|u| integer_of(ty, u as i64)).ok_or_else(|| expected("unsigned integer"))
        }
        (Type::Float64 | Type::Float32, _) => match number.and_then(|n| n.float) {
            Some(f) if ty == Type::Float32 => Ok(Value::Number(Number::Float32(f as f32))),
            Some(f) => Ok(Value::Float64(f)),
            None => Err(expected("float")),
        },
        (Type::Complex128, _) => match number.and_then(|n| n.complex) {
            Some((re, im)) => Ok(Value::complex(re, im)),
            None => Err(expected("complex")),
        },
        _ => Err(frame.error(format!("can't handle {expr} for arg of type {ty}"))),
    }
}
