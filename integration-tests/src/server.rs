//! Starting a server: free ports, readiness, and another try when a port was taken meanwhile.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use futures::future::BoxFuture;

use crate::host::Host;
use crate::keeper::{Process, ProcessSpec, Signal};
use crate::ports;
use crate::unix_user::UnixUser;

/// How long a server may take to become ready on a busy machine.
const READY: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(25);
const ATTEMPTS: usize = 5;
const TAIL: usize = 25;

/// A server to start; what it does not say is the same for all of them.
pub(crate) struct ServerSpec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) user: Option<UnixUser>,
    /// SIGKILL unless the server holds something outside the testbed's folder.
    pub(crate) stop: Signal,
}

/// One look at a server: `Ok` when it is ready, else what it lacks. (Boxed, and no async closure: the
/// compiler cannot tell yet that the future of one is `Send`, and tests spawn tasks that start testbeds.)
pub(crate) type Readiness<'a> = BoxFuture<'a, anyhow::Result<()>>;

/// Starts a server with `N` ports free at `address` and returns when `ready` holds.
pub(crate) async fn start<'a, const N: usize>(
    host: &Host,
    name: &str,
    address: IpAddr,
    spec: impl Fn([u16; N]) -> anyhow::Result<ServerSpec>,
    ready: impl Fn([u16; N]) -> Readiness<'a>,
) -> anyhow::Result<(Process, [u16; N])> {
    let began = Instant::now();
    for attempt in 1.. {
        let mut ports = [0; N];
        for port in &mut ports {
            *port = ports::free(address)?;
        }
        let process = spawn(host, name, spec(ports)?).await?;
        let look = || async {
            let foreign = ports.into_iter().find(|port| !ports::is_held_by(process.pid(), *port));
            match foreign {
                Some(port) => Err(anyhow!("it does not listen on port {port}")),
                None => ready(ports).await,
            }
        };
        match wait_ready(&process, look).await {
            Ok(()) => {
                host.record(name, began.elapsed());
                return Ok((process, ports));
            }
            Err(_) if attempt < ATTEMPTS && port_was_taken(&process) => {}
            Err(error) => {
                let log = process.log_tail(TAIL);
                return Err(error)
                    .with_context(|| format!("{name} did not become ready; the end of its log:\n{log}"));
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// Holds when the request is answered by a status of 2xx.
pub(crate) fn succeeds(request: reqwest::RequestBuilder) -> Readiness<'static> {
    Box::pin(async move {
        request.send().await?.error_for_status()?;
        Ok(())
    })
}

async fn spawn(host: &Host, name: &str, spec: ServerSpec) -> anyhow::Result<Process> {
    let mut env = host.environment();
    env.extend(spec.env.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let log = host.log_path(name);
    // A second attempt must not read the first one's "address already in use".
    let _ = std::fs::remove_file(&log);
    let spec = ProcessSpec {
        name: name.to_owned(),
        program: spec.program,
        args: spec.args,
        env,
        cwd: host.folder().to_owned(),
        user: spec.user,
        stdin: None,
        stdout: None,
        log,
        stop: spec.stop,
        kill_on_drop: false,
    };
    host.spawn(spec).await
}

async fn wait_ready<F>(process: &Process, ready: impl Fn() -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let end = Instant::now() + READY;
    loop {
        let last = tokio::select! {
            exit = process.wait() => bail!("it ended with {}", exit?),
            result = tokio::time::timeout_at(end.into(), ready()) => match result {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => bail!("its readiness endpoint did not answer within {} s", READY.as_secs()),
            },
        };
        if Instant::now() > end {
            return Err(last.context(format!("waited {} s", READY.as_secs())));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn port_was_taken(process: &Process) -> bool {
    process.exit().is_some() && process.log_tail(1_000).to_lowercase().contains("address already in use")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Mutex;

    use super::*;
    use crate::host::LOOPBACK;
    use crate::tools;

    /// Somebody takes the port just before the server binds it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_port_taken_meanwhile_is_replaced_by_another() -> anyhow::Result<()> {
        let host = Host::start(LOOPBACK)?;
        let program = tools::debian("docker-registry", &["/usr/bin/docker-registry"])?;
        let config = host.write("registry.yml", "{version: 0.1, storage: {inmemory: {}}}")?;
        let rival = Mutex::new(None);
        let spec = |[port]: [u16; 1]| {
            rival.lock().unwrap().get_or_insert_with(|| TcpListener::bind((LOOPBACK, port)).unwrap());
            let args = vec!["serve".into(), config.display().to_string()];
            let env = vec![("REGISTRY_HTTP_ADDR", format!("127.0.0.1:{port}"))];
            Ok(ServerSpec { program: program.clone(), args, env, user: None, stop: Signal::Kill })
        };
        let http = reqwest::Client::builder().no_proxy().build()?;
        let ready = |[port]: [u16; 1]| succeeds(http.get(format!("http://127.0.0.1:{port}/v2/")));
        let (_process, [port]) = start(&host, "docker-registry", LOOPBACK, spec, ready).await?;
        let rival = rival.into_inner()?.context("no attempt was made")?;
        assert_ne!(port, rival.local_addr()?.port());
        Ok(())
    }
}
