//! Cloning, fetching and reading, against repositories made by the real git.

use super::testing::{TestRemote, remote_at};
use super::{BlobLimits, FileMode, GitError, Repository};

#[tokio::test]
async fn a_commit_is_fetched_and_read_without_a_work_tree() {
    let remote = TestRemote::with(&[("b/c.yaml", "c: 1\n"), ("a.yaml", "a: 1\n")]);
    remote.git("work", &["config", "core.fileMode", "true"]);
    std::os::unix::fs::symlink("a.yaml", remote.path("work/link")).unwrap();
    let first = remote.commit(&[("run.sh", "#!/bin/sh\n")]);
    remote.git("work", &["update-index", "--chmod=+x", "run.sh"]);
    let repository = remote.repository("clone");

    let tip = repository.fetch().await.unwrap();
    assert_eq!(tip.to_string(), first);
    assert_eq!(repository.revision(tip).to_string(), format!("main@sha1:{first}"));
    let tree = repository.tree(tip).await.unwrap();
    let listed: Vec<_> = tree.files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
    let regular = FileMode::Regular;
    assert_eq!(
        listed,
        [("a.yaml", regular), ("b/c.yaml", regular), ("link", FileMode::Symlink), ("run.sh", regular)]
    );
    let blobs = tree.files.iter().map(|file| file.blob).collect::<Vec<_>>();
    let read = |each, total| repository.blobs(blobs[..2].to_vec(), BlobLimits { each, total });
    assert_eq!(read(5, 10).await.unwrap(), [Some(b"a: 1\n".to_vec()), Some(b"c: 1\n".to_vec())]);
    assert_eq!(read(4, 0).await.unwrap(), [None, None], "what is passed over does not count");
    assert!(matches!(read(5, 9).await, Err(GitError::TooLarge { .. })));

    let second = remote.commit(&[("a.yaml", "a: 2\n")]);
    assert_eq!(repository.fetch().await.unwrap().to_string(), second);
    assert_eq!(repository.fetch().await.unwrap().to_string(), second, "nothing new");
    assert!(repository.tree(tip).await.is_ok(), "an older commit stays readable");
    let history = repository.history(repository.fetch().await.unwrap(), 2).await.unwrap();
    assert_eq!(history.iter().map(|info| info.commit.to_string()).collect::<Vec<_>>(), [second, first]);
}

#[tokio::test]
async fn a_rewritten_branch_is_followed() {
    let remote = TestRemote::with(&[("a.yaml", "a: 1\n")]);
    let repository = remote.repository("clone");
    repository.fetch().await.unwrap();
    remote.git("work", &["checkout", "--quiet", "--orphan", "other"]);
    let rewritten = remote.commit(&[("b.yaml", "b: 1\n")]);
    assert_eq!(repository.fetch().await.unwrap().to_string(), rewritten);
}

#[tokio::test]
async fn each_kind_of_absence_has_its_own_error() {
    let empty = TestRemote::empty();
    let error = empty.repository("clone").fetch().await.unwrap_err();
    assert!(matches!(error, GitError::Empty { .. }), "{error:?}");

    let remote = TestRemote::with(&[("a.yaml", "a: 1\n")]);
    let error = Repository::new(remote.path("clone"), remote.remote("prod")).fetch().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the repository has no branch `prod`: push it, or set --git-branch to one of: main"
    );

    let nowhere = remote_at(&remote.path("nowhere"), "main");
    let error = Repository::new(remote.path("clone2"), nowhere).fetch().await.unwrap_err();
    assert!(matches!(error, GitError::RepositoryMissing { .. }), "{error:?}");

    // What was missing arrives: the same repository goes on.
    let late = empty.repository("clone");
    assert!(late.fetch().await.is_err());
    let first = empty.commit(&[("a.yaml", "a: 1\n")]);
    assert_eq!(late.fetch().await.unwrap().to_string(), first);
}

#[tokio::test]
async fn a_damaged_clone_is_thrown_away_and_cloned_anew() {
    let remote = TestRemote::with(&[("a.yaml", "a: 1\n")]);
    type Damage = (&'static str, fn(&std::path::Path));
    let damages: [Damage; 4] = [
        ("no objects", |clone| std::fs::remove_dir_all(clone.join("objects")).unwrap()),
        ("no HEAD", |clone| std::fs::remove_file(clone.join("HEAD")).unwrap()),
        ("a file instead", |clone| {
            std::fs::remove_dir_all(clone).unwrap();
            std::fs::create_dir(clone).unwrap();
            std::fs::write(clone.join("HEAD"), "rubbish").unwrap();
        }),
        ("a lock left by a killed process", |clone| {
            std::fs::write(clone.join("refs/remotes/origin/main.lock"), "").unwrap();
            std::fs::write(clone.join("packed-refs.lock"), "").unwrap();
        }),
    ];
    for (name, damage) in damages {
        remote.repository("clone").fetch().await.unwrap();
        damage(&remote.path("clone"));
        let commit = remote.commit(&[("a.yaml", name)]);
        let restarted = remote.repository("clone");
        let tip = match restarted.fetch().await {
            Ok(tip) => tip,
            // Damage that only a read finds costs one failed try.
            Err(error) => {
                assert!(error.clone_is_damaged(), "{name}: {error:?}");
                restarted.fetch().await.unwrap()
            }
        };
        assert_eq!(tip.to_string(), commit, "{name}");
        assert_eq!(restarted.tree(tip).await.unwrap().files.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn damage_found_while_reading_is_healed_by_the_next_fetch() {
    let remote = TestRemote::with(&[("a.yaml", "a: 1\n")]);
    let repository = remote.repository("clone");
    let tip = repository.fetch().await.unwrap();
    for entry in std::fs::read_dir(remote.path("clone/objects/pack")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    // Packs that are open stay readable; a process that starts finds them gone.
    let restarted = remote.repository("clone");
    assert!(restarted.tree(tip).await.is_err());
    let error = restarted.fetch().await.err();
    assert!(error.is_none_or(|error| error.clone_is_damaged()));
    assert_eq!(restarted.fetch().await.unwrap(), tip);
    assert_eq!(restarted.tree(tip).await.unwrap().files.len(), 1);
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let remote = super::Remote {
        url: super::RemoteUrl::parse("ssh://git@127.0.0.1:1/r.git").unwrap(),
        branch: "main".into(),
        ssh: Some(super::SshIdentity { key_file: file("identity"), known_hosts_file: file("known_hosts") }),
        timeout: std::time::Duration::from_secs(30),
    };
    let error = Repository::new(file("clone"), remote).fetch().await.unwrap_err();
    assert!(matches!(&error, GitError::Unreachable { host, .. } if host == "127.0.0.1"), "{error:?}");
}
