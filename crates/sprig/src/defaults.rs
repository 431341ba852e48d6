//! `default`, `empty`, `coalesce`, `ternary`, `all`, `any`, `fail`.

use go_template::{Func, FuncError, Type, Value};

use crate::Entry;
use crate::args::{any, text};

/// Sprig's emptiness: as Go's `if`, except that a pointer is not looked through, which does not matter here.
pub(crate) fn is_empty(value: &Value) -> bool {
    !value.truth()
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        (
            "default",
            Func::variadic(&[Type::Any, Type::Any], |_, args| {
                Ok(match args.get(1) {
                    Some(given) if !is_empty(given) => given.clone(),
                    _ => any(args, 0),
                })
            }),
        ),
        ("empty", Func::new(&[Type::Any], |_, args| Ok(is_empty(&args[0]).into()))),
        (
            "coalesce",
            Func::variadic(&[Type::Any], |_, args| {
                Ok(args.iter().find(|value| !is_empty(value)).cloned().unwrap_or_default())
            }),
        ),
        ("all", Func::variadic(&[Type::Any], |_, args| Ok((!args.iter().any(is_empty)).into()))),
        ("any", Func::variadic(&[Type::Any], |_, args| Ok((!args.iter().all(is_empty)).into()))),
        (
            "ternary",
            Func::new(&[Type::Any, Type::Any, Type::Bool], |_, args| {
                Ok(any(args, if args[2].truth() { 0 } else { 1 }))
            }),
        ),
        ("fail", Func::new(&[Type::String], |_, args| Err(FuncError::message(text(args, 0))))),
        ("hello", Func::new(&[], |_, _| Ok("Hello!".into()))),
    ]
}
