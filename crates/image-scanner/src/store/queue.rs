//! The scan queue: claiming a repository, what a scan finds, and how it ends.

use std::collections::HashMap;
use std::time::Duration;

use image_policy::{Created, ImageRef, Repository, Tag};
use service_kit::{chain, failpoint};
use sqlx::{PgConnection, Postgres, Transaction};

use super::rows::ItemRow;
use super::{SCAN_CHANNEL, Store, StoreError, ledger};
use crate::item::Automation;
use crate::scan::plan::ReadBefore;

/// A known tag is looked at again after twice the time that it has not changed for, up to this.
const MAX_RECHECK: Duration = Duration::from_secs(3600);

/// A repository whose stored name cannot be read is looked at again after this.
const UNREADABLE: Duration = Duration::from_secs(3600);

/// How long the build time of a tag that has left the registry is remembered, unless an item runs it.
const REMEMBER: Duration = Duration::from_secs(90 * 24 * 3600);

/// A repository that no other scanner scans until this ends.
#[derive(Debug)]
pub struct Claim {
    /// The repository.
    pub repository: Repository,
    /// How many scans have failed in a row.
    pub failures: u32,
    id: i64,
    requested: i64,
    transaction: Transaction<'static, Postgres>,
}

/// What a scan starts from.
#[derive(Debug)]
pub struct ScanWork {
    /// The items of the repository that can be served.
    pub automations: Vec<Automation>,
    /// Tags that were read before.
    pub known: HashMap<Tag, ReadBefore>,
}

/// What reading a tag gave.
#[derive(Debug)]
pub enum TagRead {
    /// The digest is the one that is stored.
    Unchanged,
    /// The image was read.
    Image {
        /// Digest of the manifest.
        digest: String,
        /// When it was built, or why that is unknown.
        created: Result<Created, String>,
    },
    /// Nothing could be read.
    Fault(String),
}

/// A registry host that is to be left alone.
#[derive(Debug)]
pub struct HostPause {
    /// How long it asked for.
    pub asked: Option<Duration>,
}

#[derive(sqlx::FromRow)]
struct DueRow {
    repository_id: i64,
    name: String,
    requested: i64,
    failures: i32,
}

