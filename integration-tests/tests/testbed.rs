//! The testbed's own tests: every server does its work, and nothing of a testbed outlives it.

#![expect(clippy::print_stdout, reason = "start times are shown; the victim tells its folder")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use integration_tests::{Access, Exit, ImagePush, OtlpReceiver, Testbed, eventually, netns};
use k8s_openapi::api::core::v1::Pod;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rustix::process::{Pid, Signal};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn every_server_does_its_work_and_all_are_gone_afterwards() -> anyhow::Result<()> {
    let began = Instant::now();
    let bed = Testbed::builder().everything().start().await?;
    println!("the testbed was ready in {:.1} s", began.elapsed().as_secs_f64());
    for (server, took) in bed.start_times() {
        println!("  {server:<24} {:.2} s", took.as_secs_f64());
    }
    let folder = bed.folder().to_owned();
    let pids = processes_in(&folder);
    assert_eq!(bed.servers().count(), 8);
    assert!(pids.len() >= 8, "etcd, three kube servers, kwok, postgres, registry, sshd: {pids:?}");

    cluster_runs_pods(&bed).await.context("cluster")?;
    service_account_has_its_own_rights(&bed).await.context("ServiceAccount")?;
    registry_keeps_an_image(&bed).await.context("registry")?;
    postgres_has_databases(&bed).await.context("postgres")?;
    git_obeys_deploy_keys(&bed).await.context("git")?;
    services_are_launched(&bed).await.context("services")?;

    bed.stop().await?;
    assert!(!folder.exists(), "{} is still there", folder.display());
    let left: Vec<_> = pids.into_iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
    assert!(left.is_empty(), "these processes still run: {left:?}");
    Ok(())
}

async fn cluster_runs_pods(bed: &Testbed) -> anyhow::Result<()> {
    bed.helm(&["create", "web"]).await?;
    let began = Instant::now();
    bed.helm(&["install", "web", "./web", "--wait", "--timeout", "60s", "--set", "replicaCount=2"]).await?;
    println!("helm install --wait: {:.2} s", began.elapsed().as_secs_f64());
    let pods = kube::Api::<Pod>::default_namespaced(bed.kube_client()?).list(&Default::default()).await?;
    assert_eq!(pods.items.len(), 2);
    for pod in pods {
        let status = pod.status.context("a pod without status")?;
        let ready = status
            .conditions
            .unwrap_or_default()
            .into_iter()
            .any(|c| c.type_ == "Ready" && c.status == "True");
        assert!(ready, "{:?} is not Ready", pod.metadata.name);
        assert!(status.pod_ip.is_some(), "{:?} has no address", pod.metadata.name);
    }
    // The chart's test hook is a bare pod with restartPolicy Never: it must end.
    let test = bed.helm(&["test", "web", "--timeout", "60s"]).await?;
    assert!(test.contains("Succeeded"), "{test}");

    bed.kubectl(&["create", "job", "once", "--image=busybox", "--", "true"]).await?;
    bed.kubectl(&["wait", "--for=condition=complete", "job/once", "--timeout=30s"]).await?;

    bed.helm(&["uninstall", "web", "--wait", "--timeout", "60s"]).await?;
    // The test hook's pod stays, as helm leaves it; what the Deployment made must go.
    eventually(SOON, "the chart's pods to go", async || {
        let selector = ["-l", "app.kubernetes.io/name=web", "--field-selector=status.phase=Running"];
        let pods = bed.kubectl(&[&["get", "pods", "-o", "name"], &selector[..]].concat()).await?;
        ensure!(pods.is_empty(), "there are {pods}");
        Ok(())
    })
    .await
}

async fn service_account_has_its_own_rights(bed: &Testbed) -> anyhow::Result<()> {
    bed.kubectl_apply(
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: default}}\n---\n\
         {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: reader}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}, \
         subjects: [{kind: ServiceAccount, name: reader, namespace: default}]}",
    )
    .await?;
    let kubeconfig = bed.service_account_kubeconfig("default", "reader").await?.display().to_string();
    let can = async |verb: &str, resource: &str| {
        let args = ["--kubeconfig", &kubeconfig, "auth", "can-i", verb, resource];
        let output = bed.tool("kubectl")?.args(args).output().await?;
        anyhow::Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    assert_eq!(can("list", "pods").await?, "yes");
    assert_eq!(can("delete", "pods").await?, "no");
    assert_eq!(can("get", "secrets").await?, "no");
    Ok(())
}

