//! Label selectors in kubectl's notation, by the rules of `k8s.io/apimachinery/pkg/labels`: `a=b,c!=d,e in (x,y),!f`.

use std::collections::BTreeSet;

/// What labels must be like. Without any, all are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Requirements(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Above(i64),
    Below(i64),
}

/// Why a text is no label selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementsError {
    /// Something stands where it cannot.
    #[error("{found} where {expected} is expected")]
    Unexpected {
        /// What is there.
        found: String,
        /// What could be.
        expected: &'static str,
    },
    /// A label's name is malformed.
    #[error(
        "{0:?} is no label name: at most 63 letters, digits, `-`, `_` and `.` that begin and end with a letter or digit, after a DNS name and `/` if wanted"
    )]
    Key(String),
    /// A label's value is malformed.
    #[error(
        "{0:?} is no label value: at most 63 letters, digits, `-`, `_` and `.` that begin and end with a letter or digit"
    )]
    Value(String),
    /// `<` and `>` compare with something that is no whole number.
    #[error("{0:?} is no whole number")]
    Number(String),
}

impl Requirements {
    pub(super) fn parse(text: &str) -> Result<Self, RequirementsError> {
        let mut parser = Parser { tokens: tokens(text), next: 0 };
        let mut requirements = Vec::new();
        if parser.peek() == &Token::End {
            return Ok(Self::default());
        }
        loop {
            requirements.push(parser.requirement()?);
            match parser.take() {
                Token::End => return Ok(Self(requirements)),
                Token::Comma => {}
                other => return Err(other.unexpected("`,` or the end")),
            }
        }
    }

    /// `value` gives the value of a label, if there is one.
    pub(super) fn are_met<'a, T: AsRef<str>>(&self, value: impl Fn(&str) -> Option<T> + 'a) -> bool {
        self.0.iter().all(|requirement| {
            let value = value(&requirement.key);
            requirement.test.holds(value.as_ref().map(AsRef::as_ref))
        })
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::In(values) => value.is_some_and(|value| values.contains(value)),
            Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Test::Above(limit) => number().is_some_and(|number| number > *limit),
            Test::Below(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    End,
    Open,
    Close,
    Comma,
    Not,
    Equal,
    NotEqual,
    Above,
    Below,
    Word(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::End => "the end".to_owned(),
            Token::Open => "`(`".to_owned(),
            Token::Close => "`)`".to_owned(),
            Token::Comma => "`,`".to_owned(),
            Token::Not => "`!`".to_owned(),
            Token::Equal => "`=`".to_owned(),
            Token::NotEqual => "`!=`".to_owned(),
            Token::Above => "`>`".to_owned(),
            Token::Below => "`<`".to_owned(),
            Token::Word(text) => format!("{text:?}"),
        }
    }

    fn unexpected(&self, expected: &'static str) -> RequirementsError {
        RequirementsError::Unexpected { found: self.shown(), expected }
    }
}

