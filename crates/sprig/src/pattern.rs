//! Go's regular expressions (RE2) in the syntax of the `regex` crate.
//!
//! Both are descended from RE2 and accept nearly the same; what differs is translated: `\d`, `\w`, `\s` and `\b` are ASCII
//! in Go, a `{` that begins no repetition is itself, classes do not nest, `\Q…\E` quotes, `\101` is octal, several groups
//! may have one name. The complaints are those of Go's `regexp/syntax`, without `error parsing regexp: `.

mod class;
mod escape;

/// Repetitions inside of repetitions come to no more than this.
const MAX_REPEAT: u32 = 1000;

/// An expression in the other syntax.
pub(crate) struct Translated {
    pub(crate) pattern: String,
    /// The groups' names, the first group's first; empty for those without.
    pub(crate) names: Vec<String>,
}

/// Translates `pattern`, or gives Go's complaint.
pub(crate) fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: pattern,
        whole: pattern,
        out: String::with_capacity(pattern.len() + 16),
        names: Vec::new(),
        open: Vec::new(),
        operand: None,
        heaviest: 1,
        repeated: None,
    };
    translator.run()?;
    Ok(Translated { pattern: translator.out, names: translator.names })
}

/// A regular expression of Go (RE2) in the syntax of the `regex` crate, or Go's complaint without
/// `error parsing regexp: `.
///
/// # Errors
/// Go's complaint.
///
/// ```
/// assert_eq!(sprig::re2(r"^\d{2}$").unwrap(), "^[0-9]{2}$");
/// assert_eq!(sprig::re2("(a").unwrap_err(), "missing closing ): `(a`");
/// ```
pub fn re2(pattern: &str) -> Result<String, String> {
    translate(pattern).map(|translated| translated.pattern)
}

struct Translator<'p> {
    rest: &'p str,
    whole: &'p str,
    out: String,
    names: Vec<String>,
    /// For each open group, the heaviest repetition before it.
    open: Vec<u32>,
    /// What came just before, if it can be repeated: how often its repetitions repeat.
    operand: Option<u32>,
    /// The heaviest operand of the group.
    heaviest: u32,
    /// If a repetition came just before, the text from its operator on.
    repeated: Option<&'p str>,
}

type Step = Result<(), String>;

