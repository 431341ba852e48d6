//! Observe: what a commit contains, as far as applying it needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::git::{BlobLimits, CommitId, File, FileMode, GitError, Repository, Revision, Tree, relative_to};
use crate::manifests::FileError;
use crate::trailers;

/// A manifest larger than this is reported, not read. etcd takes objects of 1.5 MiB at the most.
pub const MAX_MANIFEST_BYTES: u64 = 8 << 20;
/// More bytes of manifests than this make a repository that is refused as a whole.
const MAX_TOTAL_BYTES: u64 = 512 << 20;
/// Files read at once.
const BATCH: usize = 256;

/// Which part of the tree is manifests.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Directories to apply; `""` is the root.
    pub manifest_paths: Vec<String>,
    /// The charts directory.
    pub charts_path: String,
}

/// A manifest file.
#[derive(Debug, Clone)]
pub struct ManifestFile {
    /// Path relative to the root of the repository.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What a commit contains.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The revision.
    pub revision: Revision,
    /// All its files.
    pub tree: Tree,
    /// Its manifests.
    pub manifests: Arc<Vec<ManifestFile>>,
    /// What is wrong before anything is parsed.
    pub errors: Vec<FileError>,
    /// The trace that the commit continues.
    pub traceparent: Option<String>,
}

/// Reads the commit's manifests.
///
/// # Errors
/// [`GitError`] when the clone cannot be read, or holds more manifests than are read.
pub async fn observe(
    repository: &Repository,
    commit: CommitId,
    layout: &Layout,
) -> Result<Observation, GitError> {
    let tree = repository.tree(commit).await?;
    let (files, mut errors) = manifest_files(&tree, layout);
    let mut manifests = Vec::with_capacity(files.len());
    let mut left = MAX_TOTAL_BYTES;
    for batch in files.chunks(BATCH) {
        let blobs = batch.iter().map(|file| file.blob).collect();
        let limits = BlobLimits { each: MAX_MANIFEST_BYTES, total: left };
        let contents = repository.blobs(blobs, limits).await.map_err(|error| match error {
            GitError::TooLarge { .. } => {
                GitError::TooLarge { what: "the sum of all manifests".into(), limit: "512 MiB".into() }
            }
            other => other,
        })?;
        for (file, bytes) in batch.iter().zip(contents) {
            match bytes {
                Some(bytes) => {
                    left = left.saturating_sub(bytes.len() as u64);
                    manifests.push(ManifestFile { path: file.path.clone(), bytes });
                }
                None => errors
                    .push(whole_file(&file.path, "the file is larger than 8 MiB and is not read; split it")),
            }
        }
    }
    let head = repository.history(commit, 1).await?;
    let traceparent = head.first().and_then(|head| trailers::traceparent_of(&head.message));
    let (revision, manifests) = (repository.revision(commit), Arc::new(manifests));
    Ok(Observation { revision, tree, manifests, errors, traceparent })
}

/// The files to apply, and what is wrong with others that look like it.
pub(crate) fn manifest_files<'a>(tree: &'a Tree, layout: &Layout) -> (Vec<&'a File>, Vec<FileError>) {
    let mut errors: Vec<FileError> = Vec::new();
    for path in &layout.manifest_paths {
        if !path.is_empty() && !tree.has_directory(path) {
            errors.push(whole_file(path, "the directory of --git-path is not in the repository"));
        }
    }
    for (path, reason) in &tree.unusable {
        if manifest::is_manifest(path, &BTreeSet::new(), &layout.charts_path) {
            errors.push(whole_file(path, &format!("the file is not read: {reason}; rename it")));
        }
    }
    let charts = manifest::chart_directories(tree.files.iter().map(|file| file.path.as_str()));
    let mut files = Vec::new();
    for file in &tree.files {
        let wanted = layout.manifest_paths.iter().any(|path| relative_to(&file.path, path).is_some());
        if !wanted || !manifest::is_manifest(&file.path, &charts, &layout.charts_path) {
            continue;
        }
        match file.mode {
            FileMode::Regular | FileMode::Executable => files.push(file),
            FileMode::Symlink => {
                errors.push(whole_file(
                    &file.path,
                    "symbolic links are not followed; put the file itself here",
                ));
            }
            FileMode::Submodule => errors.push(whole_file(&file.path, "submodules are not read")),
        }
    }
    (files, errors)
}

fn whole_file(path: &str, message: &str) -> FileError {
    FileError { path: path.to_owned(), document: 0, line: 0, message: message.to_owned() }
}