/// Never empty: the last one is the end.
fn tokens(text: &str) -> Vec<Token> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let is_symbol = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next() {
        let length = if is_symbol(first) {
            let (token, length) = symbol(rest);
            tokens.push(token);
            length
        } else {
            let length = rest.find(|c| is_symbol(c) || is_blank(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        };
        rest = rest[length..].trim_start_matches(is_blank);
    }
    tokens.push(Token::End);
    tokens
}

/// The symbol that the text begins with, and how many bytes it takes.
fn symbol(text: &str) -> (Token, usize) {
    match text.as_bytes() {
        [b'=', b'=', ..] => (Token::Equal, 2),
        [b'!', b'=', ..] => (Token::NotEqual, 2),
        [b'=', ..] => (Token::Equal, 1),
        [b'!', ..] => (Token::Not, 1),
        [b'(', ..] => (Token::Open, 1),
        [b')', ..] => (Token::Close, 1),
        [b',', ..] => (Token::Comma, 1),
        [b'>', ..] => (Token::Above, 1),
        _ => (Token::Below, 1),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).unwrap_or(&Token::End)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, RequirementsError> {
        let mut token = self.take();
        let negated = token == Token::Not;
        if negated {
            token = self.take();
        }
        let Token::Word(key) = token else { return Err(token.unexpected("a label's name")) };
        check_key(&key)?;
        if negated {
            return Ok(Requirement { key, test: Test::Missing });
        }
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(Requirement { key, test: Test::Exists });
        }
        let test = match self.take() {
            Token::Equal => Test::In([self.exact_value()?].into()),
            Token::NotEqual => Test::NotIn([self.exact_value()?].into()),
            Token::Above => Test::Above(self.number()?),
            Token::Below => Test::Below(self.number()?),
            Token::Word(word) if word == "in" => Test::In(self.values()?),
            Token::Word(word) if word == "notin" => Test::NotIn(self.values()?),
            other => return Err(other.unexpected("`=`, `!=`, `in` or `notin`")),
        };
        Ok(Requirement { key, test })
    }

    fn exact_value(&mut self) -> Result<String, RequirementsError> {
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            Token::Word(value) => checked_value(value),
            other => Err(other.unexpected("a label's value")),
        }
    }

    fn number(&mut self) -> Result<i64, RequirementsError> {
        let value = self.exact_value()?;
        value.parse().map_err(|_| RequirementsError::Number(value))
    }

    /// A list in parentheses. Nothing between two commas is the empty value.
    fn values(&mut self) -> Result<BTreeSet<String>, RequirementsError> {
        match self.take() {
            Token::Open => {}
            other => return Err(other.unexpected("`(`")),
        }
        let mut values = BTreeSet::new();
        let mut after_value = false;
        loop {
            match self.take() {
                Token::Word(value) if !after_value => {
                    values.insert(checked_value(value)?);
                    after_value = true;
                }
                Token::Comma => {
                    if !after_value {
                        values.insert(String::new());
                    }
                    after_value = false;
                }
                Token::Close => {
                    if !after_value {
                        values.insert(String::new());
                    }
                    return Ok(values);
                }
                other => return Err(other.unexpected("a label's value, `,` or `)`")),
            }
        }
    }
}

fn checked_value(value: String) -> Result<String, RequirementsError> {
    if value.is_empty() || is_name(&value) { Ok(value) } else { Err(RequirementsError::Value(value)) }
}

fn check_key(key: &str) -> Result<(), RequirementsError> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let valid = is_name(name) && prefix.is_none_or(is_dns_name);
    if valid { Ok(()) } else { Err(RequirementsError::Key(key.to_owned())) }
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63
        && text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_dns_name(text: &str) -> bool {
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.chars().all(|c| outer(c) || c == '-') && part.starts_with(outer) && part.ends_with(outer)
    };
    text.len() <= 253 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, labels: &[(&str, &str)]) -> Result<bool, String> {
        let requirements = Requirements::parse(selector).map_err(|error| error.to_string())?;
        let value = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        Ok(requirements.are_met(value))
    }

    #[test]
    fn labels_meet_what_is_required() {
        let labels = [("app", "web"), ("tier", ""), ("n", "7"), ("x.y/in", "in")];
        let met = [
            "",
            " ",
            "app",
            "app=web",
            "app = web , tier",
            "app==web,tier=",
            "app!=db",
            "none!=db",
            "!none",
            "app in (db, web)",
            "app notin (db)",
            "none notin (db)",
            "tier in ()",
            "tier in (,a)",
            "tier in (a,)",
            "n>6,n<8",
            "x.y/in in (in,notin)",
            "x.y/in=in",
        ];
        for selector in met {
            assert_eq!(check(selector, &labels), Ok(true), "{selector}");
        }
        let not_met =
            ["none", "app=db", "app!=web", "!app", "none=", "app in (db)", "app notin (web)", "n>7", "app>1"];
        for selector in not_met {
            assert_eq!(check(selector, &labels), Ok(false), "{selector}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let rows = [
            (",app", "`,` where a label's name is expected"),
            ("app,", "the end where a label's name is expected"),
            ("app web", "\"web\" where `=`, `!=`, `in` or `notin` is expected"),
            ("app=(web)", "`(` where a label's value is expected"),
            ("app in web", "\"web\" where `(` is expected"),
            ("app in (web", "the end where a label's value, `,` or `)` is expected"),
            ("app in (a b)", "\"b\" where a label's value, `,` or `)` is expected"),
            ("app=web tier", "\"tier\" where `,` or the end is expected"),
            ("!app=web", "`=` where `,` or the end is expected"),
            ("n>web", "\"web\" is no whole number"),
        ];
        for (selector, expected) in rows {
            assert_eq!(check(selector, &[]), Err(expected.to_owned()), "{selector}");
        }
        for selector in ["-app", "a/b/c", "/a", "A.b/c_d", "app=-", &format!("{}=a", "a".repeat(64))] {
            assert!(check(selector, &[]).is_err(), "{selector}");
        }
    }
}
