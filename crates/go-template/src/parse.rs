//! Parsing: text to [`Tree`]s.

mod ast;
mod intern;
mod lexer;
mod number;
mod parser;
mod scope;
mod trees;
pub(crate) mod utf8;

pub(crate) use ast::{Branch, Command, Expr, ExprKind, Node, Pipe, Pos, TemplateCall, Tree};
pub(crate) use intern::Names;
pub(crate) use number::Literal;
pub use number::{parse_float, parse_int};
pub(crate) use parser::parse;
