//! image-scanner, as git-syncer uses it: what is automated goes there, selections come back.
//!
//! Its absence is never more than a warning.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::image::v1::image_service_client::ImageServiceClient;
use api::image::v1::{DeclareRequest, Item, SecretRef, WatchSelectionsRequest};
use service_kit::client::{Connection, MESSAGE_MAX};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic_types::StatusExt as _;

use crate::automation::edit::Selection;
use crate::backoff::Backoff;
use crate::manifests::{Container, Workload};

/// Limit for a declaration.
const DECLARE_LIMIT: Duration = Duration::from_secs(20);
/// First and longest wait before trying again.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A declaration is repeated this often, for a scanner whose database was restored.
const REPEAT: Duration = Duration::from_secs(300);
/// Wait before a snapshot that automation asks for, so that selections nobody can carry out do not go round in circles.
const AGAIN: Duration = Duration::from_secs(30);

/// The neighbour.
#[derive(Clone)]
pub struct Scanner {
    client: ImageServiceClient<Connection>,
    owner: String,
}

impl Scanner {
    /// A scanner behind a connection that need not be open yet. `owner` is `<git url>#<branch>`.
    pub fn new(connection: Connection, owner: String) -> Self {
        let client = ImageServiceClient::new(connection).max_decoding_message_size(MESSAGE_MAX);
        Scanner { client, owner }
    }

