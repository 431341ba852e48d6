//! Taking a declaration in.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use image_policy::Repository;
use service_kit::{chain, failpoint};
use sqlx::PgConnection;

use super::rows::{ItemRow, pull_secrets};
use super::{SCAN_CHANNEL, Store, StoreError, ledger};
use crate::item::{Item, ItemFault};

/// The whole set of items that one owner automates.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// Who declares.
    pub owner: String,
    /// Grows with each declaration of the owner; at most `i64::MAX`.
    pub version: i64,
    /// The items.
    pub items: Vec<Item>,
}

/// What a declaration led to: the items that cannot be served, each with a sentence that says why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Item and reason.
    pub faults: Vec<(Item, String)>,
}

/// Why a declaration was not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeclareError {
    /// A newer one is stored.
    #[error(
        "version {version} of the declaration of {owner} is older than version {stored}, which is stored"
    )]
    Stale {
        /// The owner.
        owner: String,
        /// The version offered.
        version: i64,
        /// The version stored.
        stored: i64,
    },
    /// The database.
    #[error("the declaration cannot be stored")]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DeclareError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An item on its way in: where its tags are, or why it cannot be served.
struct Checked {
    item: Item,
    repository: Result<Repository, String>,
}

impl Store {
    /// Replaces the set of items of an owner, decides for them from the tags that are known, and makes the scan of
    /// repositories due at once that have new or changed items. A declaration of the stored version changes nothing.
    ///
    /// # Errors
    /// A newer declaration is stored, or the database does not answer; then nothing has changed.
    pub async fn declare(&self, declaration: &Declaration) -> Result<Declared, DeclareError> {
        let Declaration { owner, version, items } = declaration;
        let mut transaction = self.pool.begin().await?;
        ledger::lock(&mut transaction).await?;
        let stored: Option<i64> = sqlx::query_scalar("SELECT version FROM declaration WHERE owner = $1")
            .bind(owner)
            .fetch_optional(&mut *transaction)
            .await?;
        let before = stored_items(&mut transaction, owner).await?;
        match stored {
            Some(stored) if stored > *version => {
                return Err(DeclareError::Stale { owner: owner.clone(), version: *version, stored });
            }
            Some(stored) if stored == *version => return Ok(faults_of(&before)?),
            _ => {}
        }
        sqlx::query(
            "INSERT INTO declaration (owner, version) VALUES ($1, $2)
             ON CONFLICT (owner) DO UPDATE SET version = excluded.version, declared_at = now()",
        )
        .bind(owner)
        .bind(version)
        .execute(&mut *transaction)
        .await?;

        let checked = check(items);
        let ids = repositories(&mut transaction, &checked).await?;
        replace_items(&mut transaction, owner, &checked, &ids).await?;
        let changed = changed_repositories(&before, &checked, &ids);
        let requested = sqlx::query("UPDATE repository SET requested = requested + 1 WHERE id = ANY($1)")
            .bind(Vec::from_iter(changed))
            .execute(&mut *transaction)
            .await?;
        for id in ids.values() {
            ledger::decide(&mut transaction, *id, Some(owner)).await?;
        }
        if requested.rows_affected() > 0 {
            ledger::notify(&mut transaction, SCAN_CHANNEL).await?;
        }
        failpoint!("declare.before-commit");
        transaction.commit().await?;
        failpoint!("declare.after-commit");
        let faults = checked.into_iter().filter_map(|one| Some((one.item, one.repository.err()?))).collect();
        Ok(Declared { faults })
    }
}

/// Checks each item; of items with the same key the first is kept, as one that cannot be served.
fn check(items: &[Item]) -> Vec<Checked> {
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut checked: Vec<Checked> = Vec::with_capacity(items.len());
    for item in items {
        if let Some(first) = seen.get(&(item.workload.as_str(), item.container.as_str())) {
            checked[*first].repository = Err(ItemFault::Duplicate { item: item.name() }.to_string());
            continue;
        }
        seen.insert((&item.workload, &item.container), checked.len());
        let repository = match item.automation() {
            Ok(automation) => Ok(automation.image.repository()),
            Err(fault) => Err(chain(&fault)),
        };
        checked.push(Checked { item: item.clone(), repository });
    }
    checked
}

async fn stored_items(connection: &mut PgConnection, owner: &str) -> Result<Vec<ItemRow>, StoreError> {
    Ok(sqlx::query_as(
        "SELECT i.*, d.version FROM item i JOIN declaration d USING (owner)
         WHERE owner = $1 ORDER BY workload, container",
    )
    .bind(owner)
    .fetch_all(connection)
    .await?)
}

fn faults_of(rows: &[ItemRow]) -> Result<Declared, StoreError> {
    let mut declared = Declared::default();
    for row in rows {
        if let Some(fault) = &row.fault {
            declared.faults.push((row.item()?, fault.clone()));
        }
    }
    Ok(declared)
}