impl Store {
    /// Claims the next repository whose scan is due; `None` when there is none. Asked-for scans come first. What nobody
    /// declares any more is not scanned, and neither is a host that asked to be left alone.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn claim(&self) -> Result<Option<Claim>, StoreError> {
        loop {
            let mut transaction = self.pool.begin().await?;
            let Some(row) = due(&mut transaction).await? else { return Ok(None) };
            match row.name.parse::<ImageRef>() {
                Ok(image) => return claimed(transaction, row, &image).await.map(Some),
                // It must not stand in the way of the others. The loop ends: this one is not due any more.
                Err(error) => set_aside(transaction, &row, &error).await?,
            }
        }
    }

    /// How long until the next scan is due; `None` when none is planned. Zero while another scanner is at one that is
    /// due, since a lock cannot be seen.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn next_due(&self) -> Result<Option<Duration>, StoreError> {
        let seconds: Option<f64> = sqlx::query_scalar(
            "SELECT extract(epoch FROM min(greatest(
                 CASE WHEN r.requested <= q.served THEN q.next_scan_at END, h.until, clock_timestamp()
             )) - clock_timestamp())::float8
             FROM scan_queue q JOIN repository r ON r.id = q.repository_id
             LEFT JOIN host_pause h ON h.host = r.host
             WHERE EXISTS (SELECT FROM item i WHERE i.repository_id = r.id)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    /// What the scan of a claimed repository starts from.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn scan_work(&self, claim: &Claim) -> Result<ScanWork, StoreError> {
        let items: Vec<ItemRow> = sqlx::query_as(
            "SELECT i.*, d.version FROM item i JOIN declaration d USING (owner) WHERE i.repository_id = $1",
        )
        .bind(claim.id)
        .fetch_all(&self.pool)
        .await?;
        let mut automations = Vec::with_capacity(items.len());
        for row in items {
            automations.extend(row.item()?.automation().ok());
        }
        let rows: Vec<(String, Option<String>, bool)> = sqlx::query_as(
            "SELECT name, CASE WHEN fault IS NULL THEN digest END, recheck_at <= clock_timestamp() FROM tag
             WHERE repository_id = $1 AND recheck_at IS NOT NULL",
        )
        .bind(claim.id)
        .fetch_all(&self.pool)
        .await?;
        let known = rows
            .into_iter()
            .filter_map(|(name, digest, due)| Some((name.parse().ok()?, ReadBefore { digest, due })))
            .collect();
        Ok(ScanWork { automations, known })
    }

    /// Writes down what reading a tag gave, at once, so that a scan that is killed has not read in vain. Whether the tag
    /// exists is not said here but by [`Claim::finish`], after a complete listing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn record(
        &self,
        claim: &Claim,
        tag: &Tag,
        read: &TagRead,
        traceparent: Option<&str>,
        interval: Duration,
    ) -> Result<(), StoreError> {
        let (digest, created, fault) = match read {
            TagRead::Unchanged => return self.record_unchanged(claim, tag, interval).await,
            TagRead::Fault(fault) => (None, None, Some(fault.clone())),
            TagRead::Image { digest, created } => match created.clone().map(ledger::nanos) {
                Ok(Some(nanos)) => (Some(digest), Some(nanos), None),
                Ok(None) => (Some(digest), None, Some("its build time is out of range".to_owned())),
                Err(fault) => (Some(digest), None, Some(fault)),
            },
        };
        // A fault does not take back what is known of the tag: the registry may have hiccuped.
        sqlx::query(
            "INSERT INTO tag (repository_id, name, digest, created_ns, fault, traceparent, recheck_at, recheck_after)
             VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7), $7)
             ON CONFLICT (repository_id, name) DO UPDATE SET
                 digest = coalesce(excluded.digest, tag.digest),
                 created_ns = CASE WHEN excluded.digest IS NULL THEN tag.created_ns ELSE excluded.created_ns END,
                 fault = excluded.fault,
                 traceparent = CASE WHEN excluded.digest IS NULL OR excluded.digest IS NOT DISTINCT FROM tag.digest
                                    THEN coalesce(tag.traceparent, excluded.traceparent)
                                    ELSE excluded.traceparent END,
                 recheck_after = CASE WHEN excluded.fault IS NULL THEN $7
                                      ELSE least(greatest(tag.recheck_after * 2, $7), greatest($8, $7)) END,
                 recheck_at = clock_timestamp() + make_interval(secs =>
                     CASE WHEN excluded.fault IS NULL THEN $7
                          ELSE least(greatest(tag.recheck_after * 2, $7), greatest($8, $7)) END)",
        )
        .bind(claim.id)
        .bind(tag.as_str())
        .bind(digest)
        .bind(created)
        .bind(fault)
        .bind(traceparent)
        .bind(interval.as_secs_f64())
        .bind(MAX_RECHECK.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn record_unchanged(&self, claim: &Claim, tag: &Tag, interval: Duration) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE tag SET
                 recheck_after = least(greatest(recheck_after * 2, $3), greatest($4, $3)),
                 recheck_at = clock_timestamp()
                     + make_interval(secs => least(greatest(recheck_after * 2, $3), greatest($4, $3)))
             WHERE repository_id = $1 AND name = $2",
        )
        .bind(claim.id)
        .bind(tag.as_str())
        .bind(interval.as_secs_f64())
        .bind(MAX_RECHECK.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Makes the scan of one repository, or of all declared ones, due now. Gives how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refresh(&self, repository: Option<&Repository>) -> Result<u64, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE repository r SET requested = requested + 1
             WHERE ($1::text IS NULL OR r.name = $1)
               AND EXISTS (SELECT FROM item i WHERE i.repository_id = r.id)",
        )
        .bind(repository.map(ToString::to_string))
        .execute(&mut *transaction)
        .await?;
        ledger::notify(&mut transaction, SCAN_CHANNEL).await?;
        transaction.commit().await?;
        Ok(changed.rows_affected())
    }
}

/// Locks the next repository whose scan is due and that nobody else is scanning.
async fn due(connection: &mut PgConnection) -> Result<Option<DueRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT q.repository_id, r.name, r.requested, q.failures
         FROM scan_queue q JOIN repository r ON r.id = q.repository_id
         WHERE (q.next_scan_at <= clock_timestamp() OR r.requested > q.served)
           AND EXISTS (SELECT FROM item i WHERE i.repository_id = r.id)
           AND NOT EXISTS (SELECT FROM host_pause h WHERE h.host = r.host AND h.until > clock_timestamp())
         ORDER BY (r.requested > q.served) DESC, q.next_scan_at
         LIMIT 1 FOR UPDATE OF q SKIP LOCKED",
    )
    .fetch_optional(connection)
    .await?)
}

/// The claim, which lasts as long as its transaction.
async fn claimed(
    mut transaction: Transaction<'static, Postgres>,
    row: DueRow,
    image: &ImageRef,
) -> Result<Claim, StoreError> {
    // The transaction idles while the registry is asked; how long is bounded by the scan itself. The keepalives
    // make the claim of a scanner that has vanished without a word end within a minute.
    sqlx::query(
        "SELECT set_config('idle_in_transaction_session_timeout', '0', true),
                set_config('tcp_keepalives_idle', '30', true),
                set_config('tcp_keepalives_interval', '10', true),
                set_config('tcp_keepalives_count', '3', true)",
    )
    .execute(&mut *transaction)
    .await?;
    Ok(Claim {
        repository: image.repository(),
        failures: u32::try_from(row.failures).unwrap_or(0),
        id: row.repository_id,
        requested: row.requested,
        transaction,
    })
}