    /// Declares the automated items after each pass that changed them, until shutdown. Says nothing before the first pass: an
    /// empty declaration would make the scanner forget everything.
    pub async fn declare(
        self,
        mut workloads: watch::Receiver<Option<Arc<Vec<Workload>>>>,
        shutdown: CancellationToken,
    ) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut version = 0;
        let mut declared: Option<Vec<Item>> = None;
        let mut failed = false;
        loop {
            let wait = if failed { backoff.next_wait() } else { REPEAT };
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = workloads.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(wait) => {}
            }
            let now = workloads.borrow_and_update().clone();
            let Some(now) = now else { continue };
            let items = items(&now);
            if declared.as_ref() != Some(&items) {
                version = next_version(version);
            }
            let mut answer = self.declare_once(version, items.clone()).await;
            if let Some(stored) = answer.as_ref().err().and_then(stored_version) {
                // The clock has been set back since: what is in the repository now is newer all the same.
                version = stored.saturating_add(1);
                tracing::info!(stored, "the stored declaration has a later version; going on from that one");
                answer = self.declare_once(version, items.clone()).await;
            }
            match answer {
                Ok(()) => {
                    if failed {
                        tracing::info!("image-scanner takes declarations again");
                    }
                    declared = Some(items);
                    failed = false;
                    backoff.reset();
                }
                Err(status) => {
                    if !failed {
                        tracing::warn!(
                            "the automated images could not be declared to image-scanner: {status}"
                        );
                    }
                    failed = true;
                    declared = None;
                }
            }
        }
    }

    async fn declare_once(&self, version: u64, items: Vec<Item>) -> Result<(), tonic::Status> {
        let mut request = tonic::Request::new(DeclareRequest { owner: self.owner.clone(), version, items });
        request.set_timeout(DECLARE_LIMIT);
        let answer = self.client.clone().declare(request).await?.into_inner();
        for error in answer.errors {
            let item = error.item.unwrap_or_default();
            tracing::warn!(
                workload = item.workload,
                container = item.container,
                "an image cannot be followed: {}",
                error.message
            );
        }
        Ok(())
    }

    /// Hands selections on until shutdown. After `again` they all come once more, in a new snapshot.
    pub async fn watch(
        self,
        selections: mpsc::Sender<Vec<Selection>>,
        again: Arc<Notify>,
        shutdown: CancellationToken,
    ) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let mut warned = false;
        loop {
            let ended = tokio::select! {
                () = shutdown.cancelled() => return,
                ended = self.stream(&selections, &mut backoff, &mut warned) => ended,
                () = again.notified() => {
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(AGAIN) => continue,
                    }
                }
            };
            if selections.is_closed() {
                return;
            }
            if let Err(status) = ended
                && !warned
            {
                tracing::warn!(
                    "image-scanner gives no selections: {status}; images stay as they are until it does"
                );
                warned = true;
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// One stream from its snapshot to its end. Always begins with a snapshot: pending selections are few, and those that are
    /// done already cost nothing.
    async fn stream(
        &self,
        selections: &mpsc::Sender<Vec<Selection>>,
        backoff: &mut Backoff,
        warned: &mut bool,
    ) -> Result<(), tonic::Status> {
        let request = WatchSelectionsRequest { owner: self.owner.clone(), resume_token: String::new() };
        let mut stream = self.client.clone().watch_selections(request).await?.into_inner();
        while let Some(message) = stream.message().await? {
            backoff.reset();
            if std::mem::take(warned) {
                tracing::info!("image-scanner gives selections again");
            }
            let received: Vec<_> =
                message.selections.into_iter().filter_map(|it| parse(it, &self.owner)).collect();
            if !received.is_empty() && selections.send(received).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Versions grow across restarts because they are the time; they grow within one even if the clock does not. When the clock
/// was set back in between, the scanner tells what is stored: see [`stored_version`].
fn next_version(last: u64) -> u64 {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u64::try_from(millis).unwrap_or(u64::MAX).max(last.saturating_add(1))
}

/// The version that is stored, when the refusal says that it is later than the one declared.
fn stored_version(status: &tonic::Status) -> Option<u64> {
    let info = status.get_details_error_info()?;
    let stale = status.code() == tonic::Code::FailedPrecondition && info.reason == "STALE_DECLARATION";
    info.metadata.get("stored_version").filter(|_| stale)?.parse().ok()
}

/// The items that the workloads automate. Images that cannot be followed go along: the scanner says why, and shows it.
fn items(workloads: &[Workload]) -> Vec<Item> {
    let followed = workloads.iter().filter(|workload| workload.follows_images());
    followed
        .flat_map(|workload| workload.containers.iter().filter_map(move |it| item(workload, it)))
        .collect()
}

/// A container as an item; `None` when its file gives a pattern that cannot be used, which is that file's error.
fn item(workload: &Workload, container: &Container) -> Option<Item> {
    let namespace = workload.object.namespace.clone().unwrap_or_default();
    let secret = |name: &String| SecretRef { namespace: namespace.clone(), name: name.clone() };
    Some(Item {
        workload: workload.id(),
        container: container.name.clone(),
        image: container.image.clone(),
        tag_pattern: container.pattern.clone()?,
        pull_secrets: workload.pull_secrets.iter().map(secret).collect(),
    })
}

/// A selection for us whose parts can be read; others are logged and left.
fn parse(selection: api::image::v1::Selection, owner: &str) -> Option<Selection> {
    if selection.owner != owner {
        return None;
    }
    let item = selection.item?;
    let parsed = (item.image.parse(), selection.from_tag.parse(), selection.to_tag.parse());
    let (Ok(image), Ok(from_tag), Ok(to_tag)) = parsed else {
        tracing::warn!(
            workload = item.workload,
            container = item.container,
            "image-scanner sent a selection that cannot be read"
        );
        return None;
    };
    let traceparent = (!selection.traceparent.is_empty()).then_some(selection.traceparent);
    let (workload, container, pattern) = (item.workload, item.container, item.tag_pattern);
    Some(Selection { workload, container, image, pattern, from_tag, to_tag, traceparent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(automated: bool, locked: bool) -> Workload {
        Workload {
            object: kube_apply::ObjectRef {
                api_version: "apps/v1".into(),
                kind: "Deployment".into(),
                namespace: Some("dev".into()),
                name: "a".into(),
            },
            written: manifest::ObjectId {
                api_version: "apps/v1".into(),
                kind: "Deployment".into(),
                namespace: None,
                name: "a".into(),
            },
            path: "a.yaml".into(),
            automated,
            locked,
            ignored: false,
            containers: vec![Container {
                name: "c".into(),
                image: "i:1".into(),
                pattern: Some("glob:*".into()),
            }],
            pull_secrets: vec!["pull".into()],
        }
    }

    #[test]
    fn only_what_is_automated_and_not_locked_is_declared() {
        let items = items(&[workload(true, false), workload(false, false), workload(true, true)]);
        assert_eq!(items.len(), 1);
        assert_eq!((items[0].workload.as_str(), items[0].image.as_str()), ("dev:deployment/a", "i:1"));
        assert_eq!(items[0].pull_secrets[0], SecretRef { namespace: "dev".into(), name: "pull".into() });
    }

    #[test]
    fn versions_grow() {
        let first = next_version(0);
        assert!(next_version(first) > first);
        assert_eq!(next_version(u64::MAX - 1), u64::MAX);
    }

    #[test]
    fn a_refusal_tells_the_version_to_go_on_from() {
        let check = |code, reason: &str, stored: &str, expected| {
            let metadata =
                std::collections::HashMap::from([("stored_version".to_owned(), stored.to_owned())]);
            let details = tonic_types::ErrorDetails::with_error_info(reason, "windlass.dev", metadata);
            let status = tonic::Status::with_error_details(code, "refused", details);
            assert_eq!(stored_version(&status), expected, "{reason} {stored}");
        };
        use tonic::Code::{FailedPrecondition, InvalidArgument};
        check(FailedPrecondition, "STALE_DECLARATION", "41", Some(41));
        check(FailedPrecondition, "STALE_DECLARATION", "many", None);
        check(FailedPrecondition, "SOMETHING_ELSE", "41", None);
        check(InvalidArgument, "STALE_DECLARATION", "41", None);
        assert_eq!(stored_version(&tonic::Status::failed_precondition("no details")), None);
    }

    #[test]
    fn selections_for_others_or_unreadable_ones_are_left() {
        let selection = |owner: &str, to: &str| api::image::v1::Selection {
            item: Some(items(&[workload(true, false)]).remove(0)),
            owner: owner.into(),
            from_tag: "1".into(),
            to_tag: to.into(),
            ..Default::default()
        };
        assert!(parse(selection("me", "2"), "me").is_some());
        assert!(parse(selection("you", "2"), "me").is_none());
        assert!(parse(selection("me", "not a tag"), "me").is_none());
    }
}
