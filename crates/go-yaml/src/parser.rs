//! Tokens to a tree of nodes.

mod flow;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::chars::{Fault, control_fault};
use crate::error::ReadError;
use crate::limits::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
use crate::node::{Document, Node, NodeKind, ScalarStyle};
use crate::scanner::{Mark, Scanner, Tag, Token, TokenKind};

/// The first document of `text`; the rest is not looked at, faults included.
pub(crate) fn first_document(text: &str, fault: Option<Fault>) -> Result<Document<'_>, ReadError> {
    check_size(text.len())?;
    let mut parser = Parser::new(text, 0, 0);
    let document = parser.document();
    match fault {
        Some(fault) if fault.is_within(parser.scanner.reach()) => Err(fault.error),
        _ => document,
    }
}

/// The only document of `text[start..]`, which begins on line `line` (from 0).
pub(crate) fn only_document(text: &str, start: usize, line: usize) -> Result<Document<'_>, ReadError> {
    if let Some(fault) = control_fault(&text[start..]) {
        return Err(match fault.error {
            ReadError::Syntax { shown, line: inner, problem } => {
                ReadError::Syntax { shown, line: line + inner, problem }
            }
            error => error,
        });
    }
    let mut parser = Parser::new(text, start, line);
    let document = parser.document()?;
    parser.expect_end()?;
    Ok(document)
}

pub(crate) fn check_size(bytes: usize) -> Result<(), ReadError> {
    if bytes > MAX_BYTES { Err(ReadError::TooLarge { bytes }) } else { Ok(()) }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    nodes: Vec<Node<'a>>,
    anchors: HashMap<&'a str, usize>,
    /// Handles and prefixes of the document's `%TAG` directives and the two that always exist.
    tag_prefixes: Vec<(String, String)>,
    depth: usize,
}

/// How a node goes on after its first token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    IndentlessSequence,
    BlockSequence,
    BlockMapping,
    FlowSequence,
    FlowMapping,
}

