//! The adapter for PostgreSQL: declarations, the scan queue, tags and selections.
//!
//! Invariants: what belongs together changes in one transaction; declarations and selections change only under the
//! lock of the ledger's one row; a claim on a repository is a row lock and ends with its connection; every write can
//! be repeated.

mod declare;
mod ledger;
mod queue;
mod read;
mod rows;
mod selections;

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub use declare::{Declaration, DeclareError, Declared};
pub use queue::{Claim, HostPause, ScanWork, TagRead};
pub use read::{Explained, ListedItem};
pub use selections::{Selection, Selections, Token};

/// Somebody wants a scan.
pub const SCAN_CHANNEL: &str = "windlass_scan";

/// Selections have changed.
pub const SELECTION_CHANNEL: &str = "windlass_selection";

/// The longest URL read from the file, in bytes.
const MAX_URL: u64 = 16 << 10;

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database did not answer, or not as it should.
    #[error("the database cannot be used")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database schema cannot be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// What was stored cannot be read back.
    #[error("the database holds something that no version of this service has written")]
    Stored(#[from] serde_json::Error),
}

/// Why the file with the database's URL cannot be used. The URL itself, which holds a password, is never shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlFileError {
    /// It cannot be read.
    #[error("--database-url-file {0} cannot be read")]
    Read(PathBuf, #[source] std::io::Error),
    /// It is longer than a URL.
    #[error("--database-url-file {0} is longer than {MAX_URL} bytes; it should hold one URL")]
    TooLong(PathBuf),
    /// It holds no PostgreSQL URL.
    #[error("--database-url-file {0} does not hold a URL such as postgres://user:password@host/database")]
    Url(PathBuf),
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Reads the database's URL from a file. No connection is made yet.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub async fn open(url_file: &Path, connections: u32) -> Result<Self, UrlFileError> {
        let read = |error| UrlFileError::Read(url_file.to_owned(), error);
        if tokio::fs::metadata(url_file).await.map_err(read)?.len() > MAX_URL {
            return Err(UrlFileError::TooLong(url_file.to_owned()));
        }
        let url = tokio::fs::read_to_string(url_file).await.map_err(read)?;
        // The error of the parser may quote the URL.
        let options = PgConnectOptions::from_str(url.trim())
            .map_err(|_| UrlFileError::Url(url_file.to_owned()))?
            .application_name("image-scanner");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Brings the schema up to date. Several replicas may do so at once.
    ///
    /// # Errors
    /// The database is not there, or it has a newer schema than this program knows.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(sqlx::migrate!().run(&self.pool).await?)
    }

    /// The pool, for listening to notifications.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}
