//! The lexer: template text to items, as Go's does it (delimiters, trim markers, comments, literals).

use super::utf8;
use crate::fmt::{quoted, quoted_truncated, unicode_point};

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

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) pos: usize,
    pub(super) line: usize,
    /// The text; of an error, its message.
    pub(super) val: Vec<u8>,
}

impl Item {
    pub(super) fn none() -> Self {
        Item { kind: Kind::Error, pos: 0, line: 0, val: Vec::new() }
    }

    /// As error messages show it.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => String::from_utf8_lossy(&self.val).into_owned(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(&self.val)),
            _ if self.val.len() > 10 => format!("{}...", quoted_truncated(&self.val, 10)),
            _ => quoted(&self.val),
        }
    }
}

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";
const TRIM_MARKER_LEN: usize = 2;

pub(super) struct Lexer<'t> {
    input: &'t [u8],
    pos: usize,
    start: usize,
    paren_depth: isize,
    line: usize,
    start_line: usize,
    inside_action: bool,
    /// `break` and `continue` are keywords unless the caller has functions of that name.
    break_ok: bool,
    continue_ok: bool,
}

enum Next {
    Emit(Item),
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
            line: 1,
            start_line: 1,
            inside_action: false,
            break_ok,
            continue_ok,
        }
    }

    pub(super) fn next_item(&mut self) -> Item {
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

    fn next(&mut self) -> Option<char> {
        let (c, width) = utf8::decode(&self.input[self.pos..])?;
        self.pos += width;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        utf8::decode(&self.input[self.pos..]).map(|(c, _)| c)
    }

    /// Steps back over `c`, just read, to where it began.
    fn unread(&mut self, c: char, began: usize) {
        if c == '\n' {
            self.line -= 1;
        }
        self.pos = began;
    }

    fn item(&mut self, kind: Kind) -> Item {
        let item = Item {
            kind,
            pos: self.start,
            line: self.start_line,
            val: self.input[self.start..self.pos].to_vec(),
        };
        self.start = self.pos;
        self.start_line = self.line;
        item
    }

    fn ignore(&mut self) {
        self.line += newlines(&self.input[self.start..self.pos]);
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn error(&mut self, message: impl Into<String>) -> Item {
        let item = Item {
            kind: Kind::Error,
            pos: self.start,
            line: self.start_line,
            val: message.into().into_bytes(),
        };
        self.start = 0;
        self.pos = 0;
        self.input = &[];
        // Whatever is asked for next is the end.
        self.inside_action = false;
        item
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        match self.input.get(self.pos) {
            Some(b) if valid.contains(b) => {
                self.pos += 1;
                true
            }
            _ => false,
        }
    }

    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }

    fn text(&mut self) -> Next {
        let rest = &self.input[self.pos..];
        let Some(x) = find(rest, LEFT) else {
            self.pos = self.input.len();
            if self.pos > self.start {
                self.line += newlines(&self.input[self.start..self.pos]);
                return Next::Emit(self.item(Kind::Text));
            }
            return Next::Emit(self.item(Kind::Eof));
        };
        if x > 0 {
            self.pos += x;
            let mut trim = 0;
            if has_left_trim(&self.input[self.pos + LEFT.len()..]) {
                let text = &self.input[self.start..self.pos];
                trim = text.len() - text.trim_end_spaces().len();
            }
            self.pos -= trim;
            self.line += newlines(&self.input[self.start..self.pos]);
            let item = self.item(Kind::Text);
            self.pos += trim;
            self.ignore();
            if !item.val.is_empty() {
                return Next::Emit(item);
            }
        }
        Next::LeftDelim
    }

    fn left_delim(&mut self) -> Next {
        self.pos += LEFT.len();
        let marker = if has_left_trim(&self.input[self.pos..]) { TRIM_MARKER_LEN } else { 0 };
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

    fn comment(&mut self) -> Next {
        self.pos += 2;
        let Some(x) = find(&self.input[self.pos..], b"*/") else {
            return Next::Emit(self.error("unclosed comment"));
        };
        self.pos += x + 2;
        let Some(trim) = self.at_right_delim() else {
            return Next::Emit(self.error("comment ends before closing delimiter"));
        };
        // Go counts the comment's lines and moves on; what follows is ignored with its own lines.
        self.line += newlines(&self.input[self.start..self.pos]);
        self.start = self.pos;
        self.start_line = self.line;
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
            let rest = &self.input[self.pos..];
            self.pos += rest.len() - rest.trim_start_spaces().len();
        }
    }

    /// At a right delimiter: whether it has a trim marker.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = &self.input[self.pos..];
        if has_right_trim(rest) && rest[TRIM_MARKER_LEN..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn right_delim(&mut self) -> Item {
        let trim = self.at_right_delim().unwrap_or(false);
        if trim {
            self.pos += TRIM_MARKER_LEN;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let item = self.item(Kind::RightDelim);
        if trim {
            let rest = &self.input[self.pos..];
            self.pos += rest.len() - rest.trim_start_spaces().len();
            self.ignore();
        }
        self.inside_action = false;
        item
    }

    fn inside(&mut self) -> Item {
        if self.at_right_delim().is_some() {
            if self.paren_depth == 0 {
                return self.right_delim();
            }
            return self.error("unclosed left paren");
        }
        let before = self.pos;
        let Some(c) = self.next() else {
            return self.error("unclosed action");
        };
        match c {
            ' ' | '\t' | '\r' | '\n' => {
                self.unread(c, before);
                self.space()
            }
            '=' => self.item(Kind::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.item(Kind::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            '|' => self.item(Kind::Pipe),
            '"' => self.quote('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quote('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_quote(),
            '$' => {
                if self.at_terminator() {
                    return self.item(Kind::Variable);
                }
                self.field_or_variable(Kind::Variable)
            }
            '.' if self.input.get(self.pos).is_some_and(|b| !b.is_ascii_digit()) => {
                self.field_or_variable(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.unread(c, before);
                self.number()
            }
            c if utf8::is_alphanumeric(c) => {
                self.unread(c, before);
                self.identifier()
            }
            '(' => {
                self.paren_depth += 1;
                self.item(Kind::LeftParen)
            }
            ')' => {
                self.paren_depth -= 1;
                if self.paren_depth < 0 {
                    return self.error("unexpected right paren");
                }
                self.item(Kind::RightParen)
            }
            ' '..='~' => self.item(Kind::Char),
            c => self.error(format!("unrecognized character in action: {}", unicode_point(c))),
        }
    }

    fn space(&mut self) -> Item {
        let first = self.pos;
        let mut before_last = self.pos;
        while self.peek().is_some_and(is_space) {
            before_last = self.pos;
            self.next();
        }
        // A space and "-}}" belong to the delimiter.
        let tail = &self.input[before_last..];
        if has_right_trim(tail) && tail[TRIM_MARKER_LEN..].starts_with(RIGHT) {
            self.unread(char::from(tail[0]), before_last);
            if before_last == first {
                return self.right_delim();
            }
        }
        self.item(Kind::Space)
    }

    fn skip_alphanumeric(&mut self) {
        while let Some((c, width)) = utf8::decode(&self.input[self.pos..]) {
            if !utf8::is_alphanumeric(c) {
                break;
            }
            self.pos += width;
        }
    }

    fn bad_character(&mut self) -> Item {
        // At the end atTerminator holds, so there is a character.
        let c = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
        self.error(format!("bad character {}", unicode_point(c)))
    }

    fn identifier(&mut self) -> Item {
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

    fn field_or_variable(&mut self, kind: Kind) -> Item {
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
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.input[self.pos..].starts_with(RIGHT),
        }
    }

    fn quote(&mut self, end: char, kind: Kind, unterminated: &str) -> Item {
        loop {
            match self.next() {
                Some('\\') => match self.next() {
                    None | Some('\n') => return self.error(unterminated),
                    Some(_) => {}
                },
                None | Some('\n') => return self.error(unterminated),
                Some(c) if c == end => return self.item(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quote(&mut self) -> Item {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.item(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Item {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || self.input[self.pos - 1] != b'i' {
                return self.bad_number();
            }
            return self.item(Kind::Complex);
        }
        self.item(Kind::Number)
    }

    fn bad_number(&mut self) -> Item {
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
        if self.peek().is_some_and(utf8::is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_space_byte(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

fn has_left_trim(s: &[u8]) -> bool {
    s.len() >= 2 && s[0] == b'-' && is_space_byte(s[1])
}

fn has_right_trim(s: &[u8]) -> bool {
    s.len() >= 2 && is_space_byte(s[0]) && s[1] == b'-'
}

fn newlines(s: &[u8]) -> usize {
    s.iter().filter(|b| **b == b'\n').count()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|b| *b == needle[0]) {
        from += at;
        if haystack[from..].starts_with(needle) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// Trimming of exactly Go's four space characters.
trait TrimSpaces {
    fn trim_end_spaces(&self) -> &Self;
    fn trim_start_spaces(&self) -> &Self;
}

impl TrimSpaces for [u8] {
    fn trim_end_spaces(&self) -> &[u8] {
        let end = self.iter().rposition(|b| !is_space_byte(*b)).map_or(0, |last| last + 1);
        &self[..end]
    }

    fn trim_start_spaces(&self) -> &[u8] {
        let start = self.iter().position(|b| !is_space_byte(*b)).unwrap_or(self.len());
        &self[start..]
    }
}
