//! How much work strangers may ask for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests at once.
const AT_ONCE: usize = 2;

/// Requests that may come in a burst. The original allows 2; `kubeseal --validate` over a folder sends one per file.
const BURST: u32 = 20;

/// Time after which one more request is allowed.
const EVERY: Duration = Duration::from_millis(100);

/// A token bucket and a bound on what runs at once, for all callers together: behind the API server's proxy no caller
/// can be told from another, and a header that says otherwise is the caller's own word.
pub(super) struct Limit {
    running: Arc<Semaphore>,
    /// When the bucket will be full again.
    full_at: Mutex<Instant>,
}

impl Default for Limit {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_ONCE)), full_at: Mutex::new(Instant::now()) }
    }
}

impl Limit {
    /// Leave to do one piece of work, held until it is dropped; `None` when it is too much just now.
    pub(super) fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.running).try_acquire_owned().ok()?;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        *full_at = taken(*full_at, Instant::now())?;
        Some(turn)
    }
}

/// Takes one token: when the bucket will be full after that, or `None` when it is empty.
fn taken(full_at: Instant, now: Instant) -> Option<Instant> {
    let next = full_at.max(now) + EVERY;
    (next.saturating_duration_since(now) <= EVERY * BURST).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let start = Instant::now();
        let mut full_at = start;
        let mut take = |millis: u64| match taken(full_at, start + Duration::from_millis(millis)) {
            Some(next) => {
                full_at = next;
                true
            }
            None => false,
        };
        assert!((0..BURST).all(|_| take(0)));
        assert!(!take(0));
        assert!(!take(99));
        assert!(take(100));
        assert!(!take(100));
        assert!((0..BURST).all(|_| take(60_000)));
        assert!(!take(60_000));
    }

    #[test]
    fn what_runs_at_once_is_bounded() {
        let limit = Limit::default();
        let turns: Vec<_> = (0..AT_ONCE).map_while(|_| limit.turn()).collect();
        assert_eq!(turns.len(), AT_ONCE);
        assert!(limit.turn().is_none());
        drop(turns);
        assert!(limit.turn().is_some());
    }
}
