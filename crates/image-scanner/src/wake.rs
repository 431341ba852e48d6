//! Notifications of the database, as something to wait for.

use std::time::Duration;

use service_kit::{Readiness, chain};
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::{SCAN_CHANNEL, SELECTION_CHANNEL, Store};

/// How long to wait before listening again after the connection was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// What changes wake whom. Cheap to clone.
///
/// A wake-up says "look again" and nothing else. While the connection is down none arrive, so each who waits also looks
/// again by itself after a while, and everybody is woken when it is back.
#[derive(Debug, Clone)]
pub(crate) struct Wake {
    scans: watch::Sender<()>,
    selections: watch::Sender<()>,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self { scans: watch::Sender::new(()), selections: watch::Sender::new(()) }
    }

    /// Changes when somebody wants a scan.
    pub(crate) fn scans(&self) -> watch::Receiver<()> {
        self.scans.subscribe()
    }

    /// Changes when selections do.
    pub(crate) fn selections(&self) -> watch::Receiver<()> {
        self.selections.subscribe()
    }

    /// Listens until the process shall stop. While the database is away the process is not ready.
    pub(crate) async fn listen(self, store: Store, readiness: Readiness, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => return,
                ended = self.listen_once(&store, &readiness) => {
                    let why = match ended {
                        Ok(()) => "the connection was lost".to_owned(),
                        Err(error) => chain(&error),
                    };
                    tracing::warn!("notifications of the database are not received: {why}");
                    readiness.waiting("database", why);
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn listen_once(&self, store: &Store, readiness: &Readiness) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(store.pool()).await?;
        listener.eager_reconnect(false);
        listener.listen_all([SCAN_CHANNEL, SELECTION_CHANNEL]).await?;
        readiness.reached("database");
        // Whatever was sent before the first word was heard is missed.
        self.scans.send_replace(());
        self.selections.send_replace(());
        while let Some(notification) = listener.try_recv().await? {
            match notification.channel() {
                SCAN_CHANNEL => self.scans.send_replace(()),
                _ => self.selections.send_replace(()),
            }
        }
        Ok(())
    }
}
