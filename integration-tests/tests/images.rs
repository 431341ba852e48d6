//! image-scanner against a real PostgreSQL and a real registry: from a declaration and a pushed image to a selection, and
//! what a kill, a vanished tag or a bad item do to it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api::image::v1::image_service_client::ImageServiceClient;
use api::image::v1::{
    DeclareRequest, DeclareResponse, ExplainRequest, ImageState, Item, ListImagesRequest, RefreshRequest,
    Selection, WatchSelectionsRequest, WatchSelectionsResponse,
};
use integration_tests::wait::within;
use integration_tests::{Exit, ImagePush, Service, Testbed, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::OnceCell;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

const SOON: Duration = Duration::from_secs(30);
const OWNER: &str = "ssh://git@127.0.0.1/gitops-helm#master";
const WORKLOAD: &str = "dev:fluxhelmrelease/podinfo-dev";

/// One database server and one registry for the tests of this file; each has a database and image names of its own.
async fn bed() -> anyhow::Result<&'static Testbed> {
    static BED: OnceCell<Testbed> = OnceCell::const_new();
    BED.get_or_try_init(|| Testbed::builder().postgres().registry().start()).await
}

/// An image-scanner for which the registry is docker.io, and no other host exists.
struct Scanner {
    service: Service,
    client: ImageServiceClient<Channel>,
}

impl Scanner {
    /// Starts one, armed with a failpoint that nothing reaches before a declaration.
    async fn start(database: &str, failpoint: Option<&str>) -> anyhow::Result<Self> {
        Self::start_with(database, failpoint, &bed().await?.registry().url()).await
    }

    async fn start_with(database: &str, failpoint: Option<&str>, registry: &str) -> anyhow::Result<Self> {
        let bed = bed().await?;
        let grpc = SocketAddr::new(bed.address(), bed.free_port()?);
        let http = SocketAddr::new(bed.address(), bed.free_port()?);
        let url_file = bed.folder().join(format!("{database}.url"));
        std::fs::write(&url_file, bed.postgres_url(database).await?)?;
        let args = [
            format!("--listen={grpc}"),
            format!("--http-listen={http}"),
            format!("--database-url-file={}", url_file.display()),
            format!("--registry-mirror=docker.io={registry}"),
            "--registry-require-mirror".to_owned(),
            "--scan-interval=300ms".to_owned(),
        ];
        let builder = bed.service("image-scanner").args(args).http(http);
        let service = builder.env("WINDLASS_FAILPOINTS", failpoint.unwrap_or_default()).start().await?;
        service.wait_ready(SOON).await?;
        let channel = Endpoint::from_shared(format!("http://{grpc}"))?.connect_lazy();
        Ok(Self { service, client: ImageServiceClient::new(channel) })
    }

    async fn declare(&mut self, version: u64, items: &[Item]) -> Result<DeclareResponse, Status> {
        let request = DeclareRequest { owner: OWNER.to_owned(), version, items: items.to_vec() };
        Ok(self.client.declare(request).await?.into_inner())
    }

    async fn watch(&mut self, resume_token: &str) -> anyhow::Result<Streaming<WatchSelectionsResponse>> {
        let request =
            WatchSelectionsRequest { owner: OWNER.to_owned(), resume_token: resume_token.to_owned() };
        Ok(self.client.watch_selections(request).await?.into_inner())
    }

    /// Watches from the start until an item has a selection, and gives that.
    async fn selection(&mut self, container: &str) -> anyhow::Result<Selection> {
        let mut stream = self.watch("").await?;
        within(SOON, &format!("a selection for {container}"), async {
            loop {
                let message = stream.message().await?.context("the stream has ended")?;
                let ours = |selection: &Selection| {
                    selection.item.as_ref().is_some_and(|item| item.container == container)
                };
                if let Some(selection) = message.selections.into_iter().find(ours) {
                    return Ok(selection);
                }
            }
        })
        .await
    }

    /// Waits until ListImages shows a container as `wanted` says.
    async fn listed(
        &mut self,
        container: &str,
        wanted: impl Fn(&ImageState) -> bool,
    ) -> anyhow::Result<ImageState> {
        eventually(SOON, &format!("{container} in ListImages"), async || {
            let images = self.client.list_images(ListImagesRequest::default()).await?.into_inner().images;
            let ours =
                |image: &&ImageState| image.item.as_ref().is_some_and(|item| item.container == container);
            let image = images.iter().find(ours).context("it is not listed")?;
            ensure!(wanted(image), "it is {image:?}");
            anyhow::Ok(image.clone())
        })
        .await
    }
}

fn item(container: &str, image: impl Into<String>, pattern: &str) -> Item {
    Item {
        workload: WORKLOAD.to_owned(),
        container: container.to_owned(),
        image: image.into(),
        tag_pattern: pattern.to_owned(),
        pull_secrets: Vec::new(),
    }
}

