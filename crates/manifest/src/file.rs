//! A file's documents as objects.

use go_yaml::{NodeRef, ReadError, StreamDocument, Value};

use crate::error::ManifestError;
use crate::identity::ObjectId;
use crate::path::FieldPath;

/// What a file states.
#[derive(Debug, Clone, Default)]
pub struct ManifestFile {
    /// The objects, in the order of the file.
    pub objects: Vec<Object>,
    /// What is wrong with other documents, in the same order.
    pub errors: Vec<ManifestError>,
}

/// One object of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its identity.
    pub id: ObjectId,
    /// Its content in the JSON model, aliases and merge keys resolved.
    pub value: Value,
    /// Its document, from 1. Documents without content count.
    pub document: usize,
    /// The line where it begins, from 1.
    pub line: usize,
    /// Where it stands in its document: empty, or `items[n]` in a list.
    pub place: FieldPath,
}

impl Object {
    /// `metadata.annotations`, the textual ones.
    pub(crate) fn annotations(&self) -> impl Iterator<Item = (&str, &Value)> {
        let annotations = self.value.at(&["metadata", "annotations"]).and_then(Value::as_map);
        annotations.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }
}

/// Reads a file: every document on its own, `List` objects as their items, documents without content skipped.
///
/// `file` is the path that messages name.
#[must_use]
pub fn parse(file: &str, bytes: &[u8]) -> ManifestFile {
    let mut parsed = ManifestFile::default();
    let documents = match read(file, bytes) {
        Ok(documents) => documents,
        Err(error) => {
            parsed.errors.push(error);
            return parsed;
        }
    };
    for (index, document) in documents.into_iter().enumerate() {
        let mut reader = DocumentReader { file, document: index + 1, parsed: &mut parsed };
        reader.read(document);
    }
    parsed
}

/// The file's text as a stream of documents.
pub(crate) fn read<'b>(file: &str, bytes: &'b [u8]) -> Result<Vec<StreamDocument<'b>>, ManifestError> {
    let text = std::str::from_utf8(bytes).map_err(|error| ManifestError::NotText {
        file: file.to_owned(),
        line: 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count(),
    })?;
    go_yaml::documents(text).map_err(|source| ManifestError::TooLarge { file: file.to_owned(), source })
}

struct DocumentReader<'f> {
    file: &'f str,
    document: usize,
    parsed: &'f mut ManifestFile,
}

impl DocumentReader<'_> {
    fn read(&mut self, document: StreamDocument<'_>) {
        let content = match document.content {
            Ok(content) if content.is_empty() => return,
            Ok(content) => content,
            Err(source) => return self.unreadable(document.line, source),
        };
        match content.to_value() {
            Ok(Value::Null) => {}
            Ok(value) => self.object(value, Some(content.root()), document.line, FieldPath::default()),
            Err(source) => self.unreadable(document.line, source),
        }
    }

    fn unreadable(&mut self, first_line: usize, source: ReadError) {
        let line = source.line().unwrap_or(first_line);
        self.parsed.errors.push(ManifestError::Yaml {
            file: self.file.to_owned(),
            document: self.document,
            line,
            source,
        });
    }

    /// `node` is where the value is written, if that is known; `parent_line` stands in where it is not.
    fn object(&mut self, value: Value, node: Option<NodeRef<'_, '_>>, parent_line: usize, place: FieldPath) {
        let node = node.map(NodeRef::resolved);
        let line = node.map_or(parent_line, |node| node.node().line);
        if value.as_map().is_none() {
            self.parsed.errors.push(ManifestError::NotAnObject {
                file: self.file.to_owned(),
                document: self.document,
                line,
            });
            return;
        }
        if is_list(&value) {
            let nodes: Vec<_> = node
                .and_then(|node| node.get("items"))
                .into_iter()
                .flat_map(|n| n.resolved().items())
                .collect();
            for (index, item) in take_items(value).into_iter().enumerate() {
                let place = place.key("items").index(index);
                self.object(item, nodes.get(index).copied(), line, place);
            }
            return;
        }
        match ObjectId::of(&value) {
            Ok(id) => self.parsed.objects.push(Object { id, value, document: self.document, line, place }),
            Err((field, fault)) => self.parsed.errors.push(ManifestError::Identity {
                file: self.file.to_owned(),
                document: self.document,
                line,
                field,
                fault,
            }),
        }
    }
}

/// Flux and kubectl take any kind that ends in `List` for a list. One without `items` is an object of its own kind
/// here.
fn is_list(value: &Value) -> bool {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    kind.ends_with("List") && value.get("items").is_some_and(|items| items.as_seq().is_some())
}

fn take_items(list: Value) -> Vec<Value> {
    match list {
        Value::Map(mut map) => match map.remove("items") {
            Some(Value::Seq(items)) => items,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
