//! The lexer: template text to items, as Go's does it (delimiters, trim markers, comments, literals).

mod action;

use memchr::memchr_iter;

use crate::fmt::{quoted, quoted_truncated};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    // Keywords from here on.
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn keyword(word: &[u8]) -> Option<Kind> {
        Some(match word {
            b"." => Kind::Dot,
            b"block" => Kind::Block,
            b"break" => Kind::Break,
            b"continue" => Kind::Continue,
            b"define" => Kind::Define,
            b"else" => Kind::Else,
            b"end" => Kind::End,
            b"if" => Kind::If,
            b"range" => Kind::Range,
            b"nil" => Kind::Nil,
            b"template" => Kind::Template,
            b"with" => Kind::With,
            _ => return None,
        })
    }

    fn is_keyword(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Block | Break | Continue | Dot | Define | Else | End | If | Nil | Range | Template | With
        )
    }
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'t> {
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) pos: usize,
    /// The text; empty for an error, whose message the lexer keeps.
    pub(super) val: &'t [u8],
}

impl Item<'_> {
    /// As error messages show it.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(self.val)),
            _ if self.val.len() > 10 => format!("{}...", quoted_truncated(self.val, 10)),
            _ => quoted(self.val),
        }
    }
}

const LEFT: &[u8; 2] = b"{{";
const RIGHT: &[u8] = b"}}";
const TRIM_MARKER_LEN: usize = 2;

pub(super) struct Lexer<'t> {
    input: &'t [u8],
    pos: usize,
    start: usize,
    paren_depth: isize,
    inside_action: bool,
    /// `break` and `continue` are keywords unless the caller has functions of that name.
    break_ok: bool,
    continue_ok: bool,
    /// The message of the error item, which is the last but for the end.
    message: String,
}

enum Next<'t> {
    Emit(Item<'t>),
    Text,
    LeftDelim,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(input: &'t [u8], break_ok: bool, continue_ok: bool) -> Self {
        Lexer {
            input,
            pos: 0,
            start: 0,
            paren_depth: 0,
            inside_action: false,
            break_ok,
            continue_ok,
            message: String::new(),
        }
    }

    pub(super) fn next_item(&mut self) -> Item<'t> {
        if self.inside_action {
            return self.inside();
        }
        let mut state = Next::Text;
        loop {
            state = match state {
                Next::Text => self.text(),
                Next::LeftDelim => self.left_delim(),
                Next::Emit(item) => return item,
            }
        }
    }

    /// What is wrong, once there was an error item.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn rest(&self) -> &'t [u8] {
        &self.input[self.pos..]
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.pos).copied()
    }

    fn item(&mut self, kind: Kind) -> Item<'t> {
        let item = Item { kind, pos: self.start, val: &self.input[self.start..self.pos] };
        self.start = self.pos;
        item
    }

    fn ignore(&mut self) {
        self.start = self.pos;
    }

    fn error(&mut self, message: impl Into<String>) -> Item<'t> {
        let item = Item { kind: Kind::Error, pos: self.start, val: &[] };
        self.message = message.into();
        self.start = 0;
        self.pos = 0;
        self.input = &[];
        // Whatever is asked for next is the end.
        self.inside_action = false;
        item
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        match self.peek() {
            Some(b) if valid.contains(&b) => {
                self.pos += 1;
                true
            }
            _ => false,
        }
    }

    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }

    fn text(&mut self) -> Next<'t> {
        let Some(x) = find(self.rest(), LEFT) else {
            self.pos = self.input.len();
            let kind = if self.pos > self.start { Kind::Text } else { Kind::Eof };
            return Next::Emit(self.item(kind));
        };
        if x > 0 {
            let delim = self.pos + x;
            let mut text = &self.input[self.start..delim];
            if has_left_trim(&self.input[delim + LEFT.len()..]) {
                text = text.trim_end_spaces();
            }
            self.pos = self.start + text.len();
            let item = self.item(Kind::Text);
            self.pos = delim;
            self.ignore();
            if !item.val.is_empty() {
                return Next::Emit(item);
            }
        }
        Next::LeftDelim
    }

    fn left_delim(&mut self) -> Next<'t> {
        self.pos += LEFT.len();
        let marker = if has_left_trim(self.rest()) { TRIM_MARKER_LEN } else { 0 };
        if self.input[self.pos + marker..].starts_with(b"/*") {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        let item = self.item(Kind::LeftDelim);
        self.inside_action = true;
        self.pos += marker;
        self.ignore();
        self.paren_depth = 0;
        Next::Emit(item)
    }

    fn comment(&mut self) -> Next<'t> {
        self.pos += 2;
        let Some(x) = find(self.rest(), b"*/") else {
            return Next::Emit(self.error("unclosed comment"));
        };
        self.pos += x + 2;
        let Some(trim) = self.at_right_delim() else {
            return Next::Emit(self.error("comment ends before closing delimiter"));
        };
        self.skip_right_delim(trim);
        self.ignore();
        Next::Text
    }

    fn skip_right_delim(&mut self, trim: bool) {
        if trim {
            self.pos += TRIM_MARKER_LEN;
        }
        self.pos += RIGHT.len();
        if trim {
            self.skip_spaces();
        }
    }

    fn skip_spaces(&mut self) {
        self.pos = self.input.len() - self.rest().trim_start_spaces().len();
    }

    /// At a right delimiter: whether it has a trim marker.
    fn at_right_delim(&self) -> Option<bool> {
        match self.rest() {
            [b'}', b'}', ..] => Some(false),
            [space, b'-', b'}', b'}', ..] if is_space(*space) => Some(true),
            _ => None,
        }
    }

    fn right_delim(&mut self, trim: bool) -> Item<'t> {
        if trim {
            self.pos += TRIM_MARKER_LEN;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let item = self.item(Kind::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        self.inside_action = false;
        item
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

fn has_left_trim(s: &[u8]) -> bool {
    matches!(s, [b'-', space, ..] if is_space(*space))
}

/// Where the two bytes `needle` are in `haystack`.
fn find(haystack: &[u8], needle: &[u8; 2]) -> Option<usize> {
    memchr_iter(needle[0], haystack).find(|at| haystack.get(at + 1) == Some(&needle[1]))
}

/// Trimming of exactly Go's four space characters.
trait TrimSpaces {
    fn trim_end_spaces(&self) -> &Self;
    fn trim_start_spaces(&self) -> &Self;
}

impl TrimSpaces for [u8] {
    fn trim_end_spaces(&self) -> &[u8] {
        let end = self.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
        &self[..end]
    }

    fn trim_start_spaces(&self) -> &[u8] {
        let start = self.iter().position(|b| !is_space(*b)).unwrap_or(self.len());
        &self[start..]
    }
}