/// The ids of the repositories named, which are made to exist.
async fn repositories(
    connection: &mut PgConnection,
    checked: &[Checked],
) -> Result<BTreeMap<Repository, i64>, StoreError> {
    let wanted: BTreeSet<&Repository> =
        checked.iter().filter_map(|one| one.repository.as_ref().ok()).collect();
    let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let hosts: Vec<&str> = wanted.iter().map(|repository| repository.host()).collect();
    sqlx::query(
        "INSERT INTO repository (name, host) SELECT * FROM unnest($1::text[], $2::text[])
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&names)
    .bind(&hosts)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO scan_queue (repository_id) SELECT id FROM repository WHERE name = ANY($1)
         ON CONFLICT DO NOTHING",
    )
    .bind(&names)
    .execute(&mut *connection)
    .await?;
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT name, id FROM repository WHERE name = ANY($1)")
        .bind(&names)
        .fetch_all(connection)
        .await?;
    let ids: BTreeMap<String, i64> = rows.into_iter().collect();
    Ok(wanted.into_iter().filter_map(|one| Some((one.clone(), *ids.get(&one.to_string())?))).collect())
}

/// Writes the items, forgets those that are no longer declared, and the standing and selection of those that are
/// another thing than before. (The rest keeps both, so that nothing blinks.)
async fn replace_items(
    connection: &mut PgConnection,
    owner: &str,
    checked: &[Checked],
    ids: &BTreeMap<Repository, i64>,
) -> Result<(), StoreError> {
    let column =
        |field: fn(&Item) -> &str| -> Vec<&str> { checked.iter().map(|one| field(&one.item)).collect() };
    let workloads = column(|item| &item.workload);
    let containers = column(|item| &item.container);
    let secrets: Vec<String> = checked.iter().map(|one| pull_secrets(&one.item)).collect::<Result<_, _>>()?;
    let repositories: Vec<Option<i64>> =
        checked.iter().map(|one| ids.get(one.repository.as_ref().ok()?).copied()).collect();
    let faults: Vec<Option<&str>> =
        checked.iter().map(|one| one.repository.as_ref().err().map(String::as_str)).collect();
    sqlx::query(
        "DELETE FROM item i WHERE i.owner = $1 AND NOT EXISTS (
             SELECT FROM unnest($2::text[], $3::text[]) AS now (workload, container)
             WHERE now.workload = i.workload AND now.container = i.container)",
    )
    .bind(owner)
    .bind(&workloads)
    .bind(&containers)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO item (owner, workload, container, image, tag_pattern, pull_secrets, repository_id, fault)
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
         ON CONFLICT (owner, workload, container) DO UPDATE SET
             image = excluded.image, tag_pattern = excluded.tag_pattern, pull_secrets = excluded.pull_secrets,
             repository_id = excluded.repository_id, fault = excluded.fault,
             matching_count = 0, selected_tag = NULL, message = NULL
         WHERE (item.image, item.tag_pattern, item.pull_secrets, item.repository_id, item.fault)
             IS DISTINCT FROM (excluded.image, excluded.tag_pattern, excluded.pull_secrets,
                               excluded.repository_id, excluded.fault)",
    )
    .bind(owner)
    .bind(&workloads)
    .bind(&containers)
    .bind(column(|item| &item.image))
    .bind(column(|item| &item.tag_pattern))
    .bind(&secrets)
    .bind(&repositories)
    .bind(&faults)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM selection s USING item i
         WHERE s.owner = $1 AND i.owner = s.owner AND i.workload = s.workload AND i.container = s.container
           AND (i.repository_id IS NULL OR i.image <> s.image)",
    )
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(())
}

/// The repositories of items that are new, or that another image or pattern was declared for.
fn changed_repositories(
    before: &[ItemRow],
    checked: &[Checked],
    ids: &BTreeMap<Repository, i64>,
) -> BTreeSet<i64> {
    let before: HashSet<(&str, &str, &str, &str)> =
        before.iter().map(|row| (&*row.workload, &*row.container, &*row.image, &*row.tag_pattern)).collect();
    let is_new = |item: &Item| {
        !before.contains(&(&*item.workload, &*item.container, &*item.image, &*item.tag_pattern))
    };
    checked
        .iter()
        .filter(|one| is_new(&one.item))
        .filter_map(|one| ids.get(one.repository.as_ref().ok()?).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::item;

    #[test]
    fn items_are_checked_each_for_itself() {
        let other = |image: &str, pattern: &str, container: &str| Item {
            container: container.to_owned(),
            ..item(image, pattern)
        };
        let checked = check(&[
            other("a/b:1", "glob:*", "one"),
            other("a/b:1", "semver:1", "two"),
            other("quay.io/c:1", "", "three"),
            other("quay.io/d:1", "", "three"),
        ]);
        let repositories: Vec<Option<String>> =
            checked.iter().map(|one| one.repository.as_ref().ok().map(ToString::to_string)).collect();
        assert_eq!(repositories, [Some("index.docker.io/a/b".to_owned()), None, None]);
        assert!(checked[2].repository.as_ref().unwrap_err().contains("more than once"));
    }
}
