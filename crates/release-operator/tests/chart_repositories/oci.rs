//! Registries.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, header::LINK};
use k8s_openapi::ByteString;
use release_operator::source::repository::{Credentials, Freshness, RepositoryUrl};
use sha2::{Digest as _, Sha256};

use super::files::{Files, Mood};
use super::helm::Charts;
use super::registry::Registry;
use super::tokens::Tokens;
use super::{HOUR, chart, charts, fault, me, version};

const PASSWORD: &str = "s3cret";
/// me:s3cret
const AUTHORIZATION: &str = "Basic bWU6czNjcmV0";

async fn open() -> anyhow::Result<Registry> {
    Registry::start(|_| Ok(Vec::new())).await
}

fn push(made: &Charts, to: &str, versions: &[&str], whom: Option<(&str, &str)>) -> anyhow::Result<()> {
    versions.iter().try_for_each(|version| made.push(&made.package("web", version)?, to, whom))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_the_one_that_helm_takes() -> anyhow::Result<()> {
    let (made, registry) = (Charts::new()?, open().await?);
    let place = registry.oci("team/charts");
    push(&made, &place, &["1.0.0", "1.2.0", "1.10.0", "2.0.0+build.1", "2.1.0-rc.1"], None)?;
    let charts = charts();
    let fetch = async |name: &str, wanted: &str| charts.fetch(&chart(&place, name, wanted), None, HOUR).await;
    let reference = format!("{place}/web");
    for wanted in [
        "",
        "1.0.0",
        "^1",
        "~1.2",
        ">=1.0.0-0",
        "2.1.0-rc.1",
        "1.x",
        ">=1 <2",
        "2.x",
        "2.0.0+build.1",
        "<1.2",
    ] {
        let helm = made.chosen(&[&reference, "--plain-http"], wanted);
        assert_eq!(Some(version(fetch("web", wanted).await)), helm, "{wanted}");
    }
    // Where helm insists on the tag, a repository with an index does not, and neither do we.
    for (wanted, expected) in [("v1.2.0", "1.2.0"), ("1.2", "1.2.0"), ("2.0.0", "2.0.0+build.1")] {
        assert_eq!(made.chosen(&[&reference, "--plain-http"], wanted), None);
        assert_eq!(version(fetch("web", wanted).await), expected);
    }
    let text = fault(fetch("web", "^3").await, false);
    assert!(
        text.contains("no version fits \"^3\"; the newest versions are 2.1.0-rc.1, 2.0.0+build.1"),
        "{text}"
    );
    let text = fault(fetch("web", "3.0.0").await, false);
    assert!(text.contains("no version fits \"3.0.0\""), "{text}");
    let text = fault(fetch("db", "").await, false);
    assert!(text.contains("no chart of this name") && text.contains(&place), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_later_is_found_and_what_is_gone_is_remembered() -> anyhow::Result<()> {
    let (made, registry) = (Charts::new()?, open().await?);
    push(&made, &registry.oci("charts"), &["1.0.0"], None)?;
    let (charts, web) = (charts(), chart(&registry.oci("charts"), "web", "1.x"));
    assert_eq!(version(charts.fetch(&web, None, HOUR).await), "1.0.0");
    push(&made, &registry.oci("charts"), &["1.1.0"], None)?;
    assert_eq!(version(charts.fetch(&web, None, HOUR).await), "1.0.0");
    assert_eq!(version(charts.fetch(&web, None, Freshness::Now).await), "1.1.0");
    let other = chart(&registry.oci("charts"), "web", "1.0.0");
    registry.end();
    let fetched = charts.fetch(&web, None, Freshness::Now).await?;
    let trouble = fetched.trouble.unwrap();
    assert!(trouble.contains("cannot be reached") && trouble.contains("version 1.1.0"), "{trouble}");
    assert!(fetched.revision.starts_with("1.1.0@sha256:"));
    fault(charts.fetch(&other, None, HOUR).await, true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_asks_for_a_password_gets_it() -> anyhow::Result<()> {
    let htpasswd = |folder: &std::path::Path| {
        let hash = bcrypt::hash_with_salt(PASSWORD, 4, *b"salt of a test..")
            .unwrap()
            .format_for_version(bcrypt::Version::TwoY);
        std::fs::write(folder.join("htpasswd"), format!("me:{hash}\n"))?;
        let path = folder.join("htpasswd").display().to_string();
        Ok(vec![
            ("REGISTRY_AUTH", "htpasswd".into()),
            ("REGISTRY_AUTH_HTPASSWD_REALM", "charts".into()),
            ("REGISTRY_AUTH_HTPASSWD_PATH", path),
        ])
    };
    check_closed(&Registry::start(htpasswd).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_asks_for_a_token_gets_one() -> anyhow::Result<()> {
    let tokens = Tokens::start(AUTHORIZATION).await?;
    let registry = Registry::start(|folder| tokens.environment(folder)).await?;
    check_closed(&registry).await?;
    let _ = tokens.asked();
    let charts = charts();
    for wanted in ["1.0.0", "^1", "1.x"] {
        version(
            charts.fetch(&chart(&registry.oci("charts"), "web", wanted), Some(&me(PASSWORD)), HOUR).await,
        );
    }
    // One token for all of it.
    assert_eq!(tokens.asked(), ["/token?service=charts&scope=repository%3Acharts%2Fweb%3Apull"]);
    Ok(())
}

async fn check_closed(registry: &Registry) -> anyhow::Result<()> {
    let made = Charts::new()?;
    push(&made, &registry.oci("charts"), &["1.0.0", "1.1.0"], Some(("me", PASSWORD)))?;
    let (charts, web) = (charts(), chart(&registry.oci("charts"), "web", "^1"));
    assert_eq!(version(charts.fetch(&web, Some(&me(PASSWORD)), HOUR).await), "1.1.0");
    for nobody in [None, Some(me("wrong"))] {
        let text = fault(charts.fetch(&web, nobody.as_ref(), HOUR).await, false);
        assert!(text.contains("denies access") && text.contains("status 401"), "{text}");
        assert!(!text.contains("wrong"), "{text}");
    }
    // As a Secret of the type that Kubernetes has for registries.
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"bWU6czNjcmV0"}}}}}}"#, registry.address());
    let data = BTreeMap::from([(".dockerconfigjson".to_owned(), ByteString(config.into_bytes()))]);
    let credentials = Credentials::from_secret(&data, &RepositoryUrl::parse(&registry.oci("charts"))?)?;
    assert_eq!(version(super::charts().fetch(&web, Some(&credentials), HOUR).await), "1.1.0");
    Ok(())
}

/// Some repositories have an index, and their archives in a registry.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_may_lead_to_a_registry() -> anyhow::Result<()> {
    let (made, registry) = (Charts::new()?, open().await?);
    push(&made, &registry.oci("charts"), &["1.0.0", "1.1.0+a"], None)?;
    made.index(None)?;
    let to_registry = |index: &str| {
        let address = |version: &str| format!("- {}:{version}", registry.oci("charts/web"));
        index.replace("- web-1.0.0.tgz", &address("1.0.0")).replace("- web-1.1.0+a.tgz", &address("1.1.0_a"))
    };
    made.edit_index(to_registry)?;
    let closed = Mood { authorization: Some(AUTHORIZATION), ..Mood::default() };
    let files = Files::serve(made.repository(), closed).await?;
    let charts = charts();
    for (wanted, expected) in [("1.0.0", "1.0.0"), ("", "1.1.0+a")] {
        let web = chart(files.origin(), "web", wanted);
        assert_eq!(version(charts.fetch(&web, Some(&me(PASSWORD)), HOUR).await), expected);
    }
    made.edit_index(|index| index.replace(":1.0.0", ":1.1.0_a"))?;
    let web = chart(files.origin(), "web", "1.0.0");
    let text = fault(charts.fetch(&web, Some(&me(PASSWORD)), Freshness::Now).await, false);
    assert!(text.contains("is not what the repository names"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_chart_is_said() -> anyhow::Result<()> {
    let registry = open().await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let config = "{}";
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(config)));
    let base = format!("http://{}/v2/images/web", registry.address());
    let started = http.post(format!("{base}/blobs/uploads/")).send().await?.error_for_status()?;
    let location = started.headers()["location"].to_str()?;
    let mut url = url::Url::parse(&base)?.join(location)?;
    url.query_pairs_mut().append_pair("digest", &digest);
    http.put(url).body(config).send().await?.error_for_status()?;
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()},
        "layers": [],
    });
    let put = http.put(format!("{base}/manifests/1.0.0")).header("content-type", kind);
    put.body(manifest.to_string()).send().await?.error_for_status()?;
    let text = fault(charts().fetch(&chart(&registry.oci("images"), "web", "^1"), None, HOUR).await, false);
    assert!(text.contains("/v2/images/web/manifests/1.0.0 is no Helm chart"), "{text}");
    assert!(text.contains("vnd.oci.image.config.v1+json"), "{text}");
    Ok(())
}

