//! Chart directories as consumers get them: digests after each pass, files on request, at applied revisions only.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::args::clean_path;
use crate::digest::{SourceFile, digest};
use crate::git::{BlobId, BlobLimits, FileMode, GitError, Repository, Revision, Tree, relative_to};
use crate::manifests::FileError;
use crate::state::{Shared, SourceDigests};

/// A file larger than this is not served; Helm refuses it too.
pub const MAX_FILE_BYTES: u64 = 5 << 20;
/// A directory with more bytes than this is not served.
pub const MAX_SOURCE_BYTES: u64 = 50 << 20;
/// A directory with more files than this is not served.
pub const MAX_SOURCE_FILES: usize = 10_000;
/// Directories held in memory at once, from the first byte read to the last one sent.
const HELD_AT_ONCE: usize = 4;
/// As long waits a caller for another one's directory to be sent.
const WAIT: Duration = Duration::from_secs(20);

/// Why a source is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The path leaves the repository, or means all of it.
    #[error("`{0}` is not a directory inside the repository; give a relative path without `..`")]
    Path(String),
    /// There is no finished pass yet.
    #[error("no revision has been applied yet; see SyncService.GetStatus")]
    NothingApplied,
    /// Not one of the revisions that were applied lately.
    #[error("the revision {0} is not an applied one; ask again without a revision")]
    NotApplied(String),
    /// No such directory.
    #[error("there is no directory `{path}` at {revision}")]
    Missing {
        /// The directory.
        path: String,
        /// The revision.
        revision: Revision,
    },
    /// Too many files or bytes.
    #[error("`{path}` is larger than is served: {limit}")]
    TooLarge {
        /// The directory or file.
        path: String,
        /// The limit.
        limit: String,
    },
    /// A symbolic link or a submodule.
    #[error(
        "`{path}` is a {what}; sources hold plain files only: put the files themselves into the repository"
    )]
    NotPlain {
        /// The entry.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// Others are being served, and none of them ended in time.
    #[error("git-syncer is sending as many directories as it can; ask again in a moment")]
    Busy,
    /// The clone cannot be read.
    #[error("the clone cannot be read")]
    Git(#[source] GitError),
}

/// A directory's files.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path relative to the root of the repository.
    pub path: String,
    /// Where it was read.
    pub revision: Revision,
    /// Its digest.
    pub digest: String,
    /// Its files in byte order of their paths.
    pub files: Vec<SourceFile>,
}

