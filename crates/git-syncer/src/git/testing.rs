//! A bare repository made by the real git, and its helpers, for unit tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Remote, RemoteUrl, Repository};

/// A remote with one branch `main`, a work tree that pushes to it, and room for clones.
pub(crate) struct TestRemote {
    folder: tempfile::TempDir,
}

impl TestRemote {
    /// An empty bare repository.
    pub(crate) fn empty() -> Self {
        let remote = TestRemote { folder: tempfile::tempdir().unwrap() };
        remote.git(".", &["init", "--quiet", "--bare", "-b", "main", "remote.git"]);
        remote.git(".", &["init", "--quiet", "-b", "main", "work"]);
        remote.git("work", &["remote", "add", "origin", "../remote.git"]);
        remote
    }

    /// A repository with these files in its first commit.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let remote = Self::empty();
        remote.commit(files);
        remote
    }

    /// Commits and pushes the files as a person would. Returns the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let path = self.path("work").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git("work", &["add", "--all"]);
        self.git("work", &["commit", "--quiet", "--allow-empty", "-m", "a person's commit"]);
        self.git("work", &["push", "--quiet", "--force", "origin", "HEAD:main"]);
        self.git("work", &["rev-parse", "HEAD"])
    }

    /// Runs the real git in a folder below the test's; the output without its last line end.
    pub(crate) fn git(&self, folder: &str, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path(folder))
            .args(["-c", "user.name=A Person", "-c", "user.email=person@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the remote is.
    pub(crate) fn remote(&self, branch: &str) -> Remote {
        remote_at(&self.path("remote.git"), branch)
    }

    /// A repository with a clone of its own, not cloned yet.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        Repository::new(self.path(name), self.remote("main"))
    }

    /// Puts an executable hook into the remote.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("remote.git/hooks").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

pub(crate) fn remote_at(path: &Path, branch: &str) -> Remote {
    Remote {
        url: RemoteUrl::parse(&format!("file://{}", path.display())).unwrap(),
        branch: branch.to_owned(),
        ssh: None,
        timeout: Duration::from_secs(30),
    }
}
