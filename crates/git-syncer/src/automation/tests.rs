//! Commits against a real remote.

use std::collections::BTreeMap;

use super::*;
use crate::git::testing::TestRemote;

const FILE: &str = "releases/dev/podinfo.yaml";

fn release(tag: &str) -> String {
    format!(
        "apiVersion: helm.integrations.flux.weave.works/v1alpha2\nkind: FluxHelmRelease\nmetadata:\n  name: podinfo\n  \
         namespace: dev\n  annotations:\n    flux.weave.works/automated: \"true\"\nspec:\n  chartGitPath: podinfo\n  values:\n    \
         image: podinfo:{tag}\n"
    )
}

fn pending(from: &str, to: &str) -> BTreeMap<Key, Selection> {
    let mut pending = BTreeMap::new();
    let selection = Selection {
        workload: "dev:fluxhelmrelease/podinfo".into(),
        container: "chart-image".into(),
        image: format!("podinfo:{from}").parse().unwrap(),
        pattern: "glob:*".into(),
        from_tag: from.parse().unwrap(),
        to_tag: to.parse().unwrap(),
        traceparent: None,
    };
    add(&mut pending, vec![selection]);
    pending
}

fn automation(remote: &TestRemote, clone: &str) -> Automation {
    Automation {
        repository: remote.repository(clone),
        layout: Layout { manifest_paths: vec![String::new()], charts_path: "charts".into() },
        default_namespace: "default".into(),
        author: Author { name: "Windlass".into(), email: "windlass@localhost".into() },
        sync: sync::channel().0,
        shared: Shared::new(),
        again: Arc::default(),
    }
}

#[tokio::test]
async fn a_selection_becomes_one_commit_however_often_it_comes() {
    let remote = TestRemote::with(&[(FILE, &release("1"))]);
    let automation = automation(&remote, "clone");
    for _ in 0..3 {
        automation.carry_out(&pending("1", "2")).await.unwrap();
    }
    // A process that was killed after its push knows nothing of it.
    let restarted = super::tests::automation(&remote, "another-clone");
    restarted.carry_out(&pending("1", "2")).await.unwrap();
    assert_eq!(
        remote.git("remote.git", &["log", "--format=%s|%ae", "main"]),
        "Auto-release podinfo:2|windlass@localhost\na person's commit|person@example.org"
    );
    assert_eq!(remote.git("remote.git", &["show", &format!("main:{FILE}")]), release("2").trim_end());
    let commits =
        automation.repository.history(automation.repository.fetch().await.unwrap(), 10).await.unwrap();
    let changes: Vec<_> = commits.into_iter().filter_map(trailers::change_of).collect();
    assert_eq!((changes.len(), changes[0].moves[0].to.as_str()), (1, "podinfo:2"));
}

#[tokio::test]
async fn a_push_that_is_declined_is_shown_until_one_succeeds() {
    let remote = TestRemote::with(&[(FILE, &release("1"))]);
    let automation = automation(&remote, "clone");
    let (shared, shutdown) = (automation.shared.clone(), CancellationToken::new());
    remote.hook("pre-receive", "echo only reviewed changes; exit 1");
    let (send, receive) = mpsc::channel(1);
    let running = tokio::spawn(automation.run(receive, shutdown.clone()));
    let selections = || pending("1", "2").into_values().collect::<Vec<_>>();
    let mut states = shared.watch();
    send.send(selections()).await.unwrap();
    let declined = states.wait_for(|state| state.automation_failure.is_some()).await.unwrap().clone();
    let message = declined.automation_failure.unwrap().message;
    for part in ["pre-receive hook declined", "only reviewed changes", "branch `main`"] {
        assert!(message.contains(part), "{message}");
    }
    remote.hook("pre-receive", "exit 0");
    send.send(selections()).await.unwrap();
    states.wait_for(|state| state.automation_failure.is_none()).await.unwrap();
    assert_eq!(remote.git("remote.git", &["show", &format!("main:{FILE}")]), release("2").trim_end());
    shutdown.cancel();
    running.await.unwrap();
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let template = pending("1", "2").into_values().next().unwrap();
    let many = |range: std::ops::Range<usize>| -> Vec<Selection> {
        range.map(|number| Selection { container: number.to_string(), ..template.clone() }).collect()
    };
    let mut held = BTreeMap::new();
    assert_eq!(add(&mut held, many(0..MAX_PENDING - 1)), 0);
    assert_eq!(add(&mut held, many(MAX_PENDING - 2..MAX_PENDING + 2)), 2, "what is held is only replaced");
    assert_eq!(held.len(), MAX_PENDING);
}

#[tokio::test]
async fn another_writer_between_fetch_and_push_is_not_overwritten() {
    let remote = TestRemote::with(&[(FILE, &release("1"))]);
    let automation = automation(&remote, "clone");
    // The first push meets a hook that lets a person's commit land first, as git sees it: the ref has moved.
    remote.commit(&[("README.md", "by a person\n")]);
    let theirs = remote.git("work", &["rev-parse", "HEAD"]);
    remote.git("remote.git", &["update-ref", "refs/heads/main", "main~"]);
    remote.hook(
        "update",
        &format!("test -e raced && exit 0; touch raced; git update-ref refs/heads/main {theirs}"),
    );
    automation.carry_out(&pending("1", "2")).await.unwrap();
    assert_eq!(remote.git("remote.git", &["rev-parse", "main~"]), theirs);
    assert_eq!(remote.git("remote.git", &["show", &format!("main:{FILE}")]), release("2").trim_end());
}
