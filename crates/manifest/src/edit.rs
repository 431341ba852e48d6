//! Changing an image's tag in a file, and nothing else.
//!
//! The tag's bytes are replaced inside the scalar they stand in, so that quotes, comments, line ends and layout stay.
//! The result is then read again: unless exactly the one value changed, as intended, it is not given out.

use std::ops::Range;

use go_yaml::{NodeRef, ReadError, ScalarStyle, StreamDocument, Value, is_plain_string};
use image_policy::{ImageRef, Tag};

use crate::error::ManifestError;
use crate::file::{Object, parse, read};
use crate::identity::ObjectId;
use crate::images::{ContainerImage, images};
use crate::path::FieldPath;

/// The change of one container's tag.
#[derive(Debug, Clone, Copy)]
pub struct ImageChange<'c> {
    /// The container's name, as [`crate::images`] gives it.
    pub container: &'c str,
    /// The tag the file must still have; `None` if it must have none.
    pub from: Option<&'c Tag>,
    /// The tag to write.
    pub to: &'c Tag,
}

/// Why a file was not edited. It stays as it is in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// The file's path.
        file: String,
        /// Why.
        source: Box<ManifestError>,
    },
    /// No document states the object.
    #[error("{file} does not state {id}")]
    NoObject {
        /// The file's path.
        file: String,
        /// The object.
        id: Box<ObjectId>,
    },
    /// Several documents state the object.
    #[error("{file} states {id} several times; remove all but one")]
    DuplicateObject {
        /// The file's path.
        file: String,
        /// The object.
        id: Box<ObjectId>,
    },
    /// The object has no such container, or its image cannot be read.
    #[error("{file}: {id} has no container {container} with an image")]
    NoContainer {
        /// The file's path.
        file: String,
        /// The object.
        id: Box<ObjectId>,
        /// The container.
        container: String,
    },
    /// The file no longer says what the change starts from.
    #[error("{file}: container {container} has the image {found}, not the tag {expected}")]
    Moved {
        /// The file's path.
        file: String,
        /// The container.
        container: String,
        /// The image in the file.
        found: Box<ImageRef>,
        /// The tag it was to have.
        expected: String,
    },
    /// The image is pinned by a digest, which a new tag would contradict.
    #[error(
        "{file}: the image of container {container} is pinned by a digest; remove the digest to let tags move"
    )]
    Pinned {
        /// The file's path.
        file: String,
        /// The container.
        container: String,
    },
    /// The value is used at several places through an anchor, so that a change would show at all of them.
    #[error(
        "{file}: {field} is shared through the anchor {anchor}; write the image out where it is to be automated"
    )]
    Shared {
        /// The file's path.
        file: String,
        /// The field.
        field: FieldPath,
        /// The anchor's name.
        anchor: String,
    },
    /// The value comes from a merge key (`<<`).
    #[error("{file}: {field} comes from a merge key; write the image out where it is to be automated")]
    Merged {
        /// The file's path.
        file: String,
        /// The field.
        field: FieldPath,
    },
    /// The text of the value is written in a way that does not show it as it is, such as with escapes.
    #[error("{file}: {field} is written with escapes or over several lines; write it plainly or in quotes")]
    Obscure {
        /// The file's path.
        file: String,
        /// The field.
        field: FieldPath,
    },
    /// Reading the edited text again showed another change than the intended one.
    #[error("{file}: changing {field} would change more than this value")]
    SideEffect {
        /// The file's path.
        file: String,
        /// The field.
        field: FieldPath,
    },
}

/// Changes the tag of one container of the object `id` in a file, byte-exactly.
///
/// `file` is the path that messages name, `id` as [`parse`] gave it.
///
/// # Errors
/// The file is not edited: see [`EditError`].
pub fn set_image(
    file: &str,
    bytes: &[u8],
    id: &ObjectId,
    change: ImageChange<'_>,
) -> Result<Vec<u8>, EditError> {
    let unreadable = |source| EditError::Unreadable { file: file.to_owned(), source: Box::new(source) };
    let object = find_object(file, bytes, id)?;
    let container = find_container(file, &object, change)?;
    let documents = read(file, bytes).map_err(unreadable)?;
    let field = container.fields.tag.as_ref().unwrap_or(&container.fields.image);
    let edit = Edit { file, field, place: join(&object.place, field) };
    let text = std::str::from_utf8(bytes).expect("read has checked that the file is UTF-8");
    let document = documents[object.document - 1].content.as_ref().expect("the object was read from it");
    let node = edit.locate(document.root(), document.nodes())?;
    let old = edit.old_text(node)?;
    let new = if container.fields.tag.is_some() { change.to.to_string() } else { with_tag(old, change) };
    let replaced = edit.splice(text, node, old, &new)?;
    edit.guard(&documents, object.document - 1, &replaced, &new)?;
    Ok(replaced.into_bytes())
}

fn find_object(file: &str, bytes: &[u8], id: &ObjectId) -> Result<Object, EditError> {
    let parsed = parse(file, bytes);
    let mut found = parsed.objects.into_iter().filter(|object| object.id == *id);
    match (found.next(), found.next(), parsed.errors.into_iter().next()) {
        (Some(object), None, _) => Ok(object),
        (Some(_), Some(_), _) => {
            Err(EditError::DuplicateObject { file: file.to_owned(), id: Box::new(id.clone()) })
        }
        // The document that is broken is probably the one that was meant.
        (None, _, Some(source)) => {
            Err(EditError::Unreadable { file: file.to_owned(), source: Box::new(source) })
        }
        (None, _, None) => Err(EditError::NoObject { file: file.to_owned(), id: Box::new(id.clone()) }),
    }
}

