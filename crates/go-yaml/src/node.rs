//! The tree of a document, with the place of every node in the text.

use std::borrow::Cow;
use std::ops::Range;

use crate::decode;
use crate::error::ReadError;
use crate::value::Value;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes. An absent value is a plain scalar with an empty span.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// What a node is. Children are indices for [`Document::node`]; [`NodeRef`] follows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind<'a> {
    /// Text, decoded: without quotes, escapes undone, lines folded.
    Scalar {
        /// The text.
        value: Cow<'a, str>,
        /// How it is written.
        style: ScalarStyle,
    },
    /// A list.
    Sequence {
        /// The items in order.
        items: Vec<usize>,
        /// Written with brackets.
        flow: bool,
    },
    /// A map.
    Mapping {
        /// Keys and values in source order, duplicates and `<<` included.
        entries: Vec<(usize, usize)>,
        /// Written with braces.
        flow: bool,
    },
    /// `*name`
    Alias {
        /// The name.
        name: &'a str,
        /// The node it stands for.
        target: usize,
    },
}

/// A node and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// What it is.
    pub kind: NodeKind<'a>,
    /// Bytes of the node itself, without its anchor, tag and comments: quotes are inside; a block scalar reaches from
    /// its indicator to the end of its last line's text.
    pub span: Range<usize>,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// The name after `&`.
    pub anchor: Option<&'a str>,
    /// The tag with its prefix resolved: `tag:yaml.org,2002:str` for `!!str`.
    pub tag: Option<String>,
}

/// One document of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) root: usize,
}

impl<'a> Document<'a> {
    /// The node with this index.
    ///
    /// # Panics
    /// `index` does not come from this document.
    #[must_use]
    pub fn node(&self, index: usize) -> &Node<'a> {
        &self.nodes[index]
    }

    /// The outermost node.
    #[must_use]
    pub fn root(&self) -> NodeRef<'_, 'a> {
        NodeRef { document: self, index: self.root }
    }

    /// Every node of the document; children follow their parents, in source order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_, 'a>> {
        (0..self.nodes.len()).map(|index| NodeRef { document: self, index })
    }

    /// True if the document holds nothing but comments and markers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let root = self.node(self.root);
        root.span.is_empty()
            && root.tag.is_none()
            && matches!(root.kind, NodeKind::Scalar { style: ScalarStyle::Plain, .. })
    }

    /// Whether [`Self::to_value`] cannot fail for this document or a part of it, and gives for each of its maps just the
    /// entries that stand there. False means that it is not known: some node has a tag, is an alias, a `<<`, a key that is
    /// no string, or a number that JSON may not express.
    ///
    /// ```
    /// assert!(go_yaml::parse("a: [1, b]")?.is_plain());
    /// assert!(!go_yaml::parse("a: .inf")?.is_plain());
    /// # Ok::<(), go_yaml::ReadError>(())
    /// ```
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.nodes.iter().all(|node| decode::is_plain(self, node))
    }

    /// The document in the JSON model, aliases expanded and `<<` merged.
    ///
    /// As in go-yaml v2 a merge takes effect where it stands: it replaces keys before it, and keys after it replace
    /// what it brought. A repeated key's last value counts.
    ///
    /// # Errors
    /// The document does not fit the JSON model or exceeds a limit.
    pub fn to_value(&self) -> Result<Value, ReadError> {
        decode::document(self)
    }
}

/// A node within its document.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'d, 'a> {
    document: &'d Document<'a>,
    index: usize,
}

impl<'d, 'a> NodeRef<'d, 'a> {
    /// The node.
    #[must_use]
    pub fn node(self) -> &'d Node<'a> {
        self.document.node(self.index)
    }

    /// The node's index in its document; equal for the same node only.
    #[must_use]
    pub fn index(self) -> usize {
        self.index
    }

