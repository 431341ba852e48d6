//! `PostgreSQL`: one server, a database per asker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use futures::{FutureExt, TryFutureExt};
use tokio::sync::Mutex;

use crate::command::Invocation;
use crate::host::{Host, LOOPBACK};
use crate::keeper::{Process, ProcessSpec, Signal};
use crate::server::{self, ServerSpec};
use crate::unix_user::UnixUser;
use crate::{tools, unix_user};

const SUPERUSER: &str = "windlass";

/// A running `PostgreSQL` server.
pub struct Postgres {
    host: Arc<Host>,
    port: u16,
    password: String,
    databases: Mutex<BTreeSet<String>>,
    pub(crate) process: Process,
}

impl Postgres {
    /// Makes a cluster and starts its server, as the user `postgres` when this process is root.
    pub(crate) async fn start(host: Arc<Host>) -> anyhow::Result<Self> {
        let user = if unix_user::is_root() { Some(unix_user::postgres()?) } else { None };
        let password = hex::encode(rand::random::<[u8; 16]>());
        let data = host.make_folder("postgres")?;
        if let Some(UnixUser { uid, gid }) = user {
            std::os::unix::fs::chown(&data, Some(uid), Some(gid))
                .context("cannot hand the folder to postgres")?;
        }
        initialise(&host, user, &password).await?;
        let program = tools::postgresql("postgres")?;
        let spec = |[port]: [u16; 1]| {
            let mut args = vec!["-D".into(), data.display().to_string()];
            let settings = [
                format!("port={port}"),
                "listen_addresses=127.0.0.1".into(),
                "unix_socket_directories=".into(),
                // Nothing here survives the machine, so nothing has to reach the disk.
                "fsync=off".into(),
                "synchronous_commit=off".into(),
                "full_page_writes=off".into(),
                "shared_buffers=16MB".into(),
                "max_connections=200".into(),
            ];
            args.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting]));
            // Killed hard it would leave its shared memory segment behind.
            Ok(ServerSpec { program: program.clone(), args, env: Vec::new(), user, stop: Signal::Quit })
        };
        let is_ready = tools::postgresql("pg_isready")?;
        let ready = |[port]: [u16; 1]| {
            let args = ["-h".into(), "127.0.0.1".into(), "-p".into(), port.to_string()];
            Invocation::new(&host, &is_ready).args(args).run().map_ok(drop).boxed()
        };
        let (process, [port]) = server::start(&host, "postgres", LOOPBACK, spec, ready).await?;
        Ok(Self { host, port, password, databases: Mutex::default(), process })
    }

    /// The URL of a database, which is created (empty) when it was not asked for before.
    ///
    /// # Errors
    /// The server refuses to create it.
    pub async fn url(&self, database: &str) -> anyhow::Result<String> {
        // Held across the creation: a second asker must get the URL only when the database exists.
        let mut databases = self.databases.lock().await;
        if !databases.contains(database) {
            let quoted = database.replace('"', "\"\"");
            self.query("postgres", &format!("CREATE DATABASE \"{quoted}\"")).await?;
            databases.insert(database.to_owned());
        }
        Ok(format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port))
    }

    /// Runs SQL with psql in an existing database; rows come one a line, columns parted by `|`.
    ///
    /// # Errors
    /// As psql tells.
    pub async fn query(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let port = self.port.to_string();
        let args = [
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            SUPERUSER,
        ];
        let psql = Invocation::new(&self.host, tools::postgresql("psql")?)
            .args(args)
            .args(["-d", database, "-c", sql]);
        psql.env("PGPASSWORD", &self.password).run().await
    }
}

async fn initialise(host: &Host, user: Option<UnixUser>, password: &str) -> anyhow::Result<()> {
    let password_file = host.write("postgres-password", password)?;
    if let Some(UnixUser { uid, gid }) = user {
        std::os::unix::fs::chown(&password_file, Some(uid), Some(gid))
            .context("cannot hand the password to postgres")?;
    }
    let args = [
        format!("--pgdata={}", host.folder().join("postgres").display()),
        format!("--username={SUPERUSER}"),
        format!("--pwfile={}", password_file.display()),
        "--auth=scram-sha-256".into(),
        "--encoding=UTF8".into(),
        "--locale=C".into(),
        "--no-sync".into(),
        "--no-instructions".into(),
    ];
    let spec = ProcessSpec {
        name: "initdb".into(),
        program: tools::postgresql("initdb")?,
        args: args.into(),
        env: host.environment(),
        cwd: host.folder().to_owned(),
        user,
        stdin: None,
        stdout: None,
        log: host.log_path("initdb"),
        // Killed hard, its backend would leave a shared memory segment behind.
        stop: Signal::Term,
        kill_on_drop: false,
    };
    let began = Instant::now();
    let process = host.spawn(spec).await?;
    let exit = process.wait().await?;
    ensure!(exit.success(), "initdb ended with {exit}; the end of its log:\n{}", process.log_tail(20));
    host.record("initdb", began.elapsed());
    Ok(())
}