async fn push(repository: &str, tag: &str, second: i64) -> anyhow::Result<String> {
    let created = jiff::Timestamp::from_second(1_532_000_000 + second)?;
    bed().await?.registry().push(&ImagePush::new(repository, tag, created)).await
}

async fn next(stream: &mut Streaming<WatchSelectionsResponse>) -> anyhow::Result<WatchSelectionsResponse> {
    within(SOON, "a message of the watch", async { stream.message().await?.context("the stream has ended") })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_image_is_selected_once_and_a_restart_forgets_nothing() -> anyhow::Result<()> {
    let repository = "story/podinfo";
    push(repository, "dev-1", 1).await?;
    let mut scanner = Scanner::start("story", None).await?;
    scanner.declare(1, &[item("chart-image", format!("{repository}:dev-1"), "glob:dev-*")]).await?;
    scanner.listed("chart-image", |image| image.selected_tag == "dev-1" && image.message.is_empty()).await?;

    let mut stream = scanner.watch("").await?;
    let snapshot = next(&mut stream).await?;
    assert!(snapshot.snapshot && snapshot.selections.is_empty(), "{snapshot:?}");
    let digest = push(repository, "dev-2", 2).await?;
    push(repository, "stg-9", 9).await?;
    let message = next(&mut stream).await?;
    assert!(!message.snapshot);
    let [selection] = &*message.selections else { anyhow::bail!("not one selection: {message:?}") };
    assert_eq!((selection.from_tag.as_str(), selection.to_tag.as_str()), ("dev-1", "dev-2"));
    assert_eq!((selection.declaration_version, &selection.digest), (1, &digest));
    assert_eq!(selection.created.map(|time| time.seconds), Some(1_532_000_002));
    assert!(
        selection.reason.contains(WORKLOAD) && selection.reason.contains("glob:dev-*"),
        "{}",
        selection.reason
    );
    assert_eq!(selection.traceparent.split('-').count(), 4, "{:?}", selection.traceparent);

    // From the token before it, the selection comes again, and nothing after it; across a restart too.
    scanner.service.kill().await?;
    scanner.service.start().await?;
    scanner.service.wait_ready(SOON).await?;
    let again = next(&mut scanner.watch(&snapshot.resume_token).await?).await?;
    assert!(!again.snapshot, "the token is still known");
    assert_eq!(again.selections, message.selections, "the trace included");
    let unknown = next(&mut scanner.watch("another-database.7").await?).await?;
    assert!(unknown.snapshot && unknown.selections == message.selections, "{unknown:?}");
    let mut stream = scanner.watch(&message.resume_token).await?;

    // git-syncer has committed: the selection has done its work, and an older declaration is refused.
    let committed = [item("chart-image", format!("{repository}:dev-2"), "glob:dev-*")];
    scanner.declare(2, &committed).await?;
    scanner.listed("chart-image", |image| image.selected_tag == "dev-2").await?;
    let stale = scanner.declare(1, &committed).await.unwrap_err();
    assert_eq!(stale.code(), Code::FailedPrecondition, "{stale}");
    assert!(stale.message().contains("version 2"), "{stale}");
    push(repository, "dev-3", 3).await?;
    let message = next(&mut stream).await?;
    let tags: Vec<_> = message.selections.iter().map(|one| (&*one.from_tag, &*one.to_tag)).collect();
    assert_eq!(tags, [("dev-2", "dev-3")], "and nothing in between");

    let request = ExplainRequest { workload: WORKLOAD.to_owned(), container: "chart-image".to_owned() };
    let explained = scanner.client.explain(request).await?.into_inner();
    let candidates: Vec<_> = explained.candidates.iter().map(|candidate| &*candidate.tag).collect();
    assert_eq!(candidates, ["dev-3", "dev-2", "dev-1"]);
    assert!(explained.explanation.contains("dev-3 is the newest of 3 tags"), "{}", explained.explanation);

    assert_eq!(scanner.service.terminate(SOON).await?, Exit::Code(0), "an open watch does not hold it up");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_vanishes_takes_nothing_back() -> anyhow::Result<()> {
    let repository = "vanish/podinfo";
    push(repository, "dev-1", 1).await?;
    let newest = push(repository, "dev-2", 2).await?;
    let mut scanner = Scanner::start("vanish", None).await?;
    scanner.declare(1, &[item("app", format!("{repository}:dev-2"), "glob:dev-*")]).await?;
    scanner.listed("app", |image| image.selected_tag == "dev-2").await?;

    bed().await?.registry().delete(repository, &newest).await?;
    let gone = scanner.listed("app", |image| image.matching_count == 1).await?;
    assert!(
        gone.message.contains("dev-1") && gone.message.contains("older than the current image"),
        "{gone:?}"
    );
    assert_eq!((gone.selected_tag.as_str(), gone.tag_count), ("", 1));
    push(repository, "dev-3", 3).await?;
    assert_eq!(scanner.selection("app").await?.to_tag, "dev-3");

    // An image whose age nobody knows is not replaced by what may be older.
    scanner.declare(2, &[item("app", format!("{repository}:never-pushed"), "glob:dev-*")]).await?;
    let unknown = scanner.listed("app", |image| image.message.contains("unknown")).await?;
    assert!(unknown.message.contains("write a tag that is in the registry"), "{unknown:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bad_says_so_and_holds_up_nothing_else() -> anyhow::Result<()> {
    push("bad/good", "dev-1", 1).await?;
    push("bad/good", "dev-2", 2).await?;
    corrupt_image("bad/good", "dev-3").await?;
    let mut scanner = Scanner::start("bad", None).await?;
    let declared = scanner
        .declare(
            1,
            &[
                item("good", "bad/good:dev-1", "glob:dev-*"),
                item("malformed", "Bad/Good:1", "glob:*"),
                item("semver", "bad/good:dev-1", "semver:~1"),
                item("no-match", "bad/good:dev-1", "glob:prod-*"),
                item("stranger", "quay.io/coreos/etcd:v3", "glob:*"),
                item("missing", "bad/missing:1", "glob:*"),
            ],
        )
        .await?;
    let refused: Vec<_> =
        declared.errors.iter().filter_map(|error| error.item.as_ref()).map(|item| &*item.container).collect();
    assert_eq!(refused, ["malformed", "semver"]);
    assert_eq!(scanner.selection("good").await?.to_tag, "dev-2", "past the corrupt dev-3");

    for (container, parts) in [
        ("malformed", &["Bad/Good:1", "lower-case"][..]),
        ("semver", &["semver:~1", "later version"]),
        ("no-match", &["bad/good:dev-1", "glob:prod-*", "3 tags"]),
        ("stranger", &["quay.io", "--registry-require-mirror", "nothing was sent"]),
        ("missing", &["no repository bad/missing", "first image"]),
    ] {
        let image =
            scanner.listed(container, |image| parts.iter().all(|part| image.message.contains(part))).await?;
        assert!(
            image.message.starts_with(&format!("{WORKLOAD} container {container}: ")),
            "{}",
            image.message
        );
    }
    let request = ExplainRequest { workload: WORKLOAD.to_owned(), container: "good".to_owned() };
    let explained = scanner.client.explain(request).await?.into_inner();
    assert!(
        explained.explanation.contains("among them dev-3 (its configuration is not valid JSON"),
        "{explained:?}"
    );

    // The first image of a repository is seen like any other.
    push("bad/missing", "1", 1).await?;
    scanner.listed("missing", |image| image.selected_tag == "1").await?;
    let refreshed = scanner.client.refresh(RefreshRequest { image: "docker.io/bad/good".to_owned() }).await?;
    assert_eq!(refreshed.into_inner().repositories, 1);
    let all = scanner.client.refresh(RefreshRequest::default()).await?.into_inner();
    assert_eq!(all.repositories, 3);
    Ok(())
}

/// An image whose configuration is not JSON; the registry does not look.
async fn corrupt_image(repository: &str, tag: &str) -> anyhow::Result<()> {
    let registry = bed().await?.registry();
    let config = registry.push_blob(repository, b"corrupt").await?;
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 7},
        "layers": [],
    });
    registry.push_manifest(repository, tag, serde_json::to_vec(&manifest)?).await?;
    Ok(())
}

