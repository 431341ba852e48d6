//! Which styles can show a string.

use crate::chars::is_printable;
use crate::resolve::is_plain_string;

/// What was found out about a string.
pub(super) struct Analysis {
    pub(super) multiline: bool,
    pub(super) plain: bool,
    pub(super) single_quoted: bool,
    pub(super) block: bool,
}

/// The style go-yaml's encoder asks for, before the string's content overrules it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

fn is_break(char: char) -> bool {
    matches!(char, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// True if `char` at the start of a plain scalar would mean something else.
fn is_leading_indicator(char: char, before_gap: bool) -> bool {
    match char {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
            true
        }
        '?' | ':' | '-' => before_gap,
        _ => false,
    }
}

pub(super) fn analyse(text: &str) -> Analysis {
    let mut found =
        Found { indicators: text.starts_with("---") || text.starts_with("..."), ..Found::default() };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Most characters mean nothing by themselves.
        if at > 0 && matches!(bytes[at], b'!'..=b'~') && !matches!(bytes[at], b':' | b'#') {
            at += 1;
            continue;
        }
        let mut rest = text[at..].chars();
        let Some(char) = rest.next() else { break };
        found.look_at(text[..at].chars().next_back(), char, rest.next());
        at += char.len_utf8();
    }
    found.conclude(text)
}

#[derive(Default)]
struct Found {
    indicators: bool,
    line_breaks: bool,
    special: bool,
    outer_gap: bool,
    trailing_space: bool,
    break_space: bool,
    space_break: bool,
}

impl Found {
    fn look_at(&mut self, before: Option<char>, char: char, next: Option<char>) {
        let before_gap = next.is_none_or(|next| next == ' ' || next == '\t');
        match (before, char) {
            (None, _) => self.indicators |= is_leading_indicator(char, before_gap),
            (_, ':') => self.indicators |= before_gap,
            (Some(before), '#') => {
                self.indicators |= matches!(before, ' ' | '\t' | '\0') || is_break(before);
            }
            _ => {}
        }
        self.special |= !is_printable(char);
        let is_space = char == ' ';
        if is_space || is_break(char) {
            self.outer_gap |= before.is_none() || next.is_none();
        }
        if is_space {
            self.trailing_space |= next.is_none();
            self.break_space |= before.is_some_and(is_break);
        } else if is_break(char) {
            self.line_breaks = true;
            self.space_break |= before == Some(' ');
        }
    }

    fn conclude(self, text: &str) -> Analysis {
        let unquotable = self.space_break || self.special;
        Analysis {
            multiline: self.line_breaks,
            plain: !(self.indicators || self.line_breaks || self.outer_gap || self.break_space || unquotable),
            single_quoted: !self.break_space && !unquotable,
            block: !text.is_empty() && !self.trailing_space && !unquotable,
        }
    }
}

/// The style a string is shown in; `key` if it stands before a `:` on one line.
pub(super) fn choose(text: &str, analysis: &Analysis, key: bool) -> Style {
    let mut style = if text.contains('\n') {
        Style::Literal
    } else if is_plain_string(text) {
        Style::Plain
    } else {
        Style::DoubleQuoted
    };
    if key && analysis.multiline {
        style = Style::DoubleQuoted;
    }
    if style == Style::Plain && !analysis.plain {
        style = Style::SingleQuoted;
    }
    if style == Style::SingleQuoted && !analysis.single_quoted {
        style = Style::DoubleQuoted;
    }
    if style == Style::Literal && (!analysis.block || key) {
        style = Style::DoubleQuoted;
    }
    style
}
