//! Go's regular expressions (RE2) in the syntax of the `regex` crate.
//!
//! Both are descended from RE2 and accept nearly the same; what differs is translated: `\d`, `\w`, `\s` and `\b` are ASCII
//! in Go, a `{` that begins no repetition is itself, classes do not nest, `\Q…\E` quotes, `\101` is octal.

/// `pattern` for the `regex` crate, or Go's complaint (without `error parsing regexp: `).
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator =
        Translator { rest: pattern, whole: pattern, out: String::new(), depth: 0, operand: false };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'p> {
    rest: &'p str,
    whole: &'p str,
    out: String,
    depth: usize,
    /// Whether something that can be repeated came just before.
    operand: bool,
}

impl<'p> Translator<'p> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn literal(&mut self, c: char) {
        literal(&mut self.out, c);
        self.operand = true;
    }

    fn run(&mut self) -> Result<(), String> {
        loop {
            let before = self.rest;
            let Some(c) = self.next() else { break };
            match c {
                '\\' => self.escape(before)?,
                '[' => self.class(before)?,
                '(' => self.open(before)?,
                ')' => {
                    if self.depth == 0 {
                        return Err(format!("unexpected ): `{}`", self.whole));
                    }
                    self.depth -= 1;
                    self.out.push(')');
                    self.operand = true;
                }
                '|' => {
                    self.out.push('|');
                    self.operand = false;
                }
                '*' | '+' | '?' => {
                    let length = 1 + usize::from(self.rest.starts_with('?'));
                    self.repeat(&before[..length])?;
                }
                '{' => match repetition(before) {
                    Some(length) => self.repeat(&before[..length])?,
                    None => self.literal('{'),
                },
                '^' | '$' | '.' => {
                    self.out.push(c);
                    self.operand = true;
                }
                c => self.literal(c),
            }
        }
        if self.depth > 0 {
            return Err(format!("missing closing ): `{}`", self.whole));
        }
        Ok(())
    }

    fn repeat(&mut self, operator: &str) -> Result<(), String> {
        if !self.operand {
            // Go shows the operator without the question mark of a lazy one.
            let shown = if operator.len() > 1 { operator.trim_end_matches('?') } else { operator };
            let shown = if shown.is_empty() { "?" } else { shown };
            return Err(format!("missing argument to repetition operator: `{shown}`"));
        }
        self.out.push_str(operator);
        let skip = operator.len() - 1;
        self.rest = &self.rest[skip..];
        // "a**" is refused; "(a*)*" is not.
        let doubled = self.rest.starts_with(['*', '+', '?']);
        if doubled || repetition(self.rest).is_some() {
            let next = repetition(self.rest).unwrap_or(1);
            return Err(format!("invalid nested repetition operator: `{operator}{}`", &self.rest[..next]));
        }
        Ok(())
    }

    fn open(&mut self, before: &'p str) -> Result<(), String> {
        self.depth += 1;
        self.operand = false;
        self.out.push('(');
        let Some(flags) = self.rest.strip_prefix('?') else {
            return Ok(());
        };
        let named = flags.strip_prefix("P<").or_else(|| flags.strip_prefix('<'));
        let end = if named.is_some() { flags.find('>') } else { flags.find([':', ')']) };
        let valid = end.filter(|end| match named {
            Some(_) => !flags.starts_with("<=") && !flags.starts_with("<!"),
            None => flags[..*end].chars().all(|c| matches!(c, 'i' | 'm' | 's' | 'U' | '-')),
        });
        let Some(end) = valid else {
            let length = 3.min(before.len());
            let shown = before.get(..length).unwrap_or(before);
            return Err(format!("invalid or unsupported Perl syntax: `{shown}`"));
        };
        self.out.push('?');
        self.out.push_str(&flags[..=end]);
        self.rest = &flags[end + 1..];
        if flags[end..].starts_with(')') {
            self.depth -= 1;
        }
        Ok(())
    }

    fn escape(&mut self, before: &'p str) -> Result<(), String> {
        let Some(c) = self.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        self.operand = true;
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            's' => self.out.push_str("[\\t\\n\\x0C\\r ]"),
            'S' => self.out.push_str("[^\\t\\n\\x0C\\r ]"),
            'b' => self.out.push_str("(?-u:\\b)"),
            'B' => self.out.push_str("(?-u:\\B)"),
            'A' | 'z' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'Q' => {
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                quoted.chars().for_each(|c| self.literal(c));
                self.rest = rest;
            }
            'p' | 'P' => self.property(c),
            _ => {
                let c = self.character(c, before)?;
                self.literal(c);
            }
        }
        Ok(())
    }

    fn property(&mut self, c: char) {
        self.out.push('\\');
        self.out.push(c);
        let length = match self.rest.find('}') {
            Some(end) if self.rest.starts_with('{') => end + 1,
            _ => self.rest.chars().next().map_or(0, char::len_utf8),
        };
        self.out.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
    }

    /// The character that an escape stands for, `c` being what follows the backslash.
    fn character(&mut self, c: char, before: &'p str) -> Result<char, String> {
        let invalid = |rest: &str| {
            let length = before.len() - rest.len();
            Err(format!("invalid escape sequence: `{}`", &before[..length]))
        };
        let code = match c {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0'..='7' if c == '0' || self.rest.starts_with(|c: char| c.is_digit(8)) => {
                let more = self.rest.chars().take(2).take_while(|c| c.is_digit(8)).count();
                let digits = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                u32::from_str_radix(&digits, 8).unwrap_or(0)
            }
            'x' => {
                let (digits, length) = match self.rest.strip_prefix('{') {
                    Some(braced) => match braced.find('}') {
                        Some(end) => (&braced[..end], end + 2),
                        None => return invalid(self.rest),
                    },
                    None => (self.rest.get(..2).unwrap_or(""), 2),
                };
                let Ok(code) = u32::from_str_radix(digits, 16) else {
                    return invalid(self.rest);
                };
                self.rest = &self.rest[length..];
                code
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
            _ => return invalid(self.rest),
        };
        match char::from_u32(code) {
            Some(c) => Ok(c),
            None => invalid(self.rest),
        }
    }

    fn class(&mut self, before: &'p str) -> Result<(), String> {
        self.operand = true;
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.out.push('^');
            self.rest = rest;
        }
        let mut first = true;
        loop {
            let at = self.rest;
            let Some(c) = self.next() else {
                return Err(format!("missing closing ]: `{before}`"));
            };
            match c {
                ']' if !first => break,
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").map_or(0, |end| end + 2);
                    self.out.push('[');
                    self.out.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end..];
                }
                // Between two characters a hyphen makes a range; elsewhere it is itself.
                '-' if !first && !self.rest.starts_with(']') => self.out.push('-'),
                '\\' => self.class_escape(at)?,
                c => literal(&mut self.out, c),
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn class_escape(&mut self, before: &'p str) -> Result<(), String> {
        let Some(c) = self.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        match c {
            'd' => self.out.push_str("0-9"),
            'w' => self.out.push_str("0-9A-Za-z_"),
            's' => self.out.push_str("\\t\\n\\x0C\\r "),
            'D' => self.out.push_str("[^0-9]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            'S' => self.out.push_str("[^\\t\\n\\x0C\\r ]"),
            'p' | 'P' => self.property(c),
            _ => {
                let c = self.character(c, before)?;
                literal(&mut self.out, c);
            }
        }
        Ok(())
    }
}

/// A character as itself, inside or outside of a class.
fn literal(out: &mut String, c: char) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() {
        out.push_str(&format!("\\x{:02X}", u32::from(c)));
    } else {
        out.push(c);
    }
}

/// The length of `{2}`, `{2,}` or `{2,3}`, with `?`, at the start of `text`.
fn repetition(text: &str) -> Option<usize> {
    let body = text.strip_prefix('{')?;
    let end = body.find('}')?;
    let (min, max) = body[..end].split_once(',').unwrap_or((&body[..end], ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if min.is_empty() || !digits(min) || !digits(max) {
        return None;
    }
    let length = end + 2;
    Some(length + usize::from(text[length..].starts_with('?')))
}
