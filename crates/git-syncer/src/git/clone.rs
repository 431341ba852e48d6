//! The bare clone in the state folder: opened or made, and brought up to date.
//!
//! The clone is a cache. Whatever is wrong with it (a killed process left a lock, a disk lost blocks), another is made and takes
//! its place; nothing is ever only there.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::progress::Discard;
use gix::remote::Direction;
use gix_transport::Service;

use super::error::{Cause, GitError};
use super::remote::Remote;
use super::{CommitId, process};

/// Each fetch that brings something adds a pack, and nothing repacks; beyond this many it is cheaper to clone anew.
const MAX_PACKS: usize = 200;
/// Names of other branches shown when the one that is followed does not exist.
const BRANCHES_SHOWN: usize = 5;

/// Opens the clone in `folder`, or makes an empty one when there is none or the one there cannot be used.
pub(super) fn open_or_init(folder: &Path) -> Result<gix::ThreadSafeRepository, GitError> {
    if folder.exists() {
        match open(folder) {
            Ok(repository) => return Ok(repository),
            Err(cause) => {
                tracing::warn!(cause, "the clone cannot be used and will be made anew");
                discard(folder)?;
            }
        }
    }
    std::fs::create_dir_all(folder).map_err(GitError::State)?;
    let created = gix::ThreadSafeRepository::init_opts(
        folder,
        gix::create::Kind::Bare,
        gix::create::Options::default(),
        gix::open::Options::isolated(),
    );
    created.map_err(|error| GitError::Corrupt(error.into()))
}

/// Throws the clone away.
pub(super) fn discard(folder: &Path) -> Result<(), GitError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(GitError::State(error)),
        _ => Ok(()),
    }
}

fn open(folder: &Path) -> Result<gix::ThreadSafeRepository, String> {
    remove_stale_locks(folder).map_err(|error| error.to_string())?;
    let options = gix::open::Options::isolated().open_path_as_is(true);
    options.open(folder).map_err(|error| service_kit::chain(&error))
}

/// Whether so many fetches have left a pack each that reading from them gets slow.
pub(super) fn has_too_many_packs(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder.join("objects/pack")) else { return false };
    entries.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "pack")).count()
        > MAX_PACKS
}

/// A process killed in the midst of a ref update leaves its lock; nobody else works in this folder, so each one is stale.
fn remove_stale_locks(folder: &Path) -> std::io::Result<()> {
    let mut folders: Vec<PathBuf> = vec![folder.join("refs")];
    for entry in std::fs::read_dir(folder)? {
        remove_if_lock(&entry?.path())?;
    }
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                remove_if_lock(&path)?;
            }
        }
    }
    Ok(())
}

fn remove_if_lock(path: &Path) -> std::io::Result<()> {
    if path.extension().is_some_and(|extension| extension == "lock") {
        std::fs::remove_file(path)
    } else {
        Ok(())
    }
}

/// Fetches the branch and returns the commit at its tip.
pub(super) fn fetch(repository: &gix::Repository, remote: &Remote) -> Result<CommitId, GitError> {
    let (transport, mut exchange) = process::open(remote, Service::UploadPack)?;
    let refspec = format!("+{}:{}", remote.branch_ref(), remote.tracking_ref());
    let git_remote = repository
        .remote_at(remote.url.as_str())
        .map_err(local)?
        .with_fetch_tags(gix::remote::fetch::Tags::None)
        .with_refspecs([refspec.as_str()], Direction::Fetch)
        .map_err(local)?;
    let connection = git_remote.to_connection_with_transport(transport).with_credentials(|_| Ok(None));
    let prepared = connection.prepare_fetch(Discard, Default::default());
    let prepared = prepared.map_err(|error| exchange.explain(error))?;
    service_kit::failpoint!("git.inside-fetch");
    if prepared.ref_map().mappings.is_empty() {
        drop(prepared);
        drop(exchange);
        return Err(missing_branch(repository, remote));
    }
    let received = prepared.receive(Discard, &AtomicBool::new(false));
    received.map_err(|error| if error.is_corrupted() { local(error) } else { exchange.explain(error) })?;
    tip(repository, remote)?.ok_or_else(|| GitError::Empty { branch: remote.branch.clone() })
}

/// The commit that the last fetch found, from the clone alone.
pub(super) fn tip(repository: &gix::Repository, remote: &Remote) -> Result<Option<CommitId>, GitError> {
    let found = repository.try_find_reference(remote.tracking_ref().as_str()).map_err(local)?;
    let Some(mut reference) = found else { return Ok(None) };
    let commit = reference.peel_to_commit().map_err(local)?;
    Ok(Some(super::commit_id(commit.id)))
}

/// Asks once more, now for every branch, to tell an empty repository from one without this branch.
fn missing_branch(repository: &gix::Repository, remote: &Remote) -> GitError {
    match branches(repository, remote) {
        Err(error) => error,
        Ok(names) if names.is_empty() => GitError::Empty { branch: remote.branch.clone() },
        Ok(names) => GitError::BranchMissing { branch: remote.branch.clone(), others: names.join(", ") },
    }
}

fn branches(repository: &gix::Repository, remote: &Remote) -> Result<Vec<String>, GitError> {
    let (transport, mut exchange) = process::open(remote, Service::UploadPack)?;
    let git_remote = repository
        .remote_at(remote.url.as_str())
        .map_err(local)?
        .with_fetch_tags(gix::remote::fetch::Tags::None)
        .with_refspecs(["+refs/heads/*:refs/remotes/origin/*"], Direction::Fetch)
        .map_err(local)?;
    let connection = git_remote.to_connection_with_transport(transport).with_credentials(|_| Ok(None));
    let listed = connection.ref_map(Discard, Default::default());
    let (map, _handshake) = listed.map_err(|error| exchange.explain(error))?;
    let names = map.mappings.iter().filter_map(|mapping| mapping.remote.as_name());
    let names = names.filter_map(|name| name.to_string().strip_prefix("refs/heads/").map(str::to_owned));
    Ok(names.take(BRANCHES_SHOWN).collect())
}

fn local(error: impl Into<Cause>) -> GitError {
    GitError::Corrupt(error.into())
}
