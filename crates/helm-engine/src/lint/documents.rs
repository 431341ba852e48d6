//! A text of several documents, as the decoder of Kubernetes' Go libraries reads it.
//!
//! A text that begins with `{` is a stream of JSON values as long as it can be; anything else, and what follows a JSON
//! value, is YAML split at `---`.

use std::collections::VecDeque;

use go_yaml::Value;
use go_yaml::json::{self, JsonError};
use helm_chart::Fields;

use crate::lint::chain;
use crate::shape::{Shape, Source, Struct, fault};

/// How far the decoder looks for a `{`, in bytes.
const LOOK_AHEAD: usize = 4096;

/// What the rules read of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
}

static HEAD: Shape = Shape::Struct(&Struct {
    name: "k8sYamlStruct",
    go_type: "rules.k8sYamlStruct",
    fields: &[("apiVersion", Shape::Text), ("Kind", Shape::Text), ("Metadata", METADATA)],
});

const METADATA: Shape = Shape::Struct(&Struct {
    name: "k8sYamlMetadata",
    go_type: "rules.k8sYamlMetadata",
    fields: &[("Namespace", Shape::Text), ("Name", Shape::Text)],
});

/// The documents of a text: each an object's head, or nothing where there is none. It ends with the first error.
pub(super) struct Documents<'a> {
    rest: &'a [u8],
    /// While the text may be JSON.
    json: bool,
    /// JSON values so far, and the bytes that they took.
    values: usize,
    taken: usize,
    lines: Option<VecDeque<Vec<u8>>>,
    failed: bool,
}

impl<'a> Documents<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        let start = String::from_utf8_lossy(&text[..text.len().min(LOOK_AHEAD)]);
        let json = start.trim_start().starts_with('{');
        Self { rest: text, json, values: 0, taken: 0, lines: None, failed: false }
    }

    fn next_json(&mut self) -> Option<Result<Option<Head>, String>> {
        let text = String::from_utf8_lossy(self.rest);
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        if text.trim_start_matches(blank).is_empty() {
            return None;
        }
        let (problem, is_syntax) = match json::from_prefix(&text) {
            Ok((value, end)) => match fault(&value, &HEAD, Source::Json) {
                None => {
                    let end = end.min(self.rest.len());
                    self.rest = &self.rest[end..];
                    self.taken += end;
                    self.values += 1;
                    return Some(Ok(head(&value)));
                }
                Some(fault) => (without_yaml(&chain(&fault)), None),
            },
            Err(JsonError::UnexpectedEnd) => ("unexpected EOF".to_owned(), None),
            Err(JsonError::InvalidCharacter { character, context, offset }) => {
                let error = JsonError::InvalidCharacter { character, context, offset };
                (error.to_string(), Some(self.taken + offset + 1))
            }
            Err(error) => (error.to_string(), None),
        };
        drop(text);
        if self.values > 1 {
            return Some(Err(problem));
        }
        let problem = match is_syntax {
            Some(offset) => format!("json: offset {offset}: {problem}"),
            None => problem,
        };
        self.json = false;
        if !self.skip_first_blanks() {
            return Some(Err(problem));
        }
        match self.next_yaml()? {
            Err(_) => Some(Err(problem)),
            read => Some(read),
        }
    }

    /// Skips white space up to and with the first line end. False where less than four bytes are left: the decoder
    /// reads as many at once and takes a shorter rest for the end.
    fn skip_first_blanks(&mut self) -> bool {
        let mut at = 0;
        loop {
            if self.rest.len() - at < 4 {
                return false;
            }
            let text = String::from_utf8_lossy(&self.rest[at..at + 4]);
            match text.chars().next() {
                Some('\n') => {
                    self.rest = &self.rest[at + 1..];
                    return true;
                }
                Some(blank) if blank.is_whitespace() => at += blank.len_utf8(),
                Some(char::REPLACEMENT_CHARACTER) | None => return false,
                Some(_) => {
                    self.rest = &self.rest[at..];
                    return true;
                }
            }
        }
    }

    fn next_yaml(&mut self) -> Option<Result<Option<Head>, String>> {
        let lines = self.lines.get_or_insert_with(|| lines(self.rest));
        let mut document = Vec::new();
        let mut ended = true;
        while let Some(line) = lines.pop_front() {
            if let Some(rest) = line.strip_prefix(b"---") {
                let rest = String::from_utf8_lossy(rest);
                let rest = rest.trim();
                if !rest.is_empty() && !rest.starts_with('#') {
                    return Some(Err(format!("invalid Yaml document separator: {rest}")));
                }
                if !document.is_empty() {
                    ended = false;
                    break;
                }
            }
            document.extend(line);
        }
        if ended && document.is_empty() {
            return None;
        }
        Some(read_yaml(&document))
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Option<Head>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = if self.json { self.next_json() } else { self.next_yaml() };
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// The lines, each with a line feed at its end in place of what ended it.
fn lines(text: &[u8]) -> VecDeque<Vec<u8>> {
    let lines = text.split_inclusive(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        [line, b"\n"].concat()
    });
    lines.collect()
}

fn read_yaml(document: &[u8]) -> Result<Option<Head>, String> {
    let value =
        go_yaml::from_slice(document).map_err(|error| format!("error converting YAML to JSON: {error}"))?;
    match fault(&value, &HEAD, Source::Yaml) {
        Some(fault) => Err(chain(&fault)),
        None => Ok(head(&value)),
    }
}

/// The head of an object whose types are checked.
fn head(value: &Value) -> Option<Head> {
    if value.is_null() {
        return None;
    }
    let fields = Fields::of("", "", value).ok()?;
    let text = |fields: &Fields<'_>, key: &str| fields.string(key).ok().flatten().unwrap_or_default();
    let metadata = Fields::of("", "", fields.get("metadata").unwrap_or(&Value::Null)).ok()?;
    Some(Head {
        api_version: text(&fields, "apiVersion"),
        kind: text(&fields, "Kind"),
        name: text(&metadata, "Name"),
    })
}

/// JSON's own decoder says the same without the words of the YAML library around it.
fn without_yaml(text: &str) -> String {
    text.replacen("error unmarshaling JSON: while decoding JSON: ", "", 1)
}