/// What may precede a node.
struct Properties<'a> {
    anchor: Option<&'a str>,
    tag: Option<String>,
    start: Mark,
    /// Where they end, if there are any.
    end: Option<Mark>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, start: usize, line: usize) -> Self {
        Parser {
            scanner: Scanner::new(text, start, line),
            nodes: Vec::new(),
            anchors: HashMap::new(),
            tag_prefixes: Vec::new(),
            depth: 0,
        }
    }

    fn document(&mut self) -> Result<Document<'a>, ReadError> {
        let directives = self.directives()?;
        let token = self.scanner.peek()?;
        let start = token.start;
        let explicit = matches!(token.kind, TokenKind::DocumentStart);
        if directives && !explicit {
            return Err(error(start, "did not find expected <document start>"));
        }
        if explicit {
            self.scanner.next()?;
        }
        let next = self.scanner.peek()?;
        let absent = matches!(
            next.kind,
            TokenKind::StreamEnd
                | TokenKind::DocumentStart
                | TokenKind::DocumentEnd
                | TokenKind::VersionDirective { .. }
                | TokenKind::TagDirective(_)
        );
        // Without `---` go-yaml takes `...` for the start of a node, and refuses it.
        let empty = absent && (explicit || matches!(next.kind, TokenKind::StreamEnd));
        let mark = next.start;
        let root = if empty { self.absent(mark)? } else { self.node(true, false)? };
        if matches!(self.scanner.peek()?.kind, TokenKind::DocumentEnd) {
            self.scanner.next()?;
        }
        Ok(Document { nodes: std::mem::take(&mut self.nodes), root })
    }

    /// Nothing but `...` may follow the document.
    fn expect_end(&mut self) -> Result<(), ReadError> {
        while matches!(self.scanner.peek()?.kind, TokenKind::DocumentEnd) {
            self.scanner.next()?;
        }
        self.directives()?;
        let token = self.scanner.peek()?;
        match token.kind {
            TokenKind::StreamEnd => Ok(()),
            _ => Err(error(token.start, "did not find expected <document start>")),
        }
    }

    /// Reads `%YAML` and `%TAG`; true if there were any.
    fn directives(&mut self) -> Result<bool, ReadError> {
        let mut version_seen = false;
        self.tag_prefixes.clear();
        while matches!(
            self.scanner.peek()?.kind,
            TokenKind::VersionDirective { .. } | TokenKind::TagDirective(_)
        ) {
            let Token { kind, start, .. } = self.scanner.next()?;
            match kind {
                TokenKind::VersionDirective { .. } if version_seen => {
                    return Err(error(start, "found duplicate %YAML directive"));
                }
                TokenKind::VersionDirective { major: 1, minor: 1 } => version_seen = true,
                TokenKind::VersionDirective { .. } => {
                    return Err(error(start, "found incompatible YAML document"));
                }
                TokenKind::TagDirective(tag) => {
                    let Tag { handle, suffix: prefix } = *tag;
                    if self.tag_prefixes.iter().any(|(known, _)| *known == handle) {
                        return Err(error(start, "found duplicate %TAG directive"));
                    }
                    self.tag_prefixes.push((handle, prefix));
                }
                _ => {}
            }
        }
        let any = version_seen || !self.tag_prefixes.is_empty();
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.tag_prefixes.iter().any(|(known, _)| known == handle) {
                self.tag_prefixes.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(any)
    }

    fn add(&mut self, node: Node<'a>) -> Result<usize, ReadError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(ReadError::TooManyNodes);
        }
        let index = self.nodes.len();
        if let Some(anchor) = node.anchor {
            self.anchors.insert(anchor, index);
        }
        self.nodes.push(node);
        Ok(index)
    }

    /// A value that is not written: null.
    fn absent(&mut self, mark: Mark) -> Result<usize, ReadError> {
        let kind = absent_kind();
        self.add(Node { kind, span: mark.at..mark.at, line: mark.line + 1, anchor: None, tag: None })
    }

    /// A node in block context (`block`), where a sequence may stand at its parent's indentation (`indentless`).
    ///
    /// Recursion goes through here, so everything large lives in [`Self::begin_node`]'s frame instead.
    fn node(&mut self, block: bool, indentless: bool) -> Result<usize, ReadError> {
        let (index, shape) = self.begin_node(block, indentless)?;
        if shape == Shape::Leaf {
            return Ok(index);
        }
        self.descend()?;
        match shape {
            Shape::Leaf => {}
            Shape::IndentlessSequence => self.indentless_sequence(index)?,
            Shape::BlockSequence => self.block_sequence(index)?,
            Shape::BlockMapping => self.block_mapping(index)?,
            Shape::FlowSequence => self.flow_sequence(index)?,
            Shape::FlowMapping => self.flow_mapping(index)?,
        }
        self.depth -= 1;
        Ok(index)
    }

    fn descend(&mut self) -> Result<(), ReadError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(ReadError::TooDeep) } else { Ok(()) }
    }

    /// Adds the node that begins here; a collection's content is still to be read.
    fn begin_node(&mut self, block: bool, indentless: bool) -> Result<(usize, Shape), ReadError> {
        if let TokenKind::Alias(name) = self.scanner.peek()?.kind {
            return Ok((self.alias(name)?, Shape::Leaf));
        }
        let Properties { anchor, tag, start, end } = self.properties()?;
        let token = self.scanner.peek()?;
        let (first, after) = (token.start, token.end);
        let shape = match token.kind {
            TokenKind::BlockEntry if indentless => Shape::IndentlessSequence,
            TokenKind::BlockSequenceStart if block => Shape::BlockSequence,
            TokenKind::BlockMappingStart if block => Shape::BlockMapping,
            TokenKind::FlowSequenceStart => Shape::FlowSequence,
            TokenKind::FlowMappingStart => Shape::FlowMapping,
            _ => Shape::Leaf,
        };
        let flow = matches!(shape, Shape::FlowSequence | Shape::FlowMapping);
        let (kind, span, line) = match shape {
            Shape::IndentlessSequence | Shape::BlockSequence | Shape::FlowSequence => {
                (NodeKind::Sequence { items: Vec::new(), flow }, first.at..after.at, first.line)
            }
            Shape::BlockMapping | Shape::FlowMapping => {
                (NodeKind::Mapping { entries: Vec::new(), flow }, first.at..after.at, first.line)
            }
            Shape::Leaf if matches!(token.kind, TokenKind::Scalar { .. }) => {
                let TokenKind::Scalar { value, style } = self.scanner.next()?.kind else {
                    unreachable!("peek has just shown a scalar")
                };
                (NodeKind::Scalar { value, style }, first.at..after.at, first.line)
            }
            // An anchor or a tag alone stands for an absent value.
            Shape::Leaf => match end {
                Some(end) => (absent_kind(), end.at..end.at, end.line),
                None => return Err(error_in(start, first, "did not find expected node content")),
            },
        };
        let index = self.add(Node { kind, span, line: line + 1, anchor, tag })?;
        Ok((index, shape))
    }

    fn alias(&mut self, name: &'a str) -> Result<usize, ReadError> {
        let token = self.scanner.next()?;
        let line = token.start.line + 1;
        let Some(target) = self.anchors.get(name).copied() else {
            return Err(ReadError::UnknownAnchor { name: name.to_owned(), line });
        };
        let kind = NodeKind::Alias { name, target };
        self.add(Node { kind, span: token.start.at..token.end.at, line, anchor: None, tag: None })
    }

    /// An anchor and a tag, in either order.
    fn properties(&mut self) -> Result<Properties<'a>, ReadError> {
        let start = self.scanner.peek()?.start;
        let mut properties = Properties { anchor: None, tag: None, start, end: None };
        let mut tag = None;
        loop {
            match &self.scanner.peek()?.kind {
                TokenKind::Anchor(_) if properties.anchor.is_none() => {}
                TokenKind::Tag(_) if tag.is_none() => {}
                _ => break,
            }
            let Token { kind, start, end } = self.scanner.next()?;
            properties.end = Some(end);
            match kind {
                TokenKind::Anchor(name) => properties.anchor = Some(name),
                TokenKind::Tag(found) => tag = Some((*found, start)),
                _ => {}
            }
        }
        if let Some((Tag { handle, suffix }, mark)) = tag {
            properties.tag = Some(self.expand_tag(&handle, suffix, start, mark)?);
        }
        Ok(properties)
    }

    fn expand_tag(&self, handle: &str, suffix: String, start: Mark, mark: Mark) -> Result<String, ReadError> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        match self.tag_prefixes.iter().find(|(known, _)| known == handle) {
            Some((_, prefix)) => Ok(format!("{prefix}{suffix}")),
            None => Err(error_in(start, mark, "found undefined tag handle")),
        }
    }

    fn push_item(&mut self, sequence: usize, item: usize) {
        if let NodeKind::Sequence { items, .. } = &mut self.nodes[sequence].kind {
            items.push(item);
        }
        self.extend_span(sequence, item);
    }

    fn push_entry(&mut self, mapping: usize, key: usize, value: usize) {
        if let NodeKind::Mapping { entries, .. } = &mut self.nodes[mapping].kind {
            entries.push((key, value));
        }
        self.extend_span(mapping, value);
    }

    fn extend_span(&mut self, parent: usize, child: usize) {
        let end = self.nodes[child].span.end;
        let span = &mut self.nodes[parent].span;
        span.end = span.end.max(end);
    }

    /// After `-`, `?` or `:`: a node unless one of `absent_before` follows.
    fn node_or_absent(
        &mut self,
        after: Mark,
        indentless: bool,
        absent_before: fn(&TokenKind<'_>) -> bool,
    ) -> Result<usize, ReadError> {
        if absent_before(&self.scanner.peek()?.kind) {
            self.absent(after)
        } else {
            self.node(true, indentless)
        }
    }

    fn block_sequence(&mut self, index: usize) -> Result<(), ReadError> {
        let start = self.scanner.next()?.start;
        loop {
            let token = self.scanner.peek()?;
            let first = token.start;
            match token.kind {
                TokenKind::BlockEntry => {
                    let after = self.scanner.next()?.end;
                    let absent =
                        |kind: &TokenKind<'_>| matches!(kind, TokenKind::BlockEntry | TokenKind::BlockEnd);
                    let item = self.node_or_absent(after, false, absent)?;
                    self.push_item(index, item);
                }
                TokenKind::BlockEnd => {
                    self.scanner.next()?;
                    return Ok(());
                }
                _ => return Err(error_in(start, first, "did not find expected '-' indicator")),
            }
        }
    }

    fn indentless_sequence(&mut self, index: usize) -> Result<(), ReadError> {
        while matches!(self.scanner.peek()?.kind, TokenKind::BlockEntry) {
            let after = self.scanner.next()?.end;
            let absent = |kind: &TokenKind<'_>| matches!(kind, TokenKind::BlockEntry) || ends_pair(kind);
            let item = self.node_or_absent(after, false, absent)?;
            self.push_item(index, item);
        }
        Ok(())
    }

    fn block_mapping(&mut self, index: usize) -> Result<(), ReadError> {
        let start = self.scanner.next()?.start;
        loop {
            let token = self.scanner.peek()?;
            let first = token.start;
            match token.kind {
                TokenKind::Key => {
                    let after = self.scanner.next()?.end;
                    let key = self.node_or_absent(after, true, ends_pair)?;
                    let next = self.scanner.peek()?;
                    let at = next.start;
                    let value = if matches!(next.kind, TokenKind::Value) {
                        let after = self.scanner.next()?.end;
                        self.node_or_absent(after, true, ends_pair)?
                    } else {
                        self.absent(at)?
                    };
                    self.push_entry(index, key, value);
                }
                TokenKind::BlockEnd => {
                    self.scanner.next()?;
                    return Ok(());
                }
                _ => return Err(error_in(start, first, "did not find expected key")),
            }
        }
    }
}

fn absent_kind<'a>() -> NodeKind<'a> {
    NodeKind::Scalar { value: Cow::Borrowed(""), style: ScalarStyle::Plain }
}

fn ends_pair(kind: &TokenKind<'_>) -> bool {
    matches!(kind, TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd)
}

fn error(mark: Mark, problem: &'static str) -> ReadError {
    error_in(Mark::default(), mark, problem)
}

/// go-yaml counts the line of these errors from 0, so it names the line before.
fn error_in(context: Mark, mark: Mark, problem: &'static str) -> ReadError {
    let shown = match (mark.line, context.line) {
        (0, 0) => None,
        (0, line) | (line, _) => Some(line),
    };
    ReadError::Syntax { shown, line: mark.line + 1, problem: problem.into() }
}
