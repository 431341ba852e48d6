//! From `main` to the end of the process.

use std::future::Future;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::args::KitArgs;
use crate::kit::Kit;
use crate::telemetry::{self, chain};

/// Any error, at the top of a process.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service: its arguments, and what it does with them.
pub trait Service: clap::Parser + Send + 'static {
    /// The service's name: `git-syncer`. Its common name in certificates and its name in traces.
    const NAME: &'static str;

    /// The arguments common to all services.
    fn kit(&self) -> &KitArgs;

    /// What is wrong with the arguments beyond what parsing finds, all of it at once, each a sentence that names the flag.
    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    /// Runs the service until [`Kit::shutdown`] is cancelled. Returning early, with an error or without, ends the process.
    fn run(self, kit: Kit) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Exit code for arguments that cannot be used (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;

/// Parses the arguments, sets the process up, runs the service and drains it.
///
/// The first SIGTERM or SIGINT begins the draining, a second one or the end of the grace period ends it. The exit code is 0
/// only when the service ended without an error and every task had ended in time.
#[must_use]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "before telemetry exists there is nowhere else to say it"
)]
pub fn main<S: Service>() -> ExitCode {
    let service = S::parse();
    let faults = service.check();
    if !faults.is_empty() {
        for fault in &faults {
            eprintln!("{}: {fault}", S::NAME);
        }
        return ExitCode::from(USAGE);
    }
    if service.kit().check_config {
        println!("{}: the configuration can be used", S::NAME);
        return ExitCode::SUCCESS;
    }
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("{}: a crypto provider is already installed in this process", S::NAME);
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: the runtime cannot be started: {error}", S::NAME);
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let telemetry = match telemetry::install(S::NAME, service.kit()) {
            Ok(telemetry) => telemetry,
            Err(error) => {
                eprintln!("{}: {}", S::NAME, chain(&error));
                return ExitCode::from(USAGE);
            }
        };
        let code = supervise(service).await;
        // Flushing blocks until the receiver has answered, which needs the runtime's other threads.
        let _ = tokio::task::spawn_blocking(move || telemetry.flush()).await;
        code
    });
    // A blocking task that is still under way (a git process that hangs) must not keep a drained process alive.
    runtime.shutdown_background();
    code
}

async fn supervise<S: Service>(service: S) -> ExitCode {
    let args = service.kit().clone();
    let kit = Kit::new(S::NAME, &args);
    let shutdown = kit.shutdown.clone();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "{} is starting", S::NAME);
    let work = service.run(kit.clone());
    tokio::pin!(work);
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be received");
            return ExitCode::FAILURE;
        }
    };
    let ended = tokio::select! {
        ended = &mut work => Some(ended),
        () = signals.next() => None,
    };
    shutdown.cancel();
    let drain = async {
        let ended = match ended {
            Some(ended) => ended,
            None => {
                tracing::info!(grace_period = ?args.grace_period, "stopping: work in flight is being finished");
                work.await
            }
        };
        kit.drained().await;
        ended
    };
    tokio::select! {
        ended = drain => match ended {
            Ok(()) if !kit.failed() => {
                tracing::info!("stopped");
                ExitCode::SUCCESS
            }
            Ok(()) => ExitCode::FAILURE,
            Err(error) => {
                tracing::error!("{} ended: {}", S::NAME, chain(error.as_ref()));
                ExitCode::FAILURE
            }
        },
        () = tokio::time::sleep(args.grace_period) => {
            tracing::error!("the grace period is over and work is still in flight; leaving it");
            ExitCode::FAILURE
        }
        () = signals.next() => {
            tracing::error!("second signal; leaving what is in flight");
            ExitCode::FAILURE
        }
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
