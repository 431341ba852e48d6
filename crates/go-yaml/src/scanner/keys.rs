//! Candidates for keys, and indentation.

use super::{Mark, Scanner, SimpleKey, Token, TokenKind};
use crate::error::ReadError;
use crate::limits::MAX_DEPTH;

impl<'a> Scanner<'a> {
    pub(super) fn simple_key_is_valid(&mut self, at: usize) -> Result<bool, ReadError> {
        let Some(key) = self.simple_keys.get(at).copied() else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < self.mark.line || key.mark.index + 1024 < self.mark.index {
            if key.required {
                return Err(self.error_in(key.mark, "could not find expected ':'"));
            }
            self.simple_keys[at].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    pub(super) fn current_key(&mut self) -> &mut SimpleKey {
        self.simple_keys.last_mut().expect("the block context's entry is never removed")
    }

    pub(super) fn save_simple_key(&mut self) -> Result<(), ReadError> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        self.remove_simple_key()?;
        let required = self.flow_level == 0 && self.indent == self.mark.column as isize;
        let token = self.taken + self.tokens.len();
        let mark = self.mark;
        *self.current_key() = SimpleKey { possible: true, required, token, mark };
        // Tokens that were handed out are not asked for again.
        let taken = self.taken;
        self.levels_by_token.retain(|(token, _)| *token >= taken);
        self.levels_by_token.push((token, self.simple_keys.len() - 1));
        Ok(())
    }

    pub(super) fn remove_simple_key(&mut self) -> Result<(), ReadError> {
        let key = *self.current_key();
        if key.possible {
            if key.required {
                return Err(self.error_in(key.mark, "could not find expected ':'"));
            }
            self.current_key().possible = false;
            self.forget_token(key.token);
        }
        Ok(())
    }

    pub(super) fn forget_token(&mut self, token: usize) {
        self.levels_by_token.retain(|(known, _)| *known != token);
    }

    /// Puts a token before token `number`, or to the end if that was handed out already.
    pub(super) fn insert_token(&mut self, number: usize, token: Token<'a>) {
        match number.checked_sub(self.taken) {
            Some(at) => self.tokens.insert(at, token),
            None => self.tokens.push_back(token),
        }
    }

    /// Begins a block collection if `column` is deeper than the present one; its token goes before token `number`,
    /// or to the end.
    pub(super) fn roll_indent(
        &mut self,
        column: usize,
        number: Option<usize>,
        kind: TokenKind<'a>,
        mark: Mark,
    ) -> Result<(), ReadError> {
        let column = column as isize;
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() + self.flow_level > MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        let token = Token { kind, start: mark, end: mark };
        match number {
            Some(number) => self.insert_token(number, token),
            None => self.tokens.push_back(token),
        }
        Ok(())
    }

    pub(super) fn unroll_indent(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            let mark = self.mark;
            self.tokens.push_back(Token { kind: TokenKind::BlockEnd, start: mark, end: mark });
            self.indent = self.indents.pop().expect("indent grows only together with indents");
        }
    }
}