async fn registry_keeps_an_image(bed: &Testbed) -> anyhow::Result<()> {
    let created: jiff::Timestamp = "2018-03-01T10:00:00Z".parse()?;
    let registry = bed.registry();
    let digest = registry.push(&ImagePush::new("stefanprodan/podinfo", "dev-abc", created)).await?;
    registry.push(&ImagePush::new("stefanprodan/podinfo", "dev-def", created)).await?;
    assert_eq!(registry.tags("stefanprodan/podinfo").await?, ["dev-abc", "dev-def"]);

    // What stands there is read back over HTTP with curl, as a person would.
    let curl = async |path: String, accept: &str| {
        let (url, accept) =
            (format!("{}/v2/stefanprodan/podinfo/{path}", registry.url()), format!("Accept: {accept}"));
        let text = bed.program("curl").args(["-sS", "--fail", "-H", &accept, &url]).run().await?;
        anyhow::Ok(serde_json::from_str::<serde_json::Value>(&text)?)
    };
    let manifest = curl("manifests/dev-abc".into(), "application/vnd.oci.image.manifest.v1+json").await?;
    let config = manifest["config"]["digest"].as_str().context("a manifest without config")?;
    assert_eq!(curl(format!("blobs/{config}"), "*/*").await?["created"], "2018-03-01T10:00:00Z");
    let layer = manifest["layers"][0]["digest"].as_str().context("a manifest without layer")?;
    let url = format!("{}/v2/stefanprodan/podinfo/blobs/{layer}", registry.url());
    let pipe = format!("curl -sS --fail {url} | tar -xO image.txt");
    assert_eq!(bed.program("sh").args(["-c", &pipe]).run().await?, "stefanprodan/podinfo:dev-abc");

    registry.delete("stefanprodan/podinfo", &digest).await?;
    assert_eq!(registry.tags("stefanprodan/podinfo").await?, ["dev-def"]);
    Ok(())
}

async fn postgres_has_databases(bed: &Testbed) -> anyhow::Result<()> {
    let url = bed.postgres_url("scanner").await?;
    assert_eq!(bed.postgres_url("scanner").await?, url, "a second call must not create it again");
    bed.postgres().query("scanner", "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)").await?;
    assert_eq!(bed.postgres().query("scanner", "SELECT n, n * 2 FROM t ORDER BY n").await?, "1|2\n2|4");
    let psql = integration_tests::tools::postgresql("psql")?;
    let name = bed.program(&psql).args([&url, "-Atc", "SELECT current_database()"]).run().await?;
    assert_eq!(name, "scanner");
    let wrong = url.replacen(':', "\0", 2).replace('\0', ":").replace('@', "x@");
    let refused = bed.program(&psql).args([&wrong, "-Atc", "SELECT 1"]).output().await?;
    assert!(refused.stderr.contains("password authentication failed"), "{refused:?}");
    Ok(())
}

