//! Collections in brackets and braces.

use super::{Parser, error_in};
use crate::error::ReadError;
use crate::node::{Node, NodeKind};
use crate::scanner::{Mark, TokenKind};

impl Parser<'_> {
    pub(super) fn flow_sequence(&mut self, index: usize) -> Result<(), ReadError> {
        let start = self.scanner.next()?.start;
        let is_end = |kind: &TokenKind<'_>| matches!(kind, TokenKind::FlowSequenceEnd);
        let mut first = true;
        while self.flow_continues(first, start, is_end, "did not find expected ',' or ']'")? {
            first = false;
            let token = self.scanner.peek()?;
            let item = if matches!(token.kind, TokenKind::Key) {
                self.flow_pair()?
            } else {
                self.node(false, false)?
            };
            self.push_item(index, item);
        }
        self.nodes[index].span.end = self.scanner.next()?.end.at;
        Ok(())
    }

    /// Steps over the comma between items; false at the end of the collection.
    fn flow_continues(
        &mut self,
        first: bool,
        start: Mark,
        is_end: fn(&TokenKind<'_>) -> bool,
        problem: &'static str,
    ) -> Result<bool, ReadError> {
        let token = self.scanner.peek()?;
        if is_end(&token.kind) {
            return Ok(false);
        }
        if !first {
            if !matches!(token.kind, TokenKind::FlowEntry) {
                return Err(error_in(start, token.start, problem));
            }
            self.scanner.next()?;
            return Ok(!is_end(&self.scanner.peek()?.kind));
        }
        Ok(true)
    }

    /// `[key: value]`: a mapping of one entry.
    fn flow_pair(&mut self) -> Result<usize, ReadError> {
        let token = self.scanner.next()?;
        let kind = NodeKind::Mapping { entries: Vec::new(), flow: true };
        let span = token.start.at..token.end.at;
        let line = token.start.line + 1;
        let index = self.add(Node { kind, span, line, anchor: None, tag: None })?;
        let ends = |kind: &TokenKind<'_>| matches!(kind, TokenKind::FlowEntry | TokenKind::FlowSequenceEnd);
        let next = self.scanner.peek()?;
        let key = if matches!(next.kind, TokenKind::Value) || ends(&next.kind) {
            // go-yaml drops this token, so that `[? : a]` is an error there.
            let mark = self.scanner.next()?.end;
            self.absent(mark)?
        } else {
            self.node(false, false)?
        };
        let value = self.flow_value(ends)?;
        self.push_entry(index, key, value);
        Ok(index)
    }

    fn flow_value(&mut self, ends: fn(&TokenKind<'_>) -> bool) -> Result<usize, ReadError> {
        if matches!(self.scanner.peek()?.kind, TokenKind::Value) {
            self.scanner.next()?;
            if !ends(&self.scanner.peek()?.kind) {
                return self.node(false, false);
            }
        }
        let at = self.scanner.peek()?.start;
        self.absent(at)
    }

    pub(super) fn flow_mapping(&mut self, index: usize) -> Result<(), ReadError> {
        let start = self.scanner.next()?.start;
        let is_end = |kind: &TokenKind<'_>| matches!(kind, TokenKind::FlowMappingEnd);
        let ends = |kind: &TokenKind<'_>| matches!(kind, TokenKind::FlowEntry | TokenKind::FlowMappingEnd);
        let mut first = true;
        while self.flow_continues(first, start, is_end, "did not find expected ',' or '}'")? {
            first = false;
            let token = self.scanner.peek()?;
            let (key, value) = if matches!(token.kind, TokenKind::Key) {
                self.scanner.next()?;
                let next = self.scanner.peek()?;
                let at = next.start;
                let key = if matches!(next.kind, TokenKind::Value) || ends(&next.kind) {
                    self.absent(at)?
                } else {
                    self.node(false, false)?
                };
                (key, self.flow_value(ends)?)
            } else {
                let key = self.node(false, false)?;
                let at = self.scanner.peek()?.start;
                (key, self.absent(at)?)
            };
            self.push_entry(index, key, value);
        }
        self.nodes[index].span.end = self.scanner.next()?.end.at;
        Ok(())
    }
}
