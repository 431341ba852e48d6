//! Literal (`|`) and folded (`>`) scalars.

use std::borrow::Cow;

use super::{Mark, Scanner, Token, TokenKind};
use crate::chars::is_blank;
use crate::error::ReadError;
use crate::node::ScalarStyle;

/// What to do with the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'a> Scanner<'a> {
    /// The token's end is that of the last line's text, before its line break.
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token<'a>, ReadError> {
        let start = self.mark;
        self.advance();
        let (chomping, increment) = self.scan_block_header(start)?;
        let mut end = self.mark;
        self.skip_blanks();
        self.skip_comment();
        if !self.break_or_end() {
            return Err(self.error_in(start, "did not find expected comment or line break"));
        }
        if self.at_break() {
            self.advance_line();
        }
        let mut indent = increment.map(|increment| self.indent.max(0) as usize + increment);
        let mut value = String::new();
        let mut last_break = "";
        let mut breaks = String::new();
        let width = self.scan_block_breaks(&mut indent, &mut breaks, start)?;
        let mut after_blank = false;
        while self.mark.column == width && self.at(0) != 0 {
            let blank = is_blank(self.at(0));
            if !literal && !after_blank && !blank && last_break == "\n" {
                if breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(last_break);
            }
            value.push_str(&breaks);
            breaks.clear();
            after_blank = blank;
            let from = self.mark.at;
            self.skip_line();
            value.push_str(&self.text[from..self.mark.at]);
            end = self.mark;
            last_break = if self.at_break() { self.advance_line() } else { "" };
            self.scan_block_breaks(&mut indent, &mut breaks, start)?;
        }
        if chomping != Chomping::Strip {
            value.push_str(last_break);
        }
        if chomping == Chomping::Keep {
            value.push_str(&breaks);
        }
        let style = if literal { ScalarStyle::Literal } else { ScalarStyle::Folded };
        Ok(Token { kind: TokenKind::Scalar { value: Cow::Owned(value), style }, start, end })
    }

    /// The indicators after `|` or `>`, in either order: chomping and the indentation relative to the parent's.
    fn scan_block_header(&mut self, start: Mark) -> Result<(Chomping, Option<usize>), ReadError> {
        let mut chomping = Chomping::Clip;
        let mut increment = None;
        for _ in 0..2 {
            match self.at(0) {
                b'+' if chomping == Chomping::Clip => chomping = Chomping::Keep,
                b'-' if chomping == Chomping::Clip => chomping = Chomping::Strip,
                b'0' if increment.is_none() => {
                    return Err(self.error_in(start, "found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(usize::from(digit - b'0')),
                _ => break,
            }
            self.advance();
        }
        Ok((chomping, increment))
    }

    /// Steps over indentation and empty lines. The first time, without an explicit indentation, the deepest of these
    /// lines sets it. Gives the indentation.
    fn scan_block_breaks(
        &mut self,
        indent: &mut Option<usize>,
        breaks: &mut String,
        start: Mark,
    ) -> Result<usize, ReadError> {
        let mut deepest = 0;
        loop {
            let inside = |column: usize| indent.is_none_or(|indent| column < indent);
            self.skip_spaces(indent.map_or(usize::MAX, |indent| indent.saturating_sub(self.mark.column)));
            deepest = deepest.max(self.mark.column);
            if inside(self.mark.column) && self.at(0) == b'\t' {
                let problem = "found a tab character where an indentation space is expected";
                return Err(self.error_in(start, problem));
            }
            if !self.at_break() {
                break;
            }
            breaks.push_str(self.advance_line());
        }
        let least = (self.indent + 1).max(1) as usize;
        Ok(*indent.get_or_insert(deepest.max(least)))
    }
}
