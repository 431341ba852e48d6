//! The real OCI registry of Debian's package docker-registry, open or with one of its two kinds of authentication.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

const PROGRAM: &str = "/usr/bin/docker-registry";
const CONFIG: &str = "version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {}, delete: {enabled: true}}\nhttp: {relativeurls: true}\n";

/// A process that ends with this value.
struct Running(Child);

/// A running registry.
pub(crate) struct Registry {
    running: Running,
    address: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// Starts one. `auth` gives more of its environment, of files that it writes into the folder.
    pub(crate) async fn start(
        auth: impl Fn(&Path) -> anyhow::Result<Vec<(&'static str, String)>>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("registry.yml");
        std::fs::write(&config, CONFIG)?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        for _ in 0..5 {
            // Somebody may take the port before the registry does: then it ends, and another one is tried.
            let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let address = format!("127.0.0.1:{port}");
            let process = Command::new(PROGRAM)
                .arg("serve")
                .arg(&config)
                .env("REGISTRY_HTTP_ADDR", &address)
                .env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", folder.path().join("data"))
                .env("OTEL_TRACES_EXPORTER", "none")
                .envs(auth(folder.path())?)
                .stdout(Stdio::null())
                .stderr(File::create(folder.path().join("log"))?)
                .spawn()
                .with_context(|| format!("{PROGRAM} does not run: install the package docker-registry"))?;
            let mut running = Running(process);
            if running.is_ready(&address, &http).await? {
                return Ok(Self { running, address, _folder: folder });
            }
        }
        bail!("docker-registry does not start: {}", std::fs::read_to_string(folder.path().join("log"))?)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// `oci://127.0.0.1:PORT/PATH`.
    pub(crate) fn oci(&self, path: &str) -> String {
        format!("oci://{}/{path}", self.address)
    }

    /// Ends it: nobody listens any more.
    pub(crate) fn end(self) {
        drop(self.running);
    }
}

impl Running {
    async fn is_ready(&mut self, address: &str, http: &reqwest::Client) -> anyhow::Result<bool> {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            if self.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if let Ok(answer) = http.get(format!("http://{}/v2/", address)).send().await
                && matches!(answer.status().as_u16(), 200 | 401)
            {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        bail!("docker-registry does not become ready")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
