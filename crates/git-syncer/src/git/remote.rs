//! Where the repository is, and the command line that reaches it.
//!
//! Invariant: a `Remote` never lets a part of the URL be taken for an option by ssh or git, and OpenSSH is told to trust
//! nothing but the given key and the given known-hosts file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gix::bstr::ByteSlice as _;
use gix_transport::Service;

/// How a git URL can be unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not a URL that git understands.
    #[error(
        "`{url}` is not a git URL; expected ssh://git@host/owner/repository, git@host:owner/repository, https:// or file://"
    )]
    Malformed {
        /// The text.
        url: String,
    },
    /// A scheme that is not served.
    #[error("git URLs with `{scheme}` are not supported; use ssh://, https:// or file://")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// Credentials do not belong into arguments.
    #[error("the git URL holds a password; credentials are not accepted in arguments")]
    Password,
    /// A part that a program could take for an option.
    #[error("the {part} of the git URL begins with `-`")]
    LooksLikeOption {
        /// Which part.
        part: &'static str,
    },
    /// No host in an ssh URL.
    #[error("the git URL has no host")]
    NoHost,
}

/// A repository's address, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Ssh { destination: String, host: String, port: Option<u16>, path: String },
    File { path: PathBuf },
    Https,
}

impl RemoteUrl {
    /// Reads a URL in any of git's forms, the `git@host:path` one included.
    ///
    /// # Errors
    /// [`UrlError`] when it is malformed, of another scheme, holds a password, or could be taken for an option.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed { url: url.to_owned() };
        let parsed = gix::url::parse(url).map_err(|_| malformed())?;
        if parsed.password().is_some() {
            return Err(UrlError::Password);
        }
        let path = parsed.path.to_str().map_err(|_| malformed())?.to_owned();
        let kind = match parsed.scheme {
            gix::url::Scheme::Ssh => {
                let host = parsed.host().ok_or(UrlError::NoHost)?.to_owned();
                let user = parsed.user().unwrap_or("git");
                for (part, text) in [("host", host.as_str()), ("user", user), ("path", path.as_str())] {
                    if text.starts_with('-') {
                        return Err(UrlError::LooksLikeOption { part });
                    }
                }
                // git: "/~user/…" means a path below that user's home.
                let path =
                    path.strip_prefix('/').filter(|rest| rest.starts_with('~')).unwrap_or(&path).to_owned();
                Kind::Ssh { destination: format!("{user}@{host}"), host, port: parsed.port, path }
            }
            gix::url::Scheme::File if path.starts_with('-') => {
                return Err(UrlError::LooksLikeOption { part: "path" });
            }
            gix::url::Scheme::File => Kind::File { path: PathBuf::from(path) },
            gix::url::Scheme::Https => Kind::Https,
            other => return Err(UrlError::Scheme { scheme: other.to_string() }),
        };
        Ok(RemoteUrl { text: url.to_owned(), kind })
    }

    /// The URL as it was given; it holds no password.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached over SSH, and so needs a deploy key and known hosts.
    pub fn is_ssh(&self) -> bool {
        matches!(self.kind, Kind::Ssh { .. })
    }

    /// The host for messages; the path for a local repository.
    pub fn host(&self) -> &str {
        match &self.kind {
            Kind::Ssh { host, .. } => host,
            Kind::File { .. } | Kind::Https => &self.text,
        }
    }
}

/// The key and the hosts that OpenSSH may use.
#[derive(Debug, Clone)]
pub struct SshIdentity {
    /// Private key, mode 0600.
    pub key_file: PathBuf,
    /// Known hosts in OpenSSH's format.
    pub known_hosts_file: PathBuf,
}

/// A repository's address with all that is needed to talk to it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Where.
    pub url: RemoteUrl,
    /// The branch that is followed, without `refs/heads/`.
    pub branch: String,
    /// For SSH: with which key.
    pub ssh: Option<SshIdentity>,
    /// Limit for one exchange with the server.
    pub timeout: Duration,
}

impl Remote {
    /// `refs/heads/<branch>`.
    pub fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// Where the clone keeps the remote's branch.
    pub(super) fn tracking_ref(&self) -> String {
        format!("refs/remotes/origin/{}", self.branch)
    }

