//! Items between the delimiters: names, literals, marks.

use memchr::{memchr, memchr3};

use super::super::utf8;
use super::{Item, Kind, Lexer, RIGHT};
use crate::fmt::{quoted, unicode_point};
use crate::unicode;

impl<'t> Lexer<'t> {
    pub(super) fn inside(&mut self) -> Item<'t> {
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

/// Of an ASCII character; see [`unicode::is_alphanumeric`].
fn is_alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}
