//! The adapter to Helm's release records: Secrets of the release's namespace.
//!
//! Creating the Secret of the next revision is the claim to it: of two writers the API server refuses one. Updates carry
//! the resource version that was read, so that a change by somebody else in between is noticed and nothing is overwritten.

use std::time::Duration;

use helm_release::secret::{self, DATA_KEY, SECRET_TYPE, SecretError, Stamp};
use helm_release::{History, Release, ReleaseName, codec};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use crate::names::FIELD_MANAGER;
use crate::records::{RecordIndex, RecordLabels};

pub use crate::records::Records;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Records listed at a time.
const PAGE: u32 = 500;
/// More records of one release than this are not worked with; at one a minute they take a week.
const MAX_RECORDS: usize = 10_000;

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else made this revision, or changed it since it was read.
    #[error("revision {revision} of release {release} was written by somebody else at the same time")]
    Taken {
        /// The release.
        release: String,
        /// The revision.
        revision: u32,
    },
    /// The account may not work with Secrets there.
    #[error("the release records in namespace {namespace} cannot be used: {message}")]
    Forbidden {
        /// The namespace.
        namespace: String,
        /// The API server's words.
        message: String,
    },
    /// The API server refuses the record, or it cannot be encoded.
    #[error("the record of revision {revision} of release {release} cannot be stored")]
    Refused {
        /// The release.
        release: String,
        /// The revision.
        revision: u32,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The release has more records than can be worked with.
    #[error(
        "release {release} has more than {MAX_RECORDS} records in namespace {namespace}; delete the oldest of its Secrets"
    )]
    TooMany {
        /// The namespace.
        namespace: String,
        /// The release.
        release: String,
    },
    /// What is stored is no record.
    #[error("Secret {namespace}/{name} holds no readable release record; repair or delete it")]
    Unreadable {
        /// The namespace.
        namespace: String,
        /// The Secret.
        name: String,
        /// What is wrong with it.
        #[source]
        source: Option<codec::DecodeError>,
    },
    /// No answer, or not now.
    #[error("the release records in namespace {namespace} cannot be reached at present")]
    Unavailable {
        /// The namespace.
        namespace: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether trying again can help although nothing changes.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Taken { .. } | Self::Unavailable { .. })
    }
}

/// A record and the version of its Secret.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The record.
    pub release: Release,
    resource_version: Option<String>,
}

impl Stored {
    /// A record that is not stored yet.
    #[cfg(test)]
    pub(crate) fn new(release: Release) -> Self {
        Self { release, resource_version: None }
    }

    /// The version of its Secret.
    pub fn version(&self) -> Option<&str> {
        self.resource_version.as_deref()
    }
}

/// Reads and writes records.
#[derive(Clone)]
pub struct ReleaseStore {
    client: kube::Client,
    index: RecordIndex,
}

impl ReleaseStore {
    /// A store over a client. What it writes is in `index` at once; a watch keeps the rest of it.
    pub fn new(client: kube::Client, index: RecordIndex) -> Self {
        Self { client, index }
    }

    /// What is known of all records.
    pub fn index(&self) -> &RecordIndex {
        &self.index
    }

    /// The revisions of a release with their statuses and owners: those that are known, if there are any, else as listed now.
    /// What is known may lag behind, which a read or a write of the newest record then tells.
    ///
    /// # Errors
    /// As [`Self::records`].
    pub async fn known_records(&self, namespace: &str, release: &str) -> Result<Records, StoreError> {
        match self.index.records(namespace, release) {
            Some(records) if records.newest().is_some() => Ok(records),
            // Nothing that follows checks an absence.
            _ => self.records(namespace, release).await,
        }
    }

    /// The revisions of a release with their statuses and owners, as listed now; reads no record.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`], [`StoreError::Unavailable`] and [`StoreError::TooMany`]: never is an error taken for an absent release,
    /// nor a part of the records for all of them.
    pub async fn records(&self, namespace: &str, release: &str) -> Result<Records, StoreError> {
        let mut params = ListParams::default().labels(&secret::selector(release)).limit(PAGE);
        let api = self.api(namespace);
        let mut secrets = Vec::new();
        loop {
            // A token that has expired fails the whole list, which is then begun anew.
            let page = bounded(namespace, api.list_metadata(&params)).await?;
            secrets.extend(page.items);
            if secrets.len() > MAX_RECORDS {
                let (namespace, release) = (namespace.to_owned(), release.to_owned());
                return Err(StoreError::TooMany { namespace, release });
            }
            match page.metadata.continue_ {
                Some(token) if !token.is_empty() => params = params.continue_token(&token),
                _ => break,
            }
        }
        for secret in &secrets {
            self.index.take_up(&secret.metadata);
        }
        Ok(secrets.iter().filter_map(|secret| RecordLabels::read(&secret.metadata)).collect())
    }

