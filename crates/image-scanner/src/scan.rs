//! Scanning: claim a repository, list its tags, read what has to be read, finish.
//!
//! Any number of workers, in any number of replicas, each do one scan at a time. A worker that dies gives its claim back
//! and leaves the tags it has read; nothing else of its scan remains.

pub mod plan;

use std::time::Duration;

use futures::StreamExt as _;
use image_policy::Tag;
use service_kit::trace_context::traceparent_of;
use service_kit::{chain, failpoint};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::metrics::Metrics;
use crate::registry::{Reach, Registry, RegistryError};
use crate::store::{Claim, HostPause, Store, StoreError, TagRead};
use crate::wake::Wake;
use plan::Read;

/// The longest a scan may take.
const SCAN_TIMEOUT: Duration = Duration::from_secs(300);

/// The longest a repository whose scans fail is left alone.
const MAX_BACKOFF: Duration = Duration::from_secs(900);

/// How many tags of one repository are read at a time.
const READS_AT_ONCE: usize = 4;

/// A worker without work looks again after this at the latest.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// And not before this, also when a repository is due that another worker is scanning.
const SHORTEST_NAP: Duration = Duration::from_millis(500);

/// Why a scan came to no end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The registry.
    #[error("image repository {repository} cannot be scanned")]
    Registry {
        /// The repository.
        repository: String,
        /// Why.
        #[source]
        source: RegistryError,
    },
    /// It took too long.
    #[error("the scan of image repository {repository} took longer than {SCAN_TIMEOUT:?} and was ended")]
    Timeout {
        /// The repository.
        repository: String,
    },
    /// The database; then nothing is written down about the scan.
    #[error("what the scan found cannot be stored")]
    Store(#[from] StoreError),
}

/// What every worker has.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    pub store: Store,
    pub registry: Registry,
    pub metrics: Metrics,
    /// Between two scans of a repository.
    pub interval: Duration,
}

/// A complete listing.
struct Scanned {
    tags: Vec<Tag>,
    /// Whether another scan is needed at once.
    more: bool,
}

