//! Each service is killed by SIGKILL at each of its step boundaries, and inside fetch, push, record write, apply and unseal,
//! and started again. The end is always the same: equal live objects, three revisions of podinfo-dev and none pending, one
//! automation commit per new tag, equal Secret data.
//!
//! A world is one walk through the story with up to one armed point per service; it has a namespace and a repository
//! of its own. Every armed point must have killed, or the world proves nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use integration_tests::windlass::{Setup, Windlass, project};
use integration_tests::{Access, GitRepository, ImagePush, Testbed, Worktree};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(90);

/// The armed points of each world, by service; an empty one leaves that service alone, and `=N` kills at the Nth time. The second
/// world has none: its end is the one that all others must reach.
const WORLDS: &[[(&str, &str); 4]] = &[
    [
        ("git-syncer", "identity.before-store"),
        ("image-scanner", "declare.before-commit"),
        ("release-operator", "release.after-finalizer"),
        ("secrets-decryptor", "key.before-create"),
    ],
    [("git-syncer", ""), ("image-scanner", ""), ("release-operator", ""), ("secrets-decryptor", "")],
    [
        ("git-syncer", "identity.after-store"),
        ("image-scanner", "declare.after-commit"),
        ("release-operator", "release.before-claim"),
        ("secrets-decryptor", "key.after-create"),
    ],
    [
        ("git-syncer", "sync.before-fetch"),
        ("image-scanner", "scan.after-claim"),
        ("release-operator", "record.before-create"),
        ("secrets-decryptor", "unseal.after-observe"),
    ],
    [
        ("git-syncer", "git.inside-fetch"),
        ("image-scanner", "scan.after-list"),
        ("release-operator", "record.after-create"),
        ("secrets-decryptor", "unseal.after-unseal"),
    ],
    [
        ("git-syncer", "sync.after-fetch"),
        ("image-scanner", "scan.after-read"),
        ("release-operator", "release.after-claim"),
        ("secrets-decryptor", "unseal.before-apply"),
    ],
    [
        ("git-syncer", "sync.after-observe"),
        ("image-scanner", "scan.before-commit"),
        ("release-operator", "release.after-pre-hooks"),
        ("secrets-decryptor", "unseal.after-apply"),
    ],
    [
        ("git-syncer", "sync.before-apply"),
        ("image-scanner", "scan.after-commit"),
        ("release-operator", "apply.object"),
        ("secrets-decryptor", "unseal.before-report"),
    ],
    [
        ("git-syncer", "apply.after-object"),
        ("image-scanner", "scan.after-read=2"),
        ("release-operator", "release.after-apply"),
        ("secrets-decryptor", "unseal.after-report"),
    ],
    [
        ("git-syncer", "sync.inside-apply"),
        ("image-scanner", "scan.after-commit=2"),
        ("release-operator", "record.before-update"),
        ("secrets-decryptor", "unseal.after-create"),
    ],
    [
        ("git-syncer", "sync.after-apply=2"),
        ("image-scanner", ""),
        ("release-operator", "record.after-update"),
        ("secrets-decryptor", ""),
    ],
    [
        ("git-syncer", "sync.after-report"),
        ("image-scanner", ""),
        ("release-operator", "release.after-deployed"),
        ("secrets-decryptor", ""),
    ],
    [
        ("git-syncer", "automation.before-push"),
        ("image-scanner", ""),
        ("release-operator", "release.after-supersede"),
        ("secrets-decryptor", ""),
    ],
    [
        ("git-syncer", "git.inside-push"),
        ("image-scanner", ""),
        ("release-operator", "record.after-create=2"),
        ("secrets-decryptor", ""),
    ],
    [
        ("git-syncer", "automation.after-push"),
        ("image-scanner", ""),
        ("release-operator", "apply.object=4"),
        ("secrets-decryptor", ""),
    ],
    [
        ("git-syncer", "sync.after-fetch=3"),
        ("image-scanner", "declare.after-commit=2"),
        ("release-operator", "record.after-update=3"),
        ("secrets-decryptor", ""),
    ],
];

struct World<'a> {
    bed: &'a Testbed,
    name: String,
    repository: GitRepository,
    worktree: Worktree,
    windlass: Windlass,
    armed: BTreeMap<&'static str, &'static str>,
    killed: Vec<&'static str>,
}

