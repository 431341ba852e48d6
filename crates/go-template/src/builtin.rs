//! Go's built-in functions.

mod compare;
mod escape;
mod index;

use crate::exec::Slot;
use crate::{Executor, FuncError, Signature, Type, Value};

/// A built-in function. `And`, `Or` and `Call` are the executor's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Urlquery,
}

/// Type `Any` stands for Go's `reflect.Value` here: only the numbers of parameters count.
const ONE: Signature = Signature::fixed(&[Type::Any]);
const TWO: Signature = Signature::fixed(&[Type::Any, Type::Any]);
const MANY: Signature = Signature::variadic(&[Type::Any]);
const ONE_AND_MANY: Signature = Signature::variadic(&[Type::Any, Type::Any]);
const FORMAT: Signature = Signature::variadic(&[Type::String, Type::Any]);

impl Builtin {
    /// All of them, in the order of the enum.
    pub(crate) const ALL: [Builtin; 19] = [
        Builtin::And,
        Builtin::Call,
        Builtin::Eq,
        Builtin::Ge,
        Builtin::Gt,
        Builtin::Html,
        Builtin::Index,
        Builtin::Js,
        Builtin::Le,
        Builtin::Len,
        Builtin::Lt,
        Builtin::Ne,
        Builtin::Not,
        Builtin::Or,
        Builtin::Print,
        Builtin::Printf,
        Builtin::Println,
        Builtin::Slice,
        Builtin::Urlquery,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Builtin::And => "and",
            Builtin::Call => "call",
            Builtin::Eq => "eq",
            Builtin::Ge => "ge",
            Builtin::Gt => "gt",
            Builtin::Html => "html",
            Builtin::Index => "index",
            Builtin::Js => "js",
            Builtin::Le => "le",
            Builtin::Len => "len",
            Builtin::Lt => "lt",
            Builtin::Ne => "ne",
            Builtin::Not => "not",
            Builtin::Or => "or",
            Builtin::Print => "print",
            Builtin::Printf => "printf",
            Builtin::Println => "println",
            Builtin::Slice => "slice",
            Builtin::Urlquery => "urlquery",
        }
    }

    pub(crate) fn signature(self) -> Signature {
        match self {
            Builtin::And | Builtin::Or | Builtin::Call | Builtin::Eq => ONE_AND_MANY,
            Builtin::Index | Builtin::Slice | Builtin::Printf => ONE_AND_MANY,
            Builtin::Ne | Builtin::Lt | Builtin::Le | Builtin::Gt | Builtin::Ge => TWO,
            Builtin::Len | Builtin::Not => ONE,
            Builtin::Html | Builtin::Js | Builtin::Urlquery | Builtin::Print | Builtin::Println => MANY,
        }
    }

    /// The parameters, if they are checked as a host function's are; those of the others are Go's `reflect.Value`, which
    /// takes anything as it is.
    pub(crate) fn checked(self) -> Option<Signature> {
        match self {
            Builtin::Printf => Some(FORMAT),
            Builtin::Print | Builtin::Println | Builtin::Html | Builtin::Js | Builtin::Urlquery => Some(MANY),
            _ => None,
        }
    }

    /// Runs a function whose arguments were checked, on a fitting number of them.
    pub(crate) fn print(self, exec: &mut Executor<'_>, args: &[Value]) -> Result<Value, FuncError> {
        Ok(match (self, args) {
            (Builtin::Printf, [Value::String(format), args @ ..]) => {
                Value::String(exec.sprintf(format, args)?)
            }
            (Builtin::Println, args) => Value::String(exec.sprintln(args)?),
            (Builtin::Html, args) => escaped(exec, args, escape::html)?,
            (Builtin::Js, args) => escaped(exec, args, escape::js)?,
            (Builtin::Urlquery, args) => escaped(exec, args, escape::url_query)?,
            (_, args) => Value::String(exec.sprint(args)?),
        })
    }

    /// Runs one of the other functions on a fitting number of arguments.
    pub(crate) fn invoke(self, exec: &mut Executor<'_>, args: &[Slot]) -> Result<Slot, FuncError> {
        let value = match (self, args) {
            (Builtin::Index, [item, indexes @ ..]) => return index::index(item, indexes),
            (Builtin::Slice, [item, indexes @ ..]) => index::slice(item, indexes)?,
            (Builtin::Len, [item]) => index::len(item)?,
            (Builtin::Not, [item]) => Value::Bool(!item.value.truth()),
            (Builtin::Eq, [first, rest @ ..]) => Value::Bool(compare::eq(exec, &first.value, rest)?),
            (Builtin::Ne, [a, b]) => Value::Bool(!compare::eq(exec, &a.value, std::slice::from_ref(b))?),
            (Builtin::Lt, [a, b]) => Value::Bool(compare::lt(&a.value, &b.value)?),
            (Builtin::Le, [a, b]) => Value::Bool(compare::le(exec, a, b)?),
            (Builtin::Gt, [a, b]) => Value::Bool(!compare::le(exec, a, b)?),
            (Builtin::Ge, [a, b]) => Value::Bool(!compare::lt(&a.value, &b.value)?),
            // Numbers were checked; `and`, `or` and `call` are the executor's, the rest is printed.
            _ => Value::Nil,
        };
        Ok(Slot::plain(value))
    }
}

/// What an escaping function makes of its arguments, within the budget.
fn escaped(
    exec: &mut Executor<'_>,
    args: &[Value],
    escape: fn(&[u8], u64) -> Vec<u8>,
) -> Result<Value, FuncError> {
    let text = text(exec, args)?;
    let escaped = escape(&text, exec.room());
    exec.charge_bytes(escaped.len() as u64)?;
    exec.charge(escaped.len() as u64 / 64)?;
    Ok(Value::string(escaped))
}

/// The text of the arguments of an escaping function: as actions print them.
fn text(exec: &mut Executor<'_>, args: &[Value]) -> Result<crate::Str, FuncError> {
    if let [Value::String(text)] = args {
        return Ok(text.clone());
    }
    let printable: Vec<Value> = args
        .iter()
        .map(|value| match value {
            Value::Nil => Value::string("<no value>"),
            value => value.clone(),
        })
        .collect();
    exec.sprint_pointees(&printable)
}
