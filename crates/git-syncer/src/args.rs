//! Arguments, and what they are checked for.

use std::path::PathBuf;
use std::time::Duration;

use service_kit::args::seconds;
use service_kit::{BoxError, Kit, KitArgs, Service};

use crate::git::{Author, RemoteUrl};

/// Keeps a cluster in step with a git repository.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "git-syncer", version)]
pub struct Args {
    /// The config repository: ssh://git@host/owner/repository, git@host:owner/repository, https:// (read only) or file://.
    #[arg(long, env = "WINDLASS_GIT_URL")]
    pub git_url: String,

    /// Branch to follow and to push to.
    #[arg(long, env = "WINDLASS_GIT_BRANCH", default_value = "master")]
    pub git_branch: String,

    /// Directories of the repository with the manifests, separated by commas; all of it when empty.
    #[arg(long, env = "WINDLASS_GIT_PATH", value_delimiter = ',')]
    pub git_path: Vec<String>,

    /// Directory of the repository with the charts; what is below it is served, not applied.
    #[arg(long, env = "WINDLASS_GIT_CHARTS_PATH", default_value = "charts")]
    pub git_charts_path: String,

    /// Time between two fetches.
    #[arg(long, env = "WINDLASS_GIT_POLL_INTERVAL", default_value = "30s", value_parser = seconds)]
    pub git_poll_interval: Duration,

    /// Limit for one exchange with the git server.
    #[arg(long, env = "WINDLASS_GIT_TIMEOUT", default_value = "60s", value_parser = seconds)]
    pub git_timeout: Duration,

    /// Name of the author of automation's commits.
    #[arg(long, env = "WINDLASS_GIT_USER", default_value = "Windlass")]
    pub git_user: String,

    /// Address of the author of automation's commits.
    #[arg(long, env = "WINDLASS_GIT_EMAIL", default_value = "windlass@localhost")]
    pub git_email: String,

    /// Time between two passes that compare every object with the cluster and correct drift.
    #[arg(long, env = "WINDLASS_SYNC_INTERVAL", default_value = "5m", value_parser = seconds)]
    pub sync_interval: Duration,

    /// Folder for the clone and the private key; a cache, private to this process.
    #[arg(long, env = "WINDLASS_STATE_DIR", default_value = "/var/lib/windlass/git-syncer")]
    pub state_dir: PathBuf,

    /// Host keys of the git server, in OpenSSH's known_hosts format. Required for SSH; no other host is trusted.
    #[arg(long, env = "WINDLASS_KNOWN_HOSTS_FILE")]
    pub known_hosts_file: Option<PathBuf>,

    /// Secret with the deploy key (keys `identity` and `identity.pub`); made on first start.
    #[arg(long, env = "WINDLASS_SSH_SECRET_NAME", default_value = "windlass-git-deploy")]
    pub ssh_secret_name: String,

    /// Namespace this service lives in, for its own Secret.
    #[arg(long, env = "WINDLASS_NAMESPACE", default_value = "windlass")]
    pub namespace: String,

    /// Namespace for objects whose manifest names none.
    #[arg(long, env = "WINDLASS_DEFAULT_NAMESPACE", default_value = "default")]
    pub default_namespace: String,

    /// URL of image-scanner; without it there is no image automation.
    #[arg(long, env = "WINDLASS_IMAGE_SCANNER_URL")]
    pub image_scanner_url: Option<String>,

    /// URL of secrets-decryptor; without it SealedSecrets are applied unverified.
    #[arg(long, env = "WINDLASS_SECRETS_DECRYPTOR_URL")]
    pub secrets_decryptor_url: Option<String>,

    /// What every service has.
    #[command(flatten)]
    pub kit: KitArgs,
}

impl Args {
    /// Author and committer of automation's commits.
    pub fn author(&self) -> Author {
        Author { name: self.git_user.clone(), email: self.git_email.clone() }
    }

