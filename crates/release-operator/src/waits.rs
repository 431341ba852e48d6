//! Waits that hold no worker: each is a task of its own that watches something in the cluster and wakes the object's look when it has come
//! to its end. A wait that is lost, by a restart or a broken watch, costs time only: every look that waits also has a time of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Key;

/// The waits of all objects, at most one each.
pub struct Waits {
    wake: mpsc::Sender<Key>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    running: Mutex<HashMap<Key, AbortHandle>>,
}

impl Waits {
    /// Wakes looks by `wake`; waits end with `shutdown`.
    pub fn new(wake: mpsc::Sender<Key>, shutdown: CancellationToken) -> Self {
        Self { wake, tasks: TaskTracker::new(), shutdown, running: Mutex::default() }
    }

    /// Wakes the object's look when `end` has come, in place of what was waited for before.
    pub fn until(&self, key: &Key, end: impl Future<Output = ()> + Send + 'static) {
        let (wake, shutdown, woken) = (self.wake.clone(), self.shutdown.clone(), key.clone());
        let task = async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = end => drop(wake.send(woken).await),
            }
        };
        let task = self.tasks.spawn(task);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, task| !task.is_finished());
        if let Some(before) = running.insert(key.clone(), task.abort_handle()) {
            before.abort();
        }
    }

    /// Waits until no task is left, after `shutdown`.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
