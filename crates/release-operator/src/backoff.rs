//! Exponential back-off with jitter.

use std::time::Duration;

/// Delays that double from `base` to `cap`, each spread by a quarter up and down so that what failed together does not come back
/// together.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Begins at `base`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// The next delay.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.base.saturating_mul(2u32.saturating_pow(self.failures)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        jittered(delay)
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The delay times a random factor between 0.75 and 1.25.
pub fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(rand::random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            let delay = backoff.next_delay().as_secs_f64();
            let expected = f64::from(expected);
            assert!((expected * 0.75..=expected * 1.25).contains(&delay), "{delay} for {expected}");
        }
        for _ in 0..100 {
            backoff.next_delay();
        }
        backoff.reset();
        assert!(backoff.next_delay() < Duration::from_millis(1300));
    }
}
