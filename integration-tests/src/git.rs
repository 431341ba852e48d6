//! A git server over SSH with deploy keys per repository, and work trees of a developer.
//!
//! sshd runs with its own configuration and host key and logs in as the current user; what a key may
//! do is decided by the forced command of its line in the list of keys.

mod keys;
mod repository;
mod worktree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use futures::FutureExt;
use tokio::io::AsyncReadExt;

use crate::command::Invocation;
use crate::host::{Host, LOOPBACK};
use crate::keeper::{Process, Signal};
use crate::server::{self, ServerSpec};
use crate::{tools, unix_user};
use keys::DeployKeys;
pub use keys::{Access, SshKey};
pub use repository::GitRepository;
pub use worktree::Worktree;

const CONFIG: &str = include_str!("../testbed/sshd_config");
const COMMAND: &str = include_str!("../testbed/git-command.sh");

/// A running SSH server with bare git repositories.
pub struct GitServer {
    shared: Arc<Shared>,
    pub(crate) process: Process,
}

/// What the server's repositories and clones need of it.
struct Shared {
    host: Arc<Host>,
    folder: PathBuf,
    port: u16,
    user: String,
    known_hosts: String,
    known_hosts_file: PathBuf,
    keys: DeployKeys,
}

impl GitServer {
    pub(crate) async fn start(host: Arc<Host>) -> anyhow::Result<Self> {
        let folder = host.make_folder("git")?;
        let program = tools::debian("openssh-server", &["/usr/sbin/sshd"])?;
        let config = host.write("git/sshd_config", CONFIG)?;
        let script = host.write("git/git-command.sh", COMMAND)?;
        let host_key = SshKey::generate(&host, "host-key").await?;
        let keys = DeployKeys::create(&folder, script)?;
        if unix_user::is_root() {
            // sshd's chroot for its unprivileged half; the boot makes it where sshd is a system service.
            std::fs::create_dir_all("/run/sshd").context("cannot make /run/sshd")?;
        }
        let use_pam = if own_account_is_locked() { "yes" } else { "no" };
        let spec = |[port]: [u16; 1]| {
            let mut args: Vec<String> = ["-D", "-e", "-f"].map(String::from).into();
            args.push(config.display().to_string());
            let options = [
                format!("ListenAddress=127.0.0.1:{port}"),
                format!("HostKey={}", host_key.private_key_file().display()),
                format!("AuthorizedKeysFile={}", keys.file().display()),
                format!("UsePAM={use_pam}"),
            ];
            args.extend(options.into_iter().flat_map(|option| ["-o".into(), option]));
            Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user: None, stop: Signal::Kill })
        };
        let (process, [port]) =
            server::start(&host, "sshd", LOOPBACK, spec, |[port]| answers(port).boxed()).await?;
        let known_hosts = format!("[127.0.0.1]:{port} {}", host_key.public_key());
        let known_hosts_file = host.write("git/known_hosts", format!("{known_hosts}\n"))?;
        let user = unix_user::own_name()?;
        let shared = Shared { host, folder, port, user, known_hosts, known_hosts_file, keys };
        Ok(Self { shared: Arc::new(shared), process })
    }

    /// Makes an empty bare repository whose branch is `main`, reached as `/NAME.git`.
    ///
    /// # Errors
    /// It exists already, or git fails.
    pub async fn create(&self, name: &str) -> anyhow::Result<GitRepository> {
        let folder = self.shared.folder.join(format!("{name}.git"));
        ensure!(!folder.exists(), "the repository {name} exists already");
        let path = folder.display().to_string();
        let args = ["init", "--quiet", "--bare", "--initial-branch=main", &path];
        Invocation::new(&self.shared.host, "git").args(args).run().await?;
        Ok(GitRepository::new(self.shared.clone(), name, folder))
    }

    /// Makes a new ed25519 key pair.
    ///
    /// # Errors
    /// ssh-keygen fails.
    pub async fn generate_key(&self, comment: &str) -> anyhow::Result<SshKey> {
        SshKey::generate(&self.shared.host, comment).await
    }

    /// The server's line for a `known_hosts` file: `[127.0.0.1]:PORT ssh-ed25519 …`.
    pub fn known_hosts(&self) -> &str {
        &self.shared.known_hosts
    }

    /// A file with that line.
    pub fn known_hosts_file(&self) -> &Path {
        &self.shared.known_hosts_file
    }

    /// The port of the SSH server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.shared.port
    }
}

impl Shared {
    /// `GIT_SSH_COMMAND`: ssh with this key and this server's host key, whatever the user's own configuration says.
    fn ssh_command(&self, key: &SshKey) -> String {
        format!(
            "ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes \
             -o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null",
            key.private_key_file().display(),
            self.known_hosts_file.display()
        )
    }
}

/// Holds when the server says hello (RFC 4253 §4.2).
async fn answers(port: u16) -> anyhow::Result<()> {
    let mut stream = tokio::net::TcpStream::connect((LOOPBACK, port)).await?;
    let mut hello = [0; 4];
    stream.read_exact(&mut hello).await?;
    ensure!(&hello == b"SSH-", "it says {:?}", String::from_utf8_lossy(&hello));
    Ok(())
}

/// Whether sshd would refuse the current user for a locked password (sshd(8)); it asks PAM instead when told to.
fn own_account_is_locked() -> bool {
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    let name = unix_user::own_name().unwrap_or_default();
    shadow.lines().any(|line| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with(":!")))
}
