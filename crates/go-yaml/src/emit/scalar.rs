//! The YAML printer: scalars in their styles.

use super::analysis::Style;
use super::yaml::YamlWriter;
use crate::chars::is_printable;

/// The column after which a line is broken at the next space.
const WIDTH: usize = 80;

const BOM: char = '\u{FEFF}';

fn is_break(char: char) -> bool {
    matches!(char, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

impl YamlWriter {
    /// Writes `text` in `style`, over several lines only if `fold`.
    pub(super) fn write_scalar(&mut self, text: &str, style: Style, fold: bool) {
        match style {
            Style::Plain => self.write_plain(text, fold),
            Style::SingleQuoted => self.write_single_quoted(text, fold),
            Style::DoubleQuoted => self.write_double_quoted(text, fold),
            Style::Literal => self.write_literal(text),
        }
    }

    pub(super) fn write_plain(&mut self, text: &str, fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        if self.column + text.len() <= WIDTH {
            // Too short to be folded, and a plain scalar has no line breaks: the common case.
            self.put_str(text);
        } else {
            self.write_folded_at_spaces(text, fold);
        }
        self.whitespace = false;
        self.indention = false;
    }

    /// Breaks a line at single spaces after its column 80.
    fn write_folded_at_spaces(&mut self, text: &str, fold: bool) {
        let bytes = text.as_bytes();
        let mut from = 0;
        for (at, _) in text.match_indices(' ') {
            self.put_str(&text[from..at]);
            from = at + 1;
            let single = (at == 0 || bytes[at - 1] != b' ') && bytes.get(from) != Some(&b' ');
            if fold && single && self.column > WIDTH { self.write_indent() } else { self.put(' ') }
        }
        self.put_str(&text[from..]);
    }

    /// A number or a word in double quotes, which needs neither escapes nor folding.
    pub(super) fn write_quoted_as_is(&mut self, text: &str) {
        self.write_indicator("\"", true, false, false);
        self.put_str(text);
        self.write_indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_single_quoted(&mut self, text: &str, fold: bool) {
        self.write_indicator("'", true, false, false);
        let mut after_space = false;
        let mut after_break = false;
        for (at, char) in text.char_indices() {
            let rest = &text[at + char.len_utf8()..];
            if char == ' ' {
                let inside = at > 0 && !rest.is_empty() && !rest.starts_with(' ');
                if fold && !after_space && self.column > WIDTH && inside {
                    self.write_indent();
                } else {
                    self.put(char);
                }
                after_space = true;
            } else if is_break(char) {
                if !after_break && char == '\n' {
                    self.put_break();
                }
                self.write_break(char);
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.write_indent();
                }
                if char == '\'' {
                    self.put('\'');
                }
                self.put(char);
                self.indention = false;
                after_space = false;
                after_break = false;
            }
        }
        self.write_indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_double_quoted(&mut self, text: &str, fold: bool) {
        // go-yaml looks for the mark at the string's start only, but at every character.
        let bom = text.starts_with(BOM);
        self.write_indicator("\"", true, false, false);
        let mut after_space = false;
        for (at, char) in text.char_indices() {
            let rest = &text[at + char.len_utf8()..];
            if bom || !is_printable(char) || is_break(char) || matches!(char, '"' | '\\') {
                self.write_escape(char);
                after_space = false;
            } else if char == ' ' {
                if fold && !after_space && self.column > WIDTH && at > 0 && !rest.is_empty() {
                    self.write_indent();
                    if rest.starts_with(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(char);
                }
                after_space = true;
            } else {
                self.put(char);
                after_space = false;
            }
        }
        self.write_indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_escape(&mut self, char: char) {
        let short = match char {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0B' => 'v',
            '\x0C' => 'f',
            '\r' => 'r',
            '\x1B' => 'e',
            '"' | '\\' => char,
            '\u{85}' => 'N',
            '\u{A0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(char);
                let escape = match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                escape.chars().for_each(|char| self.put(char));
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn write_literal(&mut self, text: &str) {
        self.write_indicator("|", true, false, false);
        if text.starts_with(|char| char == ' ' || is_break(char)) {
            self.write_indicator("2", false, false, false);
        }
        let mut from_end = text.chars().rev();
        let chomping = match (from_end.next(), from_end.next()) {
            (Some(last), _) if !is_break(last) => "-",
            (Some(_), None) => "+",
            (Some(_), Some(second)) if is_break(second) => "+",
            _ => "",
        };
        if !chomping.is_empty() {
            self.write_indicator(chomping, false, false, false);
        }
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        for line in text.split_inclusive(is_break) {
            let content = line.trim_end_matches(is_break);
            if !content.is_empty() {
                self.write_indent();
                self.put_str(content);
                self.indention = false;
            }
            if let Some(char) = line[content.len()..].chars().next() {
                self.write_break(char);
                self.indention = true;
            }
        }
    }

    fn put_str(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn write_break(&mut self, char: char) {
        self.out.push(char);
        self.column = 0;
    }
}
