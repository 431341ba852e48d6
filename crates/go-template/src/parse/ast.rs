//! The parsed form of templates: plain data, `Send` and `Sync`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::number::Literal;
use crate::Str;
use crate::error::Location;
use crate::fmt::quoted;
use crate::names::FunctionId;

/// One template: the top level of a text, or a `define` or `block` in it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: Arc<str>,
    /// The name of the text it was parsed from, for places in errors.
    pub(crate) source_name: Arc<str>,
    /// The text it was parsed from, for places in errors.
    pub(crate) source: Arc<[u8]>,
    pub(crate) root: Box<[Node]>,
    /// Whether there is nothing but space, in which case a definition does not replace another.
    pub(crate) empty: bool,
}

/// An offset into the source.
pub(crate) type Pos = usize;

#[derive(Debug)]
pub(crate) enum Node {
    /// Where the text is in the source.
    Text(Range<Pos>),
    Action(Pos, Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(TemplateCall),
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) list: Box<[Node]>,
    pub(crate) otherwise: Option<Box<[Node]>>,
}

#[derive(Debug)]
pub(crate) struct TemplateCall {
    pub(crate) pos: Pos,
    pub(crate) name: String,
    pub(crate) pipe: Option<Pipe>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: Pos,
    /// `=` rather than `:=`.
    pub(crate) assign: bool,
    /// Variables with their `$`.
    pub(crate) decl: Vec<Str>,
    pub(crate) cmds: Box<[Command]>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) pos: Pos,
    pub(crate) args: Box<[Expr]>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) pos: Pos,
    pub(crate) kind: ExprKind,
}

/// How a string is written. Nearly all are written as they are, and some are large.
#[derive(Debug)]
pub(crate) enum Written {
    /// The value in double quotes.
    Quoted,
    /// The value in back quotes.
    Raw,
    As(Box<[u8]>),
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Literal>),
    String {
        written: Written,
        value: Str,
    },
    Field(Box<[Str]>),
    /// The variable with its `$`, and the fields after it.
    Variable(Str, Box<[Str]>),
    Function(Arc<str>, FunctionId),
    Pipe(Box<Pipe>),
    Chain(Box<Expr>, Box<[Str]>),
}

impl Tree {
    /// The text at a place in the source.
    pub(crate) fn text(&self, place: &Range<Pos>) -> &[u8] {
        &self.source[place.clone()]
    }

    /// Where `pos` is, as execution errors tell it.
    pub(crate) fn location(&self, pos: Pos) -> Location {
        let before = &self.source[..pos.min(self.source.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        Location {
            source_name: self.source_name.to_string(),
            line: 1 + before.iter().filter(|b| **b == b'\n').count(),
            column: Some(before.len() - line_start),
        }
    }
}

impl fmt::Display for TemplateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quoted(self.name.as_bytes()))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.decl.iter().enumerate() {
            write!(f, "{}{name}", if i > 0 { ", " } else { "" })?;
        }
        if !self.decl.is_empty() {
            f.write_str(if self.assign { " = " } else { " := " })?;
        }
        for (i, cmd) in self.cmds.iter().enumerate() {
            write!(f, "{}{cmd}", if i > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            match &arg.kind {
                ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => arg.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = |f: &mut fmt::Formatter<'_>, fields: &[Str]| {
            fields.iter().try_for_each(|field| write!(f, ".{field}"))
        };
        match &self.kind {
            ExprKind::Dot => f.write_str("."),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Bool(b) => write!(f, "{b}"),
            ExprKind::Number(number) => f.write_str(&number.text),
            ExprKind::String { written: Written::As(text), .. } => {
                f.write_str(&String::from_utf8_lossy(text))
            }
            ExprKind::String { written: Written::Quoted, value } => write!(f, "\"{value}\""),
            ExprKind::String { written: Written::Raw, value } => write!(f, "`{value}`"),
            ExprKind::Field(names) => fields(f, names),
            ExprKind::Variable(name, names) => {
                write!(f, "{name}")?;
                fields(f, names)
            }
            ExprKind::Function(name, _) => f.write_str(name),
            ExprKind::Pipe(pipe) => pipe.fmt(f),
            ExprKind::Chain(node, names) => {
                match &node.kind {
                    ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => node.fmt(f)?,
                }
                fields(f, names)
            }
        }
    }
}
