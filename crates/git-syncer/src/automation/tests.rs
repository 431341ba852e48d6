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
