//! The registry adapter against answers that a well-behaved registry does not give.
//!
//! What a real registry gives is tested with one in `integration-tests`; these are the others: pages that break off,
//! tokens, rate limits, redirects, bodies without end.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, header};
use image_policy::{ImageRef, Repository, Tag};
use image_scanner::registry::mirrors::Mirrors;
use image_scanner::registry::{Reach, Registry, RegistryError};
use service_kit::chain;

type Answer = Response<Body>;

/// A registry on loopback that answers with `respond(path and query, headers, own origin)`, and a client that knows it as
/// docker.io and no other host.
struct Odd {
    registry: Registry,
    origin: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Odd {
    async fn new(respond: impl Fn(&str, &HeaderMap, &str) -> Answer + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (asked.clone(), origin.clone());
        let router = Router::new().fallback(move |request: Request| {
            let uri = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            log.lock().unwrap().push(format!("{} {uri}", request.method()));
            let answer = respond(&uri, request.headers(), &own);
            async move { answer }
        });
        tokio::spawn(axum::serve(listener, router).into_future());
        let mirrors = Mirrors::parse(&[format!("docker.io={origin}")], true).unwrap();
        Self { registry: Registry::new(mirrors).unwrap(), origin, asked }
    }

    async fn tags(&self, image: &str) -> Result<Vec<String>, RegistryError> {
        Ok(self.registry.tags(&repository(image)).await?.iter().map(Tag::to_string).collect())
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn repository(image: &str) -> Repository {
    image.parse::<ImageRef>().unwrap().repository()
}

fn answer(status: StatusCode, headers: &[(HeaderName, &str)], body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    for (name, value) in headers {
        answer.headers_mut().append(name, value.parse().unwrap());
    }
    answer
}

fn json(text: &str) -> Answer {
    answer(StatusCode::OK, &[], text.to_owned())
}

fn page(link: &str, tags: &'static str) -> Answer {
    answer(StatusCode::OK, &[(header::LINK, link)], tags)
}

#[tokio::test]
async fn a_list_is_every_page_or_an_error() {
    let odd = Odd::new(|uri, _, _| match uri {
        "/v2/a/b/tags/list?n=1000" => {
            page(r#"</v2/a/b/tags/list?last=two>; rel="next""#, r#"{"tags":["one","two","not a tag"]}"#)
        }
        "/v2/a/b/tags/list?last=two" => page(
            r#"<http://10.0.0.1/v2/a/b/tags/list?last=three>; rel="next""#,
            r#"{"tags":["three","one"]}"#,
        ),
        "/v2/a/b/tags/list?last=three" => json(r#"{"tags":null}"#),
        "/v2/half/b/tags/list?n=1000" => page(r#"<list?last=x>; rel="next""#, r#"{"tags":["x"]}"#),
        "/v2/loop/b/tags/list?n=1000" => page(r#"<list?n=1000>; rel="next""#, r#"{"tags":["x"]}"#),
        "/v2/html/b/tags/list?n=1000" => json("<html>login</html>"),
        "/v2/gone/b/tags/list?n=1000" => answer(StatusCode::NOT_FOUND, &[], "{}"),
        _ => answer(StatusCode::BAD_GATEWAY, &[], ""),
    })
    .await;
    assert_eq!(odd.tags("a/b").await.unwrap(), ["one", "three", "two"]);
    for (image, expected) in [
        ("half/b", "status 502"),
        ("html/b", "not valid JSON"),
        ("loop/b", "not an address of its own"),
        ("gone/b", "no repository gone/b"),
    ] {
        let text = chain(&odd.tags(image).await.unwrap_err());
        assert!(text.contains(expected) && text.contains(&odd.origin), "{image}: {text}");
    }
}

#[tokio::test]
async fn a_rate_limit_reaches_the_whole_host_and_tells_how_long() {
    let host = |seconds: Option<u64>| Reach::Host { pause: seconds.map(Duration::from_secs) };
    for (status, retry, expected) in [
        (StatusCode::TOO_MANY_REQUESTS, Some("7"), host(Some(7))),
        (StatusCode::TOO_MANY_REQUESTS, None, host(None)),
        (StatusCode::TOO_MANY_REQUESTS, Some("Wed, 21 Oct 2026 07:28:00 GMT"), host(None)),
        (StatusCode::SERVICE_UNAVAILABLE, Some("7"), host(Some(7))),
        (StatusCode::SERVICE_UNAVAILABLE, None, Reach::Repository),
    ] {
        let odd = Odd::new(move |_, _, _| {
            let headers: Vec<_> = retry.iter().map(|retry| (header::RETRY_AFTER, *retry)).collect();
            answer(status, &headers, "<html>slow down</html>")
        })
        .await;
        assert_eq!(odd.tags("a/b").await.unwrap_err().reach(), expected, "{status} {retry:?}");
    }
}

#[tokio::test]
async fn a_token_is_fetched_when_asked_for_and_used_again() {
    let odd = Odd::new(|uri, headers, origin| {
        let challenge =
            format!(r#"Bearer realm="{origin}/token?x=1",service="here",scope="repository:a/b:pull""#);
        match (uri, headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap())) {
            ("/token?x=1&service=here&scope=repository%3Aa%2Fb%3Apull", None) => {
                json(r#"{"access_token":"t0ken","expires_in":300}"#)
            }
            (uri, Some("Bearer t0ken")) if uri.starts_with("/v2/a/b/tags/list") => {
                json(r#"{"tags":["one"]}"#)
            }
            (_, None) => answer(StatusCode::UNAUTHORIZED, &[(header::WWW_AUTHENTICATE, &challenge)], ""),
            _ => answer(StatusCode::IM_A_TEAPOT, &[], ""),
        }
    })
    .await;
    assert_eq!(odd.tags("a/b").await.unwrap(), ["one"]);
    assert_eq!(odd.asked().len(), 3);
    assert_eq!(odd.tags("a/b").await.unwrap(), ["one"]);
    assert_eq!(odd.asked(), ["GET /v2/a/b/tags/list?n=1000"]);
}

#[tokio::test]
async fn nothing_is_sent_to_a_host_without_a_mirror() {
    let stranger = Odd::new(|_, _, _| json(r#"{"token":"x","tags":["stolen"]}"#)).await;
    let elsewhere = stranger.origin.clone();
    let odd = Odd::new(move |uri, _, _| {
        let challenge = format!(r#"Bearer realm="{elsewhere}/token""#);
        let location = format!("{elsewhere}/v2/a/b/tags/list");
        match uri {
            "/v2/a/b/tags/list?n=1000" => {
                answer(StatusCode::TEMPORARY_REDIRECT, &[(header::LOCATION, &location)], "")
            }
            _ => answer(StatusCode::UNAUTHORIZED, &[(header::WWW_AUTHENTICATE, &challenge)], ""),
        }
    })
    .await;
    for (image, expected) in [
        ("a/b", "redirect to a host without a mirror"),
        ("c/d", "--registry-require-mirror"),
        ("quay.io/a/b", "registry quay.io has no mirror"),
    ] {
        let text = chain(&odd.tags(image).await.unwrap_err());
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(stranger.asked(), [""; 0]);
}

#[tokio::test]
async fn a_corrupt_image_concerns_its_tag_alone() {
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let manifest = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{empty}"}}}}"#);
    let odd = Odd::new(move |uri, _, _| match uri {
        "/v2/a/b/manifests/endless" => {
            let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
            answer(StatusCode::OK, &[], Body::from_stream(chunks))
        }
        "/v2/a/b/manifests/error" => answer(StatusCode::INTERNAL_SERVER_ERROR, &[], ""),
        "/v2/a/b/manifests/missing" => answer(StatusCode::NOT_FOUND, &[], ""),
        "/v2/a/b/manifests/other" => {
            let digest = HeaderName::from_static("docker-content-digest");
            answer(StatusCode::OK, &[(digest, empty)], manifest.clone())
        }
        "/v2/a/b/manifests/config" => json(&manifest),
        uri if uri.starts_with("/v2/a/b/blobs/") => json("other bytes"),
        _ => answer(StatusCode::BAD_GATEWAY, &[], ""),
    })
    .await;
    let image = async |tag: &str| odd.registry.image(&repository("a/b"), &tag.parse().unwrap()).await;
    for (tag, expected) in [
        ("endless", "longer than"),
        ("error", "status 500"),
        ("missing", "has no manifests/missing of a/b"),
        ("other", "does not have the digest"),
    ] {
        let error = image(tag).await.unwrap_err();
        assert_eq!(error.reach(), Reach::Tag, "{tag}");
        assert!(chain(&error).contains(expected), "{tag}: {}", chain(&error));
    }
    // The manifest is sound, so its digest is known; what it leads to is not.
    let sound = image("config").await.unwrap();
    assert!(sound.digest.starts_with("sha256:"));
    assert!(chain(&sound.created.unwrap_err()).contains("configuration does not have the digest"));
    assert_eq!(image("gateway").await.unwrap_err().reach(), Reach::Repository);
}