/// The right to hold one directory in memory; keep it as long as the files.
#[derive(Debug)]
#[must_use = "the files count as held until this is dropped"]
pub struct Hold(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// What a digest depends on, without reading contents.
type Listing = Vec<(String, u32, BlobId)>;

/// Reads sources. One per process.
pub struct Sources {
    repository: Repository,
    shared: Shared,
    charts_path: String,
    held: Arc<Semaphore>,
    /// Digests of chart directories by path, good while the listing is the same.
    known: Mutex<HashMap<String, (Listing, String)>>,
}

impl Sources {
    /// Sources of `repository`; charts are below `charts_path`.
    pub fn new(repository: Repository, shared: Shared, charts_path: String) -> Self {
        let (held, known) = (Arc::new(Semaphore::new(HELD_AT_ONCE)), Mutex::default());
        Sources { repository, shared, charts_path, held, known }
    }

    /// The path of a source relative to the charts path, as `spec.chartGitPath` names it; empty outside of it.
    pub fn chart_path<'a>(&self, path: &'a str) -> &'a str {
        relative_to(path, &self.charts_path).unwrap_or_default()
    }

    /// The digests of all chart directories of a tree. One that cannot be served is reported and left out.
    ///
    /// # Errors
    /// [`GitError`] when the clone cannot be read.
    pub async fn digests(&self, tree: &Tree) -> Result<(SourceDigests, Vec<FileError>), GitError> {
        let mut sources = SourceDigests::default();
        let mut errors = Vec::new();
        let mut known = HashMap::new();
        for path in chart_directories(tree, &self.charts_path) {
            match self.digest_of(tree, &path).await {
                Ok((listing, digest)) => {
                    known.insert(path.clone(), (listing, digest.clone()));
                    sources.digests.insert(path, digest);
                }
                Err(SourceError::Git(error)) => return Err(error),
                Err(error) => {
                    errors.push(FileError {
                        path,
                        document: 0,
                        line: 0,
                        message: service_kit::chain(&error),
                    });
                }
            }
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok((sources, errors))
    }

    async fn digest_of(&self, tree: &Tree, path: &str) -> Result<(Listing, String), SourceError> {
        let listing = listing(tree, path)?;
        let before = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some((before, digest)) = before.filter(|(before, _)| *before == listing) {
            return Ok((before, digest));
        }
        let files = self.read(path, &listing).await?;
        Ok((listing, digest(&files)))
    }

    /// Reads a directory at an applied revision, the newest one when none is named. Few directories are in memory at once:
    /// the [`Hold`] is to be kept until the last file is sent, however slow the receiver is.
    ///
    /// # Errors
    /// [`SourceError`]; what it says of the path does not tell whether something exists outside the repository.
    pub async fn fetch(
        &self,
        path: &str,
        under_charts_path: bool,
        revision: Option<&Revision>,
    ) -> Result<(Source, Hold), SourceError> {
        let cleaned = clean_path(path).ok_or_else(|| SourceError::Path(path.to_owned()))?;
        let full = match (under_charts_path, self.charts_path.is_empty()) {
            (true, false) => format!("{}/{cleaned}", self.charts_path),
            _ => cleaned.clone(),
        };
        if cleaned.is_empty() {
            return Err(SourceError::Path(path.to_owned()));
        }
        let revision = self.applied(revision)?;
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.held).acquire_owned()).await;
        let hold = Hold(permit.map_err(|_| SourceError::Busy)?.expect("the semaphore is never closed"));
        let tree = self.repository.tree(revision.commit).await.map_err(SourceError::Git)?;
        let listing = listing(&tree, &full)?;
        if listing.is_empty() {
            return Err(SourceError::Missing { path: full, revision });
        }
        let files = self.read(&full, &listing).await?;
        Ok((Source { path: full, revision, digest: digest(&files), files }, hold))
    }

    fn applied(&self, wanted: Option<&Revision>) -> Result<Revision, SourceError> {
        self.shared.read(|state| match wanted {
            None => {
                state.sources.last().map(|(revision, ..)| revision.clone()).ok_or(SourceError::NothingApplied)
            }
            Some(wanted) => {
                let found = state.sources.iter().find(|(revision, ..)| revision == wanted);
                found.map(|(revision, ..)| revision.clone()).ok_or_else(|| match state.sources.is_empty() {
                    true => SourceError::NothingApplied,
                    false => SourceError::NotApplied(wanted.to_string()),
                })
            }
        })
    }

    async fn read(&self, path: &str, listing: &Listing) -> Result<Vec<SourceFile>, SourceError> {
        let too_large = |path, limit: &str| SourceError::TooLarge { path, limit: limit.to_owned() };
        let mut files = Vec::with_capacity(listing.len());
        let mut left = MAX_SOURCE_BYTES;
        for batch in listing.chunks(256) {
            let blobs = batch.iter().map(|(_, _, blob)| *blob).collect();
            let limits = BlobLimits { each: MAX_FILE_BYTES, total: left };
            let contents = self.repository.blobs(blobs, limits).await.map_err(|error| match error {
                GitError::TooLarge { .. } => too_large(path.to_owned(), "50 MiB a directory"),
                other => SourceError::Git(other),
            })?;
            for ((name, mode, _), bytes) in batch.iter().zip(contents) {
                let bytes = bytes.ok_or_else(|| too_large(format!("{path}/{name}"), "5 MiB a file"))?;
                left = left.saturating_sub(bytes.len() as u64);
                files.push(SourceFile { path: name.clone(), mode: *mode, bytes });
            }
        }
        Ok(files)
    }
}

/// The files of a directory, provided that they are plain files and not too many.
fn listing(tree: &Tree, directory: &str) -> Result<Listing, SourceError> {
    let mut listing = Vec::new();
    for file in &tree.files {
        let Some(name) = relative_to(&file.path, directory) else { continue };
        let what = match file.mode {
            FileMode::Regular | FileMode::Executable => None,
            FileMode::Symlink => Some("symbolic link"),
            FileMode::Submodule => Some("submodule"),
        };
        if let Some(what) = what {
            return Err(SourceError::NotPlain { path: file.path.clone(), what });
        }
        listing.push((name.to_owned(), file.mode.bits(), file.blob));
        if listing.len() > MAX_SOURCE_FILES {
            let limit = format!("{MAX_SOURCE_FILES} files a directory");
            return Err(SourceError::TooLarge { path: directory.to_owned(), limit });
        }
    }
    Ok(listing)
}

