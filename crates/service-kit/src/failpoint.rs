//! Named points at which a test can kill the process.
//!
//! A test sets `WINDLASS_FAILPOINTS="sync.after-fetch"`, or `"apply.object=3"` for the third time the point is reached; several are separated
//! by commas. The process then dies there by SIGKILL, as it would by the out-of-memory killer: nothing is drained, no
//! destructor runs. Without the feature `failpoints`, which no release build has, a point is nothing at all.

/// Dies here if a test asked for it. The name is `<step>.<place>`: `push.before-report`.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::failpoint::reach($name)
    };
}

/// What [`failpoint!`](crate::failpoint!) expands to.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn reach(_name: &'static str) {}

/// What [`failpoint!`](crate::failpoint!) expands to.
#[cfg(feature = "failpoints")]
pub fn reach(name: &'static str) {
    armed::reach(name);
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// How many more times each armed point may be reached before it kills.
    static LEFT: LazyLock<Mutex<HashMap<String, u32>>> =
        LazyLock::new(|| Mutex::new(parse(&std::env::var("WINDLASS_FAILPOINTS").unwrap_or_default())));

    pub(super) fn parse(text: &str) -> HashMap<String, u32> {
        text.split(',')
            .filter(|part| !part.is_empty())
            .map(|part| match part.split_once('=') {
                Some((name, count)) => (name.to_owned(), count.parse().unwrap_or(1)),
                None => (part.to_owned(), 1),
            })
            .collect()
    }

    pub(super) fn reach(name: &'static str) {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = left.get_mut(name) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            tracing::warn!(failpoint = name, "killing this process, as the test asked");
            // SIGKILL to ourselves cannot be refused; the loop only covers the moment until it is delivered.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}

#[cfg(all(test, feature = "failpoints"))]
mod tests {
    #[test]
    fn points_are_counted() {
        let points = super::armed::parse("sync.after-fetch,apply.object=3");
        assert_eq!(points["sync.after-fetch"], 1);
        assert_eq!(points["apply.object"], 3);
    }
}
