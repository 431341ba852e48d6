//! Where the processes of one testbed run: its keeper, its folder, its address, its environment.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::keeper::{Keeper, Process, ProcessSpec};

/// The address of everything that has no reason to be elsewhere.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Shared by the testbed and the handles of its servers; it ends with the testbed, whoever still holds it.
pub(crate) struct Host {
    keeper: Keeper,
    /// Where the API server and the services listen; all else is on 127.0.0.1.
    address: IpAddr,
    next_name: AtomicU64,
    start_times: Mutex<Vec<(String, Duration)>>,
}

impl Host {
    /// Starts the keeper and lays out the folder.
    pub(crate) fn start(address: IpAddr) -> anyhow::Result<Self> {
        // kube and reqwest need one provider for the process; a caller that installed it already is right too.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let keeper = Keeper::start()?;
        let host = Self { keeper, address, next_name: AtomicU64::new(1), start_times: Mutex::default() };
        for folder in ["home", "log", "run", "tmp"] {
            host.make_folder(folder)?;
        }
        Ok(host)
    }

    /// The folder of the testbed. Other users may pass through it and not list it.
    pub(crate) fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Makes a folder under the testbed's folder.
    pub(crate) fn make_folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder().join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file under the testbed's folder that only the owner can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.folder().join(name);
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).write(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(content.as_ref()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A name that is used once in this testbed.
    pub(crate) fn unique(&self, stem: &str) -> String {
        format!("{stem}-{}", self.next_name.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn log_path(&self, name: &str) -> PathBuf {
        self.folder().join("log").join(format!("{name}.log"))
    }

    /// The whole environment of a program: nothing of the owner's comes through but its `PATH`.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
        let folder = |name: &str| self.folder().join(name).display().to_string();
        [
            ("PATH", format!("{path}:/usr/sbin:/sbin")),
            ("HOME", folder("home")),
            ("TMPDIR", folder("tmp")),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    pub(crate) async fn spawn(&self, spec: ProcessSpec) -> anyhow::Result<Process> {
        self.keeper.spawn(spec).await
    }

    /// Notes how long a server took from its start to its readiness.
    pub(crate) fn record(&self, server: &str, took: Duration) {
        self.start_times.lock().expect("no code panics while it holds this lock").push((server.into(), took));
    }

    pub(crate) fn start_times(&self) -> Vec<(String, Duration)> {
        self.start_times.lock().expect("no code panics while it holds this lock").clone()
    }

    /// Ends every process and removes the folder.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        self.keeper.stop()
    }
}
