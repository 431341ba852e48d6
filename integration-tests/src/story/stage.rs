//! What the steps stand on: the servers, the repository, the developer's clone, and the ways to look at the cluster.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::Narrator;
use crate::bed::Testbed;
use crate::git::{Access, GitRepository, Worktree};
use crate::wait::eventually;
use crate::windlass::{NAMESPACE, Setup, Windlass, project};

/// How long a change in git may take to be seen in the cluster before a step gives up. The machine may be busy with other tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// The stage.
pub struct Stage {
    /// The servers; the cluster is theirs until the disaster.
    pub bed: Testbed,
    /// The cluster after the disaster.
    pub rescue: Option<Testbed>,
    windlass: Option<Windlass>,
    repository: GitRepository,
    worktree: Worktree,
    /// The commit that automation made for the first new image.
    pub image_commit: Option<String>,
    /// A cluster of the person's own: then images go to this registry, `host[:port][/prefix]`.
    registry: Option<String>,
}

impl Stage {
    /// Starts the servers and puts the example repository, as the article has it at its beginning, into the developer's clone.
    ///
    /// # Errors
    /// A server that does not start.
    pub async fn new() -> anyhow::Result<Self> {
        Self::on(Testbed::builder().everything().start().await?, None).await
    }

    /// The same on a cluster of the person's own, by a context of their kubeconfig, with images in their registry.
    ///
    /// # Errors
    /// A server that does not start, a context that is none, or a cluster where one of the story's namespaces exists:
    /// the story must not touch what is already there.
    pub async fn in_context(context: &str, registry: &str) -> anyhow::Result<Self> {
        let bed = Testbed::builder().context(context).postgres().git().otlp().start().await?;
        for namespace in ["dev", "stg", "adm", "openfaas", "hotfix", NAMESPACE] {
            let found =
                bed.kubectl(&["get", "namespace", namespace, "--ignore-not-found", "-o", "name"]).await?;
            ensure!(
                found.is_empty(),
                "the cluster at {} has a namespace {namespace}; the demo only plays where it finds none of its own",
                bed.cluster_url()
            );
        }
        Self::on(bed, Some(registry.trim_end_matches('/').to_owned())).await
    }

    async fn on(bed: Testbed, registry: Option<String>) -> anyhow::Result<Self> {
        let repository = bed.git_server().create("gitops-helm").await?;
        repository.git(&["symbolic-ref", "HEAD", "refs/heads/master"]).await?;
        let worktree = repository.clone_as_developer().await?;
        worktree.git(&["symbolic-ref", "HEAD", "refs/heads/master"]).await?;
        Ok(Self { bed, rescue: None, windlass: None, repository, worktree, image_commit: None, registry })
    }

    /// The repository of the application's image, as `ci-mock.sh -r` takes it and as manifests name it.
    pub fn podinfo(&self) -> (String, String) {
        match &self.registry {
            None => ("stefanprodan/podinfo".to_owned(), "stefanprodan/podinfo".to_owned()),
            Some(registry) => ("podinfo".to_owned(), format!("{registry}/podinfo")),
        }
    }

    /// The cluster that is there now.
    pub fn cluster(&self) -> &Testbed {
        self.rescue.as_ref().unwrap_or(&self.bed)
    }

    /// The running Windlass.
    ///
    /// # Panics
    /// Before the step that installs it.
    pub fn windlass(&mut self) -> &mut Windlass {
        self.windlass.as_mut().expect("the first step installs it")
    }

    /// Takes Windlass away, as a lost cluster does.
    pub fn lose_windlass(&mut self) {
        self.windlass = None;
    }

    /// The bare repository.
    pub fn repository(&self) -> &GitRepository {
        &self.repository
    }

    /// The developer's clone.
    pub fn worktree(&self) -> &Worktree {
        &self.worktree
    }

    /// Installs Windlass into the cluster that is there now, with an empty database of its own.
    pub async fn install(&mut self, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
        let database = if self.rescue.is_some() { "scanner_after" } else { "scanner" };
        let mut setup = Setup::new(&self.bed, &self.repository.url(), database).await?;
        setup.mirrors = match &self.registry {
            None => vec![format!("docker.io={}", self.bed.registry().url())],
            // A registry on loopback speaks plain http, as for ci-mock.sh.
            Some(registry) => {
                let host = registry.split('/').next().unwrap_or(registry);
                let local = host.starts_with("127.") || host.starts_with("localhost");
                local.then(|| format!("{host}=http://{host}")).into_iter().collect()
            }
        };
        let windlass = Windlass::install(self.cluster(), &setup).await?;
        let addresses = windlass.addresses;
        self.windlass = Some(windlass);
        for (name, ports) in [
            ("git-syncer", addresses.git_syncer),
            ("image-scanner", addresses.image_scanner),
            ("release-operator", addresses.release_operator),
            ("secrets-decryptor", addresses.secrets_decryptor),
        ] {
            narrator.shows(&format!("{name:<18} grpcurl -plaintext {} list", ports.grpc));
        }
        Ok(())
    }

