//! Plain scalars: text without quotes.

use std::borrow::Cow;

use super::{Fold, Scanner, Token, TokenKind};
use crate::chars::is_blank;
use crate::error::ReadError;
use crate::node::ScalarStyle;

impl<'a> Scanner<'a> {
    pub(super) fn scan_plain(&mut self) -> Result<Token<'a>, ReadError> {
        let start = self.mark;
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

    /// `: ` anywhere; in flow collections their indicators as well.
    fn ends_plain(&self) -> bool {
        match self.at(0) {
            b':' => self.gap(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
            _ => false,
        }
    }
}
