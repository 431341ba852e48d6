//! Plain scalars: text without quotes.

use std::borrow::Cow;

use super::{Fold, Mark, Scanner, Token, TokenKind};
use crate::chars::{is_blank, is_gap};
use crate::error::ReadError;
use crate::node::ScalarStyle;

impl<'a> Scanner<'a> {
    pub(super) fn scan_plain(&mut self) -> Result<Token<'a>, ReadError> {
        let start = self.mark;
        if let Some((text, end)) = self.scan_simple_plain() {
            let value = Cow::Borrowed(text);
            return Ok(Token { kind: TokenKind::Scalar { value, style: ScalarStyle::Plain }, start, end });
        }
        let mut end = start;
        let indent = (self.indent + 1) as usize;
        // The lines before the present one, folded; `line_start` is where the present one's text begins.
        let mut folded = String::new();
        let mut line_start = start.at;
        let mut fold = Fold::default();
        let mut after_break = false;
        while !self.at_document_indicator() && self.at(0) != b'#' {
            while !self.gap(0) && !self.ends_plain() {
                if after_break {
                    folded.push_str(&self.text[line_start..end.at]);
                    fold.join(&mut folded);
                    line_start = self.mark.at;
                    after_break = false;
                }
                self.advance();
                end = self.mark;
            }
            if !is_blank(self.at(0)) && !self.at_break() {
                break;
            }
            while is_blank(self.at(0)) || self.at_break() {
                if self.at_break() {
                    let line_break = self.advance_line();
                    fold.add(line_break, !after_break);
                    after_break = true;
                } else {
                    if after_break && self.mark.column < indent && self.at(0) == b'\t' {
                        return Err(self.error_in(start, "found a tab character that violates indentation"));
                    }
                    self.advance();
                }
            }
            if self.flow_level == 0 && self.mark.column < indent {
                break;
            }
        }
        if after_break {
            self.simple_key_allowed = true;
        }
        let last_line = &self.text[line_start..end.at];
        let value = if folded.is_empty() { Cow::Borrowed(last_line) } else { Cow::Owned(folded + last_line) };
        Ok(Token { kind: TokenKind::Scalar { value, style: ScalarStyle::Plain }, start, end })
    }

    /// The common case: ASCII on one line. Gives the text and its end, and moves to where [`Self::scan_plain`] would
    /// stop; does not move if it fails.
    fn scan_simple_plain(&mut self) -> Option<(&'a str, Mark)> {
        let from = self.mark.at;
        let in_flow = self.flow_level > 0;
        let (mut at, mut end) = (from, from);
        let next_line = loop {
            match self.bytes.get(at) {
                Some(b' ') => {
                    at += 1;
                    continue;
                }
                Some(b':') if is_gap(self.bytes, at + 1) => break false,
                Some(b'#') if at == from || self.bytes[at - 1] == b' ' => break false,
                Some(b',' | b'?' | b'[' | b']' | b'{' | b'}') if in_flow => break false,
                Some(b'!'..=b'~') => {}
                Some(b'\n') if !in_flow => break true,
                None => break false,
                _ => return None,
            }
            at += 1;
            end = at;
        };
        let end_mark = self.ahead(end);
        if next_line {
            let first = at + 1;
            let blanks = self.bytes[first..].iter().take_while(|byte| **byte == b' ').count();
            let ends = matches!(self.bytes.get(first + blanks), None | Some(b'!'..=b'~'));
            if !ends || blanks as isize > self.indent {
                return None;
            }
            let index = self.mark.index + (first - from) + blanks;
            self.mark = Mark { at: first + blanks, index, line: self.mark.line + 1, column: blanks };
            self.simple_key_allowed = true;
        } else {
            self.mark = self.ahead(at);
        }
        Some((&self.text[from..end], end_mark))
    }

    /// The place `at`, with nothing but ASCII before it on this line.
    fn ahead(&self, at: usize) -> Mark {
        let len = at - self.mark.at;
        Mark { at, index: self.mark.index + len, line: self.mark.line, column: self.mark.column + len }
    }

    /// `: ` anywhere; in flow collections their indicators as well.
    fn ends_plain(&self) -> bool {
        match self.at(0) {
            b':' => self.gap(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
            _ => false,
        }
    }
}
