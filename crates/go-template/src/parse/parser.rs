//! The parser: items to trees, with Go's checks and error texts.

mod pipeline;

use std::sync::Arc;

use memchr::memchr_iter;

use super::ast::{Branch, Command, Expr, Node, Place, Pos, TemplateCall, Tree};
use super::intern::Names;
use super::lexer::{Item, Kind, Lexer};
use super::number;
use super::scope::Scope;
use super::trees::Trees;
use crate::fmt::quoted;
use crate::names::FunctionNames;
use crate::{Error, Str};

/// Blocks and parentheses nest no deeper than this. Go has 10,000 for parentheses and no bound for blocks; the
/// stack of an ordinary thread has to suffice here.
const MAX_NESTING: usize = 200;

/// The longest text, in bytes: what a [`Pos`] reaches. Go has no bound.
const MAX_TEXT: usize = u32::MAX as usize;

/// Parses a text; gives the template `name` itself and all it defines, each once.
pub(crate) fn parse(
    name: &str,
    text: Arc<[u8]>,
    functions: &FunctionNames,
    names: &mut Names,
) -> Result<Vec<Tree>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::parse(name, 1, format!("the text is longer than {MAX_TEXT} bytes")));
    }
    let trees = parse_trees(name, &text, functions, names)?;
    Ok(trees.finish(name, text))
}

fn parse_trees(
    name: &str,
    text: &Arc<[u8]>,
    functions: &FunctionNames,
    names: &mut Names,
) -> Result<Trees, Error> {
    let mut parser = Parser {
        lexer: Lexer::new(text, !functions.break_is_function, !functions.continue_is_function),
        functions,
        source_name: name,
        source: text,
        state: State::default(),
        nesting: 0,
        nodes: Vec::new(),
        args: Vec::new(),
        cmds: Vec::new(),
        fields: Vec::new(),
        names,
        trees: Trees::default(),
    };
    let root = parser.top()?;
    parser.add(name, root)?;
    Ok(parser.trees)
}

/// What each template being parsed has of its own: looking ahead and scope do not cross a `define`.
struct State<'t> {
    token: [Item<'t>; 3],
    peeked: usize,
    vars: Scope<'t>,
    /// Where the action began that is being parsed.
    action: Option<usize>,
    range_depth: usize,
}

impl Default for State<'_> {
    fn default() -> Self {
        let none = Item { kind: Kind::Error, pos: NOWHERE, val: &[] };
        State { token: [none; 3], peeked: 0, vars: Scope::default(), action: None, range_depth: 0 }
    }
}

/// The position of the item before the first.
const NOWHERE: usize = usize::MAX;

/// `nodes`, `args`, `cmds` and `fields` hold what is not complete yet, the innermost last: a list is cut off when its end
/// comes, and has the length it needs.
struct Parser<'t> {
    lexer: Lexer<'t>,
    functions: &'t FunctionNames,
    source_name: &'t str,
    source: &'t Arc<[u8]>,
    state: State<'t>,
    nesting: usize,
    nodes: Vec<Node>,
    args: Vec<Expr>,
    cmds: Vec<Command>,
    fields: Vec<Str>,
    names: &'t mut Names,
    trees: Trees,
}

/// What ended a list of nodes.
enum Ended {
    End,
    /// `else`; whether an `if` or `with` follows is still to be peeked.
    Else,
}

enum Parsed {
    Node(Node),
    Ended(Ended),
}

#[derive(Clone, Copy, PartialEq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Control::If => "if",
            Control::With => "with",
            Control::Range => "range",
        }
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;