/// The directories below `charts_path` that hold a `Chart.yaml`, without those inside another one (its subcharts are part of it).
fn chart_directories(tree: &Tree, charts_path: &str) -> BTreeSet<String> {
    let with_chart = tree.below(charts_path).filter_map(|file| file.path.strip_suffix("/Chart.yaml"));
    let all: BTreeSet<String> = with_chart.map(str::to_owned).collect();
    let inside_another =
        |path: &String| all.iter().any(|other| relative_to(path, other).is_some_and(|rest| !rest.is_empty()));
    all.iter().filter(|path| !inside_another(path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::TestRemote;

    fn remote() -> TestRemote {
        TestRemote::with(&[
            ("charts/podinfo/Chart.yaml", "name: podinfo\n"),
            ("charts/podinfo/templates/a.yaml", "a: 1\n"),
            ("charts/podinfo/charts/sub/Chart.yaml", "name: sub\n"),
            ("charts/podinfo2/Chart.yaml", "name: podinfo2\n"),
            ("charts/README.md", "no chart\n"),
            ("elsewhere/Chart.yaml", "name: elsewhere\n"),
        ])
    }

    async fn applied(repository: &Repository, shared: &Shared, sources: &Sources) -> SourceDigests {
        let tip = repository.fetch().await.unwrap();
        let tree = repository.tree(tip).await.unwrap();
        let (digests, errors) = sources.digests(&tree).await.unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        shared.update(|state| state.sources.push((repository.revision(tip), None, digests.clone().into())));
        digests
    }

    #[tokio::test]
    async fn charts_are_served_at_applied_revisions_only() {
        let remote = remote();
        let (repository, shared) = (remote.repository("clone"), Shared::new());
        let sources = Sources::new(repository.clone(), shared.clone(), "charts".into());
        assert!(matches!(sources.fetch("podinfo", true, None).await, Err(SourceError::NothingApplied)));

        let first = applied(&repository, &shared, &sources).await;
        assert_eq!(first.digests.keys().collect::<Vec<_>>(), ["charts/podinfo", "charts/podinfo2"]);
        let old = shared.read(|state| state.sources[0].0.clone());
        remote.commit(&[("charts/podinfo/templates/a.yaml", "a: 2\n")]);
        let second = applied(&repository, &shared, &sources).await;
        assert_ne!(first.digests["charts/podinfo"], second.digests["charts/podinfo"]);
        assert_eq!(first.digests["charts/podinfo2"], second.digests["charts/podinfo2"]);

        let (newest, hold) = sources.fetch("podinfo", true, None).await.unwrap();
        assert_eq!(sources.held.available_permits(), HELD_AT_ONCE - 1, "held until it is sent");
        drop(hold);
        assert_eq!(sources.held.available_permits(), HELD_AT_ONCE);
        let names: Vec<_> = newest.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["Chart.yaml", "charts/sub/Chart.yaml", "templates/a.yaml"]);
        assert_eq!(
            (newest.path.as_str(), &newest.digest),
            ("charts/podinfo", &second.digests["charts/podinfo"])
        );
        let (older, _hold) = sources.fetch("./charts/podinfo/", false, Some(&old)).await.unwrap();
        assert_eq!(older.digest, first.digests["charts/podinfo"]);

        remote.commit(&[("README.md", "not applied\n")]);
        let ahead = repository.revision(repository.fetch().await.unwrap());
        let error = sources.fetch("podinfo", true, Some(&ahead)).await.unwrap_err();
        assert!(matches!(error, SourceError::NotApplied(_)), "{error}");
        for path in ["..", "../x", "/etc", "a/../../b", "", ".", "a\\b"] {
            let error = sources.fetch(path, true, None).await.unwrap_err();
            assert!(matches!(error, SourceError::Path(_)), "{path}: {error}");
        }
        let error = sources.fetch("absent", true, None).await.unwrap_err();
        assert!(matches!(error, SourceError::Missing { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_chart_with_a_link_is_refused_and_the_others_are_served() {
        let remote = remote();
        std::os::unix::fs::symlink("/etc/passwd", remote.path("work/charts/podinfo/values.yaml")).unwrap();
        remote.commit(&[]);
        let (repository, shared) = (remote.repository("clone"), Shared::new());
        let sources = Sources::new(repository.clone(), shared.clone(), "charts".into());
        let tip = repository.fetch().await.unwrap();
        let (digests, errors) = sources.digests(&repository.tree(tip).await.unwrap()).await.unwrap();
        assert_eq!(digests.digests.keys().collect::<Vec<_>>(), ["charts/podinfo2"]);
        assert!(
            errors[0]
                .to_string()
                .starts_with("charts/podinfo: `charts/podinfo/values.yaml` is a symbolic link")
        );
    }

    #[tokio::test]
    async fn a_directory_that_is_too_large_is_refused() {
        let large = "x".repeat(MAX_FILE_BYTES as usize);
        let paths: Vec<String> = (0..=10).map(|number| format!("charts/a/{number}")).collect();
        let mut files: Vec<_> = paths.iter().map(|path| (path.as_str(), large.as_str())).collect();
        files.push(("charts/a/Chart.yaml", "name: a\n"));
        let remote = TestRemote::with(&files);
        let (repository, shared) = (remote.repository("clone"), Shared::new());
        let sources = Sources::new(repository.clone(), shared, "charts".into());
        let tip = repository.fetch().await.unwrap();
        let (_, errors) = sources.digests(&repository.tree(tip).await.unwrap()).await.unwrap();
        assert_eq!(
            errors[0].to_string(),
            "charts/a: `charts/a` is larger than is served: 50 MiB a directory"
        );
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_named() {
        let large = "x".repeat(MAX_FILE_BYTES as usize + 1);
        let remote = TestRemote::with(&[("charts/a/Chart.yaml", "name: a\n"), ("charts/a/large", &large)]);
        let (repository, shared) = (remote.repository("clone"), Shared::new());
        let sources = Sources::new(repository.clone(), shared.clone(), "charts".into());
        let tip = repository.fetch().await.unwrap();
        shared.update(|state| state.sources.push((repository.revision(tip), None, Default::default())));
        let error = sources.fetch("a", true, None).await.unwrap_err();
        assert_eq!(error.to_string(), "`charts/a/large` is larger than is served: 5 MiB a file");
    }
}
