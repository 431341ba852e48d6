//! Text to tokens, by the rules of libyaml's scanner as go-yaml v2 has them.
//!
//! Keys need no mark of their own in YAML (`key: value`), so a token that could be a key is remembered as a
//! [`SimpleKey`], and the `Key` token (with the start of a block mapping, if that begins here) is inserted before it
//! once the `:` is seen. Collections by indentation get explicit start and end tokens.

mod block;
mod directive;
mod keys;
mod plain;
mod quoted;

use std::borrow::Cow;
use std::collections::VecDeque;

use memchr::memchr3;

use crate::chars::{break_len, byte, is_break_or_end, is_gap, width};
use crate::error::ReadError;
use crate::limits::MAX_DEPTH;
use crate::node::ScalarStyle;

/// A place in the text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    /// Byte offset.
    pub(crate) at: usize,
    /// Characters from the start of the scan; the reach of a simple key is measured in them.
    pub(crate) index: usize,
    /// Line from 0.
    pub(crate) line: usize,
    /// Characters since the start of the line.
    pub(crate) column: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum TokenKind<'a> {
    StreamEnd,
    VersionDirective { major: u8, minor: u8 },
    TagDirective(Box<Tag>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag(Box<Tag>),
    Scalar { value: Cow<'a, str>, style: ScalarStyle },
}

/// A tag, or what `%TAG` says of one. Rare, so that tokens stay small without it.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) handle: String,
    /// What follows the handle, or stands for it.
    pub(crate) suffix: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    pub(crate) start: Mark,
    pub(crate) end: Mark,
}

/// A token that becomes a key if `:` follows on the same line within 1024 characters.
#[derive(Debug, Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// The token stands where block indentation demands a key.
    required: bool,
    /// The token's number in the stream.
    token: usize,
    mark: Mark,
}

pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    mark: Mark,
    tokens: VecDeque<Token<'a>>,
    /// Tokens handed out so far.
    taken: usize,
    ended: bool,
    /// Where go-yaml last asked for four characters: where a token begins, for instance.
    token_at: usize,
    /// Column of the block collection we are in; -1 outside any.
    indent: isize,
    indents: Vec<isize>,
    flow_level: usize,
    simple_key_allowed: bool,
    /// The candidate of every flow level; the first is that of the block context.
    simple_keys: Vec<SimpleKey>,
    /// Levels by the number of the token that may be their key: while the first queued token is one of these, more
    /// tokens are needed.
    ///
    /// go-yaml drops the entry of `{` or `[` when that collection ends without a candidate in it (`{}`), so that the
    /// token is handed out too early, and what follows `{}: x` comes in a wrong order. The same happens here.
    levels_by_token: Vec<(usize, usize)>,
}

impl<'a> Scanner<'a> {
    /// Scans `text` from byte `start` on line `line` (from 0) to its end. Byte order marks there are skipped.
    pub(crate) fn new(text: &'a str, start: usize, line: usize) -> Self {
        let content = text[start..].trim_start_matches('\u{FEFF}');
        Scanner {
            text,
            bytes: text.as_bytes(),
            mark: Mark { at: text.len() - content.len(), index: 0, line, column: 0 },
            tokens: VecDeque::new(),
            taken: 0,
            ended: false,
            token_at: 0,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            levels_by_token: Vec::new(),
        }
    }

    /// Bytes of the text that go-yaml would have asked its reader for by now; beyond the text if it needed more.
    pub(crate) fn reach(&self) -> usize {
        let after = |at: usize, chars: usize| {
            let rest = self.text.get(at..).unwrap_or_default();
            rest.char_indices().nth(chars - 1).map_or(usize::MAX, |(last, char)| at + last + char.len_utf8())
        };
        // What these mean depends on the character after them.
        let ahead = if matches!(self.at(0), b':' | b'-' | b'?' | b'\\' | b'\'') { 2 } else { 1 };
        after(self.token_at, 4).max(after(self.mark.at, ahead))
    }