    /// The directories to apply, cleaned; the root (`""`) when none is given.
    pub fn manifest_paths(&self) -> Vec<String> {
        let paths: Vec<_> = self.git_path.iter().filter_map(|path| clean_path(path)).collect();
        if paths.is_empty() { vec![String::new()] } else { paths }
    }

    /// The charts directory, cleaned; the root (`""`) when the argument is empty or `.`.
    pub fn charts_path(&self) -> String {
        clean_path(&self.git_charts_path).unwrap_or_default()
    }
}

/// A directory inside the repository without `./`, doubled and trailing slashes; `None` when it is absolute or climbs out.
///
/// `clean_path("./charts//podinfo/")` is `Some("charts/podinfo")`; `""` and `.` are the root, `Some("")`.
pub fn clean_path(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") { None } else { Some(parts.join("/")) }
}

impl Service for Args {
    const NAME: &'static str = "git-syncer";

    fn kit(&self) -> &KitArgs {
        &self.kit
    }

    fn check(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match RemoteUrl::parse(&self.git_url) {
            Err(error) => faults.push(format!("--git-url: {error}")),
            Ok(url) if url.is_ssh() && self.known_hosts_file.is_none() => {
                faults.push("--known-hosts-file is required for a git URL over SSH".to_owned());
            }
            Ok(_) => {}
        }
        if self.git_branch.is_empty() || self.git_branch.contains([' ', '~', '^', ':', '?', '*', '[', '\\']) {
            faults.push(format!("--git-branch: `{}` is not the name of a branch", self.git_branch));
        }
        for (flag, path) in self
            .git_path
            .iter()
            .map(|path| ("--git-path", path))
            .chain([("--git-charts-path", &self.git_charts_path)])
        {
            if clean_path(path).is_none() {
                faults.push(format!(
                    "{flag}: `{path}` must be a path inside the repository, without `..` and leading `/`"
                ));
            }
        }
        for (flag, text) in [("--git-user", &self.git_user), ("--git-email", &self.git_email)] {
            // git writes them as `name <email>`; these characters would break the line.
            if text.trim().is_empty() || text.contains(['<', '>', '\n', '\0']) {
                faults.push(format!("{flag}: `{text}` must not be empty nor hold `<`, `>` or a line break"));
            }
        }
        for (flag, interval) in [
            ("--git-poll-interval", self.git_poll_interval),
            ("--sync-interval", self.sync_interval),
            ("--git-timeout", self.git_timeout),
        ] {
            if interval.is_zero() {
                faults.push(format!("{flag} must be longer than nothing"));
            }
        }
        faults
    }

    async fn run(self, kit: Kit) -> Result<(), BoxError> {
        crate::service::run(self, kit).await
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn check(flags: &[&str], expected: &[&str]) {
        let faults = Args::parse_from(["git-syncer"].iter().chain(flags)).check();
        let matches = faults.len() == expected.len()
            && faults.iter().zip(expected).all(|(is, want)| is.starts_with(want));
        assert!(matches, "{flags:?}: {faults:?}");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        check(&["--git-url", "file:///r"], &[]);
        check(&["--git-url", "ssh://git@h/r", "--known-hosts-file", "/k"], &[]);
        check(&["--git-url", "ssh://git@h/r"], &["--known-hosts-file is required"]);
        check(
            &[
                "--git-url",
                "ftp://h/r",
                "--git-branch",
                "a b",
                "--git-path",
                "../x",
                "--git-email",
                "<>",
                "--sync-interval",
                "0",
            ],
            &["--git-url", "--git-branch", "--git-path", "--git-email", "--sync-interval"],
        );
    }

    #[test]
    fn paths_are_cleaned_or_refused() {
        for (path, expected) in [
            ("./charts//podinfo/", Some("charts/podinfo")),
            ("", Some("")),
            (".", Some("")),
            ("/etc", None),
            ("a/../b", None),
            ("a\\b", None),
        ] {
            assert_eq!(clean_path(path).as_deref(), expected, "{path}");
        }
    }
}
