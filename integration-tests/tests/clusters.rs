//! More than one cluster: the FAQ's branch per cluster, and the demo on a cluster of one's own.

use std::time::Duration;

use integration_tests::windlass::{Setup, Windlass, project};
use integration_tests::{Access, ImagePush, Testbed, eventually, tools};

const PATIENCE: Duration = Duration::from_secs(90);

/// "For each cluster create a Git branch in your config repo", and `--set git.branch=cluster-name`.
#[tokio::test(flavor = "multi_thread")]
async fn each_cluster_follows_its_branch() {
    let (first, second) = tokio::try_join!(
        Testbed::builder().workloads().postgres().registry().git().start(),
        Testbed::builder().workloads().start(),
    )
    .unwrap();
    let built = "2018-07-20T12:00:00Z".parse().unwrap();
    first.registry().push(&ImagePush::new("stefanprodan/podinfo", "dev-kb9lm91e", built)).await.unwrap();
    let repository = first.git_server().create("gitops-helm").await.unwrap();
    let worktree = repository.clone_as_developer().await.unwrap();
    let example = project().join("examples/gitops-helm");
    for part in ["charts", "namespaces", "releases/dev"] {
        worktree.copy_in(&example.join(part), part).await.unwrap();
    }
    let file = "releases/dev/podinfo.yaml";
    let release = worktree.read(file).unwrap();
    for (branch, replicas) in [("cluster-a", "1"), ("cluster-b", "3")] {
        worktree.git(&["checkout", "--quiet", "-B", branch]).await.unwrap();
        let changed = release.replace("replicaCount: 1", &format!("replicaCount: {replicas}"));
        worktree.write(file, changed).unwrap();
        worktree.git(&["add", "--all"]).await.unwrap();
        worktree.git(&["commit", "--quiet", "--allow-empty", "--message", branch]).await.unwrap();
        worktree.git(&["push", "--quiet", "origin", branch]).await.unwrap();
    }

    let mut running = Vec::new();
    for (bed, branch) in [(&first, "cluster-a"), (&second, "cluster-b")] {
        let database = branch.replace('-', "_");
        let mut setup = Setup::new(&first, &repository.url(), &database).await.unwrap();
        setup.git_branch = branch.to_owned();
        let windlass = Windlass::install(bed, &setup).await.unwrap();
        repository.add_deploy_key(&windlass.public_key().await.unwrap(), Access::ReadWrite).unwrap();
        running.push(windlass);
    }
    for (bed, replicas) in [(&first, "1"), (&second, "3")] {
        let path = "jsonpath={.spec.replicas}";
        let what = format!("podinfo-dev with {replicas} replicas");
        eventually(PATIENCE, &what, async || {
            let seen = bed.kubectl(&["-n", "dev", "get", "deployment", "podinfo-dev", "-o", path]).await?;
            anyhow::ensure!(seen == replicas, "it has {seen}");
            Ok::<_, anyhow::Error>(())
        })
        .await
        .unwrap();
    }
}

/// `make demo CONTEXT=… REGISTRY=…`: it plays where it finds none of its namespaces, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_on_a_cluster_of_ones_own_and_never_over_what_is_there() {
    let own = Testbed::builder().workloads().registry().start().await.unwrap();
    let registry = format!("{}/windlass-demo", own.registry().address());
    let demo = || {
        own.program(tools::service("demo").unwrap())
            .args(["--context", "testbed", "--registry", &registry])
            .env("WINDLASS_TOOLS", tools::path("kubectl").unwrap().parent().unwrap().display().to_string())
            .env("WINDLASS_BIN", tools::service("demo").unwrap().parent().unwrap().display().to_string())
    };
    let told = demo().run().await.unwrap();
    assert!(told.contains("target: the context testbed"), "{told}");
    assert!(!told.contains('✗'), "{told}");
    assert!(own.registry().tags("windlass-demo/podinfo").await.unwrap().len() >= 3);

    let refused = demo().output().await.unwrap();
    let told = String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.exit.success(), "{told}");
    assert!(told.contains("has a namespace dev"), "{told}");
}
