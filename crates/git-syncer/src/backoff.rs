//! How long to wait before the next try.

use std::time::Duration;

/// Exponential back-off with jitter, bounded; reset by success.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Backoff { first: first.min(most), most, failures: 0 }
    }

    /// Starts over after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait before the next try: doubled each time, then shortened by up to a quarter, so that neighbours that failed
    /// together do not come back together.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let full =
            self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(self.most);
        self.failures = (self.failures + 1).min(31);
        full.mul_f64(1.0 - 0.25 * jitter())
    }
}

/// A number from 0 to 1; no more random than it needs to be.
fn jitter() -> f64 {
    use rand_core::RngCore as _;
    f64::from(rand_core::OsRng.next_u32()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(6));
        for full in [1.0, 2.0, 4.0, 6.0, 6.0] {
            let wait = backoff.next_wait().as_secs_f64();
            assert!(wait <= full && wait >= full * 0.75, "{wait} for {full}");
        }
        for _ in 0..100 {
            backoff.next_wait();
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_secs(1));
    }
}
