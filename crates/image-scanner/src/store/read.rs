//! Reading what is known of items, changing nothing.

use sqlx::FromRow;

use super::rows::ItemRow;
use super::{Store, StoreError, ledger};
use crate::item::Item;
use crate::select::{KnownTag, evaluate};

/// How many items are listed at the most; a message that holds them stays below what callers take
/// ([`service_kit::client::MESSAGE_MAX`]).
const MAX_LISTED: i64 = 10_000;

/// How many candidates an explanation lists at the most.
const MAX_CANDIDATES: usize = 50;

/// An item and what is known of its image.
#[derive(Debug, Clone)]
pub struct ListedItem {
    /// The item as declared.
    pub item: Item,
    /// Who declared it.
    pub owner: String,
    /// End of the last complete listing, in nanoseconds since the Unix epoch.
    pub scanned_at: Option<i64>,
    /// How many tags the repository has.
    pub tag_count: u32,
    /// How many of them the pattern admits.
    pub matching_count: u32,
    /// The tag the policy selects.
    pub selected_tag: Option<String>,
    /// What keeps the item from being served, scanned or selected for.
    pub message: Option<String>,
}

/// The choice for an item, explained.
#[derive(Debug)]
pub struct Explained {
    /// The item.
    pub state: ListedItem,
    /// The choice, in a sentence or two.
    pub explanation: String,
    /// Matching tags, best first.
    pub candidates: Vec<KnownTag>,
}

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    item: ItemRow,
    scanned_ns: Option<i64>,
    tag_count: Option<i32>,
    scan_fault: Option<String>,
}

impl ListedRow {
    fn listed(self) -> Result<ListedItem, StoreError> {
        let item = self.item.item()?;
        let message = match (self.item.fault, self.scan_fault) {
            (Some(fault), _) => Some(fault),
            (None, Some(fault)) => Some(format!("{}: {fault}", item.name())),
            // What was decided from no tags at all is not worth telling.
            (None, None) if self.scanned_ns.is_none() => {
                Some(format!("{}: image {} has not been scanned yet", item.name(), item.image))
            }
            (None, None) => self.item.message,
        };
        Ok(ListedItem {
            owner: self.item.owner,
            scanned_at: self.scanned_ns,
            tag_count: self.tag_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
            matching_count: u32::try_from(self.item.matching_count).unwrap_or(0),
            selected_tag: self.item.selected_tag,
            message,
            item,
        })
    }
}

impl Store {
    /// Lists the first 10 000 items in order of owner, workload, container; only those of one workload, and container, when given.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list(
        &self,
        workload: Option<&str>,
        container: Option<&str>,
    ) -> Result<Vec<ListedItem>, StoreError> {
        let rows = self.rows(workload, container).await?;
        rows.into_iter().map(ListedRow::listed).collect()
    }

    async fn rows(
        &self,
        workload: Option<&str>,
        container: Option<&str>,
    ) -> Result<Vec<ListedRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT i.*, d.version, (extract(epoch FROM r.scanned_at) * 1e9)::bigint AS scanned_ns, r.tag_count,
                    r.fault AS scan_fault
             FROM item i JOIN declaration d USING (owner) LEFT JOIN repository r ON r.id = i.repository_id
             WHERE ($1::text IS NULL OR workload = $1) AND ($2::text IS NULL OR container = $2)
             ORDER BY owner, workload, container LIMIT $3",
        )
        .bind(workload)
        .bind(container)
        .bind(MAX_LISTED)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Explains the choice for an item; `None` when nobody declares it. When several owners declare it, the first in order
    /// of names is explained.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn explain(&self, workload: &str, container: &str) -> Result<Option<Explained>, StoreError> {
        let Some(row) = self.rows(Some(workload), Some(container)).await?.into_iter().next() else {
            return Ok(None);
        };
        let repository = row.item.repository_id;
        let scanned = row.scan_fault.is_none() && row.scanned_ns.is_some();
        let automation = row.item.item()?.automation().ok();
        let state = row.listed()?;
        let (Some(repository), Some(automation)) = (repository, automation) else {
            let explanation = state.message.clone().unwrap_or_default();
            return Ok(Some(Explained { state, explanation, candidates: Vec::new() }));
        };
        let facts = ledger::facts(&mut *self.pool.acquire().await?, repository).await?;
        let candidates = facts.matching(&automation).into_iter().take(MAX_CANDIDATES).cloned().collect();
        let explanation = match &state.message {
            // Why the last scan failed says more than what the scan before it found.
            Some(message) if !scanned => message.clone(),
            _ => evaluate(&automation, &facts).explanation,
        };
        Ok(Some(Explained { state, explanation, candidates }))
    }
}