    /// The revisions of a release with their statuses.
    ///
    /// # Errors
    /// As [`Self::records`].
    pub async fn history(&self, namespace: &str, release: &str) -> Result<History, StoreError> {
        Ok(self.records(namespace, release).await?.history)
    }

    /// Reads one record; `None` when there is none of that revision.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        namespace: &str,
        release: &str,
        revision: u32,
    ) -> Result<Option<Stored>, StoreError> {
        let name = secret::secret_name(release, revision);
        let api = self.api(namespace);
        let Some(secret) = bounded(namespace, api.get_opt(&name)).await? else {
            self.index.forget(namespace, release, revision);
            return Ok(None);
        };
        self.index.take_up(&secret.metadata);
        let unreadable =
            |source| StoreError::Unreadable { namespace: namespace.to_owned(), name: name.clone(), source };
        let labels = secret.metadata.labels.unwrap_or_default();
        let data = secret.data.unwrap_or_default().remove(DATA_KEY).ok_or_else(|| unreadable(None))?;
        // Inflating and parsing a record of up to a megabyte is no work for an async thread.
        let decoded = tokio::task::spawn_blocking(move || secret::from_secret(&data.0, &labels)).await;
        let release = decoded
            .map_err(|source| StoreError::Unavailable {
                namespace: namespace.to_owned(),
                source: Box::new(source),
            })?
            .map_err(|error| unreadable(Some(error)))?;
        Ok(Some(Stored { release, resource_version: secret.metadata.resource_version }))
    }

    /// Claims a revision by creating its record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the revision exists.
    pub async fn create(&self, release: Release, now: jiff::Timestamp) -> Result<Stored, StoreError> {
        let secret = encode(&release, Stamp::Created(now.as_second()), None).await?;
        service_kit::failpoint!("record.before-create");
        let api = self.api(&release.namespace);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let written = match write(&release, api.create(&params, &secret)).await {
            Err(error @ StoreError::Taken { .. }) => {
                // What is known of the release is out of date; the next look begins from what is there.
                drop(self.records(&release.namespace, &release.name).await);
                return Err(error);
            }
            other => other?,
        };
        service_kit::failpoint!("record.after-create");
        self.index.take_up(&written.metadata);
        Ok(Stored { release, resource_version: written.metadata.resource_version })
    }

    /// Writes a record again.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when somebody else changed it since it was read.
    pub async fn update(&self, stored: &mut Stored, now: jiff::Timestamp) -> Result<(), StoreError> {
        let release = &stored.release;
        let secret =
            encode(release, Stamp::Modified(now.as_second()), stored.resource_version.clone()).await?;
        service_kit::failpoint!("record.before-update");
        let api = self.api(&release.namespace);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let name = secret.metadata.name.clone().unwrap_or_default();
        let written = write(release, api.replace(&name, &params, &secret)).await?;
        service_kit::failpoint!("record.after-update");
        self.index.take_up(&written.metadata);
        stored.resource_version = written.metadata.resource_version;
        Ok(())
    }

    /// Deletes a record; one that is not there is deleted already.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::Unavailable`].
    pub async fn delete(
        &self,
        namespace: &str,
        release: &ReleaseName,
        revision: u32,
    ) -> Result<(), StoreError> {
        let name = secret::secret_name(release.as_str(), revision);
        let api = self.api(namespace);
        let request = async {
            match api.delete(&name, &DeleteParams::default()).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
                Err(error) => Err(error),
            }
        };
        bounded(namespace, request).await?;
        self.index.forget(namespace, release.as_str(), revision);
        Ok(())
    }

    fn api(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Compressing a record is no work for an async thread.
async fn encode(
    release: &Release,
    stamp: Stamp,
    resource_version: Option<String>,
) -> Result<Secret, StoreError> {
    let refused = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Refused {
        release: release.name.clone(),
        revision: release.revision,
        source,
    };
    let record = release.clone();
    let encoded: Result<_, SecretError> =
        tokio::task::spawn_blocking(move || secret::to_secret(&record, stamp))
            .await
            .map_err(|e| refused(Box::new(e)))?;
    let encoded = encoded.map_err(|error| refused(Box::new(error)))?;
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(encoded.name),
            namespace: Some(encoded.namespace),
            labels: Some(encoded.labels),
            resource_version,
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.to_owned()),
        string_data: Some([(DATA_KEY.to_owned(), encoded.release)].into()),
        ..Secret::default()
    })
}

