//! `make demo`: the article, step by step, on real servers, while a person watches. `make up`: the same servers, until Ctrl-C.

#![expect(clippy::print_stdout, reason = "telling a person is what this program is for")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser as _;
use integration_tests::story::{self, Narrator, Outcome, Stage, Step, Told};

/// Plays the article "Managing Helm releases the GitOps way" with Windlass on real servers.
#[derive(clap::Parser)]
struct Args {
    /// Stop after the first release and stay up until Ctrl-C.
    #[arg(long)]
    stay_up: bool,

    /// Play on the cluster of this context in your kubeconfig; without it no cluster of yours is touched.
    #[arg(long, requires = "registry")]
    context: Option<String>,

    /// Where that cluster pulls images from and you may push them: host[:port][/prefix].
    #[arg(long, requires = "context")]
    registry: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            code = run(args) => code,
            _ = tokio::signal::ctrl_c() => {
                println!("\nstopping the servers");
                ExitCode::FAILURE
            }
        }
    })
}

async fn run(args: Args) -> ExitCode {
    let began = Instant::now();
    let outside = args.context.as_deref().zip(args.registry.as_deref());
    let stage = match outside {
        None => {
            println!(
                "starting etcd, kube-apiserver and its controllers, kwok, PostgreSQL, a registry and sshd"
            );
            Stage::new().await
        }
        Some((context, registry)) => {
            println!("target: the context {context} of your kubeconfig, with images in {registry}");
            Stage::in_context(context, registry).await
        }
    };
    let mut stage = match stage {
        Ok(stage) => stage,
        Err(error) => {
            println!("the story cannot begin: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let steps = if outside.is_some() { Step::harmless() } else { Step::ALL.to_vec() };
    println!("the API server is {}", stage.cluster().cluster_url());
    println!("the servers are up ({})\n", time(began.elapsed()));
    if args.stay_up {
        return stay_up(&mut stage).await;
    }
    let told = story::play(&mut stage, &steps, &mut Screen).await;
    println!("\n{:<4} {:<66} {:>8}", "", "step", "time");
    for entry in &told {
        let mark = if entry.outcome == Outcome::Held { "✔" } else { "✗" };
        println!("{mark:<4} {:<66} {:>8}", entry.step, time(entry.took));
    }
    println!("{:<4} {:<66} {:>8}", "", "all", time(began.elapsed()));
    let held = told.iter().all(|entry| entry.outcome == Outcome::Held);
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays up to the first release and waits for Ctrl-C, which the caller listens for.
async fn stay_up(stage: &mut Stage) -> ExitCode {
    let told = story::play(stage, &Step::ALL[..3], &mut Screen).await;
    if told.iter().any(|entry| entry.outcome != Outcome::Held) {
        return ExitCode::FAILURE;
    }
    let kubeconfig = stage.cluster().kubeconfig().display().to_string();
    let tools = integration_tests::tools::path("kubectl")
        .ok()
        .and_then(|path| path.parent().map(|folder| folder.display().to_string()))
        .unwrap_or_default();
    println!("\nexport KUBECONFIG={kubeconfig} PATH={tools}:$PATH");
    println!("kubectl get fluxhelmreleases -A");
    println!("helm history podinfo-dev -n dev");
    println!("git -C {} log", stage.worktree().path().display());
    let registry = stage.bed.registry().address();
    println!(
        "(cd examples/gitops-helm/hack && REGISTRY={registry} ./ci-mock.sh -r stefanprodan/podinfo -b dev)"
    );
    println!("\nCtrl-C stops everything.");
    std::future::pending().await
}

/// Tells the story on standard output.
struct Screen;

impl Narrator for Screen {
    fn begins(&mut self, step: &'static str) {
        println!("▶ {step}");
    }

    fn shows(&mut self, text: &str) {
        for line in text.lines() {
            println!("    {line}");
        }
    }

    fn ended(&mut self, told: &Told) {
        match &told.outcome {
            Outcome::Held => println!("✔ {} ({})\n", told.step, time(told.took)),
            Outcome::Failed(why) => println!("✗ {} ({})\n    {why}\n", told.step, time(told.took)),
            Outcome::NotReached => println!("✗ {}: not reached", told.step),
        }
    }
}

fn time(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