    /// The next token, left in place. After the last one, `StreamEnd` for ever.
    pub(crate) fn peek(&mut self) -> Result<&Token<'a>, ReadError> {
        while self.needs_more()? {
            self.fetch()?;
        }
        Ok(self.tokens.front().expect("needs_more is true while there is no token"))
    }

    /// Takes the token that [`Self::peek`] showed.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, ReadError> {
        let first = self.peek()?;
        if matches!(first.kind, TokenKind::StreamEnd) {
            return Ok(Token { kind: TokenKind::StreamEnd, start: first.start, end: first.end });
        }
        self.taken += 1;
        Ok(self.tokens.pop_front().expect("peek has just shown it"))
    }

    /// True until it is certain that no key token will be inserted before the first queued token.
    fn needs_more(&mut self) -> Result<bool, ReadError> {
        if self.tokens.is_empty() {
            return Ok(true);
        }
        let Some((_, level)) = self.levels_by_token.iter().rev().find(|(token, _)| *token == self.taken)
        else {
            return Ok(false);
        };
        self.simple_key_is_valid(*level)
    }

    fn fetch(&mut self) -> Result<(), ReadError> {
        self.skip_to_next_token();
        self.token_at = self.mark.at;
        self.unroll_indent(self.mark.column as isize);
        if self.mark.at >= self.bytes.len() || self.ended {
            return self.fetch_stream_end();
        }
        let here = self.at(0);
        let in_flow = self.flow_level > 0;
        if self.mark.column == 0 {
            if here == b'%' {
                return self.fetch_directive();
            }
            if self.at_document_indicator() {
                let kind = if here == b'-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd };
                return self.fetch_document_indicator(kind);
            }
        }
        let gap_follows = self.gap(1);
        match here {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if gap_follows => self.fetch_block_entry(),
            b'?' if in_flow || gap_follows => self.fetch_key(),
            b':' if in_flow || gap_follows => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !in_flow => self.fetch_block_scalar(here == b'|'),
            b'\'' | b'"' => self.fetch_quoted(here == b'\''),
            b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => self.stray_character(),
            _ if self.gap(0) => self.stray_character(),
            _ => self.fetch_plain(),
        }
    }

    fn stray_character(&self) -> Result<(), ReadError> {
        Err(self.error("found character that cannot start any token"))
    }

    /// An error at the scanner's place.
    fn error(&self, problem: &'static str) -> ReadError {
        self.error_in(self.mark, problem)
    }

    /// An error at the scanner's place, inside something that began at `context`. go-yaml names the line where it
    /// noticed, or for the first line that of the context, or none.
    fn error_in(&self, context: Mark, problem: &'static str) -> ReadError {
        let shown = match (self.mark.line, context.line) {
            (0, 0) => None,
            (0, line) => Some(line),
            (line, _) => Some(line + 1),
        };
        ReadError::Syntax { shown, line: self.mark.line + 1, problem: problem.into() }
    }

    // The place in the text.

    fn at(&self, offset: usize) -> u8 {
        byte(self.bytes, self.mark.at + offset)
    }

    fn gap(&self, offset: usize) -> bool {
        is_gap(self.bytes, self.mark.at + offset)
    }

    fn break_or_end(&self) -> bool {
        is_break_or_end(self.bytes, self.mark.at)
    }

    fn at_break(&self) -> bool {
        break_len(self.bytes, self.mark.at) > 0
    }

    /// `---` or `...` as a line of its own, or before a gap.
    fn at_document_indicator(&self) -> bool {
        self.mark.column == 0
            && matches!(self.bytes.get(self.mark.at..self.mark.at + 3), Some(b"---" | b"..."))
            && self.gap(3)
    }

    /// Steps over one character that is not a line break.
    fn advance(&mut self) {
        self.mark.at += width(self.at(0));
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Steps over the line break at the scanner's place and gives it in normal form: LF for CR, LF, CRLF and NEL;
    /// LS and PS as they are.
    fn advance_line(&mut self) -> &'a str {
        let len = break_len(self.bytes, self.mark.at);
        let raw = &self.text[self.mark.at..self.mark.at + len];
        self.mark.at += len;
        self.mark.index += raw.chars().count();
        self.mark.column = 0;
        self.mark.line += 1;
        if len == 3 { raw } else { "\n" }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.at(0), b' ' | b'\t') {
            self.advance();
        }
    }

    fn skip_comment(&mut self) {
        if self.at(0) == b'#' {
            self.skip_line();
        }
    }

    /// Steps over spaces, at most so many.
    fn skip_spaces(&mut self, most: usize) {
        let rest = self.bytes.get(self.mark.at..).unwrap_or_default();
        let spaces = rest.iter().take(most).take_while(|byte| **byte == b' ').count();
        self.mark.at += spaces;
        self.mark.index += spaces;
        self.mark.column += spaces;
    }

    /// Steps over the rest of the line, before its break.
    fn skip_line(&mut self) {
        let rest = &self.bytes[self.mark.at..];
        let end = memchr3(b'\n', b'\r', 0, rest).unwrap_or(rest.len());
        if rest[..end].is_ascii() {
            self.mark.at += end;
            self.mark.index += end;
            self.mark.column += end;
            return;
        }
        while !self.break_or_end() {
            self.advance();
        }
    }

    fn skip_to_next_token(&mut self) {
        loop {
            // A tab may not stand where a key could begin: it would be taken for indentation.
            let tabs = self.flow_level > 0 || !self.simple_key_allowed;
            self.skip_spaces(usize::MAX);
            while self.at(0) == b' ' || (tabs && self.at(0) == b'\t') {
                self.advance();
            }
            self.skip_comment();
            if !self.at_break() {
                return;
            }
            self.advance_line();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// Queues a token of `len` ASCII characters that starts here.
    fn push(&mut self, kind: TokenKind<'a>, len: usize) {
        let start = self.mark;
        for _ in 0..len {
            self.advance();
        }
        self.tokens.push_back(Token { kind, start, end: self.mark });
    }

    // One method for every kind of token.

    fn fetch_stream_end(&mut self) -> Result<(), ReadError> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(TokenKind::StreamEnd, 0);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, kind: TokenKind<'a>) -> Result<(), ReadError> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(kind, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind<'a>) -> Result<(), ReadError> {
        self.save_simple_key()?;
        let token = self.taken + self.tokens.len();
        self.simple_keys.push(SimpleKey { token, ..SimpleKey::default() });
        self.flow_level += 1;
        if self.indents.len() + self.flow_level > MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        self.simple_key_allowed = true;
        self.push(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind<'a>) -> Result<(), ReadError> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.forget_token(key.token);
            }
        }
        self.simple_key_allowed = false;
        self.push(kind, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), ReadError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push(TokenKind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), ReadError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.mark.column, None, TokenKind::BlockSequenceStart, self.mark)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), ReadError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.mark.column, None, TokenKind::BlockMappingStart, self.mark)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), ReadError> {
        let last = self.simple_keys.len() - 1;
        if self.simple_key_is_valid(last)? {
            let key = self.simple_keys[last];
            let token = Token { kind: TokenKind::Key, start: key.mark, end: key.mark };
            self.insert_token(key.token, token);
            self.roll_indent(key.mark.column, Some(key.token), TokenKind::BlockMappingStart, key.mark)?;
            self.simple_keys[last].possible = false;
            self.forget_token(key.token);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.error("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.mark.column, None, TokenKind::BlockMappingStart, self.mark)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push(TokenKind::Value, 1);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), ReadError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let token = self.scan_block_scalar(literal)?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), ReadError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_quoted(single)?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<(), ReadError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_plain()?;
        self.tokens.push_back(token);
        Ok(())
    }
}

/// The line breaks between two lines of a scalar that is folded: one becomes a space, more lose their first.
#[derive(Default)]
struct Fold<'a> {
    first: &'a str,
    more: String,
}

impl<'a> Fold<'a> {
    fn add(&mut self, line_break: &'a str, is_first: bool) {
        if is_first { self.first = line_break } else { self.more.push_str(line_break) }
    }

    fn join(&mut self, text: &mut String) {
        if self.first == "\n" {
            text.push_str(if self.more.is_empty() { " " } else { &self.more });
        } else {
            text.push_str(self.first);
            text.push_str(&self.more);
        }
        self.first = "";
        self.more.clear();
    }
}