impl<'p> Translator<'p> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// What has been read since `before`.
    fn since(&self, before: &'p str) -> &'p str {
        &before[..before.len() - self.rest.len()]
    }

    fn operand(&mut self, weight: u32) {
        self.operand = Some(weight);
        self.heaviest = self.heaviest.max(weight);
    }

    fn literal(&mut self, c: char) {
        literal(&mut self.out, c);
        self.operand(1);
    }

    fn run(&mut self) -> Step {
        loop {
            let before = self.rest;
            let Some(c) = self.next() else { break };
            let repeats = matches!(c, '*' | '+' | '?') || c == '{' && repetition(before).is_some();
            if !repeats {
                self.repeated = None;
            }
            match c {
                '\\' => self.escape(before)?,
                '[' => self.class(before)?,
                '(' => self.open(before)?,
                ')' => {
                    let outer = self.open.pop().ok_or_else(|| format!("unexpected ): `{}`", self.whole))?;
                    self.out.push(')');
                    let weight = self.heaviest;
                    self.heaviest = outer;
                    self.operand(weight);
                }
                '|' => {
                    self.out.push('|');
                    self.operand = None;
                }
                '*' | '+' | '?' => self.repeat(before, 1, None)?,
                '{' => match repetition(before) {
                    Some((length, counts)) => self.repeat(before, length, Some(counts))?,
                    None => self.literal('{'),
                },
                '^' | '$' | '.' => {
                    self.out.push(c);
                    self.operand(1);
                }
                c => self.literal(c),
            }
        }
        if !self.open.is_empty() {
            return Err(format!("missing closing ): `{}`", self.whole));
        }
        Ok(())
    }

    /// A repetition, whose operator is `length` bytes long without the mark of a lazy one.
    fn repeat(&mut self, before: &'p str, length: usize, counts: Option<Counts>) -> Step {
        if counts.is_some_and(|counts| !counts.are_valid()) {
            return Err(format!("invalid repeat count: `{}`", &before[..length]));
        }
        let lazy = before[length..].starts_with('?');
        let operator = &before[..length + usize::from(lazy)];
        self.rest = &before[operator.len()..];
        // "a**" is refused; "(a*)*" is not.
        if let Some(last) = self.repeated {
            return Err(format!("invalid nested repetition operator: `{}`", self.since(last)));
        }
        let Some(weight) = self.operand else {
            return Err(format!("missing argument to repetition operator: `{operator}`"));
        };
        self.out.push_str(operator);
        if let Some(counts) = counts {
            let times = counts.max.unwrap_or(counts.min);
            let weight = weight.saturating_mul(times.max(1));
            if times >= 2 && weight > MAX_REPEAT {
                return Err(format!("invalid repeat count: `{operator}`"));
            }
            self.operand(weight);
        }
        self.repeated = Some(before);
        Ok(())
    }

    fn open(&mut self, before: &'p str) -> Step {
        if !self.rest.starts_with('?') {
            self.names.push(String::new());
            self.enter("(");
            return Ok(());
        }
        let name_at = if before.len() > 4 && before.starts_with("(?P<") {
            Some(4)
        } else if before.len() > 3 && before.starts_with("(?<") {
            Some(3)
        } else {
            None
        };
        let Some(name_at) = name_at else {
            return self.flags(before);
        };
        let Some(end) = before.find('>') else {
            return Err(format!("invalid named capture: `{before}`"));
        };
        let name = before.get(name_at..end).unwrap_or("");
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("invalid named capture: `{}`", &before[..=end]));
        }
        // The names are kept aside: one of them may be that of several groups.
        self.names.push(name.to_owned());
        self.rest = &before[end + 1..];
        self.enter("(");
        Ok(())
    }

    fn enter(&mut self, text: &str) {
        self.out.push_str(text);
        self.open.push(self.heaviest);
        self.heaviest = 1;
        self.operand = None;
    }

    /// `(?i-s)` and `(?i-s:`.
    fn flags(&mut self, before: &'p str) -> Step {
        self.rest = &before[2..];
        let (mut on, mut off, mut negative, mut seen) = (String::new(), String::new(), false, false);
        loop {
            match self.next() {
                Some(c @ ('i' | 'm' | 's' | 'U')) => {
                    seen = true;
                    let flags = if negative { &mut off } else { &mut on };
                    if !flags.contains(c) {
                        flags.push(c);
                    }
                }
                Some('-') if !negative => (negative, seen) = (true, false),
                Some(c @ (':' | ')')) if seen || !negative => {
                    // Of a flag that is set and unset, the latter counts.
                    on.retain(|flag| !off.contains(flag));
                    let off = if off.is_empty() { String::new() } else { format!("-{off}") };
                    if c == ':' {
                        self.enter(&format!("(?{on}{off}:"));
                    } else {
                        self.operand = None;
                        if !on.is_empty() || !off.is_empty() {
                            self.out.push_str(&format!("(?{on}{off})"));
                        }
                    }
                    return Ok(());
                }
                _ => {
                    let shown = self.since(before);
                    return Err(format!("invalid or unsupported Perl syntax: `{shown}`"));
                }
            }
        }
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

/// At least so often, at most so often.
#[derive(Clone, Copy)]
struct Counts {
    min: u32,
    /// Nothing for no limit.
    max: Option<u32>,
}

impl Counts {
    fn are_valid(self) -> bool {
        self.min <= MAX_REPEAT && self.max.is_none_or(|max| max <= MAX_REPEAT && self.min <= max)
    }
}

/// The length of `{2}`, `{2,}` or `{2,3}` at the start of `text`, and the numbers.
fn repetition(text: &str) -> Option<(usize, Counts)> {
    let body = text.strip_prefix('{')?;
    let end = body.find('}')?;
    let number = |digits: &str| {
        let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // A number does not begin with a zero, unless it is that.
        let valid = valid && (digits.len() == 1 || !digits.starts_with('0'));
        valid.then(|| digits.parse::<u32>().unwrap_or(u32::MAX))
    };
    let (min, max) = match body[..end].split_once(',') {
        None => {
            let exact = number(&body[..end])?;
            (exact, Some(exact))
        }
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((end + 2, Counts { min, max }))
}
