//! What stands between the delimiters: pipelines, commands, operands.

use std::borrow::Cow;

use super::super::ast::{Command, Declaration, Expr, ExprKind, Pipe, Place, Pos, Text};
use super::super::lexer::{Item, Kind};
use super::super::number::{self, Literal};
use super::{Parser, Result, cut};
use crate::fmt::quoted;

/// From this length on, in bytes, a string in back quotes is not copied out of the source before it is asked for.
const LARGE: usize = 512;

/// To this length, in bytes, strings are likely to occur again.
const SHORT: usize = 24;

impl<'t> Parser<'t> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let pos = Pos::new(self.peek_non_space().pos);
        let mut pipe = Pipe { pos, decl: None, cmds: Box::default() };
        self.declarations(&mut pipe, context)?;
        let from = self.cmds.len();
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    pipe.cmds = cut(&mut self.cmds, from);
                    self.check_pipeline(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    self.cmds.push(command);
                }
                _ => return self.unexpected(token, context),
            }
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // A space after the variable may be needed again, to tell "$x .y" from "$x.y".
            let after = self.peek();
            let next = self.peek_non_space();
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                self.next_non_space();
                self.declare(pipe, variable).assign = next.kind == Kind::Assign;
                return Ok(());
            }
            if next.kind == Kind::Char && next.val == b"," {
                self.next_non_space();
                self.declare(pipe, variable);
                if context == "range" && pipe.names().len() < 2 {
                    match self.peek_non_space().kind {
                        Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                        _ => return self.error("range can only initialize variables"),
                    }
                }
                return self.error(format!("too many declarations in {context}"));
            }
            if after.kind == Kind::Space {
                self.backup3(variable, after);
            } else {
                self.backup2(variable);
            }
            return Ok(());
        }
    }

    fn declare<'p>(&mut self, pipe: &'p mut Pipe, variable: Item<'t>) -> &'p mut Declaration {
        self.state.vars.declare(variable.val);
        let decl = pipe.decl.get_or_insert_default();
        decl.names.reserve_exact(1);
        decl.names.push(self.names.shared(variable.val));
        decl
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.cmds.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (i, cmd) in pipe.cmds.iter().enumerate().skip(1) {
            let literal = cmd.args.first().is_some_and(|arg| arg.kind.is_literal());
            if literal {
                return self.error(format!("non executable command in pipeline stage {}", i + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command> {
        let pos = Pos::new(self.peek_non_space().pos);
        let from = self.args.len();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                self.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(token, "operand"),
            }
            break;
        }
        if self.args.len() == from {
            return self.error("empty command");
        }
        Ok(Command { pos, args: cut(&mut self.args, from) })
    }

    /// A term, possibly followed by field accesses.
    fn operand(&mut self) -> Result<Option<Expr>> {
        let from = self.fields.len();
        let Some(mut term) = self.term()? else {
            return Ok(None);
        };
        let own = self.fields.len();
        let next = self.peek();
        while self.peek().kind == Kind::Field {
            let field = self.next();
            self.push_field(field);
        }
        let followed = self.fields.len() > own;
        if followed && term.kind.is_literal() {
            let shown = quoted(term.to_string().as_bytes());
            return self.error(format!("unexpected . after term {shown}"));
        }
        let names = cut(&mut self.fields, from);
        term.kind = match term.kind {
            ExprKind::Field(_) => ExprKind::Field(names),
            ExprKind::Variable(_) => ExprKind::Variable(names),
            _ if followed => {
                let pos = Pos::new(next.pos);
                return Ok(Some(Expr { pos, kind: ExprKind::Chain(Box::new((term, names))) }));
            }
            kind => kind,
        };
        if followed {
            term.pos = Pos::new(next.pos);
        }
        Ok(Some(term))
    }

    fn push_field(&mut self, token: Item<'t>) {
        let name = self.names.shared(&token.val[1..]);
        self.fields.push(name);
    }

    /// The name of a field or variable is left in `fields`, for those after it to join it.
    fn term(&mut self) -> Result<Option<Expr>> {
        let token = self.next_non_space();
        let pos = Pos::new(token.pos);
        let kind = match token.kind {
            Kind::Identifier => self.function(token)?,
            Kind::Dot => ExprKind::Dot,
            Kind::Nil => ExprKind::Nil,
            Kind::Variable => {
                if !self.state.vars.contains(token.val) {
                    return self.error(format!("undefined variable {}", quoted(token.val)));
                }
                let name = self.names.shared(token.val);
                self.fields.push(name);
                ExprKind::Variable(Box::default())
            }
            Kind::Field => {
                self.push_field(token);
                ExprKind::Field(Box::default())
            }
            Kind::Bool => ExprKind::Bool(token.val == b"true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => self.number(token)?,
            Kind::LeftParen => {
                let pipe = self.nested(|p| p.pipeline("parenthesized pipeline", Kind::RightParen))?;
                return Ok(Some(Expr { pos: pipe.pos, kind: ExprKind::Pipe(Box::new(pipe)) }));
            }
            Kind::String | Kind::RawString => self.string(token)?,
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Expr { pos, kind }))
    }

    fn function(&self, token: Item<'t>) -> Result<ExprKind> {
        let name = std::str::from_utf8(token.val).ok();
        match name.and_then(|name| self.functions.find(name)) {
            Some(function) => Ok(ExprKind::Function(function.clone())),
            None => self.error(format!("function {} not defined", quoted(token.val))),
        }
    }

    fn string(&mut self, token: Item<'t>) -> Result<ExprKind> {
        let text = match (token.kind, number::unquote(token.val)) {
            (Kind::String, Some(Cow::Borrowed(value))) if value.len() <= SHORT => {
                Text::Quoted(self.names.shared(value))
            }
            (Kind::String, Some(Cow::Borrowed(value))) => Text::Quoted(value.into()),
            (_, Some(Cow::Borrowed(value))) if value.len() >= LARGE => {
                // Between the quotes.
                Text::Large(Box::new((self.source.clone(), Place::new(token.pos + 1, value.len()))))
            }
            (_, Some(Cow::Borrowed(value))) => Text::Raw(value.into()),
            (_, Some(Cow::Owned(value))) => Text::Escaped(Box::new((value.into(), token.val.into()))),
            (_, None) => return self.error("invalid syntax"),
        };
        Ok(ExprKind::String(text))
    }

    fn number(&self, token: Item<'t>) -> Result<ExprKind> {
        let text = String::from_utf8_lossy(token.val);
        let literal = match token.kind {
            Kind::CharConstant => Literal::character(token.val),
            Kind::Complex => Literal::complex(&text),
            _ => Literal::number(&text),
        };
        match literal {
            Ok(literal) => Ok(ExprKind::Number(Box::new(literal))),
            Err(message) => self.error(message),
        }
    }
}

impl ExprKind {
    /// Whether it can be neither a pipeline's later stage nor have fields.
    fn is_literal(&self) -> bool {
        matches!(
            self,
            ExprKind::Bool(_) | ExprKind::Dot | ExprKind::Nil | ExprKind::Number(_) | ExprKind::String(_)
        )
    }
}
