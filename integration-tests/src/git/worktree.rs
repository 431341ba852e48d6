//! A developer's clone: edit, commit, push.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::Shared;
use super::keys::SshKey;
use crate::command::Invocation;

/// A clone with a work tree, whose remote `origin` is reached by SSH with one key.
pub struct Worktree {
    shared: Arc<Shared>,
    folder: PathBuf,
    key: SshKey,
}

impl Worktree {
    pub(super) async fn clone(shared: Arc<Shared>, url: &str, key: &SshKey) -> anyhow::Result<Self> {
        let folder = shared.host.make_folder(&shared.host.unique("worktree"))?;
        let worktree = Self { shared, folder, key: key.clone() };
        worktree.git(&["clone", "--quiet", url, "."]).await?;
        // An empty clone takes its branch name from the user's configuration: from ours, which is none.
        if worktree.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).await.is_err() {
            worktree.git(&["symbolic-ref", "HEAD", "refs/heads/main"]).await?;
        }
        Ok(worktree)
    }

    /// The work tree's folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The key this clone pushes with.
    pub fn key(&self) -> &SshKey {
        &self.key
    }

    /// Writes a file of the work tree, with the folders it needs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let path = self.folder.join(path);
        let parent = path.parent().context("a path without a folder")?;
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, content))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a file of the work tree.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        let path = self.folder.join(path);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Copies a folder (or one file) of this machine into the work tree at `to`, as `cp -R` does.
    ///
    /// # Errors
    /// As cp tells.
    pub async fn copy_in(&self, from: &Path, to: &str) -> anyhow::Result<()> {
        let to = self.folder.join(to);
        let folder = if from.is_dir() { &to } else { to.parent().context("a path without a folder")? };
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let from = if from.is_dir() { format!("{}/.", from.display()) } else { from.display().to_string() };
        let args = ["-R", &from, &to.display().to_string()];
        Invocation::new(&self.shared.host, "cp").args(args).run().await.map(drop)
    }

    /// Commits everything in the work tree and returns the commit.
    ///
    /// # Errors
    /// As git tells: among others that nothing has changed.
    pub async fn commit(&self, message: &str) -> anyhow::Result<String> {
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--message", message]).await?;
        self.git(&["rev-parse", "HEAD"]).await
    }

    /// Pushes the current branch.
    ///
    /// # Errors
    /// As git tells: the remote has moved on, or the key may not push.
    pub async fn push(&self) -> anyhow::Result<()> {
        self.git(&["push", "--quiet", "origin", "HEAD"]).await.map(drop)
    }

    /// [`Self::commit`], then a push that first rebases onto what others pushed meanwhile. Returns the
    /// commit as pushed.
    ///
    /// # Errors
    /// As [`Self::commit`] and [`Self::push`].
    pub async fn commit_and_push(&self, message: &str) -> anyhow::Result<String> {
        self.commit(message).await?;
        if self.push().await.is_err() {
            self.pull().await?;
            self.push().await?;
        }
        self.git(&["rev-parse", "HEAD"]).await
    }

    /// `git pull --rebase` of the current branch.
    ///
    /// # Errors
    /// As git tells.
    pub async fn pull(&self) -> anyhow::Result<()> {
        let branch = self.git(&["symbolic-ref", "--short", "HEAD"]).await?;
        self.git(&["pull", "--quiet", "--rebase", "origin", &branch]).await.map(drop)
    }

    /// Runs git in the work tree, with this clone's key.
    ///
    /// # Errors
    /// As git tells.
    pub async fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut git = Invocation::new(&self.shared.host, "git").cwd(&self.folder).args(args);
        git = git.env("GIT_SSH_COMMAND", self.shared.ssh_command(&self.key));
        for role in ["AUTHOR", "COMMITTER"] {
            git = git.env(&format!("GIT_{role}_NAME"), "Developer");
            git = git.env(&format!("GIT_{role}_EMAIL"), "developer@example.com");
        }
        git.run().await
    }
}
