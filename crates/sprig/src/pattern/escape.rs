//! What follows a backslash.

use super::{Step, Translator};

impl<'p> Translator<'p> {
    /// An escape outside of a class; `before` begins with the backslash.
    pub(super) fn escape(&mut self, before: &'p str) -> Step {
        if self.rest.starts_with(['p', 'P']) {
            self.property(before)?;
            self.operand(1);
            return Ok(());
        }
        let translated = match self.rest.chars().next() {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('s') => "[\\t\\n\\x0C\\r ]",
            Some('S') => "[^\\t\\n\\x0C\\r ]",
            Some('b') => "(?-u:\\b)",
            Some('B') => "(?-u:\\B)",
            Some('A') => "\\A",
            Some('z') => "\\z",
            Some('Q') => {
                let quoted = &self.rest[1..];
                let (quoted, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                quoted.chars().for_each(|c| self.literal(c));
                self.rest = rest;
                return Ok(());
            }
            _ => {
                let c = self.character(before)?;
                self.literal(c);
                return Ok(());
            }
        };
        self.next();
        self.out.push_str(translated);
        self.operand(1);
        Ok(())
    }

    /// `\pL` or `\p{Greek}`; `before` begins with the backslash.
    pub(super) fn property(&mut self, before: &'p str) -> Step {
        let invalid = |shown: &str| Err(format!("invalid character class range: `{shown}`"));
        let mut negative = self.next() == Some('P');
        let name = match self.next() {
            None => return invalid(before),
            Some('{') => {
                let Some(end) = self.rest.find('}') else {
                    return invalid(before);
                };
                let name = &self.rest[..end];
                self.rest = &self.rest[end + 1..];
                name
            }
            Some(_) => &self.since(before)[2..],
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negative = !negative;
                name
            }
            None => name,
        };
        // What the other syntax has more of: `\p{name=value}` and the like.
        let plain = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' '));
        let class = format!("\\{}{{{name}}}", if negative { 'P' } else { 'p' });
        if !plain || regex::Regex::new(&class).is_err() {
            return invalid(self.since(before));
        }
        self.out.push_str(&class);
        Ok(())
    }

    /// The character that an escape stands for; `before` begins with the backslash.
    pub(super) fn character(&mut self, before: &'p str) -> Result<char, String> {
        let Some(c) = self.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        let code = match c {
            'a' => Some(7),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            '0'..='7' if c == '0' || self.rest.starts_with(|c: char| c.is_digit(8)) => {
                let more = self.rest.chars().take(2).take_while(|c| c.is_digit(8)).count();
                let digits = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                u32::from_str_radix(&digits, 8).ok()
            }
            'x' => self.hexadecimal(),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
            _ => None,
        };
        let c = code.and_then(char::from_u32);
        c.ok_or_else(|| format!("invalid escape sequence: `{}`", self.since(before)))
    }

    /// `41` or `{1F600}`. What was read when it turns out to be none is part of the complaint.
    fn hexadecimal(&mut self) -> Option<u32> {
        let first = self.next()?;
        if first != '{' {
            let second = self.next()?;
            return Some(first.to_digit(16)? * 16 + second.to_digit(16)?);
        }
        let mut code = None;
        loop {
            match self.next()? {
                '}' => return code,
                digit => {
                    let next = code.unwrap_or(0) * 16 + digit.to_digit(16)?;
                    code = Some(next).filter(|code| *code <= u32::from(char::MAX));
                    code?;
                }
            }
        }
    }
}
