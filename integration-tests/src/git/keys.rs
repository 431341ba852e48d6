//! SSH keys, and the list of deploy keys that sshd reads.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, bail, ensure};

use crate::command::Invocation;
use crate::host::Host;

/// What a deploy key may do with its repository.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Clone and fetch.
    ReadOnly,
    /// Push as well.
    ReadWrite,
}

/// A key pair in OpenSSH's format.
#[derive(Clone, Debug)]
pub struct SshKey {
    private: PathBuf,
    public: String,
}

impl SshKey {
    pub(crate) async fn generate(host: &Host, comment: &str) -> anyhow::Result<Self> {
        let private = host.folder().join("git").join(host.unique("key"));
        let path = private.display().to_string();
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &path];
        Invocation::new(host, "ssh-keygen").args(args).run().await?;
        let file = private.with_extension("pub");
        let public =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { private, public: public.trim_end().to_owned() })
    }

    /// The file with the private key.
    pub fn private_key_file(&self) -> &Path {
        &self.private
    }

    /// The public key in one line: `ssh-ed25519 AAAA… comment`.
    pub fn public_key(&self) -> &str {
        &self.public
    }
}

/// sshd's list of keys. As on the public git hosts, a key belongs to one repository at most.
pub(super) struct DeployKeys {
    file: PathBuf,
    script: PathBuf,
    keys: Mutex<Vec<DeployKey>>,
}

struct DeployKey {
    /// Type and base64, without the comment.
    key: String,
    repository: PathBuf,
    access: Access,
}

impl DeployKeys {
    pub(super) fn create(folder: &Path, script: PathBuf) -> anyhow::Result<Self> {
        let keys = Self { file: folder.join("authorized_keys"), script, keys: Mutex::default() };
        keys.write(&[])?;
        Ok(keys)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn add(&self, public_key: &str, repository: &Path, access: Access) -> anyhow::Result<()> {
        let key = key_without_comment(public_key)?;
        let mut keys = self.keys.lock().expect("no code panics while it holds this lock");
        ensure!(keys.iter().all(|known| known.key != key), "this key is a deploy key already");
        keys.push(DeployKey { key, repository: repository.to_owned(), access });
        self.write(&keys)
    }

    pub(super) fn remove(&self, public_key: &str, repository: &Path) -> anyhow::Result<()> {
        let key = key_without_comment(public_key)?;
        let mut keys = self.keys.lock().expect("no code panics while it holds this lock");
        let before = keys.len();
        keys.retain(|known| known.key != key || known.repository != repository);
        ensure!(keys.len() < before, "this key is no deploy key of the repository");
        self.write(&keys)
    }

    /// Replaces the file in one step: sshd reads it at each login.
    fn write(&self, keys: &[DeployKey]) -> anyhow::Result<()> {
        let line = |DeployKey { key, repository, access }: &DeployKey| {
            let access = match access {
                Access::ReadOnly => "ro",
                Access::ReadWrite => "rw",
            };
            let (script, repository) = (self.script.display(), repository.display());
            format!("command=\"/bin/sh {script} {repository} {access}\",restrict {key}\n")
        };
        let scratch = self.file.with_extension("new");
        let written = std::fs::write(&scratch, keys.iter().map(line).collect::<String>())
            .and_then(|()| std::fs::rename(&scratch, &self.file));
        written.with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn key_without_comment(public_key: &str) -> anyhow::Result<String> {
    let mut fields = public_key.split_whitespace();
    match (fields.next(), fields.next()) {
        (Some(kind), Some(base64)) if kind.starts_with("ssh-") || kind.starts_with("ecdsa-") => {
            Ok(format!("{kind} {base64}"))
        }
        _ => bail!("{public_key:?} is no public key in OpenSSH's format"),
    }
}