impl<'t> Parser<'t> {
    fn next(&mut self) -> Item<'t> {
        if self.state.peeked > 0 {
            self.state.peeked -= 1;
        } else {
            self.state.token[0] = self.lexer.next_item();
        }
        self.state.token[self.state.peeked]
    }

    fn backup(&mut self) {
        self.state.peeked += 1;
    }

    fn backup2(&mut self, first: Item<'t>) {
        self.state.token[1] = first;
        self.state.peeked = 2;
    }

    fn backup3(&mut self, first: Item<'t>, second: Item<'t>) {
        self.state.token[1] = second;
        self.state.token[2] = first;
        self.state.peeked = 3;
    }

    fn peek(&mut self) -> Item<'t> {
        if self.state.peeked == 0 {
            self.state.peeked = 1;
            self.state.token[0] = self.lexer.next_item();
        }
        self.state.token[self.state.peeked - 1]
    }

    fn next_non_space(&mut self) -> Item<'t> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item<'t> {
        let token = self.next_non_space();
        self.backup();
        token
    }

    /// The line of a position, counted from 1.
    fn line(&self, pos: usize) -> usize {
        self.source.get(..pos).map_or(0, |before| 1 + memchr_iter(b'\n', before).count())
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Error::parse(self.source_name, self.line(self.state.token[0].pos), message.into()))
    }

    fn unexpected<T>(&self, token: Item<'t>, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.describe()));
        }
        let mut message = self.lexer.message().to_owned();
        if let Some(started) = self.state.action.map(|pos| self.line(pos))
            && started != self.line(token.pos)
        {
            // Not "action in action".
            let link = if message.ends_with(" action") { " started at" } else { " in action started at" };
            message.push_str(&format!("{link} {}:{started}", self.source_name));
        }
        self.error(message)
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Item<'t>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(token, context) }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting >= MAX_NESTING {
            return self.error("max expression depth exceeded");
        }
        self.nesting += 1;
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    fn add(&mut self, name: &str, root: Box<[Node]>) -> Result<()> {
        if self.trees.add(name, root, self.source) {
            return Ok(());
        }
        self.error(format!("template: multiple definition of template {}", quoted(name.as_bytes())))
    }

    fn top(&mut self) -> Result<Box<[Node]>> {
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.own_state(Self::definition)?;
                    continue;
                }
                self.backup2(delim);
            }
            match self.text_or_action()? {
                Parsed::Node(node) => self.nodes.push(node),
                Parsed::Ended(Ended::End) => return self.error("unexpected {{end}}"),
                Parsed::Ended(Ended::Else) => return self.error("unexpected {{else}}"),
            }
        }
        Ok(cut(&mut self.nodes, 0))
    }

    /// Runs `parse` for a template inside this one.
    fn own_state<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outer = std::mem::take(&mut self.state);
        let result = parse(self);
        self.state = outer;
        result
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        let (root, ended) = self.item_list()?;
        self.expect_end(ended, CONTEXT)?;
        self.add(&name, root)
    }

    fn expect_end(&mut self, ended: Ended, context: &str) -> Result<()> {
        match ended {
            Ended::End => Ok(()),
            Ended::Else => self.error(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn item_list(&mut self) -> Result<(Box<[Node]>, Ended)> {
        let from = self.nodes.len();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Parsed::Node(node) => self.nodes.push(node),
                Parsed::Ended(ended) => return Ok((cut(&mut self.nodes, from), ended)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Parsed> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Parsed::Node(Node::Text(Place::new(token.pos, token.val.len())))),
            Kind::LeftDelim => {
                self.state.action = Some(token.pos);
                let result = self.action();
                self.state.action = None;
                result
            }
            _ => self.unexpected(token, "input"),
        }
    }

    fn action(&mut self) -> Result<Parsed> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.nested(Self::block)?,
            Kind::Break => self.loop_control("{{break}}", Node::Break)?,
            Kind::Continue => self.loop_control("{{continue}}", Node::Continue)?,
            Kind::Else => {
                let next = self.peek_non_space();
                if !matches!(next.kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Parsed::Ended(Ended::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Parsed::Ended(Ended::End));
            }
            Kind::If => self.nested(|p| p.control(Control::If))?,
            Kind::With => self.nested(|p| p.control(Control::With))?,
            Kind::Range => self.nested(|p| p.control(Control::Range))?,
            Kind::Template => self.template_call()?,
            _ => {
                self.backup();
                let pos = Pos::new(self.peek().pos);
                Node::Action(pos, self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Parsed::Node(node))
    }

    fn loop_control(&mut self, text: &str, node: Node) -> Result<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(token, text);
        }
        if self.state.range_depth == 0 {
            return self.error(format!("{text} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn control(&mut self, control: Control) -> Result<Node> {
        let scope = self.state.vars.len();
        let pipe = self.pipeline(control.name(), Kind::RightDelim)?;
        let in_range = usize::from(control == Control::Range);
        self.state.range_depth += in_range;
        let (list, ended) = self.item_list()?;
        self.state.range_depth -= in_range;
        let otherwise = match ended {
            Ended::End => None,
            Ended::Else => Some(self.otherwise(control)?),
        };
        self.state.vars.truncate(scope);
        let branch = Box::new(Branch { pipe, list, otherwise });
        Ok(match control {
            Control::If => Node::If(branch),
            Control::With => Node::With(branch),
            Control::Range => Node::Range(branch),
        })
    }

    /// After `else`: a list up to `end`, or another `if` or `with` that shares it.
    fn otherwise(&mut self, control: Control) -> Result<Box<[Node]>> {
        let chained =
            matches!((control, self.peek().kind), (Control::If, Kind::If) | (Control::With, Kind::With));
        if chained {
            self.next();
            return Ok(Box::new([self.nested(|p| p.control(control))?]));
        }
        let (list, ended) = self.item_list()?;
        match ended {
            Ended::End => Ok(list),
            Ended::Else => self.error("expected end; found {{else}}"),
        }
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let ended = self.own_state(|p| {
            let (root, ended) = p.item_list()?;
            if let Ended::End = ended {
                p.add(&name, root)?;
            }
            Ok(ended)
        })?;
        // Go tells the line of the action that began the block.
        self.expect_end(ended, CONTEXT)?;
        let pos = Pos::new(token.pos);
        Ok(Node::Template(Box::new(TemplateCall { pos, name, pipe: Some(pipe) })))
    }

    fn template_call(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        let pos = Pos::new(token.pos);
        Ok(Node::Template(Box::new(TemplateCall { pos, name, pipe })))
    }

    fn template_name(&mut self, token: Item<'t>, context: &str) -> Result<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match number::unquote(token.val) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.error("invalid syntax"),
        }
    }
}

/// The items from `from` on, in a list of just their length.
fn cut<T>(items: &mut Vec<T>, from: usize) -> Box<[T]> {
    if items.len() == from {
        return Box::default();
    }
    items.split_off(from).into_boxed_slice()
}
