//! Repositories with an index.

use std::time::Duration;

use release_operator::source::repository::{Freshness, RepositoryChartRef, RepositoryCharts, Settings};

use super::files::{Files, Mood};
use super::helm::Charts;
use super::{HOUR, chart, charts, fault, me, version};

const PASSWORD: &str = "s3cret";
/// me:s3cret
const AUTHORIZATION: &str = "Basic bWU6czNjcmV0";

async fn repository(versions: &[&str]) -> anyhow::Result<(Charts, Files)> {
    let made = Charts::new()?;
    for version in versions {
        made.package("web", version)?;
    }
    made.index(None)?;
    let files = Files::serve(made.repository(), Mood::default()).await?;
    Ok((made, files))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_the_one_that_helm_takes_and_is_fetched_once() -> anyhow::Result<()> {
    let (made, files) = repository(&["1.0.0", "1.2.0", "1.10.0", "2.0.0+build.1", "2.1.0-rc.1"]).await?;
    let charts = charts();
    let fetch =
        async |wanted: &str, how| charts.fetch(&chart(files.origin(), "web", wanted), None, how).await;
    assert_eq!(version(fetch("", HOUR).await), "2.0.0+build.1");
    assert_eq!(files.asked(), ["/index.yaml 200", "/web-2.0.0+build.1.tgz 200"]);
    for wanted in ["1.0.0", "v1.2.0", "^1", "~1.2", ">=1.0.0-0", "2.1.0-rc.1", "1.x", ">=1 <2", "2"] {
        let helm = made.chosen(&["web", "--repo", files.origin()], wanted);
        let _ = files.asked();
        assert_eq!(Some(version(fetch(wanted, HOUR).await)), helm, "{wanted}");
        // The index is known, and of the archives each one once.
        assert!(files.asked().iter().all(|asked| asked.starts_with("/web-")), "{wanted}");
        assert_eq!(Some(version(fetch(wanted, HOUR).await)), helm);
        assert_eq!(files.asked(), Vec::<String>::new(), "{wanted}");
    }
    // Asked again it says that nothing has changed.
    assert_eq!(version(fetch("^1", Freshness::Now).await), "1.10.0");
    assert_eq!(files.asked(), ["/index.yaml 304"]);
    made.package("web", "1.11.0")?;
    made.index(None)?;
    assert_eq!(version(fetch("^1", HOUR).await), "1.10.0");
    assert_eq!(version(fetch("^1", Freshness::Now).await), "1.11.0");
    assert_eq!(files.asked(), ["/index.yaml 200", "/web-1.11.0.tgz 200"]);
    // What another range has asked for is as new.
    assert_eq!(version(fetch("1.x", Freshness::WithinInterval(Duration::from_secs(60))).await), "1.10.0");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said() -> anyhow::Result<()> {
    let (made, files) = repository(&["1.0.0", "1.1.0"]).await?;
    let check = async |name: &str, wanted: &str, parts: &[&str]| {
        // Nothing is remembered of what was found before.
        let text = fault(charts().fetch(&chart(files.origin(), name, wanted), None, HOUR).await, false);
        for part in parts.iter().chain(&[name, files.origin()]) {
            assert!(text.contains(part), "{text:?} does not say {part:?}");
        }
    };
    check("db", "", &["no chart of this name", "spec.chart.name"]).await;
    check("web", "^2", &["no version fits \"^2\"", "the newest versions are 1.1.0, 1.0.0"]).await;
    let archive = made.repository().join("web-1.1.0.tgz");
    let packed = std::fs::read(&archive)?;
    std::fs::write(&archive, "another chart")?;
    check("web", "", &["is not what the repository names", "web-1.1.0.tgz", "sha256:"]).await;
    std::fs::remove_file(&archive)?;
    check("web", "", &["web-1.1.0.tgz is not found, although"]).await;
    std::fs::write(&archive, vec![b'x'; (20 << 20) + 1])?;
    check("web", "", &["web-1.1.0.tgz serves is larger than 20971520 bytes"]).await;
    std::fs::write(&archive, &packed)?;
    made.edit_index(|index| index.replace("digest: ", "digest: x"))?;
    check("web", "", &["as the digest of version 1.1.0, which is no SHA-256"]).await;
    let without = |index: &str| {
        index
            .lines()
            .filter(|line| !line.contains("digest: "))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    made.edit_index(without)?;
    std::fs::write(&archive, "another chart")?;
    check("web", "", &["web-1.1.0.tgz serves is no chart that can be used", "gzip"]).await;
    made.edit_index(|index| index.replace("- web-1.1.0.tgz", "- s3://bucket/web-1.1.0.tgz"))?;
    check("web", "", &["gives version 1.1.0 no address", "s3:// is neither"]).await;
    made.edit_index(|_| "<html>Sign in</html>".into())?;
    check("web", "", &["/index.yaml cannot be used as the index", "it is no mapping"]).await;
    std::fs::remove_file(made.repository().join("index.yaml"))?;
    check("web", "", &["/index.yaml is not found", "spec.chart.repository"]).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_to_the_repository_and_nowhere_else() -> anyhow::Result<()> {
    let (made, files) = repository(&["1.0.0"]).await?;
    let closed = Mood { authorization: Some(AUTHORIZATION), ..Mood::default() };
    files.set(closed.clone());
    let web = chart(files.origin(), "web", "");
    let text = fault(charts().fetch(&web, None, HOUR).await, false);
    assert!(text.contains("status 401") && text.contains("name a Secret"), "{text}");
    let text = fault(charts().fetch(&web, Some(&me("wrong")), HOUR).await, false);
    assert!(text.contains("status 401") && text.contains("check the credentials"), "{text}");
    assert!(!text.contains("wrong"), "{text}");
    let _ = files.asked();
    let charts = charts();
    assert_eq!(version(charts.fetch(&web, Some(&me(PASSWORD)), HOUR).await), "1.0.0");
    assert_eq!(files.asked(), ["/index.yaml 200 as somebody", "/web-1.0.0.tgz 200 as somebody"]);
    // What somebody was given is not given to others.
    fault(charts.fetch(&web, None, HOUR).await, false);
    fault(charts.fetch(&web, Some(&me("other")), HOUR).await, false);

    // Redirected to another port of the same host.
    let elsewhere = Files::serve(made.repository(), Mood::default()).await?;
    files.set(Mood { redirect: Some(elsewhere.origin().to_owned()), ..Mood::default() });
    assert_eq!(version(super::charts().fetch(&web, Some(&me(PASSWORD)), HOUR).await), "1.0.0");
    assert_eq!(elsewhere.asked(), ["/index.yaml 200", "/web-1.0.0.tgz 200"]);

    // Archives elsewhere, by their address in the index.
    files.set(closed);
    made.index(Some(elsewhere.origin()))?;
    assert_eq!(version(super::charts().fetch(&web, Some(&me(PASSWORD)), HOUR).await), "1.0.0");
    assert_eq!(elsewhere.asked(), ["/web-1.0.0.tgz 200"]);
    // To itself without end.
    files.set(Mood { redirect: Some(files.origin().to_owned()), ..Mood::default() });
    let text = fault(super::charts().fetch(&web, None, HOUR).await, false);
    assert!(text.contains("too many redirects"), "{text}");
    Ok(())
}

/// Somebody else's archive is not to be had by naming its digest in an index of one's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_no_right_to_an_archive() -> anyhow::Result<()> {
    let (_made, mine) = repository(&["1.0.0"]).await?;
    let charts = charts();
    let fetched = charts.fetch(&chart(mine.origin(), "web", ""), None, HOUR).await?;
    let (made, theirs) = repository(&["1.0.0"]).await?;
    let digest = fetched.digest.strip_prefix("sha256:").unwrap();
    let forged = |index: &str| {
        let line = |line: &str| match line.split_once("digest: ") {
            Some((before, _)) => format!("{before}digest: {digest}\n"),
            None => format!("{line}\n"),
        };
        index.lines().map(line).collect::<String>()
    };
    made.edit_index(forged)?;
    std::fs::remove_file(made.repository().join("web-1.0.0.tgz"))?;
    let text = fault(charts.fetch(&chart(theirs.origin(), "web", ""), None, HOUR).await, false);
    assert!(text.contains("is not found"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_wants_to_be_left_alone_is() -> anyhow::Result<()> {
    let (_made, files) = repository(&["1.0.0"]).await?;
    let web = chart(files.origin(), "web", "");
    let known = charts();
    assert_eq!(version(known.fetch(&web, None, HOUR).await), "1.0.0");
    let _ = files.asked();
    for (status, stated, seconds) in [(503, Some("77"), 77), (429, Some("5"), 5), (429, None, 10)] {
        files.set(Mood { refuses: Some((status, stated)), ..Mood::default() });
        let new = charts();
        for _ in 0..3 {
            let error = new.fetch(&web, None, Freshness::Now).await.unwrap_err();
            let wait = error.retry_after().unwrap();
            assert!(
                wait <= Duration::from_secs(seconds) && wait > Duration::from_secs(seconds - 3),
                "{wait:?}"
            );
            assert!(error.is_transient() && error.to_string().contains("left alone"), "{error}");
        }
        assert_eq!(files.asked(), [format!("/index.yaml {status}")]);
    }
    // What is known is used, and the host is still asked no more than it wants.
    for _ in 0..3 {
        let fetched = known.fetch(&web, None, Freshness::Now).await?;
        let trouble = fetched.trouble.unwrap();
        assert!(
            trouble.contains("left alone") && trouble.contains("version 1.0.0, which it gave before"),
            "{trouble}"
        );
        assert!(fetched.revision.starts_with("1.0.0@sha256:"));
    }
    assert_eq!(files.asked(), ["/index.yaml 429"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_reached_has_given_what_it_gave() -> anyhow::Result<()> {
    let (_made, files) = repository(&["1.0.0"]).await?;
    let (web, db) = (chart(files.origin(), "web", ""), chart(files.origin(), "db", ""));
    let charts = charts();
    assert_eq!(version(charts.fetch(&web, None, HOUR).await), "1.0.0");
    files.set(Mood { refuses: Some((502, None)), ..Mood::default() });
    let now = Freshness::WithinInterval(Duration::ZERO);
    let trouble = charts.fetch(&web, None, now).await?.trouble.unwrap();
    assert!(trouble.contains("/index.yaml answers with status 502"), "{trouble}");
    // Not asked again at once, unless somebody says so.
    let _ = files.asked();
    assert_eq!(charts.fetch(&web, None, now).await?.trouble, Some(trouble));
    assert_eq!(files.asked(), Vec::<String>::new());
    let origin = files.origin().to_owned();
    files.end().await;
    let trouble = charts.fetch(&web, None, Freshness::Now).await?.trouble.unwrap();
    assert!(trouble.contains("cannot be reached") && trouble.contains(&origin), "{trouble}");
    fault(charts.fetch(&db, None, HOUR).await, true);
    // For a moment it is not even tried.
    let text = fault(charts.fetch(&db, None, HOUR).await, true);
    assert!(text.contains("could not be reached a moment ago"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_without_a_digest_is_asked_for_each_time() -> anyhow::Result<()> {
    let (made, files) = repository(&["1.0.0"]).await?;
    let without = |index: &str| {
        index
            .lines()
            .filter(|line| !line.contains("digest: "))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    made.edit_index(without)?;
    let (charts, web) = (charts(), chart(files.origin(), "web", ""));
    let fetch = async || charts.fetch(&web, None, Freshness::Now).await;
    let first = fetch().await?;
    assert_eq!(files.asked(), ["/index.yaml 200", "/web-1.0.0.tgz 200"]);
    assert_eq!(fetch().await?.digest, first.digest);
    assert_eq!(files.asked(), ["/index.yaml 304", "/web-1.0.0.tgz 304"]);
    // Published anew under the same version.
    std::fs::copy(made.package("web", "1.0.1")?, made.repository().join("web-1.0.0.tgz"))?;
    assert_ne!(fetch().await?.digest, first.digest);
    assert_eq!(files.asked(), ["/index.yaml 304", "/web-1.0.0.tgz 200"]);
    files.set(Mood { forgetful: true, ..Mood::default() });
    for _ in 0..2 {
        fetch().await?;
    }
    assert_eq!(files.asked().len(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_ask_at_the_same_time_share_one_answer() -> anyhow::Result<()> {
    let made = Charts::new()?;
    let names: Vec<String> = (0..8).map(|number| format!("web-{number}")).collect();
    for name in &names {
        made.package(name, "1.0.0")?;
    }
    made.index(None)?;
    let slow = Some(Duration::from_millis(200));
    let files = Files::serve(made.repository(), Mood { slow, ..Mood::default() }).await?;
    let fetch_all = async |names: &[String], how| {
        let charts = RepositoryCharts::new(Settings::default()).unwrap();
        let wanted: Vec<RepositoryChartRef> =
            names.iter().flat_map(|name| vec![chart(files.origin(), name, ""); 4]).collect();
        let fetches = wanted.iter().map(|chart| charts.fetch(chart, None, how));
        for fetched in futures::future::join_all(fetches).await {
            assert_eq!(version(fetched), "1.0.0");
        }
    };
    fetch_all(&names[..1], HOUR).await;
    assert_eq!(files.asked(), ["/index.yaml 200", "/web-0-1.0.0.tgz 200"]);
    // What began before somebody came may be older than that: a second answer is for all of these.
    fetch_all(&names[..1], Freshness::Now).await;
    assert_eq!(files.asked(), ["/index.yaml 200", "/web-0-1.0.0.tgz 200", "/index.yaml 304"]);
    // The second reading of the index is for all charts that were asked for during the first.
    fetch_all(&names, HOUR).await;
    let mut asked = files.asked();
    asked.sort();
    let archives = names.iter().map(|name| format!("/{name}-1.0.0.tgz 200"));
    let expected: Vec<String> =
        ["/index.yaml 200".to_owned(), "/index.yaml 200".to_owned()].into_iter().chain(archives).collect();
    assert_eq!(asked, expected);
    Ok(())
}
