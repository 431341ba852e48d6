//! What the records of a release tell.

use api::release::v1::{
    GetHistoryRequest, GetHistoryResponse, GetManifestRequest, GetManifestResponse, GetNotesRequest,
    GetNotesResponse, GetReleaseRequest, GetReleaseResponse, GetValuesRequest, GetValuesResponse, Revision,
};
use crds::FluxHelmRelease;
use futures::{StreamExt as _, stream};
use helm_chart::Values;
use helm_release::ReleaseName;
use serde_json::{Map, Value};
use tonic::Status;

use super::{Releases, convert, is_of_one, overview, status};
use crate::mask;
use crate::reconcile::validate::release_of;
use crate::reconcile::values::{self, Place};
use crate::store::Stored;

/// Revisions of a page.
const PAGE: usize = 20;
/// The most revisions of a page.
const MOST: usize = 100;
/// Records read at the same time.
const AT_ONCE: usize = 4;
/// The most bytes of a manifest.
const MANIFEST: usize = 16 << 20;

pub(super) async fn release(
    releases: &Releases,
    request: GetReleaseRequest,
) -> Result<GetReleaseResponse, Status> {
    let object = releases.find(&request.namespace, &request.name)?;
    let Ok(decoded) = &object.0 else {
        return Ok(GetReleaseResponse {
            release: Some(overview::of(&object)),
            ..GetReleaseResponse::default()
        });
    };
    let current = releases.current(decoded);
    let history = current.status.iter().flat_map(|status| &status.history).map(convert::snapshot).collect();
    let newest = match newest(releases, decoded).await {
        Ok(newest) => newest,
        Err(error) if is_of_one(&error) => {
            let release = Some(convert::unreadable(&current, service_kit::chain(&error)));
            return Ok(GetReleaseResponse { release, values: None, history });
        }
        Err(error) => return Err(status(error)),
    };
    let values = match newest {
        Some(newest) => Some(masked(releases, decoded, newest.release.config).await),
        None => None,
    };
    Ok(GetReleaseResponse { release: Some(overview::release(&current)), values, history })
}

pub(super) async fn values(
    releases: &Releases,
    request: GetValuesRequest,
) -> Result<GetValuesResponse, Status> {
    let object = releases.find_decoded(&request.namespace, &request.name)?;
    let stored = record(releases, &object, request.revision).await?;
    let revision = stored.release.revision;
    let values = match request.all {
        false => stored.release.config,
        true => all_values(&stored).map_err(Status::failed_precondition)?,
    };
    Ok(GetValuesResponse { revision, values: Some(masked(releases, &object, values).await) })
}

/// The chart's own values with the user's laid over them, as `helm get values --all` has them.
fn all_values(stored: &Stored) -> Result<Map<String, Value>, String> {
    let own = stored.release.chart.as_ref().and_then(|chart| chart.values.clone()).unwrap_or_default();
    let read = |map: Map<String, Value>| Values::try_from(go_yaml::Value::from(Value::Object(map)));
    let fault = |error: helm_chart::WrongType| format!("the values of the record cannot be read: {error}");
    let (own, user) = (read(own).map_err(fault)?, read(stored.release.config.clone()).map_err(fault)?);
    let merged = helm_chart::coalesce_tables(&user, &own).map_err(|error| service_kit::chain(&error))?;
    Ok(merged.values.into_map().into_iter().map(|(key, value)| (key, Value::from(value))).collect())
}

pub(super) async fn manifest(
    releases: &Releases,
    request: GetManifestRequest,
) -> Result<GetManifestResponse, Status> {
    let object = releases.find_decoded(&request.namespace, &request.name)?;
    let stored = record(releases, &object, request.revision).await?;
    if stored.release.manifest.len() > MANIFEST {
        let text = format!(
            "the manifest has {} bytes; more than {MANIFEST} are not sent",
            stored.release.manifest.len()
        );
        return Err(Status::resource_exhausted(text));
    }
    let (revision, manifest) = (stored.release.revision, mask::manifest(&stored.release.manifest));
    Ok(GetManifestResponse { revision, manifest })
}

pub(super) async fn notes(releases: &Releases, request: GetNotesRequest) -> Result<GetNotesResponse, Status> {
    let object = releases.find_decoded(&request.namespace, &request.name)?;
    let release = record(releases, &object, request.revision).await?.release;
    Ok(GetNotesResponse { revision: release.revision, notes: release.info.notes })
}

