//! Texts of several documents.

use std::ops::Range;

use crate::chars::{break_len, byte, is_gap};
use crate::error::ReadError;
use crate::node::Document;
use crate::parser::{check_size, only_document};

/// One document of a text, read or not.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamDocument<'a> {
    /// Bytes of the document in the text, from its `---` (or directives) to the next document's.
    pub span: Range<usize>,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// The document, or why it could not be read. Lines count from the start of the text.
    pub content: Result<Document<'a>, ReadError>,
}

/// Reads every document of `text` on its own: an error in one leaves the others alone.
///
/// A line that begins with `---` and a gap begins a document wherever it stands, as nothing in YAML may contain it.
/// Documents of comments only are listed too ([`Document::is_empty`]). Anchors do not reach across documents.
///
/// # Errors
/// [`ReadError::TooLarge`] only.
///
/// ```
/// let documents = go_yaml::documents("a: 1\n---\nb: [\n---\nc: 3\n")?;
/// let read: Vec<bool> = documents.iter().map(|document| document.content.is_ok()).collect();
/// assert_eq!(read, [true, false, true]);
/// assert_eq!(documents[2].line, 4);
/// # Ok::<(), go_yaml::ReadError>(())
/// ```
pub fn documents(text: &str) -> Result<Vec<StreamDocument<'_>>, ReadError> {
    check_size(text.len())?;
    let mut documents = Vec::new();
    for (span, line) in split(text) {
        let content = only_document(&text[..span.end], span.start, line);
        documents.push(StreamDocument { span, line: line + 1, content });
    }
    Ok(documents)
}

/// What a line means for the division into documents.
#[derive(PartialEq, Eq)]
enum Line {
    Start,
    End,
    /// Blank, comment or directive.
    Void,
    Content,
}

fn classify(bytes: &[u8], at: usize) -> Line {
    match bytes.get(at..at + 3) {
        Some(b"---") if is_gap(bytes, at + 3) => return Line::Start,
        Some(b"...") if is_gap(bytes, at + 3) => return Line::End,
        _ => {}
    }
    let mut first = at;
    while matches!(byte(bytes, first), b' ' | b'\t') {
        first += 1;
    }
    let void = byte(bytes, at) == b'%' || byte(bytes, first) == b'#' || is_gap(bytes, first);
    if void { Line::Void } else { Line::Content }
}

/// The documents' bytes and first lines (from 0).
fn split(text: &str) -> Vec<(Range<usize>, usize)> {
    let bytes = text.as_bytes();
    let mut documents: Vec<(Range<usize>, usize)> = Vec::new();
    let mut start = (0, 0);
    // Where lines of no content before a `---` begin to belong to it: at the text's start, or after `...`.
    let mut prologue = Some((0, 0));
    // A byte order mark belongs to the first document but not to its first line.
    let mut at = text.len() - text.trim_start_matches('\u{FEFF}').len();
    let mut number = 0;
    while at < bytes.len() {
        match classify(bytes, at) {
            Line::Start => {
                let next = prologue.unwrap_or((at, number));
                if next != start {
                    documents.push((start.0..next.0, start.1));
                }
                start = next;
                prologue = None;
            }
            Line::Content => prologue = None,
            Line::End => prologue = Some((next_line(bytes, at), number + 1)),
            Line::Void => {}
        }
        at = next_line(bytes, at);
        number += 1;
    }
    documents.push((start.0..bytes.len(), start.1));
    documents
}

/// Line breaks as the scanner counts them.
fn next_line(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        let len = break_len(bytes, at);
        if len > 0 {
            return at + len;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every document as `line:json`, or `line!error`.
    fn read(text: &str) -> Vec<String> {
        documents(text)
            .unwrap()
            .into_iter()
            .map(|document| match document.content.and_then(|content| content.to_value()) {
                Ok(value) => {
                    let json = crate::json::to_string(&value, crate::json::Style::Compact).unwrap();
                    format!("{}:{json}", document.line)
                }
                Err(error) => format!("{}!{error}", document.line),
            })
            .collect()
    }

    #[test]
    fn splits_into_documents() {
        let cases: &[(&str, &[&str])] = &[
            ("", &["1:null"]),
            ("a: 1", &["1:{\"a\":1}"]),
            ("a: 1\n---\nb: 2\n", &["1:{\"a\":1}", "2:{\"b\":2}"]),
            ("---\na: 1\n---\n---\nb: 2\n---\n", &["1:{\"a\":1}", "3:null", "4:{\"b\":2}", "6:null"]),
            ("# head\n---\na: 1\n", &["1:{\"a\":1}"]),
            ("\u{FEFF}# head\n---\na: 1\n", &["1:{\"a\":1}"]),
            ("\u{FEFF}---\na: 1\n---\nb: 1", &["1:{\"a\":1}", "3:{\"b\":1}"]),
            ("a: 1\r\n---\r\nb: 2\r\n", &["1:{\"a\":1}", "2:{\"b\":2}"]),
            ("--- a\n--- b\n", &["1:\"a\"", "2:\"b\""]),
            ("a: |\n  x\n--- # next\nb: 1\n", &["1:{\"a\":\"x\\n\"}", "3:{\"b\":1}"]),
            ("a: ---\n----: 1\n", &["1:{\"----\":1,\"a\":\"---\"}"]),
            ("a: 1\n...\n# note\n%YAML 1.1\n---\nb: 2\n", &["1:{\"a\":1}", "3:{\"b\":2}"]),
            ("a: 1\n...\n", &["1:{\"a\":1}"]),
            ("a: &x 1\n---\nb: *x\n", &["1:{\"a\":1}", "2!yaml: unknown anchor 'x' referenced"]),
        ];
        for (text, want) in cases {
            assert_eq!(read(text), *want, "{text:?}");
        }
    }

    #[test]
    fn an_error_leaves_the_siblings_alone() {
        let cases: &[(&str, &[&str])] = &[
            (
                "a: 1\n---\nb: c: d\n---\ne: 2\n",
                &[
                    "1:{\"a\":1}",
                    "2!yaml: line 3: mapping values are not allowed in this context",
                    "4:{\"e\":2}",
                ],
            ),
            ("a: \"x\n---\nb: 1\n", &["1!yaml: line 2: found unexpected end of stream", "2:{\"b\":1}"]),
            ("a: [\n---\nb: 1\n", &["1!yaml: line 1: did not find expected node content", "2:{\"b\":1}"]),
            ("a: \u{1}\n---\nb: 1\n", &["1!yaml: control characters are not allowed", "2:{\"b\":1}"]),
            (
                "a: 1\n...\nb: 1\n---\nc: 1\n",
                &["1!yaml: line 2: did not find expected <document start>", "4:{\"c\":1}"],
            ),
        ];
        for (text, want) in cases {
            assert_eq!(read(text), *want, "{text:?}");
        }
    }

    #[test]
    fn spans_cover_the_text() {
        let text = "# head\na: 1\n---\nb: 2\n...\n%YAML 1.1\n---\nc: 3";
        let spans: Vec<_> = documents(text).unwrap().into_iter().map(|document| document.span).collect();
        assert_eq!(spans[0].start, 0);
        assert_eq!(spans.last().unwrap().end, text.len());
        assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start), "{spans:?}");
    }
}