    /// Adds git-syncer's public key, as its log shows it, to the repository.
    pub async fn deploy_key(&mut self, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
        let key = self.windlass().public_key().await?;
        narrator.shows(&key);
        self.repository.add_deploy_key(&key, Access::ReadWrite)
    }

    /// Copies a part of the example repository into the clone.
    pub async fn bring(&self, path: &str) -> anyhow::Result<()> {
        let from = project().join("examples/gitops-helm").join(path);
        self.worktree.copy_in(&from, path).await
    }

    /// Runs the example's `ci-mock.sh`, which makes and pushes an image, and returns the image's tag.
    pub async fn ci(&self, args: &[&str]) -> anyhow::Result<String> {
        let script = project().join("examples/gitops-helm/hack/ci-mock.sh");
        let output = self
            .bed
            .program("/bin/bash")
            .args([script.display().to_string()])
            .args(args)
            .env("REGISTRY", self.registry.clone().unwrap_or_else(|| self.bed.registry().address()))
            .run()
            .await?;
        let line = output
            .lines()
            .find_map(|line| line.strip_prefix("Successfully tagged "))
            .with_context(|| format!("ci-mock.sh did not say what it tagged: {output}"))?;
        let (_, tag) = line.trim().rsplit_once(':').with_context(|| format!("no tag in {line:?}"))?;
        Ok(tag.to_owned())
    }

    /// Replaces text in a file of the clone; the text must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let content = self.worktree.read(path)?;
        ensure!(content.contains(from), "{path} does not hold {from:?}");
        self.worktree.write(path, content.replace(from, to))
    }

    /// Waits until a release's newest record has this number and is deployed, and its Deployment runs `image` and is ready.
    pub async fn released(&self, namespace: &str, release: &str, revision: u64) -> anyhow::Result<()> {
        let what = format!("revision {revision} of {release}");
        eventually(PATIENCE, &what, async || {
            let history = self.history(namespace, release).await?;
            let newest = history.last().context("the history is empty")?;
            ensure!(
                newest["revision"] == revision && newest["status"] == "deployed",
                "the newest record is {newest}; {}",
                self.explain(namespace).await
            );
            Ok::<_, anyhow::Error>(())
        })
        .await
    }

    /// A release's records as the real helm lists them.
    pub async fn history(&self, namespace: &str, release: &str) -> anyhow::Result<Vec<serde_json::Value>> {
        let json = self.cluster().helm(&["history", release, "-n", namespace, "-o", "json"]).await?;
        serde_json::from_str(&json).context("helm history printed no JSON list")
    }

    /// Waits until a Deployment runs `image` and all its pods are ready.
    pub async fn rolled_out(&self, namespace: &str, deployment: &str, image: &str) -> anyhow::Result<()> {
        let what = format!("{namespace}/{deployment} to run {image}");
        let path = "jsonpath={.spec.template.spec.containers[0].image} {.status.readyReplicas}/{.status.updatedReplicas}/{.spec.replicas}";
        eventually(PATIENCE, &what, async || {
            let seen = self
                .cluster()
                .kubectl(&["-n", namespace, "get", "deployment", deployment, "-o", path])
                .await?;
            let (runs, replicas) = seen.split_once(' ').context("no image")?;
            let counts: Vec<_> = replicas.split('/').collect();
            ensure!(runs == image, "it runs {runs}");
            ensure!(
                counts.iter().all(|count| *count == counts[0] && !count.is_empty()),
                "replicas are {replicas}"
            );
            Ok::<_, anyhow::Error>(())
        })
        .await
    }

    /// Waits until automation has pushed a commit whose subject holds `subject`, and pulls it.
    pub async fn automation_commit(&self, subject: &str) -> anyhow::Result<String> {
        eventually(PATIENCE, &format!("a commit {subject:?}"), async || {
            let log = self.repository.git(&["log", "-1", "--format=%H %s", "master"]).await?;
            ensure!(log.contains(subject), "the newest commit is {log:?}");
            Ok::<_, anyhow::Error>(log)
        })
        .await?;
        self.worktree.pull().await?;
        self.repository.head("master").await
    }

    /// What the FluxHelmReleases of a namespace say of themselves; for the message of a step that does not hold.
    async fn explain(&self, namespace: &str) -> String {
        let path = "jsonpath={range .items[*]}{.metadata.name}: {.status.conditions[*].message}; {end}";
        match self.cluster().kubectl(&["-n", namespace, "get", "fluxhelmreleases", "-o", path]).await {
            Ok(text) => text,
            Err(error) => format!("{error:#}"),
        }
    }

    /// The image reference of the chart's only container in a release file of the clone.
    pub fn image_in(&self, path: &str) -> anyhow::Result<String> {
        let content = self.worktree.read(path)?;
        for line in content.lines() {
            if let Some(image) = line.trim().strip_prefix("image: ") {
                return Ok(image.to_owned());
            }
        }
        bail!("{path} has no line `image: …`")
    }
}
