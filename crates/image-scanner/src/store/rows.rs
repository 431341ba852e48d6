//! Rows, and their conversion into the types of the rest of the crate.

use image_policy::{Created, Tag};
use sqlx::FromRow;

use super::StoreError;
use crate::item::{Item, SecretRef};
use crate::select::KnownTag;

/// A row of `item` with what a listing shows of its repository.
#[derive(Debug, FromRow)]
pub(super) struct ItemRow {
    pub owner: String,
    pub version: i64,
    pub workload: String,
    pub container: String,
    pub image: String,
    pub tag_pattern: String,
    pub pull_secrets: String,
    pub repository_id: Option<i64>,
    pub fault: Option<String>,
    pub matching_count: i32,
    pub selected_tag: Option<String>,
    pub message: Option<String>,
}

impl ItemRow {
    pub(super) fn item(&self) -> Result<Item, StoreError> {
        let secrets: Vec<(String, String)> = serde_json::from_str(&self.pull_secrets)?;
        Ok(Item {
            workload: self.workload.clone(),
            container: self.container.clone(),
            image: self.image.clone(),
            tag_pattern: self.tag_pattern.clone(),
            pull_secrets: secrets
                .into_iter()
                .map(|(namespace, name)| SecretRef { namespace, name })
                .collect(),
        })
    }
}

/// The stored form of an item's pull secrets.
pub(super) fn pull_secrets(item: &Item) -> Result<String, StoreError> {
    let pairs: Vec<(&str, &str)> =
        item.pull_secrets.iter().map(|secret| (secret.namespace.as_str(), secret.name.as_str())).collect();
    Ok(serde_json::to_string(&pairs)?)
}

/// A row of `tag`.
#[derive(Debug, FromRow)]
pub(super) struct TagRow {
    pub name: String,
    pub present: bool,
    pub read: bool,
    pub digest: Option<String>,
    pub created_ns: Option<i64>,
    pub fault: Option<String>,
    pub traceparent: Option<String>,
}

impl TagRow {
    /// `None` for a name that is no tag, which nothing ever writes.
    pub(super) fn known(self) -> Option<KnownTag> {
        Some(KnownTag {
            name: self.name.parse::<Tag>().ok()?,
            present: self.present,
            read: self.read,
            digest: self.digest,
            created: self.created_ns.and_then(|nanos| Created::from_unix_nanos(nanos.into())),
            fault: self.fault,
            traceparent: self.traceparent,
        })
    }
}