pub(super) async fn history(
    releases: &Releases,
    request: GetHistoryRequest,
) -> Result<GetHistoryResponse, Status> {
    let object = releases.find_decoded(&request.namespace, &request.name)?;
    let before = match request.page_token.as_str() {
        "" => u32::MAX,
        token => token.parse().map_err(|_| {
            Status::invalid_argument("the page_token cannot be read; ask for the first page without one")
        })?,
    };
    let size = match request.page_size {
        0 => PAGE,
        size => usize::try_from(size).map_or(MOST, |size| size.min(MOST)),
    };
    let Some((namespace, release)) = release_of(&object) else { return Ok(GetHistoryResponse::default()) };
    let store = &releases.context.store;
    let all = store.history(&namespace, release.as_str()).await.map_err(status)?;
    let rest: Vec<_> = all.entries().iter().rev().filter(|entry| entry.revision < before).cloned().collect();
    let reads = rest.iter().take(size).cloned().map(|entry| {
        let (namespace, release) = (&namespace, &release);
        async move {
            match store.get(namespace, release.as_str(), entry.revision).await {
                Ok(stored) => Ok(stored.map(|stored| convert::revision(&stored.release))),
                Err(error) if is_of_one(&error) => {
                    Ok(Some(convert::unreadable_revision(&entry, service_kit::chain(&error))))
                }
                Err(error) => Err(status(error)),
            }
        }
    });
    let reads: Vec<Result<Option<Revision>, Status>> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    let revisions = reads.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    let last = rest.get(size.saturating_sub(1)).filter(|_| rest.len() > size);
    Ok(GetHistoryResponse {
        revisions,
        next_page_token: last.map(|last| last.revision.to_string()).unwrap_or_default(),
        total_count: u32::try_from(all.entries().len()).unwrap_or(u32::MAX),
    })
}

async fn newest(
    releases: &Releases,
    object: &FluxHelmRelease,
) -> Result<Option<Stored>, crate::store::StoreError> {
    let Some((namespace, release)) = release_of(object) else { return Ok(None) };
    let store = &releases.context.store;
    let history = store.history(&namespace, release.as_str()).await?;
    match history.last() {
        Some(last) => store.get(&namespace, release.as_str(), last.revision).await,
        None => Ok(None),
    }
}

/// The record of a revision; of the newest for 0.
pub(super) async fn record(
    releases: &Releases,
    object: &FluxHelmRelease,
    revision: u32,
) -> Result<Stored, Status> {
    let read = match (release_of(object), revision) {
        (None, _) => None,
        (Some(_), 0) => newest(releases, object).await.map_err(status)?,
        (Some((namespace, release)), revision) => {
            releases.context.store.get(&namespace, release.as_str(), revision).await.map_err(status)?
        }
    };
    read.ok_or_else(|| no_revision(object, revision))
}

pub(super) fn no_revision(object: &FluxHelmRelease, revision: u32) -> Status {
    let name = release_of(object).map_or_else(String::new, |(_, name): (_, ReleaseName)| name.to_string());
    Status::not_found(match revision {
        0 => format!("release {name} has no revision yet"),
        revision => format!("release {name} has no revision {revision}"),
    })
}

/// Values with everything masked that is called like a secret or comes from a Secret.
async fn masked(
    releases: &Releases,
    object: &FluxHelmRelease,
    values: Map<String, Value>,
) -> prost_types::Struct {
    match from_secrets(releases, object).await {
        Some(secrets) => convert::masked(values, &secrets),
        // Which of them come from Secrets is not known at present.
        None => convert::all_masked(values),
    }
}

/// The values that the object takes from Secrets, as they are now.
async fn from_secrets(releases: &Releases, object: &FluxHelmRelease) -> Option<Map<String, Value>> {
    let mut sources = values::sources(&object.spec).ok()?;
    sources.retain(|source| matches!(source.place, Place::Secret { .. }));
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let mut texts = Vec::new();
    for source in &mut sources {
        source.optional = true;
        texts.push(releases.context.cluster.values_text(namespace, &source.place).await.ok()?);
    }
    if sources.is_empty() {
        return Some(Map::new());
    }
    values::compose(&sources, texts, &Map::new()).ok()
}
