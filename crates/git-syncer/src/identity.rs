//! The deploy key: an SSH key pair that the git server knows and this service alone holds.
//!
//! Invariant: the private half has no Debug, Display or Serialize, and leaves this module only as a file of mode 0600 and as a
//! Secret's value.

pub mod secret;

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ssh_key::{Algorithm, LineEnding, PrivateKey};
use zeroize::Zeroizing;

/// What the key's comment says; hosts show it beside the deploy key.
const COMMENT: &str = "windlass-git-syncer";

/// What can be wrong with a deploy key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No randomness, or an encoding failure.
    #[error("cannot make an SSH key")]
    Generate(#[source] ssh_key::Error),
    /// Not an OpenSSH private key.
    #[error("`identity` is not a private key in OpenSSH's format (as ssh-keygen writes it)")]
    Parse(#[source] ssh_key::Error),
    /// Needs a passphrase.
    #[error("`identity` is protected by a passphrase; remove it with ssh-keygen -p")]
    Encrypted,
    /// The file cannot be written.
    #[error("cannot write the private key to {path}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A key pair.
pub struct DeployKey {
    private: Zeroizing<String>,
    public: String,
}

impl DeployKey {
    /// Makes a new ed25519 pair.
    ///
    /// # Errors
    /// [`KeyError::Generate`] when the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key =
            PrivateKey::random(&mut rand_core::OsRng, Algorithm::Ed25519).map_err(KeyError::Generate)?;
        key.set_comment(COMMENT);
        let private = key.to_openssh(LineEnding::LF).map_err(KeyError::Generate)?;
        let public = key.public_key().to_openssh().map_err(KeyError::Generate)?;
        Ok(DeployKey { private, public })
    }

    /// Reads a private key in OpenSSH's format; the text is kept as it is.
    ///
    /// # Errors
    /// [`KeyError::Parse`] and [`KeyError::Encrypted`].
    pub fn parse(private: Zeroizing<String>) -> Result<Self, KeyError> {
        let key = PrivateKey::from_openssh(private.as_bytes()).map_err(KeyError::Parse)?;
        if key.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        let public = key.public_key().to_openssh().map_err(KeyError::Parse)?;
        Ok(DeployKey { private, public })
    }

    /// The public half: `ssh-ed25519 AAAA… comment`, one line without its end.
    pub fn public_line(&self) -> &str {
        &self.public
    }

    fn private_text(&self) -> &str {
        &self.private
    }

    /// Writes the private half to `folder/identity`, mode 0600 in a folder of mode 0700, in one step: a reader never sees half
    /// a key. Returns the path.
    ///
    /// # Errors
    /// [`KeyError::Write`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, KeyError> {
        let path = folder.join("identity");
        let temporary = folder.join("identity.new");
        let write = || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let _ = std::fs::remove_file(&temporary);
            let mut file =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(self.private.as_bytes())?;
            // ssh wants the last line ended.
            if !self.private.ends_with('\n') {
                file.write_all(b"\n")?;
            }
            file.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|source| KeyError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn ssh_keygen_reads_the_file_and_agrees_on_the_public_half() {
        let folder = tempfile::tempdir().unwrap();
        let key = DeployKey::generate().unwrap();
        let path = key.write(&folder.path().join("ssh")).unwrap();
        let path = key.write(path.parent().unwrap()).unwrap(); // a second start
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let output = Command::new("ssh-keygen").arg("-y").arg("-f").arg(&path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), key.public_line());
        let again = DeployKey::parse(Zeroizing::new(key.private_text().to_owned())).unwrap();
        assert_eq!(again.public_line(), key.public_line());
    }

    #[test]
    fn strangers_and_passphrases_are_refused() {
        assert!(matches!(DeployKey::parse(Zeroizing::new("no key".into())), Err(KeyError::Parse(_))));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "secret", "-f"])
            .arg(&path)
            .status();
        assert!(made.unwrap().success());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(matches!(DeployKey::parse(Zeroizing::new(text)), Err(KeyError::Encrypted)));
    }
}
