//! Reading a commit: its files, straight from the object store.
//!
//! Invariant: no path with an empty, `.` or `..` part, a backslash or a NUL ever leaves this module, whatever a hand-made
//! tree contains; such entries are reported, not read.

use gix::bstr::ByteSlice as _;
use gix::objs::tree::EntryKind;

use super::CommitId;
use super::error::{Cause, GitError};

/// More files than this make a repository that git-syncer refuses to read.
pub const MAX_FILES: usize = 200_000;

/// What a tree entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// An ordinary file, `0100644`.
    Regular,
    /// An executable file, `0100755`.
    Executable,
    /// A symbolic link; never followed.
    Symlink,
    /// A submodule; never fetched.
    Submodule,
}

impl FileMode {
    /// Git's number for the mode.
    pub fn bits(self) -> u32 {
        match self {
            FileMode::Regular => 0o100_644,
            FileMode::Executable => 0o100_755,
            FileMode::Symlink => 0o120_000,
            FileMode::Submodule => 0o160_000,
        }
    }
}

/// The id of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobId(pub(super) [u8; 20]);

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path relative to the root of the repository, `/` between its parts.
    pub path: String,
    /// What it is.
    pub mode: FileMode,
    /// Its content.
    pub blob: BlobId,
}

/// The files of a commit in byte order of their paths.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The commit.
    pub commit: CommitId,
    /// The files.
    pub files: Vec<File>,
    /// Paths (made printable) that cannot be used, each with the reason.
    pub unusable: Vec<(String, &'static str)>,
}

impl Tree {
    /// The files below a directory (`""` is the root), in order.
    pub fn below<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| relative_to(&file.path, directory).is_some())
    }

    /// Whether there is at least one file below the directory.
    pub fn has_directory(&self, directory: &str) -> bool {
        self.below(directory).next().is_some()
    }
}

/// The rest of `path` below `directory`; `None` when it is not below it. `""` is the root.
///
/// `relative_to("charts/podinfo/a", "charts/podinfo")` is `Some("a")`.
pub fn relative_to<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() {
        return Some(path);
    }
    path.strip_prefix(directory)?.strip_prefix('/')
}

pub(super) fn read(repository: &gix::Repository, commit: CommitId) -> Result<Tree, GitError> {
    let object = repository.try_find_object(super::object_id(commit)).map_err(damaged)?;
    let object = object.ok_or(GitError::CommitMissing(commit))?;
    let tree = object.try_into_commit().map_err(damaged)?.tree().map_err(damaged)?;
    let entries = tree.traverse().breadthfirst.files().map_err(damaged)?;
    let mut files = Vec::with_capacity(entries.len());
    let mut unusable = Vec::new();
    for entry in entries {
        let mode = match entry.mode.kind() {
            EntryKind::Tree => continue,
            EntryKind::Blob => FileMode::Regular,
            EntryKind::BlobExecutable => FileMode::Executable,
            EntryKind::Link => FileMode::Symlink,
            EntryKind::Commit => FileMode::Submodule,
        };
        match usable_path(entry.filepath.as_bytes()) {
            Ok(path) => {
                files.push(File { path: path.to_owned(), mode, blob: BlobId(super::sha1(entry.oid)) })
            }
            Err(reason) => unusable.push((printable(entry.filepath.as_bytes()), reason)),
        }
        if files.len() > MAX_FILES {
            return Err(GitError::TooLarge {
                what: "the repository".into(),
                limit: format!("{MAX_FILES} files"),
            });
        }
    }
    files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(Tree { commit, files, unusable })
}

/// How much of files' contents is read, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct BlobLimits {
    /// A single content that is larger is passed over.
    pub each: u64,
    /// Contents that together are larger are refused.
    pub total: u64,
}

/// Reads contents in order; `None` for one that is larger than a single one may be. The sizes come from the objects' headers,
/// so nothing is unpacked that would go beyond a limit.
pub(super) fn read_blobs(
    repository: &gix::Repository,
    blobs: &[BlobId],
    limits: BlobLimits,
) -> Result<Vec<Option<Vec<u8>>>, GitError> {
    let mut contents = Vec::with_capacity(blobs.len());
    let mut left = limits.total;
    for blob in blobs {
        let id = gix::ObjectId::from(blob.0);
        let size = repository.find_header(id).map_err(damaged)?.size();
        if size > limits.each {
            contents.push(None);
            continue;
        }
        left = left.checked_sub(size).ok_or_else(|| GitError::TooLarge {
            what: "the sum of the files".into(),
            limit: format!("{} bytes", limits.total),
        })?;
        let mut object = repository.find_object(id).map_err(damaged)?.try_into_blob().map_err(damaged)?;
        contents.push(Some(object.take_data()));
    }
    Ok(contents)
}

fn usable_path(path: &[u8]) -> Result<&str, &'static str> {
    let path = path.to_str().map_err(|_| "its name is not UTF-8")?;
    if path.contains(['\\', '\0']) {
        return Err("its name holds a backslash or a NUL");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("its path has an empty, `.` or `..` part");
    }
    Ok(path)
}

fn printable(path: &[u8]) -> String {
    path.to_str_lossy().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn damaged(error: impl Into<Cause>) -> GitError {
    GitError::Corrupt(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_or_cannot_be_printed_are_refused() {
        for path in ["a", "a/b.yaml", "ä/ö", "..a/b..", ".hidden"] {
            assert_eq!(usable_path(path.as_bytes()), Ok(path));
        }
        for path in ["", "/a", "a//b", "../a", "a/..", "a/./b", "a\\b", "a\0"] {
            assert!(usable_path(path.as_bytes()).is_err(), "{path:?}");
        }
        assert!(usable_path(b"a\xff").is_err());
    }

    #[test]
    fn directories_end_at_a_slash() {
        assert_eq!(relative_to("charts/podinfo/a", "charts/podinfo"), Some("a"));
        assert_eq!(relative_to("charts/podinfo2/a", "charts/podinfo"), None);
        assert_eq!(relative_to("charts", "charts"), None);
        assert_eq!(relative_to("a/b", ""), Some("a/b"));
    }
}
