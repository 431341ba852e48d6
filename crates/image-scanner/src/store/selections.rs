//! Selections as watchers read them.

use std::fmt;
use std::str::FromStr;

use image_policy::Created;
use sqlx::FromRow;

use super::rows::ItemRow;
use super::{Store, StoreError};
use crate::item::Item;

/// Where a watcher is: in which database, after which change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    epoch: String,
    seq: i64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

impl FromStr for Token {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, seq) = text.rsplit_once('.').ok_or(())?;
        Ok(Self { epoch: epoch.to_owned(), seq: seq.parse().map_err(|_| ())? })
    }
}

/// A tag chosen for an item.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The item as declared.
    pub item: Item,
    /// Who declared it.
    pub owner: String,
    /// Version of the declaration.
    pub declaration_version: i64,
    /// The tag to move to.
    pub to_tag: String,
    /// Digest of its manifest.
    pub digest: String,
    /// When its image was built.
    pub created: Option<Created>,
    /// Why this one.
    pub reason: String,
    /// The trace of the scan that found it.
    pub traceparent: Option<String>,
}

/// Selections with the place to go on from.
#[derive(Debug)]
pub struct Selections {
    /// Everything up to here is included.
    pub token: Token,
    /// Whether these are all that are pending, rather than what is new since the token given.
    pub snapshot: bool,
    /// The selections, in the order they were made.
    pub selections: Vec<Selection>,
}

#[derive(FromRow)]
struct SelectionRow {
    #[sqlx(flatten)]
    item: ItemRow,
    declaration_version: i64,
    to_tag: String,
    digest: String,
    created_ns: i64,
    reason: String,
    traceparent: Option<String>,
}

impl Store {
    /// The pending selections of an owner (of all without one): those made after the token, or all when there is no token or
    /// it belongs to another database.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn selections(
        &self,
        owner: Option<&str>,
        after: Option<&Token>,
    ) -> Result<Selections, StoreError> {
        let mut transaction = self.pool.begin().await?;
        // One snapshot for the ledger and the selections: nothing may be committed between the two.
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            .execute(&mut *transaction)
            .await?;
        let (epoch, seq): (String, i64) =
            sqlx::query_as("SELECT epoch, seq FROM ledger").fetch_one(&mut *transaction).await?;
        let after = after.filter(|token| token.epoch == epoch && token.seq <= seq);
        let rows: Vec<SelectionRow> = sqlx::query_as(
            "SELECT i.*, d.version, s.declaration_version, s.to_tag, s.digest, s.created_ns, s.reason, s.traceparent
             FROM selection s JOIN item i USING (owner, workload, container) JOIN declaration d USING (owner)
             WHERE s.seq > $1 AND ($2::text IS NULL OR s.owner = $2) ORDER BY s.seq",
        )
        .bind(after.map_or(-1, |token| token.seq))
        .bind(owner)
        .fetch_all(&mut *transaction)
        .await?;
        let mut selections = Vec::with_capacity(rows.len());
        for row in rows {
            selections.push(Selection {
                item: row.item.item()?,
                owner: row.item.owner,
                declaration_version: row.declaration_version,
                to_tag: row.to_tag,
                digest: row.digest,
                created: Created::from_unix_nanos(row.created_ns.into()),
                reason: row.reason,
                traceparent: row.traceparent,
            });
        }
        Ok(Selections { token: Token { epoch, seq }, snapshot: after.is_none(), selections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_their_text_and_nonsense_is_none() {
        let token = Token { epoch: "0a1b-2".to_owned(), seq: 42 };
        assert_eq!(token.to_string().parse(), Ok(token));
        for text in ["", "42", "x.", "x.y", "."] {
            assert_eq!(text.parse::<Token>(), Err(()), "{text:?}");
        }
    }
}
