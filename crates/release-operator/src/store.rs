//! The adapter to Helm's release records: Secrets of the release's namespace.
//!
//! Creating the Secret of the next revision is the claim to it: of two writers the API server refuses one. Updates carry
//! the resource version that was read, so that a change by somebody else in between is noticed and nothing is overwritten.

use std::time::Duration;

use helm_release::history::Entry;
use helm_release::secret::{self, DATA_KEY, SECRET_TYPE, SecretError, Stamp};
use helm_release::{History, Release, ReleaseName, codec};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use crate::names::FIELD_MANAGER;

const TIMEOUT: Duration = Duration::from_secs(30);
/// More records than any history limit leaves are not looked at.
const MAX_RECORDS: u32 = 1000;

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

/// Reads and writes records.
#[derive(Clone)]
pub struct ReleaseStore {
    client: kube::Client,
}

impl ReleaseStore {
    /// A store over a client.
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// The revisions of a release with their statuses; reads no record.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] and [`StoreError::Unavailable`]: never is an error taken for an absent release.
    pub async fn history(&self, namespace: &str, release: &str) -> Result<History, StoreError> {
        let params = ListParams::default().labels(&secret::selector(release)).limit(MAX_RECORDS);
        let api = self.api(namespace);
        let secrets = bounded(namespace, api.list_metadata(&params)).await?;
        let labels = secrets.items.iter().filter_map(|secret| secret.metadata.labels.as_ref());
        Ok(labels.filter_map(Entry::from_labels).collect())
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
        let Some(secret) = bounded(namespace, api.get_opt(&name)).await? else { return Ok(None) };
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
        let written = write(&release, api.create(&params, &secret)).await?;
        service_kit::failpoint!("record.after-create");
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
        bounded(namespace, request).await
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
