//! Wire messages in and out.

use api::image::v1 as wire;
use image_policy::{Created, ImageRef, Tag};
use prost_types::Timestamp;
use tonic::Status;

use super::error::invalid_text;
use crate::item::{Item, SecretRef};
use crate::select::KnownTag;
use crate::store::{Declaration, Declared, Explained, ListedItem, Selection, Selections};

/// Bounds of a declaration.
const MAX_ITEMS: usize = 10_000;
const MAX_TEXT: usize = 2_048;
const MAX_SECRETS: usize = 64;

/// Parses a declaration. What is wrong with an item is not said here: an item is stored whatever it holds.
pub(super) fn declaration(request: wire::DeclareRequest) -> Result<Declaration, Status> {
    let wire::DeclareRequest { owner, version, items } = request;
    if owner.is_empty() || owner.len() > MAX_TEXT || owner.contains('\0') {
        return Err(invalid_text("owner", "name who declares, as <git url>#<branch>"));
    }
    if items.len() > MAX_ITEMS {
        return Err(invalid_text(
            "items",
            &format!("{} are declared; at most {MAX_ITEMS} can be", items.len()),
        ));
    }
    let version = i64::try_from(version).map_err(|_| invalid_text("version", "it has to be below 2^63"))?;
    Ok(Declaration { owner, version, items: items.into_iter().map(item).collect() })
}

fn item(item: wire::Item) -> Item {
    let wire::Item { workload, container, image, tag_pattern, pull_secrets } = item;
    let secret = |secret: wire::SecretRef| SecretRef {
        namespace: storable(secret.namespace),
        name: storable(secret.name),
    };
    Item {
        workload: storable(workload),
        container: storable(container),
        image: storable(image),
        tag_pattern: storable(tag_pattern),
        pull_secrets: pull_secrets.into_iter().take(MAX_SECRETS).map(secret).collect(),
    }
}

/// A text as the database takes it: without NUL, and of bounded length. No valid field is changed by it; an invalid one
/// stays invalid.
fn storable(text: String) -> String {
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text,
    }
}

pub(super) fn declared(declared: Declared) -> wire::DeclareResponse {
    let error = |(item, message)| wire::ItemError { item: Some(item_out(item)), message };
    wire::DeclareResponse { errors: declared.faults.into_iter().map(error).collect() }
}

fn item_out(item: Item) -> wire::Item {
    let secret = |secret: SecretRef| wire::SecretRef { namespace: secret.namespace, name: secret.name };
    wire::Item {
        workload: item.workload,
        container: item.container,
        image: item.image,
        tag_pattern: item.tag_pattern,
        pull_secrets: item.pull_secrets.into_iter().map(secret).collect(),
    }
}

pub(super) fn image_state(listed: ListedItem) -> wire::ImageState {
    wire::ImageState {
        item: Some(item_out(listed.item)),
        owner: listed.owner,
        scanned_at: listed.scanned_at.and_then(|nanos| timestamp(nanos.into())),
        tag_count: listed.tag_count,
        matching_count: listed.matching_count,
        selected_tag: listed.selected_tag.unwrap_or_default(),
        message: listed.message.unwrap_or_default(),
    }
}

pub(super) fn explained(explained: Explained) -> wire::ExplainResponse {
    let candidate = |tag: KnownTag| wire::Candidate {
        tag: tag.name.to_string(),
        digest: tag.digest.unwrap_or_default(),
        created: tag.created.and_then(created),
    };
    wire::ExplainResponse {
        state: Some(image_state(explained.state)),
        explanation: explained.explanation,
        candidates: explained.candidates.into_iter().map(candidate).collect(),
    }
}

pub(super) fn selections(selections: Selections) -> wire::WatchSelectionsResponse {
    wire::WatchSelectionsResponse {
        resume_token: selections.token.to_string(),
        snapshot: selections.snapshot,
        selections: selections.selections.into_iter().map(selection).collect(),
    }
}

fn selection(selection: Selection) -> wire::Selection {
    let from_tag = selection.item.image.parse().ok().as_ref().and_then(ImageRef::tag).map(Tag::to_string);
    wire::Selection {
        item: Some(item_out(selection.item)),
        owner: selection.owner,
        declaration_version: u64::try_from(selection.declaration_version).unwrap_or(0),
        from_tag: from_tag.unwrap_or_default(),
        to_tag: selection.to_tag,
        digest: selection.digest,
        created: selection.created.and_then(created),
        reason: selection.reason,
        traceparent: selection.traceparent.unwrap_or_default(),
    }
}

fn created(created: Created) -> Option<Timestamp> {
    timestamp(created.unix_nanos())
}

/// `google.protobuf.Timestamp` counts nanoseconds forward from the second, before the epoch too.
fn timestamp(unix_nanos: i128) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: i64::try_from(unix_nanos.div_euclid(1_000_000_000)).ok()?,
        nanos: i32::try_from(unix_nanos.rem_euclid(1_000_000_000)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_declared_can_be_stored() {
        assert_eq!(storable("a/b:1".to_owned()), "a/b:1");
        assert_eq!(storable("a\0b".to_owned()), "a\u{fffd}b");
        assert_eq!(storable("é".repeat(MAX_TEXT)), "é".repeat(MAX_TEXT));
        assert_eq!(storable("é".repeat(MAX_TEXT + 1)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn a_declaration_needs_an_owner_and_a_version_that_can_grow() {
        let request = |owner: &str, version| wire::DeclareRequest {
            owner: owner.to_owned(),
            version,
            items: Vec::new(),
        };
        assert!(declaration(request("ssh://git@host/repo#master", 1)).is_ok());
        for (owner, version) in [("", 1), ("a\0", 1), ("a", u64::MAX)] {
            let status = declaration(request(owner, version)).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
        }
    }

    #[test]
    fn times_before_the_epoch_keep_positive_nanoseconds() {
        assert_eq!(timestamp(-1), Some(Timestamp { seconds: -1, nanos: 999_999_999 }));
        assert_eq!(timestamp(1_500_000_000), Some(Timestamp { seconds: 1, nanos: 500_000_000 }));
    }
}
