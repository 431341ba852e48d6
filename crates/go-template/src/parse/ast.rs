//! The parsed form of templates: plain data, `Send` and `Sync`.

use std::fmt;
use std::sync::Arc;

use super::number::Literal;
use crate::Str;
use crate::error::Location;
use crate::fmt::quoted;
use crate::names::Function;

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

/// An offset into the source, which the parser bounds: trees are large, and half of a tree is offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pos(u32);

impl Pos {
    /// The offset, or the end of all texts for what is beyond them.
    pub(crate) fn new(offset: usize) -> Self {
        Self(u32::try_from(offset).unwrap_or(u32::MAX))
    }

    fn get(self) -> usize {
        self.0 as usize
    }
}

/// A part of the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    start: Pos,
    end: Pos,
}

impl Place {
    /// The `len` bytes from `start` on.
    pub(crate) fn new(start: usize, len: usize) -> Self {
        Self { start: Pos::new(start), end: Pos::new(start + len) }
    }

    /// What is there.
    pub(crate) fn of(self, source: &[u8]) -> &[u8] {
        &source[self.start.get()..self.end.get()]
    }
}

#[derive(Debug)]
pub(crate) enum Node {
    Text(Place),
    Action(Pos, Pipe),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<TemplateCall>),
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
    pub(crate) decl: Option<Box<Declaration>>,
    pub(crate) cmds: Box<[Command]>,
}

/// What a pipeline begins with that gives its value to variables.
#[derive(Debug, Default)]
pub(crate) struct Declaration {
    /// `=` rather than `:=`.
    pub(crate) assign: bool,
    /// Variables with their `$`.
    pub(crate) names: Vec<Str>,
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

/// A string. Most are short, and there are many.
#[derive(Debug)]
pub(crate) enum Text {
    /// The value in double quotes.
    Quoted(Str),
    /// The value in back quotes.
    Raw(Str),
    /// A large value as the source has it, in back quotes: some charts keep whole files so.
    Large(Box<(Arc<[u8]>, Place)>),
    /// The value, and how it is written.
    Escaped(Box<(Str, Box<[u8]>)>),
}

impl Text {
    /// What it stands for.
    pub(crate) fn value(&self) -> Str {
        match self {
            Self::Quoted(value) | Self::Raw(value) => value.clone(),
            Self::Escaped(text) => text.0.clone(),
            Self::Large(text) => text.1.of(&text.0).into(),
        }
    }
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Literal>),
    String(Text),
    Field(Box<[Str]>),
    /// The variable with its `$`, and the fields after it: never empty.
    Variable(Box<[Str]>),
    Function(Arc<Function>),
    Pipe(Box<Pipe>),
    Chain(Box<(Expr, Box<[Str]>)>),
}

// There are as many as the text has words.
const _: () = assert!(size_of::<Node>() <= 40 && size_of::<Expr>() <= 32);

impl Pipe {
    /// The variables that it declares or assigns to.
    pub(crate) fn names(&self) -> &[Str] {
        self.decl.as_ref().map_or(&[], |decl| &decl.names)
    }

    /// Whether it assigns to variables that are there.
    pub(crate) fn assigns(&self) -> bool {
        self.decl.as_ref().is_some_and(|decl| decl.assign)
    }
}

impl Tree {
    /// The text at a place in the source.
    pub(crate) fn text(&self, place: Place) -> &[u8] {
        place.of(&self.source)
    }

    /// Where `pos` is, as execution errors tell it.
    pub(crate) fn location(&self, pos: Pos) -> Location {
        let before = &self.source[..pos.get().min(self.source.len())];
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
        if let Some(decl) = &self.decl {
            for (i, name) in decl.names.iter().enumerate() {
                write!(f, "{}{name}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(if decl.assign { " = " } else { " := " })?;
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

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quoted(value) => write!(f, "\"{value}\""),
            Self::Raw(_) | Self::Large(_) => write!(f, "`{}`", self.value()),
            Self::Escaped(text) => f.write_str(&String::from_utf8_lossy(&text.1)),
        }
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
            ExprKind::String(text) => text.fmt(f),
            ExprKind::Field(names) => fields(f, names),
            ExprKind::Variable(names) => {
                let (name, names) = names.split_first().expect("a variable has a name");
                write!(f, "{name}")?;
                fields(f, names)
            }
            ExprKind::Function(function) => f.write_str(function.name()),
            ExprKind::Pipe(pipe) => pipe.fmt(f),
            ExprKind::Chain(chain) => {
                let (node, names) = &**chain;
                match &node.kind {
                    ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => node.fmt(f)?,
                }
                fields(f, names)
            }
        }
    }
}