    /// Bytes of the node: see [`Node::span`].
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.node().span.clone()
    }

    /// Text and style of a scalar. An alias is not followed.
    #[must_use]
    pub fn scalar(self) -> Option<(&'d str, ScalarStyle)> {
        match &self.node().kind {
            NodeKind::Scalar { value, style } => Some((value, *style)),
            _ => None,
        }
    }

    /// The text of a scalar that is a string in the JSON model. An alias is not followed.
    #[must_use]
    pub fn as_str(self) -> Option<&'d str> {
        let (text, _) = self.scalar()?;
        decode::is_string(self.node()).then_some(text)
    }

    /// The node itself, or what it stands for if it is an alias.
    #[must_use]
    pub fn resolved(self) -> NodeRef<'d, 'a> {
        match self.node().kind {
            NodeKind::Alias { target, .. } => NodeRef { index: target, ..self },
            _ => self,
        }
    }

    /// True for an alias.
    #[must_use]
    pub fn is_alias(self) -> bool {
        matches!(self.node().kind, NodeKind::Alias { .. })
    }

    /// Keys and values of a mapping in source order; none for other nodes. An alias is not followed.
    pub fn entries(self) -> impl Iterator<Item = (NodeRef<'d, 'a>, NodeRef<'d, 'a>)> {
        let entries: &[(usize, usize)] = match &self.node().kind {
            NodeKind::Mapping { entries, .. } => entries,
            _ => &[],
        };
        entries
            .iter()
            .map(move |(key, value)| (NodeRef { index: *key, ..self }, NodeRef { index: *value, ..self }))
    }

    /// The items of a sequence; none for other nodes. An alias is not followed.
    pub fn items(self) -> impl Iterator<Item = NodeRef<'d, 'a>> {
        let items: &[usize] = match &self.node().kind {
            NodeKind::Sequence { items, .. } => items,
            _ => &[],
        };
        items.iter().map(move |index| NodeRef { index: *index, ..self })
    }

    /// The value of the last entry whose key is the text `key`. Merged keys (`<<`) are not looked into, and an alias
    /// is not followed.
    #[must_use]
    pub fn get(self, key: &str) -> Option<NodeRef<'d, 'a>> {
        self.entries()
            .filter(|(name, _)| name.scalar().is_some_and(|(text, _)| text == key))
            .last()
            .map(|(_, v)| v)
    }

    /// [`Self::get`] along a path.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Option<NodeRef<'d, 'a>> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// True for a mapping.
    #[must_use]
    pub fn is_mapping(self) -> bool {
        matches!(self.node().kind, NodeKind::Mapping { .. })
    }

    /// True for a sequence.
    #[must_use]
    pub fn is_sequence(self) -> bool {
        matches!(self.node().kind, NodeKind::Sequence { .. })
    }

    /// The node and everything below it in the JSON model.
    ///
    /// # Errors
    /// As [`Document::to_value`].
    pub fn to_value(self) -> Result<Value, ReadError> {
        decode::node(self.document, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every scalar and alias of `text` as it stands there, in order; `^` marks one with an anchor.
    fn slices(text: &str) -> Vec<String> {
        let document = crate::parse(text).unwrap();
        document
            .nodes()
            .filter(|node| node.scalar().is_some() || node.is_alias())
            .map(|node| {
                format!("{}{}", if node.node().anchor.is_some() { "^" } else { "" }, &text[node.span()])
            })
            .collect()
    }

    #[test]
    fn spans_leave_out_anchor_tag_and_comment() {
        let cases: &[(&str, &[&str])] = &[
            ("a: b # c\n", &["a", "b"]),
            ("a: 'b' # c\n", &["a", "'b'"]),
            ("a: \"b\\n\"\t# c\n", &["a", "\"b\\n\""]),
            ("a: &x !!str b\nc: *x\n", &["a", "^b", "c", "*x"]),
            ("a: !!str &x 'b' # y\n", &["a", "^'b'"]),
            ("é: 日本 # x\n", &["é", "日本"]),
            ("\u{FEFF}a: b\r\nc: d\r\n", &["a", "b", "c", "d"]),
            ("{a: b,c: 'd' , \"e\":f}", &["a", "b", "c", "'d'", "\"e\"", "f"]),
            ("[x: 1, y]", &["x", "1", "y"]),
            ("a:\nb: # c\n", &["a", "", "b", ""]),
            ("a: one\n  two # c\nb: 'x\n  y'\n", &["a", "one\n  two", "b", "'x\n  y'"]),
            ("a: |- # c\n  one\n  two\n\n# d\nb: >\n  x\n", &["a", "|- # c\n  one\n  two", "b", ">\n  x"]),
            ("a: | # c\n  one", &["a", "| # c\n  one"]),
            ("? a\n: - b\n  - c\n", &["a", "b", "c"]),
        ];
        for (text, want) in cases {
            assert_eq!(slices(text), *want, "{text:?}");
        }
    }

    #[test]
    fn finds_by_path() {
        let text = "a:\n  b: 1\n  b: 'two'\nc: *x\n".replace("*x", "x");
        let document = crate::parse(&text).unwrap();
        let node = document.root().at(&["a", "b"]).unwrap();
        assert_eq!((node.scalar(), node.node().line), (Some(("two", ScalarStyle::SingleQuoted)), 3));
        assert!(document.root().at(&["a", "x"]).is_none());
    }
}
