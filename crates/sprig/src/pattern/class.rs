//! Classes of characters: `[a-z\d[:alpha:]]`.

use super::{Step, Translator, literal};

/// The names between `[:` and `:]`.
const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

impl<'p> Translator<'p> {
    /// A class; `before` begins with its bracket.
    pub(super) fn class(&mut self, before: &'p str) -> Step {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            self.class_part(before)?;
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        self.operand(1);
        Ok(())
    }

    /// A named class, a property, a range, or a character.
    fn class_part(&mut self, class: &'p str) -> Step {
        let before = self.rest;
        if let Some(named) = before.strip_prefix("[:")
            && let Some(end) = named.find(":]")
        {
            let text = &before[..end + 4];
            let name = named[..end].strip_prefix('^').unwrap_or(&named[..end]);
            if !NAMED.contains(&name) {
                return Err(format!("invalid character class range: `{text}`"));
            }
            self.out.push_str(text);
            self.rest = &before[text.len()..];
            return Ok(());
        }
        if before.starts_with("\\p") || before.starts_with("\\P") {
            self.next();
            return self.property(before);
        }
        let group = match before.get(..2) {
            Some("\\d") => "0-9",
            Some("\\w") => "0-9A-Za-z_",
            Some("\\s") => "\\t\\n\\x0C\\r ",
            Some("\\D") => "[^0-9]",
            Some("\\W") => "[^0-9A-Za-z_]",
            Some("\\S") => "[^\\t\\n\\x0C\\r ]",
            _ => return self.range(class),
        };
        self.out.push_str(group);
        self.rest = &before[2..];
        Ok(())
    }

    fn range(&mut self, class: &'p str) -> Step {
        let before = self.rest;
        let low = self.class_character(class)?;
        literal(&mut self.out, low);
        // A hyphen at the end is itself.
        if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest[1..].starts_with(']') {
            self.rest = &self.rest[1..];
            let high = self.class_character(class)?;
            if high < low {
                return Err(format!("invalid character class range: `{}`", self.since(before)));
            }
            self.out.push('-');
            literal(&mut self.out, high);
        }
        Ok(())
    }

    fn class_character(&mut self, class: &'p str) -> Result<char, String> {
        let before = self.rest;
        match self.next() {
            None => Err(format!("missing closing ]: `{class}`")),
            Some('\\') => self.character(before),
            Some(c) => Ok(c),
        }
    }
}