async fn git_obeys_deploy_keys(bed: &Testbed) -> anyhow::Result<()> {
    let server = bed.git_server();
    let repository = server.create("gitops-helm").await?;
    let other = server.create("other").await?;

    let developer = repository.clone_as_developer().await?;
    developer.write("namespaces/dev.yaml", "kind: Namespace\n")?;
    let commit = developer.commit_and_push("Add dev").await?;
    assert_eq!(repository.head("main").await?, commit);

    let reader = server.generate_key("reader").await?;
    repository.add_deploy_key(reader.public_key(), Access::ReadOnly)?;
    let clone = repository.clone_with(&reader).await?;
    assert_eq!(clone.read("namespaces/dev.yaml")?, "kind: Namespace\n");
    clone.write("namespaces/dev.yaml", "kind: Namespac\n")?;
    clone.commit("Break dev").await?;
    refused(clone.push().await, "marked as read only");
    assert_eq!(repository.head("main").await?, commit);

    let stranger = server.generate_key("stranger").await?;
    refused(repository.clone_with(&stranger).await, "Permission denied (publickey)");
    refused(other.clone_with(developer.key()).await, "gives no access");
    refused(repository.add_deploy_key(reader.public_key(), Access::ReadWrite), "deploy key already");
    let shell = ["-F", "none", "-i", &reader.private_key_file().display().to_string(), "-o", "BatchMode=yes"];
    let known = format!("UserKnownHostsFile={}", server.known_hosts_file().display());
    let port = server.port().to_string();
    let login =
        bed.program("ssh").args(shell).args(["-o", &known, "-p", &port, "127.0.0.1", "id"]).output().await?;
    assert!(!login.exit.success() && login.stderr.contains("git and nothing else"), "{login:?}");

    repository.remove_deploy_key(reader.public_key())?;
    refused(repository.clone_with(&reader).await, "Permission denied (publickey)");

    // Somebody pushes in between: the developer's next push comes after it.
    let colleague = repository.clone_as_developer().await?;
    colleague.write("a.yaml", "a: 1\n")?;
    let theirs = colleague.commit_and_push("Add a").await?;
    developer.write("b.yaml", "b: 1\n")?;
    let ours = developer.commit_and_push("Add b").await?;
    assert_eq!(repository.git(&["rev-list", "main"]).await?, format!("{ours}\n{theirs}\n{commit}"));
    Ok(())
}

fn refused<T>(result: anyhow::Result<T>, why: &str) {
    match result {
        Ok(_) => panic!("this must be refused: {why}"),
        Err(error) => assert!(format!("{error:#}").contains(why), "{error:#} does not say {why:?}"),
    }
}

/// With a program of this package that is there: a keeper whose owner is gone from the start.
async fn services_are_launched(bed: &Testbed) -> anyhow::Result<()> {
    let mut service =
        bed.service("testbed-keeper").http(([127, 0, 0, 1], bed.free_port()?).into()).start().await?;
    let line = service.wait_for_log("\"ready\"", SOON).await?;
    assert!(line.contains("windlass-testbed-"), "{line}");
    assert_eq!(service.wait_exit(SOON).await?, Exit::Code(0));
    refused(service.wait_ready(SOON).await, "testbed-keeper ended with exit code 0");
    refused(service.wait_for_log("never", SOON).await, "testbed-keeper ended with exit code 0");
    service.start().await?;
    service.wait_exit(SOON).await?;
    assert_eq!(service.log().matches("\"ready\"").count(), 2, "{}", service.log());
    refused(bed.service("no-such-service").start().await, "no-such-service does not exist");
    Ok(())
}