fn find_container(file: &str, object: &Object, change: ImageChange<'_>) -> Result<ContainerImage, EditError> {
    let (file, container) = (file.to_owned(), change.container.to_owned());
    let found = images(object).containers.into_iter().find(|found| found.container == container);
    let Some(found) = found else {
        return Err(EditError::NoContainer { file, id: Box::new(object.id.clone()), container });
    };
    if found.image.tag() != change.from {
        let expected = change.from.map_or_else(|| "(none)".to_owned(), Tag::to_string);
        return Err(EditError::Moved { file, container, found: Box::new(found.image), expected });
    }
    if found.image.digest().is_some() {
        return Err(EditError::Pinned { file, container });
    }
    Ok(found)
}

fn join(place: &FieldPath, field: &FieldPath) -> FieldPath {
    FieldPath(place.0.iter().chain(&field.0).cloned().collect())
}

/// The reference `old` with the tag replaced, or added.
fn with_tag(old: &str, change: ImageChange<'_>) -> String {
    let repository =
        change.from.and_then(|from| old.strip_suffix(from.as_str())?.strip_suffix(':')).unwrap_or(old);
    format!("{repository}:{}", change.to)
}

struct Edit<'e> {
    file: &'e str,
    /// The field below the object, for messages.
    field: &'e FieldPath,
    /// The field below the document.
    place: FieldPath,
}

impl Edit<'_> {
    /// The field's node, if nothing but this field has it.
    fn locate<'d, 'a>(
        &self,
        root: NodeRef<'d, 'a>,
        mut all: impl Iterator<Item = NodeRef<'d, 'a>>,
    ) -> Result<NodeRef<'d, 'a>, EditError> {
        let (file, field) = (self.file.to_owned(), self.field.clone());
        let (nodes, complete) = match self.place.nodes(root) {
            Ok(nodes) => (nodes, true),
            Err(nodes) => (nodes, false),
        };
        let last = *nodes.last().expect("the root is always there");
        if last.is_alias() {
            let anchor = last.resolved().node().anchor.unwrap_or_default().to_owned();
            return Err(EditError::Shared { file, field, anchor });
        }
        if !complete {
            return Err(EditError::Merged { file, field });
        }
        let shared = all.find_map(|node| {
            let target = node.is_alias().then(|| node.resolved())?;
            nodes.iter().find(|node| node.index() == target.index())
        });
        match shared {
            Some(node) => {
                let anchor = node.node().anchor.unwrap_or_default().to_owned();
                Err(EditError::Shared { file, field, anchor })
            }
            None => Ok(last),
        }
    }

    fn old_text<'d>(&self, node: NodeRef<'d, '_>) -> Result<&'d str, EditError> {
        // A scalar that is no text cannot have been taken for an image, so the value came from somewhere else.
        node.as_str()
            .ok_or_else(|| EditError::Merged { file: self.file.to_owned(), field: self.field.clone() })
    }

    /// The text with `old`, as it stands in the node, replaced by `new` as far as they differ.
    fn splice(&self, text: &str, node: NodeRef<'_, '_>, old: &str, new: &str) -> Result<String, EditError> {
        let span = node.span();
        let plain = matches!(node.scalar(), Some((_, ScalarStyle::Plain)));
        if plain && !is_plain_string(new) {
            // Without quotes a tag such as 1.10 would be a number.
            return Ok(replace(text, span, &format!("\"{new}\"")));
        }
        let raw = &text[span.clone()];
        let mut places = raw.match_indices(old).map(|(at, _)| span.start + at);
        let (Some(at), None) = (places.next(), places.next()) else {
            return Err(EditError::Obscure { file: self.file.to_owned(), field: self.field.clone() });
        };
        let same = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
        Ok(replace(text, at + same..at + old.len(), &new[same..]))
    }

    /// Reads the edited text and compares.
    fn guard(
        &self,
        before: &[StreamDocument<'_>],
        document: usize,
        after: &str,
        new: &str,
    ) -> Result<(), EditError> {
        let side_effect = || EditError::SideEffect { file: self.file.to_owned(), field: self.field.clone() };
        let after = go_yaml::documents(after).map_err(|_| side_effect())?;
        let mut expected: Vec<Result<Value, ReadError>> = before.iter().map(value).collect();
        let target = expected[document].as_mut().ok().and_then(|root| self.place.value_mut(root));
        *target.ok_or_else(side_effect)? = Value::from(new);
        let found: Vec<Result<Value, ReadError>> = after.iter().map(value).collect();
        if found == expected { Ok(()) } else { Err(side_effect()) }
    }
}

fn value(document: &StreamDocument<'_>) -> Result<Value, ReadError> {
    document.content.as_ref().map_err(Clone::clone)?.to_value()
}

fn replace(text: &str, range: Range<usize>, with: &str) -> String {
    [&text[..range.start], with, &text[range.end..]].concat()
}
