use super::super::testing::TestRemote;
use super::super::{Author, CommitId, FileEdit, GitError, NewCommit, Repository};
use super::*;

fn edit(parent: CommitId, content: &str) -> NewCommit {
    NewCommit {
        parent,
        edits: vec![FileEdit { path: "releases/dev/podinfo.yaml".into(), content: content.into() }],
        message: "Auto-release podinfo:dev-2\n\nTraceparent: 00-a-b-01\n".into(),
        author: Author { name: "Windlass".into(), email: "windlass@localhost".into() },
        seconds: 1_700_000_000,
    }
}

fn remote() -> TestRemote {
    TestRemote::with(&[("releases/dev/podinfo.yaml", "image: podinfo:dev-1\n"), ("README.md", "hello\n")])
}

async fn fetched(remote: &TestRemote, name: &str) -> (Repository, CommitId) {
    let repository = remote.repository(name);
    let tip = repository.fetch().await.unwrap();
    (repository, tip)
}

#[tokio::test]
async fn a_pushed_commit_is_what_git_would_have_made() {
    let remote = remote();
    let (repository, tip) = fetched(&remote, "clone").await;
    let new = repository.push(edit(tip, "image: podinfo:dev-2\n")).await.unwrap();

    assert_eq!(remote.git("remote.git", &["rev-parse", "main"]), new.to_string());
    assert_eq!(remote.git("remote.git", &["fsck", "--strict", "--full"]), "");
    assert_eq!(
        remote.git("remote.git", &["log", "--format=%s|%an|%ce|%ct|%P", "-1", "main"]),
        format!("Auto-release podinfo:dev-2|Windlass|windlass@localhost|1700000000|{tip}")
    );
    assert_eq!(
        remote.git("remote.git", &["diff", "--stat=80", "--no-color", "main~", "main"]),
        " releases/dev/podinfo.yaml | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)"
    );
    assert_eq!(remote.git("remote.git", &["interpret-trailers", "--parse", "/dev/null"]), "");
    assert_eq!(
        remote
            .git("remote.git", &["log", "--format=%(trailers:key=Traceparent,valueonly)", "-1", "main"])
            .trim(),
        "00-a-b-01"
    );
    assert_eq!(repository.fetch().await.unwrap(), new, "the objects come back with the next fetch");
    repository.push(edit(new, "image: podinfo:dev-3\n")).await.unwrap();
}

#[tokio::test]
async fn a_stale_base_is_refused_and_nothing_is_overwritten() {
    let remote = remote();
    let (repository, tip) = fetched(&remote, "clone").await;
    let by_a_person = remote.commit(&[("README.md", "changed\n")]);
    let error = repository.push(edit(tip, "image: podinfo:dev-2\n")).await.unwrap_err();
    assert!(error.is_lost_race(), "{error:?}");
    assert_eq!(remote.git("remote.git", &["rev-parse", "main"]), by_a_person);

    let tip = repository.fetch().await.unwrap();
    repository.push(edit(tip, "image: podinfo:dev-2\n")).await.unwrap();
    assert_eq!(remote.git("remote.git", &["show", "main:README.md"]), "changed");
}

#[tokio::test]
async fn of_racing_writers_exactly_one_wins() {
    let remote = remote();
    let mut writers = Vec::new();
    for name in ["one", "two", "three", "four"] {
        writers.push(fetched(&remote, name).await);
    }
    let (barrier, tip) = (std::sync::Arc::new(tokio::sync::Barrier::new(writers.len())), writers[0].1);
    let mut pushes = tokio::task::JoinSet::new();
    for (index, (repository, tip)) in writers.into_iter().enumerate() {
        let barrier = barrier.clone();
        pushes.spawn(async move {
            barrier.wait().await;
            repository.push(edit(tip, &format!("image: podinfo:dev-{index}\n"))).await
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) = pushes.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        let error = error.unwrap_err();
        assert!(error.is_lost_race(), "{error:?}");
    }
    assert_eq!(remote.git("remote.git", &["rev-parse", "main~"]), tip.to_string());
    assert_eq!(remote.git("remote.git", &["fsck", "--strict", "--no-dangling"]), "");
}

#[tokio::test]
async fn a_hook_that_declines_is_quoted() {
    let remote = remote();
    let (repository, tip) = fetched(&remote, "clone").await;
    remote.hook("pre-receive", "echo 'commits need a ticket' >&2; exit 1");
    let error = repository.push(edit(tip, "image: podinfo:dev-2\n")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the git server declined the push: pre-receive hook declined: commits need a ticket"
    );
    assert_eq!(remote.git("remote.git", &["rev-parse", "main"]), tip.to_string());
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_the_limit() {
    let remote = remote();
    let (_, tip) = fetched(&remote, "clone").await;
    remote.hook("pre-receive", "exec sleep 5");
    let mut to = remote.remote("main");
    to.timeout = std::time::Duration::from_millis(500);
    let error = Repository::new(remote.path("clone"), to).push(edit(tip, "x")).await.unwrap_err();
    assert!(matches!(error, GitError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn only_files_of_the_tree_are_edited() {
    let remote = remote();
    let (repository, tip) = fetched(&remote, "clone").await;
    for path in ["absent.yaml", "releases", "../remote.git/HEAD"] {
        let mut commit = edit(tip, "x");
        commit.edits[0].path = path.to_owned();
        let error = repository.push(commit).await.unwrap_err();
        assert!(matches!(error, GitError::FileMissing { .. }), "{path}: {error:?}");
    }
}

#[test]
fn reports_are_read_up_to_the_first_malformed_line() {
    assert_eq!(pkt_lines(b"000eunpack ok\n0000junk"), ["unpack ok"]);
    assert_eq!(pkt_lines(b"000eunpack ok\nffff"), ["unpack ok"]);
    assert!(pkt_lines(b"00").is_empty());
    let report = |lines: &[&str]| Report {
        lines: lines.iter().map(ToString::to_string).collect(),
        hook_text: String::new(),
    };
    let check = |lines: &[&str], expected: &str| {
        let text = judge(&report(lines), "refs/heads/main")
            .map_or_else(|error| error.to_string(), |()| "pushed".into());
        assert!(text.contains(expected), "{lines:?}: {text}");
    };
    check(&["unpack ok", "ok refs/heads/main"], "pushed");
    check(&["unpack ok", "ok refs/heads/mainline"], "did not confirm");
    check(&["unpack ok", "ng refs/heads/main failed to update ref"], "another writer");
    check(
        &["unpack ok", "ng refs/heads/main protected branch hook declined"],
        "declined the push: protected",
    );
    check(&["unpack index-pack abnormal exit"], "declined the push: unpack");
    check(&[], "failed");
}
