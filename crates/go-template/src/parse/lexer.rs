//! The lexer: template text to items, as Go's does it (delimiters, trim markers, comments, literals).

use memchr::{memchr, memchr_iter, memchr3};

use super::utf8;
use crate::fmt::{quoted, quoted_truncated, unicode_point};
use crate::unicode;

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

    fn inside(&mut self) -> Item<'t> {
        if let Some(trim) = self.at_right_delim() {
            if self.paren_depth == 0 {
                return self.right_delim(trim);
            }
            return self.error("unclosed left paren");
        }
        let Some(first) = self.peek() else {
            return self.error("unclosed action");
        };
        self.pos += 1;
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => self.space(),
            b'.' if self.peek().is_some_and(|b| !b.is_ascii_digit()) => self.field_or_variable(Kind::Field),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.identifier(),
            b'"' => self.quote(b'"', Kind::String, "unterminated quoted string"),
            b'$' => {
                if self.at_terminator() {
                    return self.item(Kind::Variable);
                }
                self.field_or_variable(Kind::Variable)
            }
            b'.' | b'+' | b'-' | b'0'..=b'9' => {
                self.pos -= 1;
                self.number()
            }
            b'|' => self.item(Kind::Pipe),
            b'(' => {
                self.paren_depth += 1;
                self.item(Kind::LeftParen)
            }
            b')' => {
                self.paren_depth -= 1;
                if self.paren_depth < 0 {
                    return self.error("unexpected right paren");
                }
                self.item(Kind::RightParen)
            }
            b'=' => self.item(Kind::Assign),
            b':' => {
                if self.accept(b"=") {
                    self.item(Kind::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            b'\'' => self.quote(b'\'', Kind::CharConstant, "unterminated character constant"),
            b'`' => self.raw_quote(),
            b' '..=b'~' => self.item(Kind::Char),
            _ => self.beyond_ascii(),
        }
    }

    /// After the first byte of a character that is no printable ASCII.
    fn beyond_ascii(&mut self) -> Item<'t> {
        self.pos -= 1;
        let c = utf8::decode(self.rest()).map_or(char::REPLACEMENT_CHARACTER, |(c, _)| c);
        if unicode::is_alphanumeric(c) {
            return self.identifier();
        }
        self.error(format!("unrecognized character in action: {}", unicode_point(c)))
    }

    /// After the first space.
    fn space(&mut self) -> Item<'t> {
        self.skip_spaces();
        // A space and "-}}" belong to the delimiter.
        let last = self.pos - 1;
        if self.rest().starts_with(b"-}}") {
            self.pos = last;
            if last == self.start {
                return self.right_delim(true);
            }
        }
        self.item(Kind::Space)
    }

    fn skip_alphanumeric(&mut self) {
        loop {
            let rest = self.rest();
            let ascii = rest.iter().position(|b| !is_alphanumeric(*b)).unwrap_or(rest.len());
            self.pos += ascii;
            match rest.get(ascii) {
                Some(b) if !b.is_ascii() => match utf8::decode(&rest[ascii..]) {
                    Some((c, width)) if unicode::is_alphanumeric(c) => self.pos += width,
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn bad_character(&mut self) -> Item<'t> {
        // At the end atTerminator holds, so there is a character.
        let c = utf8::decode(self.rest()).map_or(char::REPLACEMENT_CHARACTER, |(c, _)| c);
        self.error(format!("bad character {}", unicode_point(c)))
    }

    fn identifier(&mut self) -> Item<'t> {
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = &self.input[self.start..self.pos];
        let kind = match Kind::keyword(word) {
            Some(Kind::Break) if !self.break_ok => Kind::Identifier,
            Some(Kind::Continue) if !self.continue_ok => Kind::Identifier,
            Some(kind) => kind,
            None if word == b"true" || word == b"false" => Kind::Bool,
            None => Kind::Identifier,
        };
        self.item(kind)
    }

    fn field_or_variable(&mut self, kind: Kind) -> Item<'t> {
        if self.at_terminator() {
            return self.item(if kind == Kind::Variable { Kind::Variable } else { Kind::Dot });
        }
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.item(kind)
    }

    fn at_terminator(&self) -> bool {
        match self.rest() {
            [] | [b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(', ..] => true,
            rest => rest.starts_with(RIGHT),
        }
    }

    /// After the quote that opens.
    fn quote(&mut self, end: u8, kind: Kind, unterminated: &str) -> Item<'t> {
        loop {
            let Some(x) = memchr3(end, b'\\', b'\n', self.rest()) else {
                return self.error(unterminated);
            };
            self.pos += x + 1;
            match self.input[self.pos - 1] {
                b'\\' => match self.peek() {
                    None | Some(b'\n') => return self.error(unterminated),
                    Some(_) => self.pos += 1,
                },
                b'\n' => return self.error(unterminated),
                _ => return self.item(kind),
            }
        }
    }

    fn raw_quote(&mut self) -> Item<'t> {
        match memchr(b'`', self.rest()) {
            Some(x) => {
                self.pos += x + 1;
                self.item(Kind::RawString)
            }
            None => self.error("unterminated raw quoted string"),
        }
    }

    fn number(&mut self) -> Item<'t> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some(b'+' | b'-')) {
            if !self.scan_number() || self.input[self.pos - 1] != b'i' {
                return self.bad_number();
            }
            return self.item(Kind::Complex);
        }
        self.item(Kind::Number)
    }

    fn bad_number(&mut self) -> Item<'t> {
        let text = quoted(&self.input[self.start..self.pos]);
        self.error(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let mut digits: &[u8] = b"0123456789_";
        let (mut decimal, mut hex) = (true, false);
        if self.accept(b"0") {
            if self.accept(b"xX") {
                (digits, decimal, hex) = (b"0123456789abcdefABCDEF_", false, true);
            } else if self.accept(b"oO") {
                (digits, decimal) = (b"01234567_", false);
            } else if self.accept(b"bB") {
                (digits, decimal) = (b"01_", false);
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        if decimal && self.accept(b"eE") || hex && self.accept(b"pP") {
            self.accept(b"+-");
            self.accept_run(b"0123456789_");
        }
        self.accept(b"i");
        match utf8::decode(self.rest()) {
            Some((c, width)) if unicode::is_alphanumeric(c) => {
                self.pos += width;
                false
            }
            _ => true,
        }
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Of an ASCII character; see [`unicode::is_alphanumeric`].
fn is_alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
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