impl Scanner {
    /// Scans what is due until the process shall stop. An outage of the database is waited for.
    pub(crate) async fn work(self, wake: Wake, shutdown: CancellationToken) {
        let mut wanted = wake.scans();
        while !shutdown.is_cancelled() {
            wanted.borrow_and_update();
            let nap = tokio::select! {
                // A scan under way is dropped: its claim ends, and it can be repeated.
                () = shutdown.cancelled() => return,
                nap = self.turn() => nap,
            };
            let nap = match nap {
                Ok(None) => continue,
                Ok(Some(nap)) => nap,
                Err(error) => {
                    tracing::warn!("scanning waits: {}", chain(&error));
                    SHORTEST_NAP * 4
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = wanted.changed() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Scans one repository; gives how long to wait when none is due.
    async fn turn(&self) -> Result<Option<Duration>, StoreError> {
        let Some(claim) = self.store.claim().await? else {
            let due = self.store.next_due().await?;
            return Ok(Some(due.unwrap_or(LONGEST_NAP).clamp(SHORTEST_NAP, LONGEST_NAP)));
        };
        failpoint!("scan.after-claim");
        let span = tracing::info_span!(
            "scan",
            otel.name = format!("scan {}", claim.repository),
            repository = %claim.repository,
        );
        self.scan(claim).instrument(span).await?;
        Ok(None)
    }

    async fn scan(&self, claim: Claim) -> Result<(), StoreError> {
        let timer = self.metrics.scan_seconds.start_timer();
        let repository = claim.repository.to_string();
        let ended = tokio::time::timeout(SCAN_TIMEOUT, self.read_all(&claim)).await;
        let ended = ended.unwrap_or_else(|_| Err(ScanError::Timeout { repository }));
        timer.observe_duration();
        match ended {
            Ok(Scanned { tags, more }) => {
                self.metrics.scans.with_label_values(&["complete"]).inc();
                tracing::debug!(tags = tags.len(), more, "the scan is complete");
                claim.finish(&tags, if more { Duration::ZERO } else { self.interval }).await
            }
            Err(ScanError::Store(error)) => Err(error),
            Err(error) => {
                self.metrics.scans.with_label_values(&["failed"]).inc();
                self.fail(claim, &error).await
            }
        }
    }

    /// Lists the tags, and reads those that have to be read.
    async fn read_all(&self, claim: &Claim) -> Result<Scanned, ScanError> {
        let fault = |source| ScanError::Registry { repository: claim.repository.to_string(), source };
        let tags = self.registry.tags(&claim.repository).await.map_err(fault)?;
        failpoint!("scan.after-list");
        let work = self.store.scan_work(claim).await?;
        let plan = plan::plan(&tags, &work.known, &work.automations);
        let traceparent = traceparent_of(&tracing::Span::current());
        let mut reads = futures::stream::iter(plan.reads)
            .map(|read| async move { self.read(claim, read).await })
            .buffer_unordered(READS_AT_ONCE);
        while let Some(read) = reads.next().await {
            let (tag, read) = read.map_err(fault)?;
            let result = match &read {
                TagRead::Unchanged => "unchanged",
                TagRead::Image { created: Ok(_), .. } => "image",
                TagRead::Image { .. } | TagRead::Fault(_) => "fault",
            };
            self.metrics.tags.with_label_values(&[result]).inc();
            self.store.record(claim, &tag, &read, traceparent.as_deref(), self.interval).await?;
            failpoint!("scan.after-read");
        }
        drop(reads);
        Ok(Scanned { tags, more: plan.more })
    }

    /// Reads one tag. What is wrong with it alone is part of the answer.
    async fn read(&self, claim: &Claim, read: Read) -> Result<(Tag, TagRead), RegistryError> {
        let (tag, known) = match read {
            Read::Image(tag) => (tag, None),
            Read::Changed(tag, digest) => (tag, Some(digest)),
        };
        let answer = match self.ask(claim, &tag, known).await {
            Ok(answer) => answer,
            Err(error) if error.reach() == Reach::Tag => TagRead::Fault(chain(&error)),
            Err(error) => return Err(error),
        };
        Ok((tag, answer))
    }

    async fn ask(&self, claim: &Claim, tag: &Tag, known: Option<String>) -> Result<TagRead, RegistryError> {
        if known.is_some() && self.registry.digest(&claim.repository, tag).await? == known {
            return Ok(TagRead::Unchanged);
        }
        let image = self.registry.image(&claim.repository, tag).await?;
        Ok(TagRead::Image { digest: image.digest, created: image.created.map_err(|error| chain(&error)) })
    }

    /// Writes down why a scan failed, and when the next one is due.
    async fn fail(&self, claim: Claim, error: &ScanError) -> Result<(), StoreError> {
        let text = chain(error);
        let source = match error {
            ScanError::Registry { source, .. } => Some(source),
            _ => None,
        };
        if let Some(RegistryError::NoRepository { .. }) = source {
            // Nothing has failed: the first image is yet to be pushed, and should be seen as soon as any other.
            tracing::info!("{text}");
            return claim.fail(&text, 0, self.interval, None).await;
        }
        tracing::warn!("{text}");
        let failures = claim.failures.saturating_add(1);
        let pause = match source.map(RegistryError::reach) {
            Some(Reach::Host { pause }) => Some(HostPause { asked: pause }),
            _ => None,
        };
        claim.fail(&text, failures, backoff(self.interval, failures), pause).await
    }
}

/// The interval, doubled with each failure in a row after the first, up to a quarter of an hour (or the interval, if that
/// is longer).
fn backoff(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(MAX_BACKOFF.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_spread_out() {
        let check = |interval, failures, expected| {
            assert_eq!(
                backoff(Duration::from_secs(interval), failures).as_secs(),
                expected,
                "{interval} {failures}"
            );
        };
        check(60, 1, 60);
        check(60, 2, 120);
        check(60, 4, 480);
        check(60, 5, 900);
        check(60, u32::MAX, 900);
        check(3600, 9, 3600);
    }
}