async fn write(
    release: &Release,
    request: impl Future<Output = Result<Secret, kube::Error>>,
) -> Result<Secret, StoreError> {
    let (name, revision) = (release.name.clone(), release.revision);
    let request = async {
        match request.await {
            Err(kube::Error::Api(status)) if status.is_already_exists() || status.is_conflict() => {
                Ok(Err(StoreError::Taken { release: name, revision }))
            }
            Err(kube::Error::Api(status)) if status.is_invalid() || status.code == 413 => {
                Ok(Err(StoreError::Refused { release: name, revision, source: Box::new(*status) }))
            }
            other => other.map(Ok),
        }
    };
    bounded(&release.namespace, request).await?
}

async fn bounded<T>(
    namespace: &str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, StoreError> {
    let unavailable = |source| StoreError::Unavailable { namespace: namespace.to_owned(), source };
    match tokio::time::timeout(TIMEOUT, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
            Err(StoreError::Forbidden { namespace: namespace.to_owned(), message: status.message.clone() })
        }
        Ok(Err(error)) => Err(unavailable(Box::new(error))),
        Err(_) => Err(unavailable("no answer within 30 s".into())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use crate::api_server;
    use crate::names::CLAIM_LABEL;

    use super::*;

    #[test]
    fn labels_tell_revisions_and_whose_they_are() {
        let labels = |revision: &str, claim: Option<&str>| -> BTreeMap<String, String> {
            let helm = [("owner", "helm"), ("version", revision), ("status", "superseded"), ("name", "web")];
            let claim = claim.map(|claim| (CLAIM_LABEL, claim));
            helm.into_iter().chain(claim).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        // records as `revision=claim`, those that own them
        type Row<'a> = (&'a [(&'a str, Option<&'a str>)], &'a [&'a str]);
        let rows: [Row<'_>; 5] = [
            (&[], &[]),
            (&[("1", None)], &[]),
            (&[("1", None), ("2", Some("a.2"))], &["a"]),
            // By helm on top of ours.
            (&[("3", Some("a.2"))], &["a"]),
            (
                &[
                    ("1", Some("a.1")),
                    ("2", Some("b.2")),
                    ("x", Some("c.3")),
                    ("4", Some(".4")),
                    ("5", Some("d")),
                ],
                &["a", "b"],
            ),
        ];
        for (records, owners) in rows {
            let all: Vec<_> = records.iter().map(|(revision, claim)| labels(revision, *claim)).collect();
            let records: Records = all.iter().filter_map(|labels| RecordLabels::of(labels, 1)).collect();
            for uid in ["a", "b", "c", "d", ""] {
                assert_eq!(records.are_of(uid), owners.contains(&uid), "{uid} of {all:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_history_is_listed_to_its_end() {
        let client = api_server::client(|_, path| {
            let (revisions, token) = match path.split("continue=").nth(1) {
                None => (1..=500, "a"),
                Some("a") => (501..=1000, "b"),
                Some("b") => (1001..=1003, ""),
                Some(other) => panic!("{other}"),
            };
            let secret = |revision: u32| {
                let labels =
                    json!({"owner": "helm", "version": revision.to_string(), "status": "superseded"});
                json!({"metadata": {"name": format!("sh.helm.release.v1.web.v{revision}"), "labels": labels}})
            };
            let items: Vec<_> = revisions.map(secret).collect();
            let kind = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList"});
            let mut list = json!({"metadata": {"continue": token}, "items": items});
            list.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
            (200, list)
        });
        let history = ReleaseStore::new(client, RecordIndex::default()).history("dev", "web").await.unwrap();
        assert_eq!(history.entries().len(), 1003);
        assert_eq!(history.next_revision(), 1004);
    }
}
