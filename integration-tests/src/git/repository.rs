//! A bare repository on the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Shared;
use super::keys::{Access, SshKey};
use super::worktree::Worktree;
use crate::command::Invocation;

/// A bare repository: its URL, its deploy keys, and a look inside without SSH.
pub struct GitRepository {
    shared: Arc<Shared>,
    name: String,
    folder: PathBuf,
}

impl GitRepository {
    pub(super) fn new(shared: Arc<Shared>, name: &str, folder: PathBuf) -> Self {
        Self { shared, name: name.to_owned(), folder }
    }

    /// `ssh://USER@127.0.0.1:PORT/NAME.git`.
    pub fn url(&self) -> String {
        format!("ssh://{}@127.0.0.1:{}/{}.git", self.shared.user, self.shared.port, self.name)
    }

    /// The bare repository's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets a key (a line as in a `.pub` file) reach this repository.
    ///
    /// # Errors
    /// It is no public key, or a deploy key already, of this or another repository.
    pub fn add_deploy_key(&self, public_key: &str, access: Access) -> anyhow::Result<()> {
        self.shared.keys.add(public_key, &self.folder, access)
    }

    /// Takes a key's access away; logins from now on are refused.
    ///
    /// # Errors
    /// It is no deploy key of this repository.
    pub fn remove_deploy_key(&self, public_key: &str) -> anyhow::Result<()> {
        self.shared.keys.remove(public_key, &self.folder)
    }

    /// Clones as a developer with a new key that may push.
    ///
    /// # Errors
    /// As git tells.
    pub async fn clone_as_developer(&self) -> anyhow::Result<Worktree> {
        let key = SshKey::generate(&self.shared.host, "developer").await?;
        self.add_deploy_key(key.public_key(), Access::ReadWrite)?;
        self.clone_with(&key).await
    }

    /// Clones with a key, whatever that may do.
    ///
    /// # Errors
    /// As git tells: among others that the key gives no access.
    pub async fn clone_with(&self, key: &SshKey) -> anyhow::Result<Worktree> {
        Worktree::clone(self.shared.clone(), &self.url(), key).await
    }

    /// Runs git inside the bare repository: what the server has, past all keys.
    ///
    /// # Errors
    /// As git tells.
    pub async fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        let folder = self.folder.display().to_string();
        Invocation::new(&self.shared.host, "git").args(["--git-dir", &folder]).args(args).run().await
    }

    /// The commit a branch points to, as 40 hexadecimal digits.
    ///
    /// # Errors
    /// There is no such branch (a new repository has none).
    pub async fn head(&self, branch: &str) -> anyhow::Result<String> {
        self.git(&["rev-parse", "--verify", &format!("refs/heads/{branch}")]).await
    }
}