/// The scanner dies by SIGKILL at each of its steps and is started again: what is stored in the end is the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_changes_nothing_in_the_end() -> anyhow::Result<()> {
    let repository = "kill/podinfo";
    for (tag, second) in [("dev-1", 1), ("dev-2", 2), ("dev-3", 3), ("stg-4", 4)] {
        push(repository, tag, second).await?;
    }
    let undisturbed = ending(repository, "kill-nowhere", None).await?;
    assert!(undisturbed.contains("|dev-3|"), "{undisturbed}");
    for failpoint in [
        "declare.before-commit",
        "declare.after-commit",
        "scan.after-claim",
        "scan.after-list",
        "scan.after-read",
        "scan.after-read=3",
        "scan.before-commit",
        "scan.after-commit",
    ] {
        let database = format!("kill-{}", failpoint.replace(['.', '='], "-"));
        let ended = ending(repository, &database, Some(failpoint)).await.context(failpoint)?;
        assert_eq!(ended, undisturbed, "killed at {failpoint}");
    }
    Ok(())
}

/// Declares, is killed where asked, starts again, and gives what is stored once there is a selection.
async fn ending(repository: &str, database: &str, failpoint: Option<&str>) -> anyhow::Result<String> {
    let items = [item("app", format!("{repository}:dev-1"), "glob:dev-*")];
    let mut scanner = Scanner::start(database, failpoint).await?;
    if failpoint.is_some() {
        // Taken, or broken off by the kill.
        let _ = scanner.declare(1, &items).await;
        assert_eq!(scanner.service.wait_exit(SOON).await?, Exit::Signal(9));
        scanner.service.set_env("WINDLASS_FAILPOINTS", None);
        scanner.service.start().await?;
        scanner.service.wait_ready(SOON).await?;
    }
    scanner.declare(1, &items).await?;
    scanner.selection("app").await?;
    scanner.service.kill().await?;
    let state = "SELECT container, selected_tag, matching_count, message, to_tag, s.digest, created_ns, s.seq, l.seq,
                        (SELECT string_agg(concat_ws(' ', t.name, t.present, t.digest, t.created_ns, t.fault), ', ' ORDER BY t.name)
                         FROM tag t)
                 FROM item JOIN selection s USING (owner, workload, container), ledger l";
    bed().await?.postgres().query(database, state).await
}

