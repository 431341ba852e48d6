//! Scalars in single and double quotes.

use std::borrow::Cow;

use super::{Fold, Mark, Scanner, Token, TokenKind};
use crate::chars::{byte, is_blank, is_break};
use crate::error::ReadError;
use crate::node::ScalarStyle;

impl<'a> Scanner<'a> {
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<Token<'a>, ReadError> {
        let start = self.mark;
        let style = if single { ScalarStyle::SingleQuoted } else { ScalarStyle::DoubleQuoted };
        let value = match self.scan_simple_quoted(single) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.scan_general_quoted(start, single)?),
        };
        Ok(Token { kind: TokenKind::Scalar { value, style }, start, end: self.mark })
    }

    /// The common case: ASCII on one line without escapes. Moves only if it succeeds.
    fn scan_simple_quoted(&mut self, single: bool) -> Option<&'a str> {
        let quote = if single { b'\'' } else { b'"' };
        let from = self.mark.at + 1;
        let special = |byte: &u8| *byte == quote || *byte == b'\\' || *byte < b' ' || *byte >= 0x7F;
        let len = self.bytes.get(from..)?.iter().position(special)?;
        let end = from + len;
        if self.bytes[end] != quote || (single && byte(self.bytes, end + 1) == b'\'') {
            return None;
        }
        self.mark.at = end + 1;
        self.mark.index += len + 2;
        self.mark.column += len + 2;
        Some(&self.text[from..end])
    }

    fn scan_general_quoted(&mut self, start: Mark, single: bool) -> Result<String, ReadError> {
        let quote = if single { b'\'' } else { b'"' };
        let mut value = String::new();
        self.advance();
        loop {
            if self.at_document_indicator() {
                return Err(self.error_in(start, "found unexpected document indicator"));
            }
            if self.at(0) == 0 {
                return Err(self.error_in(start, "found unexpected end of stream"));
            }
            let mut after_break = false;
            while !self.gap(0) {
                let here = self.at(0);
                if single && here == quote && self.at(1) == quote {
                    value.push('\'');
                    self.advance();
                    self.advance();
                } else if here == quote {
                    break;
                } else if !single && here == b'\\' && is_break(self.bytes, self.mark.at + 1) {
                    self.advance();
                    self.advance_line();
                    after_break = true;
                    break;
                } else if !single && here == b'\\' {
                    value.push(self.scan_escape(start)?);
                } else {
                    let from = self.mark.at;
                    self.advance();
                    value.push_str(&self.text[from..self.mark.at]);
                }
            }
            if self.at(0) == quote {
                self.advance();
                return Ok(value);
            }
            self.scan_inner_space(&mut value, after_break);
        }
    }

    /// Blanks inside a line are kept, those around line breaks are not, and the breaks are folded.
    fn scan_inner_space(&mut self, value: &mut String, mut after_break: bool) {
        let from = self.mark.at;
        let mut fold = Fold::default();
        while is_blank(self.at(0)) || self.at_break() {
            if self.at_break() {
                let line_break = self.advance_line();
                fold.add(line_break, !after_break);
                after_break = true;
            } else {
                self.advance();
            }
        }
        if after_break {
            fold.join(value);
        } else {
            value.push_str(&self.text[from..self.mark.at]);
        }
    }

    fn scan_escape(&mut self, start: Mark) -> Result<char, ReadError> {
        let code = self.at(1);
        let digits = match code {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        if digits > 0 {
            return self.scan_hex_escape(start, digits);
        }
        let char = match code {
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\x0B',
            b'f' => '\x0C',
            b'r' => '\r',
            b'e' => '\x1B',
            b' ' => ' ',
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{A0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            _ => return Err(self.error_in(start, "found unknown escape character")),
        };
        self.advance();
        self.advance();
        Ok(char)
    }

    fn scan_hex_escape(&mut self, start: Mark, digits: usize) -> Result<char, ReadError> {
        self.advance();
        self.advance();
        // go-yaml asks for all digits at once: four characters from here.
        self.token_at = self.mark.at + digits - 4;
        let mut code: u32 = 0;
        for offset in 0..digits {
            let Some(digit) = char::from(self.at(offset)).to_digit(16) else {
                return Err(self.error_in(start, "did not find expected hexdecimal number"));
            };
            code = code << 4 | digit;
        }
        let Some(char) = char::from_u32(code) else {
            return Err(self.error_in(start, "found invalid Unicode character escape code"));
        };
        for _ in 0..digits {
            self.advance();
        }
        Ok(char)
    }
}
