//! Directives (`%YAML`, `%TAG`), anchors, aliases and tags.

use super::{Mark, Scanner, Tag, Token, TokenKind};
use crate::chars::is_word;
use crate::error::ReadError;

impl<'a> Scanner<'a> {
    pub(super) fn fetch_directive(&mut self) -> Result<(), ReadError> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        self.advance();
        let name = self.scan_words();
        if name.is_empty() {
            return Err(self.error_in(start, "could not find expected directive name"));
        }
        if !self.gap(0) {
            return Err(self.error_in(start, "found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => self.scan_version(start)?,
            "TAG" => self.scan_tag_directive(start)?,
            _ => return Err(self.error_in(start, "found unknown directive name")),
        };
        let end = self.mark;
        self.skip_blanks();
        self.skip_comment();
        if !self.break_or_end() {
            return Err(self.error_in(start, "did not find expected comment or line break"));
        }
        if self.at_break() {
            self.advance_line();
        }
        self.tokens.push_back(Token { kind, start, end });
        Ok(())
    }

    fn scan_words(&mut self) -> &'a str {
        let from = self.mark.at;
        while is_word(self.at(0)) {
            self.advance();
        }
        &self.text[from..self.mark.at]
    }

    fn scan_version(&mut self, start: Mark) -> Result<TokenKind<'a>, ReadError> {
        self.skip_blanks();
        let major = self.scan_version_number(start)?;
        if self.at(0) != b'.' {
            return Err(self.error_in(start, "did not find expected digit or '.' character"));
        }
        self.advance();
        let minor = self.scan_version_number(start)?;
        Ok(TokenKind::VersionDirective { major, minor })
    }

    fn scan_version_number(&mut self, start: Mark) -> Result<u8, ReadError> {
        let from = self.mark.at;
        while self.at(0).is_ascii_digit() {
            self.advance();
            if self.mark.at - from > 2 {
                return Err(self.error_in(start, "found extremely long version number"));
            }
        }
        self.text[from..self.mark.at]
            .parse()
            .map_err(|_| self.error_in(start, "did not find expected version number"))
    }

    fn scan_tag_directive(&mut self, start: Mark) -> Result<TokenKind<'a>, ReadError> {
        self.skip_blanks();
        let handle = self.scan_tag_handle(start)?;
        if handle != "!" && !(handle.len() > 1 && handle.ends_with('!')) {
            return Err(self.error_in(start, "did not find expected '!'"));
        }
        if !matches!(self.at(0), b' ' | b'\t') {
            return Err(self.error_in(start, "did not find expected whitespace"));
        }
        self.skip_blanks();
        let prefix = self.scan_tag_uri(start, "")?;
        if !self.gap(0) {
            return Err(self.error_in(start, "did not find expected whitespace or line break"));
        }
        Ok(TokenKind::TagDirective(Box::new(Tag { handle: handle.to_owned(), suffix: prefix })))
    }

    pub(super) fn fetch_anchor(&mut self) -> Result<(), ReadError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        let is_alias = self.at(0) == b'*';
        self.advance();
        let name = self.scan_words();
        let ends = self.gap(0) || matches!(self.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(self.error_in(start, "did not find expected alphabetic or numeric character"));
        }
        let kind = if is_alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) };
        self.tokens.push_back(Token { kind, start, end: self.mark });
        Ok(())
    }

    /// Forms: `!<uri>`, `!handle!suffix`, `!!suffix`, `!suffix` and a lone `!`.
    pub(super) fn fetch_tag(&mut self) -> Result<(), ReadError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        let (handle, suffix) = if self.at(1) == b'<' {
            self.advance();
            self.advance();
            let uri = self.scan_tag_uri(start, "")?;
            if self.at(0) != b'>' {
                return Err(self.error_in(start, "did not find the expected '>'"));
            }
            self.advance();
            (String::new(), uri)
        } else {
            let handle = self.scan_tag_handle(start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                (handle.to_owned(), self.scan_tag_uri(start, "")?)
            } else {
                let suffix = self.scan_tag_uri(start, handle)?;
                if suffix.is_empty() { (suffix, "!".to_owned()) } else { ("!".to_owned(), suffix) }
            }
        };
        if !self.gap(0) {
            return Err(self.error_in(start, "did not find expected whitespace or line break"));
        }
        self.tokens.push_back(Token {
            kind: TokenKind::Tag(Box::new(Tag { handle, suffix })),
            start,
            end: self.mark,
        });
        Ok(())
    }

    /// `!`, `!word` or `!word!`.
    fn scan_tag_handle(&mut self, start: Mark) -> Result<&'a str, ReadError> {
        if self.at(0) != b'!' {
            return Err(self.error_in(start, "did not find expected '!'"));
        }
        let from = self.mark.at;
        self.advance();
        self.scan_words();
        if self.at(0) == b'!' {
            self.advance();
        }
        Ok(&self.text[from..self.mark.at])
    }

    /// URI characters with `%xx` escapes decoded; `head` is a handle already read that is in fact the URI's start.
    fn scan_tag_uri(&mut self, start: Mark, head: &str) -> Result<String, ReadError> {
        let mut uri = head.strip_prefix('!').unwrap_or_default().to_owned();
        let mut found = !head.is_empty();
        loop {
            match self.at(0) {
                b'%' => uri.push(self.scan_uri_escape(start)?),
                byte if is_word(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(char::from(byte));
                    self.advance();
                }
                _ => break,
            }
            found = true;
        }
        if found { Ok(uri) } else { Err(self.error_in(start, "did not find expected tag URI")) }
    }

    fn scan_uri_escape(&mut self, start: Mark) -> Result<char, ReadError> {
        let mut octets = Vec::with_capacity(4);
        loop {
            let digit = |offset| char::from(self.at(offset)).to_digit(16);
            let (b'%', Some(high), Some(low)) = (self.at(0), digit(1), digit(2)) else {
                return Err(self.error_in(start, "did not find URI escaped octet"));
            };
            octets.push((high << 4 | low) as u8);
            for _ in 0..3 {
                self.advance();
            }
            match std::str::from_utf8(&octets) {
                Ok(text) => return Ok(text.chars().next().expect("one octet was pushed")),
                Err(error) if error.error_len().is_some() => {
                    return Err(self.error_in(start, "found an incorrect leading UTF-8 octet"));
                }
                Err(_) => {}
            }
        }
    }
}