/// Two scanners share one database: each repository is scanned by one at a time, and each item is selected for once.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_select_once() -> anyhow::Result<()> {
    const REPOSITORIES: usize = 12;
    let mut items = Vec::new();
    for n in 0..REPOSITORIES {
        let repository = format!("replicas/app{n}");
        push(&repository, "v1", 1).await?;
        push(&repository, "v2", 2).await?;
        items.push(item(&format!("app{n}"), format!("{repository}:v1"), "v*"));
    }
    let (mut one, mut two) =
        tokio::try_join!(Scanner::start("replicas", None), Scanner::start("replicas", None))?;
    let mut watch = two.watch("").await?;
    assert!(next(&mut watch).await?.snapshot);
    one.declare(1, &items).await?;
    let mut seen = Vec::new();
    while seen.len() < REPOSITORIES {
        let message = next(&mut watch).await?;
        assert!(!message.snapshot);
        seen.extend(message.selections.into_iter().filter_map(|one| one.item).map(|item| item.container));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), REPOSITORIES, "each once: {seen:?}");
    // Declarations, requests and scans meet in the database, and none is turned away.
    const VERSIONS: usize = 20;
    for version in 2..=VERSIONS {
        let version = u64::try_from(version)?;
        let (declared, refreshed) =
            tokio::join!(one.declare(version, &items), two.client.refresh(RefreshRequest::default()));
        assert_eq!(
            (declared?.errors.len(), refreshed?.into_inner().repositories),
            (0, u32::try_from(REPOSITORIES)?)
        );
    }
    // One dies and the other goes on scanning, with nothing new to say.
    one.service.kill().await?;
    let before = scans(REPOSITORIES).await?;
    eventually(SOON, "the other replica to scan everything again", async || {
        let now = scans(REPOSITORIES).await?;
        ensure!(now > before, "the oldest scan is of {now}");
        anyhow::Ok(())
    })
    .await?;
    let seq = bed().await?.postgres().query("replicas", "SELECT seq FROM ledger").await?;
    assert_eq!(seq, (REPOSITORIES * VERSIONS).to_string(), "one selection for each item of each declaration");
    for scanner in [&one, &two] {
        // That a statement is slow says something of the machine.
        let log = scanner.service.log();
        let warns = log.lines().any(|line| line.contains("WARN") && !line.contains("slow statement"));
        assert!(!warns, "{log}");
    }
    Ok(())
}

/// When the repository that was scanned longest ago was scanned, once all of them were.
async fn scans(repositories: usize) -> anyhow::Result<String> {
    let sql = format!("SELECT min(scanned_at) FROM repository HAVING count(scanned_at) = {repositories}");
    bed().await?.postgres().query("replicas", &sql).await
}

/// A registry that wants to be left alone is, by every repository and replica, for as long as it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_limits_the_rate_is_left_alone() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mirror = format!("http://{}", listener.local_addr()?);
    let busy = tokio::spawn(async move {
        let answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1800\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let mut scanner = Scanner::start_with("busy", None, &mirror).await?;
    scanner.declare(1, &[item("app", "busy/app:1", "glob:*")]).await?;
    let image = scanner.listed("app", |image| image.message.contains("limits the rate")).await?;
    assert!(image.message.contains(&mirror), "{}", image.message);
    let pauses = "SELECT host, failures, round(extract(epoch FROM until - now()) / 60) FROM host_pause";
    assert_eq!(bed().await?.postgres().query("busy", pauses).await?, "index.docker.io|1|30");
    // Another image of that host is known, and not asked for.
    scanner
        .declare(2, &[item("app", "busy/app:1", "glob:*"), item("other", "busy/other:1", "glob:*")])
        .await?;
    scanner.listed("other", |image| image.message.contains("has not been scanned yet")).await?;
    busy.abort();
    Ok(())
}
