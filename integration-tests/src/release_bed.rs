//! A testbed with git-syncer and release-operator, each with the rights that the chart gives it, and a git repository of charts.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bed::Testbed;
use crate::builder::TestbedBuilder;
use crate::git::{Access, Worktree};
use crate::replica::Replica;
use crate::service::Service;
use crate::wait::eventually;
use crate::windlass::{NAMESPACE, Ports, Windlass};

const READY: Duration = Duration::from_secs(60);

/// What tests of releases need, and nothing else of Windlass.
pub struct ReleaseBed {
    /// The servers.
    pub bed: Testbed,
    /// The repository, with the charts below `charts/`.
    pub worktree: Worktree,
    /// git-syncer.
    pub git_syncer: Service,
    /// release-operator: the first one, and those that [`Self::add_operator`] has started beside it.
    pub operators: Vec<Replica>,
    /// What each of them is started with.
    arguments: Vec<String>,
}

impl ReleaseBed {
    /// Starts the servers (a git server among them), pushes `files` (paths in the repository and their content), starts both services, and
    /// returns when release-operator is ready and the files are applied. `arguments` are release-operator's.
    ///
    /// # Errors
    /// A program is missing, or something did not become ready.
    pub async fn start(
        servers: TestbedBuilder,
        files: &[(&str, &str)],
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let bed = servers.git().start().await?;
        Windlass::prepare(&bed).await?;
        Self::on(bed, files, Duration::from_millis(300), arguments).await
    }

    /// As [`Self::start`], on servers that run and are prepared ([`Windlass::prepare`]). The repository is polled each `poll`.
    ///
    /// # Errors
    /// Something did not become ready.
    pub async fn on(
        bed: Testbed,
        files: &[(&str, &str)],
        poll: Duration,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let repository = bed.git_server().create("releases").await?;
        let worktree = repository.clone_as_developer().await?;
        for (path, content) in files {
            worktree.write(path, content)?;
        }
        let revision = worktree.commit_and_push("Add charts").await?;
        let syncer = Ports::free(&bed)?;
        let git_syncer = launch(
            &bed,
            "git-syncer",
            syncer,
            &[
                format!("--git-url={}", repository.url()),
                format!("--known-hosts-file={}", bed.git_server().known_hosts_file().display()),
                format!("--git-poll-interval={}ms", poll.as_millis()),
                "--git-branch=main".to_owned(),
                format!("--namespace={NAMESPACE}"),
                format!("--state-dir={}", bed.folder().join("git-syncer").display()),
            ],
        )
        .await?;
        let line = git_syncer.wait_for_log("identity.pub", READY).await?;
        repository.add_deploy_key(line.split('"').nth(1).context("no quoted key")?, Access::ReadWrite)?;
        let mut given = vec![format!("--git-syncer-url={}", syncer.url())];
        given.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let mut release_bed = Self { bed, worktree, git_syncer, operators: Vec::new(), arguments: given };
        release_bed.add_operator().await?;
        git_applied(&release_bed, &syncer, &revision).await?;
        Ok(release_bed)
    }

    /// Starts one more release-operator with the same arguments, and returns when it is ready.
    ///
    /// # Errors
    /// It did not become ready.
    pub async fn add_operator(&mut self) -> anyhow::Result<()> {
        let identity = format!("operator-{}", self.operators.len());
        let replica = Replica::start(&self.bed, &identity, Ports::free(&self.bed)?, &self.arguments).await?;
        replica.service().wait_ready(READY).await?;
        self.operators.push(replica);
        Ok(())
    }

    /// The first release-operator: the only one, unless there are more.
    #[must_use]
    pub fn operator(&self) -> &Replica {
        &self.operators[0]
    }

    /// As [`Self::operator`], to kill it and start it again.
    pub fn operator_mut(&mut self) -> &mut Replica {
        &mut self.operators[0]
    }

    /// A folder of the repository's work tree.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.worktree.path().join(path)
    }

    /// `kubectl … -o json` as the admin.
    ///
    /// # Errors
    /// It failed, or wrote something else.
    pub async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let text = self.bed.kubectl(&[arguments, &["-o", "json"]].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("kubectl {arguments:?} wrote no JSON"))
    }

    /// A method of release-operator's `ReleaseService`, called by the real grpcurl with a JSON request.
    ///
    /// # Errors
    /// It failed: the message has grpcurl's words.
    pub async fn call(&self, method: &str, request: &Value) -> anyhow::Result<Value> {
        self.call_at(self.operator(), method, request).await
    }

    /// As [`Self::call`], at one of several release-operators.
    ///
    /// # Errors
    /// It failed: the message has grpcurl's words.
    pub async fn call_at(&self, replica: &Replica, method: &str, request: &Value) -> anyhow::Result<Value> {
        let method = format!("windlass.release.v1.ReleaseService/{method}");
        let (request, address) = (request.to_string(), replica.grpc.to_string());
        let text = self.bed.grpcurl(&["-plaintext", "-d", &request, &address, &method]).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Statuses and revisions of all release records of a namespace, by the labels of their Secrets: (release, revision, status),
    /// sorted.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn records(&self, namespace: &str) -> anyhow::Result<Vec<(String, u32, String)>> {
        let template = "jsonpath={range .items[*]}{.metadata.labels.name} {.metadata.labels.version} {.metadata.labels.status}{\"\\n\"}{end}";
        let text = self
            .bed
            .kubectl(&["get", "secrets", "-n", namespace, "-l", "owner=helm", "-o", template])
            .await?;
        let mut records = Vec::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            let mut word =
                || words.next().map(str::to_owned).with_context(|| format!("{line:?} is no record"));
            records.push((word()?, word()?.parse()?, word()?));
        }
        records.sort();
        Ok(records)
    }
}

async fn launch(bed: &Testbed, name: &str, ports: Ports, arguments: &[String]) -> anyhow::Result<Service> {
    let kubeconfig = bed.service_account_kubeconfig(NAMESPACE, &format!("windlass-{name}")).await?;
    let common = [format!("--listen={}", ports.grpc), format!("--http-listen={}", ports.http)];
    let service = bed.service(name).kubeconfig(&kubeconfig).args(common).args(arguments).http(ports.http);
    service.start().await
}

async fn git_applied(bed: &ReleaseBed, syncer: &Ports, revision: &str) -> anyhow::Result<()> {
    let address = syncer.grpc.to_string();
    eventually(READY, "git-syncer to have applied the charts", async || {
        let method = "windlass.sync.v1.SyncService/GetStatus";
        let text = bed.bed.grpcurl(&["-plaintext", "-d", "{}", &address, method]).await?;
        let status: Value = serde_json::from_str(&text)?;
        let applied = status["appliedRevision"].as_str().unwrap_or_default();
        ensure!(applied.ends_with(revision.trim()), "{text}");
        Ok(())
    })
    .await
}