    /// The process that speaks the protocol for `service`; `None` for https, which needs none.
    pub(super) fn command(&self, service: Service, protocol_v2: bool) -> Option<(&'static str, Command)> {
        let (name, mut command) = match &self.url.kind {
            Kind::Https => return None,
            Kind::File { path } => {
                let mut command = Command::new("git");
                command.arg(service_name(service)).arg(path);
                ("git", command)
            }
            Kind::Ssh { destination, port, path, .. } => {
                let mut command = Command::new("ssh");
                self.ssh_options(&mut command, protocol_v2);
                if let Some(port) = port {
                    command.arg("-p").arg(port.to_string());
                }
                command.arg(destination).arg(format!(
                    "git-{} {}",
                    service_name(service),
                    single_quoted(path)
                ));
                ("ssh", command)
            }
        };
        // The environment of the pod must not redirect git, bring another key or translate messages.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("GIT_") {
                command.env_remove(variable);
            }
        }
        command.env_remove("SSH_AUTH_SOCK").env("LC_ALL", "C").env("LANG", "C");
        if protocol_v2 {
            command.env("GIT_PROTOCOL", "version=2");
        }
        Some((name, command))
    }

    fn ssh_options(&self, command: &mut Command, protocol_v2: bool) {
        command.args(["-F", "none"]);
        for option in [
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=/dev/null",
            "ConnectTimeout=10",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
        ] {
            command.arg("-o").arg(option);
        }
        if protocol_v2 {
            command.args(["-o", "SendEnv=GIT_PROTOCOL"]);
        }
        if let Some(identity) = &self.ssh {
            command.arg("-o").arg(format!("IdentityFile={}", ssh_path(&identity.key_file)));
            command.arg("-o").arg(format!("UserKnownHostsFile={}", ssh_path(&identity.known_hosts_file)));
        }
    }
}

fn service_name(service: Service) -> &'static str {
    match service {
        Service::UploadPack => "upload-pack",
        Service::ReceivePack => "receive-pack",
    }
}

/// A path for an ssh option: quoted because of spaces, `%` doubled because ssh expands tokens in it.
fn ssh_path(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}

/// A word for the remote's shell.
fn single_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        let identity =
            SshIdentity { key_file: "/state/identity".into(), known_hosts_file: "/k h/known".into() };
        let actual = match RemoteUrl::parse(url) {
            Err(error) => error.to_string(),
            Ok(parsed) => {
                let remote = Remote {
                    url: parsed,
                    branch: "main".into(),
                    ssh: Some(identity),
                    timeout: Duration::from_secs(1),
                };
                match remote.command(Service::UploadPack, false) {
                    None => "http".to_owned(),
                    Some((program, command)) => {
                        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
                        let tail = args.iter().position(|arg| arg.contains("UserKnownHostsFile"));
                        format!("{program} {}", args[tail.map_or(0, |at| at + 1)..].join("|"))
                    }
                }
            }
        };
        assert_eq!(actual, expected, "{url}");
    }

    #[test]
    fn urls_become_command_lines() {
        check("ssh://git@example.org/o/r.git", "ssh git@example.org|git-upload-pack '/o/r.git'");
        check("ssh://git@example.org:2222/o/r", "ssh -p|2222|git@example.org|git-upload-pack '/o/r'");
        check("git@example.org:o/r.git", "ssh git@example.org|git-upload-pack 'o/r.git'");
        check("ssh://example.org/~me/r", "ssh git@example.org|git-upload-pack '~me/r'");
        check("ssh://git@example.org/it's", r"ssh git@example.org|git-upload-pack '/it'\''s'");
        check("file:///srv/r.git", "git upload-pack|/srv/r.git");
        check("https://example.org/o/r", "http");
        check("ssh://-oProxyCommand=x/r", "the host of the git URL begins with `-`");
        check("ssh://-lroot@example.org/r", "the user of the git URL begins with `-`");
        check(
            "https://me:secret@example.org/r",
            "the git URL holds a password; credentials are not accepted in arguments",
        );
        check(
            "git://example.org/r",
            "git URLs with `git` are not supported; use ssh://, https:// or file://",
        );
    }

    #[test]
    fn ssh_trusts_nothing_but_what_it_is_given() {
        let remote = Remote {
            url: RemoteUrl::parse("ssh://git@example.org/r").unwrap(),
            branch: "main".into(),
            ssh: Some(SshIdentity { key_file: "/a b/id".into(), known_hosts_file: "/100%/known".into() }),
            timeout: Duration::from_secs(1),
        };
        let (_, command) = remote.command(Service::ReceivePack, false).unwrap();
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        for expected in [
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "BatchMode=yes",
            "GlobalKnownHostsFile=/dev/null",
            "IdentityFile=\"/a b/id\"",
            "UserKnownHostsFile=\"/100%%/known\"",
        ] {
            assert!(args.iter().any(|arg| arg == expected), "{expected} in {args:?}");
        }
    }
}