/// What the registry of the package does not do: it gives all tags at once.
#[tokio::test(flavor = "multi_thread")]
async fn tags_come_in_pages() -> anyhow::Result<()> {
    let tags = |name: &str, query: &str| -> (Option<&'static str>, String) {
        match (name, query) {
            ("web", "n=1000") => {
                (Some("</v2/web/tags/list?last=1.0.0>; rel=\"next\""), r#"{"tags":["1.0.0","x"]}"#.into())
            }
            ("web", "last=1.0.0") => {
                (Some("<list?last=2>; rel=\"next\""), r#"{"tags":["2.0.0_a","1.0.0"]}"#.into())
            }
            ("web", "last=2") => (None, r#"{"tags":null}"#.into()),
            ("loop", _) => (Some("<list?n=1000>; rel=\"next\""), r#"{"tags":["1.0.0"]}"#.into()),
            ("html", _) => (None, "<html>".into()),
            _ => {
                let tags: Vec<String> = (0..=20_000).map(|number| format!("1.0.{number}")).collect();
                (None, serde_json::json!({ "tags": tags }).to_string())
            }
        }
    };
    let list = async move |Path(name): Path<String>, RawQuery(query): RawQuery| {
        let (link, body) = tags(&name, &query.unwrap_or_default());
        let headers: HeaderMap = link.into_iter().map(|link| (LINK, link.parse().unwrap())).collect();
        (headers, body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let place = format!("oci://{}", listener.local_addr()?);
    let router = Router::new().route("/v2/{name}/tags/list", axum::routing::get(list));
    tokio::spawn(axum::serve(listener, router).into_future());
    for (name, expected) in [
        ("web", "the newest versions are 2.0.0+a, 1.0.0"),
        ("loop", "continues its list of tags at \"list?n=1000\", which is no page of it"),
        ("html", "/v2/html/tags/list does not answer as a registry does"),
        ("many", "more than 20000 tags"),
    ] {
        let text = fault(charts().fetch(&chart(&place, name, "^3"), None, HOUR).await, false);
        assert!(text.contains(expected), "{name}: {text}");
    }
    Ok(())
}