/// The owner is ended by a signal to its process group, as Ctrl-C does it, in the middle of its work.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_killed_owner() -> anyhow::Result<()> {
    const VICTIM: &str = "WINDLASS_TESTBED_VICTIM";
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim().await;
    }
    for signal in [Signal::KILL, Signal::INT] {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", "nothing_outlives_a_killed_owner", "--nocapture"]).env(VICTIM, "1");
        let mut victim = Victim(command.process_group(0).stdout(Stdio::piped()).spawn()?);
        let stdout = BufReader::new(victim.0.stdout.take().context("no output")?);
        let folder = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(PathBuf::from(line.split_once("FOLDER ")?.1)));
        let folder = folder.context("the victim ended before its testbed was ready")?;
        let pids = processes_in(&folder);
        assert!(pids.len() >= 6, "etcd, kube-apiserver, postgres, sshd, a command and an orphan: {pids:?}");

        rustix::process::kill_process_group(victim.pid(), signal)?;
        victim.0.wait()?;
        eventually(SOON, "everything to be gone", async || {
            let left: Vec<_> =
                pids.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
            ensure!(
                left.is_empty() && !folder.exists(),
                "{left:?} run, the folder is there: {}",
                folder.exists()
            );
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn be_the_victim() -> anyhow::Result<()> {
    let bed = Testbed::builder().control_plane().postgres().git().start().await?;
    // A process that leaves its group and its parent: only the keeper, as their subreaper, still knows it.
    bed.program("sh").args(["-c", "setsid sleep 600 >/dev/null 2>&1 &"]).run().await?;
    let command = bed.program("sleep").args(["600"]).run();
    let announce = async {
        eventually(SOON, "both to run", async || {
            let sleeping = processes_in(bed.folder()).len();
            ensure!(sleeping >= 6, "{sleeping} processes");
            Ok(())
        })
        .await?;
        println!("FOLDER {}", bed.folder().display());
        std::future::pending::<anyhow::Result<()>>().await
    };
    tokio::try_join!(command, announce).map(drop)
}

struct Victim(Child);

impl Victim {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_takes_the_testbed_along() -> anyhow::Result<()> {
    let (sender, folder) = tokio::sync::oneshot::channel();
    let test = tokio::spawn(async move {
        let bed = Testbed::builder().registry().start().await.unwrap();
        sender.send(bed.folder().to_owned()).unwrap();
        panic!("a test fails");
    });
    let folder = folder.await?;
    let ended: Result<(), _> = test.await;
    assert!(ended.unwrap_err().is_panic());
    assert!(!folder.exists(), "{} is still there", folder.display());
    assert_eq!(processes_in(&folder), Vec::<i32>::new());
    Ok(())
}

/// The service proxy reaches an address that is not loopback: the API server's own, for want of another server.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_network_namespace_the_service_proxy_works() -> anyhow::Result<()> {
    let Some(address) = netns::enter("in_a_network_namespace_the_service_proxy_works")? else {
        return Ok(());
    };
    let bed = Testbed::builder().workloads().address(address).start().await?;
    assert_eq!(bed.api_server().ip(), address);
    bed.expose("default", "itself", 443, bed.api_server()).await?;
    let path = "/api/v1/namespaces/default/services/https:itself:http/proxy/healthz";
    assert_eq!(bed.kubectl(&["get", "--raw", path]).await?, "ok");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_answers_about_traces() -> anyhow::Result<()> {
    let receiver = OtlpReceiver::start()?;
    let mut client = TraceServiceClient::connect(receiver.endpoint()).await?;
    let trace = "0102030405060708090a0b0c0d0e0f10";
    for (service, span, parent) in
        [("image-scanner", "0000000000000001", ""), ("git-syncer", "0000000000000002", "0000000000000001")]
    {
        let attribute =
            |key: &str, value: &str| serde_json::json!({"key": key, "value": {"stringValue": value}});
        let request: ExportTraceServiceRequest =
            serde_json::from_value(serde_json::json!({"resourceSpans": [{
                "resource": {"attributes": [attribute("service.name", service)]},
                "scopeSpans": [{"spans": [{
                    "traceId": trace, "spanId": span, "parentSpanId": parent, "name": "step", "flags": 0,
                    "startTimeUnixNano": span, "endTimeUnixNano": "9",
                    "attributes": [attribute("image.tag", "dev-abc")],
                }]}],
            }]}))?;
        client.export(request).await?;
    }
    let names: Vec<_> =
        receiver.trace(trace).into_iter().map(|span| (span.service, span.parent_id.is_none())).collect();
    assert_eq!(names, [("image-scanner".into(), true), ("git-syncer".into(), false)]);
    assert_eq!(receiver.traces_with_root("image.tag", "dev-abc"), [trace]);
    assert_eq!(receiver.traces_with("image.tag", "dev-abc"), [trace]);
    assert!(receiver.traces_with_root("image.tag", "dev-def").is_empty());
    assert!(receiver.trace("00").is_empty());
    Ok(())
}

/// The processes whose working directory is in the folder, zombies excepted.
fn processes_in(folder: &Path) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pid = |entry: std::fs::DirEntry| {
        let cwd = std::fs::read_link(entry.path().join("cwd")).ok()?;
        cwd.starts_with(folder).then(|| entry.file_name().to_str()?.parse().ok())?
    };
    entries.filter_map(pid).collect()
}
