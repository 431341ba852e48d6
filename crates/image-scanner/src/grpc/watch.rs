//! The stream of selections: a snapshot, then what is new.

use std::pin::Pin;
use std::time::Duration;

use api::image::v1 as wire;
use futures::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{convert, error};
use crate::store::{Store, Token};

/// Without any notification the database is asked again after this.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// The answer of `WatchSelections`.
pub(super) type SelectionStream =
    Pin<Box<dyn Stream<Item = Result<wire::WatchSelectionsResponse, Status>> + Send>>;

struct Watcher {
    store: Store,
    changes: watch::Receiver<()>,
    shutdown: CancellationToken,
    owner: Option<String>,
    token: Option<Token>,
}

/// Begins after the token, or with a snapshot when there is none or it is no longer known. The caller's own pace is the
/// pace of the stream: nothing is read ahead. It ends when the process shall stop, or with an error of the database;
/// whoever watches comes back with the last token.
pub(super) fn stream(
    store: Store,
    changes: watch::Receiver<()>,
    shutdown: CancellationToken,
    owner: Option<String>,
    token: Option<Token>,
) -> SelectionStream {
    let watcher = Watcher { store, changes, shutdown, owner, token };
    Box::pin(futures::stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        match watcher.next().await {
            Ok(Some(message)) => Some((Ok(message), Some(watcher))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    }))
}

impl Watcher {
    async fn next(&mut self) -> Result<Option<wire::WatchSelectionsResponse>, Status> {
        loop {
            if self.shutdown.is_cancelled() {
                return Ok(None);
            }
            // Marked as seen before the question is asked, so that a change in between is not slept over.
            self.changes.borrow_and_update();
            let selections = self.store.selections(self.owner.as_deref(), self.token.as_ref());
            let selections = selections.await.map_err(error::unavailable)?;
            self.token = Some(selections.token.clone());
            if selections.snapshot || !selections.selections.is_empty() {
                return Ok(Some(convert::selections(selections)));
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(None),
                _ = self.changes.changed() => {}
                () = tokio::time::sleep(LONGEST_NAP) => {}
            }
        }
    }
}