/// Gives a repository whose name cannot be read its fault, and its next turn much later.
async fn set_aside(
    mut transaction: Transaction<'static, Postgres>,
    row: &DueRow,
    error: &image_policy::ParseError,
) -> Result<(), StoreError> {
    let fault =
        format!("the stored name of image repository {:?} cannot be read: {}", row.name, chain(error));
    tracing::warn!("{fault}");
    write_fault(&mut transaction, row.repository_id, &fault).await?;
    let failures = u32::try_from(row.failures).unwrap_or(0).saturating_add(1);
    plan_next(&mut transaction, row.repository_id, row.requested, failures, UNREADABLE).await?;
    transaction.commit().await?;
    Ok(())
}

async fn write_fault(connection: &mut PgConnection, id: i64, fault: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE repository SET fault = $2 WHERE id = $1 AND fault IS DISTINCT FROM $2")
        .bind(id)
        .bind(fault)
        .execute(connection)
        .await?;
    Ok(())
}

impl Claim {
    /// Ends a scan whose listing is complete: in one transaction the listing becomes the state, every item of the
    /// repository is decided anew, and the next scan is planned.
    ///
    /// # Errors
    /// The database does not answer; then the state before the scan stands.
    pub async fn finish(mut self, listed: &[Tag], next: Duration) -> Result<(), StoreError> {
        let connection = &mut *self.transaction;
        ledger::lock(connection).await?;
        write_listing(connection, self.id, listed).await?;
        sqlx::query(
            "UPDATE repository SET scanned_at = clock_timestamp(), tag_count = $2, fault = NULL WHERE id = $1",
        )
        .bind(self.id)
        .bind(i32::try_from(listed.len()).unwrap_or(i32::MAX))
        .execute(&mut *connection)
        .await?;
        sqlx::query("DELETE FROM host_pause WHERE host = $1 AND until < clock_timestamp()")
            .bind(self.repository.host())
            .execute(&mut *connection)
            .await?;
        ledger::decide(connection, self.id, None).await?;
        plan_next(connection, self.id, self.requested, 0, next).await?;
        failpoint!("scan.before-commit");
        self.transaction.commit().await?;
        failpoint!("scan.after-commit");
        Ok(())
    }

    /// Ends a scan that failed: tags and selections stay as they are, the reason is written down, and the next scan is
    /// planned. With `pause` no replica asks the host before it ends.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn fail(
        mut self,
        fault: &str,
        failures: u32,
        next: Duration,
        pause: Option<HostPause>,
    ) -> Result<(), StoreError> {
        let connection = &mut *self.transaction;
        write_fault(connection, self.id, fault).await?;
        if let Some(HostPause { asked }) = pause {
            pause_host(connection, self.repository.host(), asked, fault).await?;
        }
        plan_next(connection, self.id, self.requested, failures, next).await?;
        self.transaction.commit().await?;
        Ok(())
    }
}

async fn write_listing(connection: &mut PgConnection, id: i64, listed: &[Tag]) -> Result<(), StoreError> {
    let names: Vec<&str> = listed.iter().map(Tag::as_str).collect();
    sqlx::query(
        "INSERT INTO tag (repository_id, name, present) SELECT $1, name, true FROM unnest($2::text[]) AS listed (name)
         ON CONFLICT (repository_id, name) DO UPDATE SET present = true, gone_at = NULL WHERE NOT tag.present",
    )
    .bind(id)
    .bind(&names)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE tag SET present = false, gone_at = clock_timestamp()
         WHERE repository_id = $1 AND present
           AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS listed (name) WHERE listed.name = tag.name)",
    )
    .bind(id)
    .bind(&names)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM tag WHERE repository_id = $1 AND gone_at < clock_timestamp() - make_interval(secs => $2)
           AND NOT EXISTS (SELECT FROM item i WHERE i.repository_id = $1 AND i.image LIKE '%:' || tag.name)",
    )
    .bind(id)
    .bind(REMEMBER.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

/// Plans the next scan, a little earlier or later than said, so that repositories do not march in step.
async fn plan_next(
    connection: &mut PgConnection,
    id: i64,
    served: i64,
    failures: u32,
    next: Duration,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE scan_queue SET served = $2, failures = $3,
             next_scan_at = clock_timestamp() + make_interval(secs => $4 * (0.9 + 0.2 * random()))
         WHERE repository_id = $1",
    )
    .bind(id)
    .bind(served)
    .bind(i32::try_from(failures).unwrap_or(i32::MAX))
    .bind(next.as_secs_f64())
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves a host alone: for as long as it asks, else for 30 s doubled with each time in a row; never longer than
/// an hour, and never shorter than a pause that is already set.
async fn pause_host(
    connection: &mut PgConnection,
    host: &str,
    asked: Option<Duration>,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO host_pause (host, until, reason)
         VALUES ($1, clock_timestamp() + make_interval(secs => least(coalesce($2, 30), 3600)), $3)
         ON CONFLICT (host) DO UPDATE SET
             failures = host_pause.failures + 1, reason = excluded.reason,
             until = greatest(host_pause.until, clock_timestamp() + make_interval(secs =>
                 least(coalesce($2, 30 * 2 ^ least(host_pause.failures, 7)), 3600)))",
    )
    .bind(host)
    .bind(asked.map(|asked| asked.as_secs_f64()))
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(())
}
