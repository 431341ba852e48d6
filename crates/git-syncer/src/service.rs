//! From arguments to running tasks.

use std::sync::Arc;
use std::time::Duration;

use kube_apply::{Applier, Settings};
use service_kit::{BoxError, Kit};
use tokio::sync::{mpsc, watch};

use crate::args::Args;
use crate::automation::Automation;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::decryptor::Decryptor;
use crate::git::{Remote, RemoteUrl, Repository, SshIdentity};
use crate::grpc::{self, Edge};
use crate::identity::{DeployKey, secret};
use crate::scanner::Scanner;
use crate::sources::Sources;
use crate::state::Shared;
use crate::sync::observe::Layout;
use crate::sync::{self, Syncer};

/// Batches of selections that wait for automation.
const SELECTIONS: usize = 16;

/// Runs git-syncer until shutdown.
pub(crate) async fn run(args: Args, kit: Kit) -> Result<(), BoxError> {
    let client = kit.kube_client().await?;
    let url = RemoteUrl::parse(&args.git_url)?;
    let shared = Shared::new();
    let ssh = ssh_identity(&args, &url)?;
    let remote = Remote { url, branch: args.git_branch.clone(), ssh, timeout: args.git_timeout };
    let owner = format!("{}#{}", remote.url.as_str(), remote.branch);
    let repository = Repository::new(args.state_dir.join("repository.git"), remote);
    let sources = Arc::new(Sources::new(repository.clone(), shared.clone(), args.charts_path()));
    let layout = Layout { manifest_paths: args.manifest_paths(), charts_path: args.charts_path() };
    let (handle, requests) = sync::channel();
    let workloads = watch::Sender::new(None);

    if let Some(url) = &args.image_scanner_url {
        let scanner = Scanner::new(kit.connect(url)?, owner);
        let automation = Automation {
            repository: repository.clone(),
            layout: layout.clone(),
            default_namespace: args.default_namespace.clone(),
            author: args.author(),
            sync: handle.clone(),
            shared: shared.clone(),
            again: Arc::default(),
        };
        automate(&kit, scanner, automation, workloads.subscribe());
    } else {
        tracing::warn!("without --image-scanner-url images are not updated");
    }
    let decryptor = args.secrets_decryptor_url.as_deref().map(|url| kit.connect(url)).transpose()?;
    let syncer = Syncer {
        repository: repository.clone(),
        cluster: Cluster::new(
            Applier::new(client.clone(), Settings::default()),
            args.default_namespace.clone(),
        ),
        decryptor: decryptor.map(Decryptor::new),
        layout,
        default_namespace: args.default_namespace.clone(),
        poll_interval: args.git_poll_interval,
        sync_interval: args.sync_interval,
        shared: shared.clone(),
        sources: Arc::clone(&sources),
        workloads,
    };
    let needs_key = syncer.repository.remote().ssh.is_some();
    kit.readiness.waiting("deploy key", "the Secret with the deploy key has not been read yet");
    let (loop_kit, loop_shared) = (kit.clone(), shared.clone());
    kit.spawn("sync", async move {
        if needs_key && !have_key(&args, client, &loop_kit, &loop_shared).await? {
            return Ok(());
        }
        loop_kit.readiness.reached("deploy key");
        syncer.run(requests, loop_kit.shutdown.clone()).await;
        Ok(())
    });
    let edge = Edge { shared, sync: handle, repository, sources, shutdown: kit.shutdown.clone() };
    kit.serve(grpc::access(), grpc::services(edge)).await?;
    Ok(())
}

fn ssh_identity(args: &Args, url: &RemoteUrl) -> Result<Option<SshIdentity>, BoxError> {
    if !url.is_ssh() {
        return Ok(None);
    }
    let known_hosts =
        args.known_hosts_file.as_ref().ok_or("--known-hosts-file is required for a git URL over SSH")?;
    // ssh runs in another folder for nobody; absolute paths mean the same to everyone.
    let known_hosts_file = std::path::absolute(known_hosts)?;
    let key_file = std::path::absolute(key_folder(args))?.join("identity");
    Ok(Some(SshIdentity { key_file, known_hosts_file }))
}

fn key_folder(args: &Args) -> std::path::PathBuf {
    args.state_dir.join("ssh")
}

fn automate(
    kit: &Kit,
    scanner: Scanner,
    automation: Automation,
    workloads: watch::Receiver<Option<Arc<Vec<crate::manifests::Workload>>>>,
) {
    let (send, receive) = mpsc::channel(SELECTIONS);
    let (declaring, watching, again) = (scanner.clone(), scanner, Arc::clone(&automation.again));
    let token = || kit.shutdown.clone();
    let (first, second, third) = (token(), token(), token());
    kit.spawn("declare", async move {
        declaring.declare(workloads, first).await;
        Ok(())
    });
    kit.spawn("selections", async move {
        watching.watch(send, again, second).await;
        Ok(())
    });
    kit.spawn("automation", async move {
        automation.run(receive, third).await;
        Ok(())
    });
}

/// Gets the deploy key, however long the API server takes, writes it where ssh finds it, and tells its public half. Returns
/// whether there is one; there is none when the process is to stop.
async fn have_key(args: &Args, client: kube::Client, kit: &Kit, shared: &Shared) -> Result<bool, BoxError> {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        match obtain_key(args, client.clone()).await {
            Ok(key) => {
                let public_key = key.public_line().to_owned();
                // The form of this line is part of the interface: `grep identity.pub | cut -d '"' -f2` prints the key.
                tracing::info!(identity.pub = public_key.as_str(), "the deploy key; give it write access to the repository");
                shared.update(|state| state.public_key = public_key);
                return Ok(true);
            }
            Err(error) => {
                let text = service_kit::chain(error.as_ref());
                tracing::warn!("there is no deploy key yet: {text}");
                kit.readiness.waiting("deploy key", text);
            }
        }
        tokio::select! {
            () = kit.shutdown.cancelled() => return Ok(false),
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

async fn obtain_key(args: &Args, client: kube::Client) -> Result<DeployKey, BoxError> {
    let key = secret::load_or_create(client, &args.namespace, &args.ssh_secret_name).await?;
    let folder = key_folder(args);
    let written = tokio::task::spawn_blocking(move || key.write(&folder).map(|_| key)).await??;
    Ok(written)
}