impl<'a> World<'a> {
    async fn new(
        bed: &'a Testbed,
        number: usize,
        points: &[(&'static str, &'static str)],
    ) -> anyhow::Result<Self> {
        let name = format!("k{number}");
        let repository = bed.git_server().create(&format!("gitops-{name}")).await?;
        repository.git(&["symbolic-ref", "HEAD", "refs/heads/master"]).await?;
        let worktree = repository.clone_as_developer().await?;
        worktree.git(&["symbolic-ref", "HEAD", "refs/heads/master"]).await?;
        let armed: BTreeMap<_, _> = points.iter().copied().filter(|(_, point)| !point.is_empty()).collect();
        let mut setup = Setup::new(bed, &repository.url(), &format!("scanner_{name}")).await?;
        setup.failpoints =
            armed.iter().map(|(service, point)| ((*service).to_owned(), (*point).to_owned())).collect();
        // Each world begins with a first start: without keys.
        for (namespace, secret) in [("flux", "windlass-git-deploy"), ("adm", "sealed-secrets-key")] {
            bed.kubectl(&["-n", namespace, "delete", "secret", secret, "--ignore-not-found"]).await?;
        }
        let windlass = Windlass::launch(bed, &setup).await?;
        Ok(Self { bed, name, repository, worktree, windlass, armed, killed: Vec::new() })
    }

    /// Starts again, with nothing armed, whatever has died.
    async fn revive(&mut self) -> anyhow::Result<()> {
        for (name, point) in &self.armed {
            let service = self.windlass.service(name).context("no such service")?;
            if service.exited().is_some() {
                ensure!(
                    !self.killed.contains(point),
                    "{name} died again, and not at {point}: {}",
                    service.log()
                );
                self.killed.push(point);
                service.set_env("WINDLASS_FAILPOINTS", None);
                service.start().await?;
            }
        }
        Ok(())
    }

