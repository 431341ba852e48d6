//! The ledger: makes changes of declarations and selections serial, and writes them.

use image_policy::Created;
use sqlx::PgConnection;

use super::rows::{ItemRow, TagRow};
use super::{SELECTION_CHANNEL, StoreError};
use crate::select::{Chosen, Facts, Standing, evaluate};

/// Waits for the ledger's lock and holds it to the end of the transaction.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT seq FROM ledger FOR UPDATE").execute(connection).await?;
    Ok(())
}

/// What is stored about a repository's tags.
pub(super) async fn facts(connection: &mut PgConnection, repository: i64) -> Result<Facts, StoreError> {
    let rows: Vec<TagRow> = sqlx::query_as(
        "SELECT name, present, recheck_at IS NOT NULL AS read, digest, created_ns, fault, traceparent
         FROM tag WHERE repository_id = $1",
    )
    .bind(repository)
    .fetch_all(connection)
    .await?;
    Ok(Facts::new(rows.into_iter().filter_map(TagRow::known).collect()))
}

/// Decides anew for the items of a repository (of one owner, or of all), under the ledger's lock.
pub(super) async fn decide(
    connection: &mut PgConnection,
    repository: i64,
    owner: Option<&str>,
) -> Result<(), StoreError> {
    let items: Vec<ItemRow> = sqlx::query_as(
        "SELECT i.*, d.version FROM item i JOIN declaration d USING (owner)
         WHERE i.repository_id = $1 AND ($2::text IS NULL OR i.owner = $2)
         ORDER BY i.owner, i.workload, i.container",
    )
    .bind(repository)
    .bind(owner)
    .fetch_all(&mut *connection)
    .await?;
    if items.is_empty() {
        return Ok(());
    }
    let facts = facts(connection, repository).await?;
    for row in &items {
        // An item that cannot be served belongs to no repository, so this one can.
        let Ok(automation) = row.item()?.automation() else { continue };
        write(connection, row, &evaluate(&automation, &facts)).await?;
    }
    Ok(())
}

async fn write(connection: &mut PgConnection, row: &ItemRow, standing: &Standing) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE item SET matching_count = $4, selected_tag = $5, message = $6
         WHERE owner = $1 AND workload = $2 AND container = $3
           AND (matching_count, selected_tag, message) IS DISTINCT FROM ($4, $5, $6)",
    )
    .bind(&row.owner)
    .bind(&row.workload)
    .bind(&row.container)
    .bind(i32::try_from(standing.matching).unwrap_or(i32::MAX))
    .bind(standing.selected.as_ref().map(image_policy::Tag::as_str))
    .bind(&standing.message)
    .execute(&mut *connection)
    .await?;
    match &standing.update {
        Some(chosen) => select(connection, row, chosen).await,
        None => {
            sqlx::query("DELETE FROM selection WHERE owner = $1 AND workload = $2 AND container = $3")
                .bind(&row.owner)
                .bind(&row.workload)
                .bind(&row.container)
                .execute(connection)
                .await?;
            Ok(())
        }
    }
}

/// Writes a selection. One that says the same for the same declaration stays as it is, so that it is not
/// delivered again; its reason may count other tags by now, and that is no news.
async fn select(connection: &mut PgConnection, row: &ItemRow, chosen: &Chosen) -> Result<(), StoreError> {
    let same: Option<i64> = sqlx::query_scalar(
        "SELECT seq FROM selection WHERE owner = $1 AND workload = $2 AND container = $3
           AND declaration_version = $4 AND image = $5 AND to_tag = $6 AND digest = $7",
    )
    .bind(&row.owner)
    .bind(&row.workload)
    .bind(&row.container)
    .bind(row.version)
    .bind(&row.image)
    .bind(chosen.tag.as_str())
    .bind(&chosen.digest)
    .fetch_optional(&mut *connection)
    .await?;
    if same.is_some() {
        return Ok(());
    }
    sqlx::query(
        "WITH next AS (UPDATE ledger SET seq = seq + 1 RETURNING seq)
         INSERT INTO selection (owner, workload, container, declaration_version, image, to_tag, digest,
                                created_ns, reason, traceparent, seq)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, seq FROM next
         ON CONFLICT (owner, workload, container) DO UPDATE SET
             declaration_version = excluded.declaration_version, image = excluded.image,
             to_tag = excluded.to_tag, digest = excluded.digest, created_ns = excluded.created_ns,
             reason = excluded.reason, traceparent = excluded.traceparent, seq = excluded.seq",
    )
    .bind(&row.owner)
    .bind(&row.workload)
    .bind(&row.container)
    .bind(row.version)
    .bind(&row.image)
    .bind(chosen.tag.as_str())
    .bind(&chosen.digest)
    .bind(nanos(chosen.created).unwrap_or_default())
    .bind(&chosen.reason)
    .bind(&chosen.traceparent)
    .execute(&mut *connection)
    .await?;
    notify(connection, SELECTION_CHANNEL).await
}

/// A build time as it is stored; `None` outside of the years 1678 to 2261, which no image is built in.
pub(super) fn nanos(created: Created) -> Option<i64> {
    i64::try_from(created.unix_nanos()).ok()
}

/// Wakes the listeners of every replica when the transaction commits.
pub(super) async fn notify(connection: &mut PgConnection, channel: &'static str) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_notify($1, '')").bind(channel).execute(connection).await?;
    Ok(())
}
