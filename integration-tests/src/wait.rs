//! Waiting for something outside this process, always with a deadline.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

/// How often an outside state is looked at. Short, so that a wait adds little to what it waits for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Calls `observe` until it succeeds, and returns its value; for waiting on a cluster, a server, a repository.
///
/// `observe` returns `Ok` when what was waited for is there, and otherwise an error that tells the
/// state it saw. `what` completes the sentence "waiting for …".
///
/// ```no_run
/// # async fn example(bed: &integration_tests::Testbed) -> anyhow::Result<()> {
/// use std::time::Duration;
/// use integration_tests::eventually;
///
/// let phase = eventually(Duration::from_secs(20), "the pod to run", async || {
///     let phase = bed.kubectl(&["get", "pod", "web", "-o", "jsonpath={.status.phase}"]).await?;
///     anyhow::ensure!(phase == "Running", "the phase is {phase:?}");
///     Ok(phase)
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// At the deadline: `what`, the time waited and the last state observed. A look that is itself still
/// under way at the deadline is abandoned.
pub async fn eventually<T, E: Display>(
    deadline: Duration,
    what: &str,
    mut observe: impl AsyncFnMut() -> Result<T, E>,
) -> anyhow::Result<T> {
    let end = Instant::now() + deadline;
    let mut last = String::from("nothing was observed");
    loop {
        match tokio::time::timeout_at(end.into(), observe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(state)) => last = format!("{state:#}"),
            Err(_) => last = format!("{last} (and the last look did not return)"),
        }
        if Instant::now() + INTERVAL >= end {
            bail!(anyhow!("waited {:.1} s for {what}; last seen: {last}", deadline.as_secs_f64()));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Looks at a future with a deadline: for waits that have a signal of their own and need no polling.
///
/// # Errors
/// At the deadline: `what` and the time waited; before it, the future's own error.
pub async fn within<T>(
    deadline: Duration,
    what: &str,
    future: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    match tokio::time::timeout(deadline, future).await {
        Ok(result) => result,
        Err(_) => bail!("waited {:.1} s for {what}", deadline.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_error_tells_the_last_state() {
        let mut looks = 0;
        let error = eventually(Duration::from_millis(120), "a miracle", async || {
            looks += 1;
            Err::<(), _>(format!("look {looks}"))
        })
        .await
        .unwrap_err();
        assert!(looks >= 2, "it must look more than once, looked {looks} times");
        assert_eq!(error.to_string(), format!("waited 0.1 s for a miracle; last seen: look {looks}"));
    }

    #[tokio::test]
    async fn the_value_of_the_first_success_is_returned() {
        let mut looks = 0;
        let value = eventually(Duration::from_secs(5), "three looks", async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err("not yet") }
        })
        .await
        .unwrap();
        assert_eq!(value, 3);
    }
}