    /// Reviving all the while, waits until `holds` does.
    async fn until(
        &mut self,
        what: &str,
        holds: impl AsyncFn(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.revive().await?;
            let Err(state) = holds(self).await else { return Ok(()) };
            if tokio::time::Instant::now() > end {
                bail!(
                    "{} waited for {what}; killed so far: {:?}; last seen: {state:#}",
                    self.name,
                    self.killed
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn play(&mut self) -> anyhow::Result<()> {
        self.until("the public key", async |world| {
            let log = world.windlass.git_syncer.log();
            let line = log.lines().find(|line| line.contains("identity.pub")).context("no key in the log")?;
            let key = line.split('"').nth(1).context("the key is not quoted")?;
            world.repository.add_deploy_key(key, Access::ReadWrite)
        })
        .await?;
        self.until("the sealing key", async |world| world.certificate().await.map(drop)).await?;
        self.push_image(1).await?;
        self.first_push().await?;
        self.until("the first revision", async |world| world.deployed(1).await).await?;
        self.push_image(2).await?;
        self.until("the second revision", async |world| world.deployed(2).await).await?;
        self.worktree.pull().await?;
        let chart = self.worktree.read("charts/podinfo/Chart.yaml")?;
        self.worktree
            .write("charts/podinfo/Chart.yaml", chart.replace("version: 0.2.0", "version: 0.2.1"))?;
        self.worktree.commit_and_push("podinfo 0.2.1").await?;
        self.until("the third revision", async |world| world.deployed(3).await).await?;
        self.until("the Secret", async |world| world.unsealed().await).await?;
        self.until("every armed point to have killed", async |world| {
            let left: Vec<_> = world.armed.values().filter(|point| !world.killed.contains(point)).collect();
            ensure!(left.is_empty(), "not reached: {left:?}");
            Ok(())
        })
        .await?;
        // What was killed last must have come to rest too.
        self.until("the third revision to stay", async |world| world.deployed(3).await).await
    }

    async fn push_image(&self, number: i64) -> anyhow::Result<()> {
        let built: jiff::Timestamp = "2018-07-20T12:00:00Z".parse()?;
        let created = built.checked_add(jiff::SignedDuration::from_hours(number))?;
        let tag = format!("{}-{number}", self.name);
        self.bed.registry().push(&ImagePush::new("stefanprodan/podinfo", &tag, created)).await?;
        Ok(())
    }

    async fn first_push(&self) -> anyhow::Result<()> {
        let example = project().join("examples/gitops-helm");
        self.worktree.copy_in(&example.join("charts/podinfo"), "charts/podinfo").await?;
        let named = |text: String| text.replace("dev", &self.name);
        let read = |path: &str| std::fs::read_to_string(example.join(path)).with_context(|| path.to_owned());
        self.worktree.write("namespaces/dev.yaml", named(read("namespaces/dev.yaml")?))?;
        let release =
            named(read("releases/dev/podinfo.yaml")?.replace("dev-kb9lm91e", &format!("{}-1", self.name)));
        self.worktree.write("releases/dev/podinfo.yaml", release)?;
        let certificate = self.certificate().await?;
        let file = self.worktree.path().join("pub-cert.pem");
        std::fs::write(&file, certificate)?;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": "basic-auth", "namespace": self.name },
            "data": { "user": "YWRtaW4=", "password": "YWRtaW4=" },
        });
        let cert = format!("--cert={}", file.display());
        let sealed = self.bed.kubeseal(&["--format=yaml", &cert], &secret.to_string()).await?;
        self.worktree.write("releases/dev/basic-auth.yaml", sealed)?;
        self.worktree.commit("The config repository").await?;
        self.worktree.git(&["push", "--quiet", "-u", "origin", "master"]).await?;
        Ok(())
    }

    async fn certificate(&self) -> anyhow::Result<String> {
        let json =
            self.bed.kubectl(&["-n", "adm", "get", "secret", "sealed-secrets-key", "-o", "json"]).await?;
        let secret: Value = serde_json::from_str(&json)?;
        let encoded = secret["data"]["tls.crt"].as_str().context("no tls.crt")?;
        self.bed.program("/usr/bin/base64").args(["-d"]).stdin(encoded).run().await
    }

    fn release(&self) -> String {
        format!("podinfo-{}", self.name)
    }

    async fn deployed(&self, revision: usize) -> anyhow::Result<()> {
        let json = self.bed.helm(&["history", &self.release(), "-n", &self.name, "-o", "json"]).await?;
        let history: Vec<Value> = serde_json::from_str(&json)?;
        let statuses: Vec<_> =
            history.iter().map(|record| record["status"].as_str().unwrap_or_default()).collect();
        let mut expected = vec!["superseded"; revision - 1];
        expected.push("deployed");
        ensure!(statuses == expected, "the records are {statuses:?}");
        Ok(())
    }

    async fn unsealed(&self) -> anyhow::Result<()> {
        let json = self.bed.kubectl(&["-n", &self.name, "get", "secret", "basic-auth", "-o", "json"]).await?;
        let secret: Value = serde_json::from_str(&json)?;
        ensure!(secret["data"] == json!({ "user": "YWRtaW4=", "password": "YWRtaW4=" }), "other data");
        Ok(())
    }

    /// What must be equal in all worlds: specs of the live objects, and the commits by automation.
    async fn end(&self) -> anyhow::Result<Value> {
        let objects = self
            .bed
            .kubectl(&[
                "-n",
                &self.name,
                "get",
                "deployments,services,fluxhelmreleases,sealedsecrets",
                "-o",
                "json",
            ])
            .await?;
        let objects: Value = serde_json::from_str(&objects.replace(&self.name, "WORLD"))?;
        let live: Vec<Value> = objects["items"]
            .as_array()
            .context("no list")?
            .iter()
            .map(|object| {
                let mut spec = object["spec"].clone();
                // Assigned by the cluster, or sealed anew each time.
                for field in ["clusterIP", "clusterIPs", "encryptedData"] {
                    if let Some(spec) = spec.as_object_mut() {
                        spec.remove(field);
                    }
                }
                json!({ "kind": object["kind"], "name": object["metadata"]["name"], "spec": spec })
            })
            .collect();
        let log = self.repository.git(&["log", "--format=%an: %s", "master"]).await?;
        let commits: Vec<String> = log.lines().map(|line| line.replace(&self.name, "WORLD")).collect();
        Ok(json!({ "live": live, "commits": commits }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_changes_nothing_in_the_end() {
    let bed = Testbed::builder().workloads().postgres().registry().git().start().await.unwrap();
    Windlass::prepare(&bed).await.unwrap();
    let mut ends = Vec::new();
    for (number, points) in WORLDS.iter().enumerate() {
        let began = std::time::Instant::now();
        let mut world = World::new(&bed, number, points).await.unwrap();
        if let Err(error) = world.play().await {
            let mut logs = String::new();
            for (name, _) in points {
                logs.push_str(&format!("\n--- {name}\n{}", world.windlass.service(name).unwrap().log()));
            }
            panic!("world {points:?}: {error:#}{logs}");
        }
        println!("{:5.1} s  {points:?}", began.elapsed().as_secs_f64());
        ends.push((points, world.end().await.unwrap()));
        // The next world's operator must not find this one's releases. Its namespace stays: emptying one takes 15 s.
        let objects = "fluxhelmreleases,sealedsecrets";
        bed.kubectl(&["-n", &world.name, "delete", objects, "--all", "--timeout=60s"]).await.unwrap();
    }
    let (_, expected) = &ends[1];
    for (points, end) in &ends {
        assert_eq!(end, expected, "after kills at {points:?}");
    }
}
