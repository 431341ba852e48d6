//! The YAML printer: structure and white space.

use std::cmp::Ordering;

use super::analysis::{Analysis, analyse, choose};
use super::quick::{Quick, classify};
use super::{Sink, WriteError, check_depth, through_json};
use crate::number::{Digits, Whole, go_float, unsupported, whole};
use crate::order::natural_cmp;

/// Columns per level.
const INDENT: isize = 2;

/// Longest key, in bytes, that stands before its `:`; a longer one gets `? `.
const SIMPLE_KEY_MAX: usize = 128;

/// Prints one document as `sigs.k8s.io/yaml` does. See [`crate::to_string`].
#[derive(Debug)]
pub struct YamlWriter {
    pub(super) out: String,
    /// Characters on the present line.
    pub(super) column: usize,
    /// -1 outside any collection.
    pub(super) indent: isize,
    /// The last character was a gap, so that no space is needed before an indicator.
    pub(super) whitespace: bool,
    /// The line holds nothing but indentation, `-` and `?`.
    pub(super) indention: bool,
    open: Vec<Open>,
}

/// An open collection and the indentation to return to.
#[derive(Debug)]
struct Open {
    kind: OpenKind,
    outer_indent: isize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenKind {
    Sequence,
    /// A map whose next value follows `key:`.
    Mapping,
    /// A map whose next value follows `? key`, on a line of its own.
    MappingAfterLongKey,
    /// An empty collection, already printed.
    Empty,
}

impl Default for YamlWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl YamlWriter {
    /// A printer for one document.
    #[must_use]
    pub fn new() -> Self {
        YamlWriter {
            out: String::with_capacity(256),
            column: 0,
            indent: -1,
            whitespace: true,
            indention: true,
            open: Vec::new(),
        }
    }

    /// The text, with a final newline.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.write_indent();
        self.out
    }

    /// What stands before a value: `-`, `:` or nothing. True inside a map.
    fn lead_in(&mut self) -> bool {
        match self.open.last().map(|open| open.kind) {
            Some(OpenKind::Sequence) => {
                self.write_indent();
                self.write_indicator("-", true, false, true);
                false
            }
            Some(OpenKind::Mapping) => {
                self.write_indicator(":", false, false, false);
                true
            }
            Some(OpenKind::MappingAfterLongKey) => {
                self.write_indent();
                self.write_indicator(":", true, false, true);
                true
            }
            Some(OpenKind::Empty) | None => false,
        }
    }

    fn plain(&mut self, text: &str) {
        self.lead_in();
        self.with_scalar_indent(|writer| writer.write_plain(text, true));
    }

    /// A scalar's continuation lines stand one level deeper.
    fn with_scalar_indent(&mut self, write: impl FnOnce(&mut Self)) {
        let outer = self.indent;
        self.indent = if outer < 0 { INDENT } else { outer + INDENT };
        write(self);
        self.indent = outer;
    }

    fn scalar(&mut self, text: &str, analysis: &Analysis, key: bool) {
        let style = choose(text, analysis, key);
        self.with_scalar_indent(|writer| writer.write_scalar(text, style, !key));
    }

    fn begin(&mut self, kind: OpenKind, empty: &str, len: usize) -> Result<(), WriteError> {
        check_depth(self.open.len())?;
        let in_mapping = self.lead_in();
        let outer_indent = self.indent;
        if len == 0 {
            let (open, close) = empty.split_at(1);
            self.write_indicator(open, true, true, false);
            self.write_indicator(close, false, false, false);
            self.open.push(Open { kind: OpenKind::Empty, outer_indent });
            return Ok(());
        }
        // A sequence as a value of `key:` stands at the key's own column.
        let indentless = kind == OpenKind::Sequence && in_mapping && !self.indention;
        self.indent = match outer_indent {
            ..0 => 0,
            _ if indentless => outer_indent,
            _ => outer_indent + INDENT,
        };
        self.open.push(Open { kind, outer_indent });
        Ok(())
    }

    fn end(&mut self) {
        if let Some(open) = self.open.pop() {
            self.indent = open.outer_indent;
        }
    }

    pub(super) fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    pub(super) fn put(&mut self, char: char) {
        self.out.push(char);
        self.column += 1;
    }

    /// Goes to the indentation, on a new line unless this one is still free.
    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.max(0) as usize;
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        if self.column < indent {
            self.out.extend(std::iter::repeat_n(' ', indent - self.column));
            self.column = indent;
        }
        self.whitespace = true;
        self.indention = true;
    }

    pub(super) fn write_indicator(
        &mut self,
        indicator: &str,
        spaced: bool,
        whitespace: bool,
        indention: bool,
    ) {
        if spaced && !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(indicator);
        self.column += indicator.len();
        self.whitespace = whitespace;
        self.indention &= indention;
    }
}

impl Sink for YamlWriter {
    fn null(&mut self) {
        self.plain("null");
    }

    fn boolean(&mut self, value: bool) {
        self.plain(if value { "true" } else { "false" });
    }

    fn int(&mut self, number: i64) {
        self.plain(Digits::of_int(number).as_str());
    }

    fn uint(&mut self, number: u64) {
        self.plain(Digits::of_uint(number).as_str());
    }

    fn float(&mut self, number: f64) -> Result<(), WriteError> {
        if let Some(text) = unsupported(number) {
            return Err(WriteError::NotJson { text });
        }
        match whole(number) {
            Some(Whole::Int(int)) => self.int(int),
            Some(Whole::Uint(uint)) => self.uint(uint),
            None => self.plain(&go_float(number)),
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), WriteError> {
        match classify(text) {
            Quick::Plain => {
                self.plain(text);
                return Ok(());
            }
            Quick::Quoted => {
                self.lead_in();
                self.write_quoted_as_is(text);
                return Ok(());
            }
            Quick::Unknown => {}
        }
        let text = through_json::string(text)?;
        self.lead_in();
        self.scalar(&text, &analyse(&text), false);
        Ok(())
    }

    fn begin_sequence(&mut self, len: usize) -> Result<(), WriteError> {
        self.begin(OpenKind::Sequence, "[]", len)
    }

    fn end_sequence(&mut self) {
        self.end();
    }

    fn begin_mapping(&mut self, len: usize) -> Result<(), WriteError> {
        self.begin(OpenKind::Mapping, "{}", len)
    }

    fn key(&mut self, key: &str) -> Result<(), WriteError> {
        if key.len() <= SIMPLE_KEY_MAX {
            let quick = classify(key);
            if quick != Quick::Unknown {
                self.write_indent();
                if quick == Quick::Plain {
                    self.write_plain(key, false)
                } else {
                    self.write_quoted_as_is(key)
                }
                if let Some(open) = self.open.last_mut() {
                    open.kind = OpenKind::Mapping;
                }
                return Ok(());
            }
        }
        let text = through_json::string(key)?;
        through_json::check_key(key)?;
        let analysis = analyse(&text);
        let simple = !analysis.multiline && text.len() <= SIMPLE_KEY_MAX;
        self.write_indent();
        if !simple {
            self.write_indicator("?", true, false, true);
        }
        self.scalar(&text, &analysis, simple);
        if let Some(open) = self.open.last_mut() {
            open.kind = if simple { OpenKind::Mapping } else { OpenKind::MappingAfterLongKey };
        }
        Ok(())
    }

    fn end_mapping(&mut self) {
        self.end();
    }

    fn compare_keys(&self, a: &str, b: &str) -> Ordering {
        natural_cmp(a, b)
    }
}
