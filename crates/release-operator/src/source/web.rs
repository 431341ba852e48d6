//! HTTP to repositories: bounded in time and number, with redirects followed by hand.
//!
//! Invariants: credentials go to the host that they are for and to no other, by redirect neither (Helm's rule without
//! `--pass-credentials`); a host that asks to be left alone (`Retry-After`) is, and for a moment one that is down; no redirect
//! leads from https to http.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use service_kit::chain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

use super::repository::Problem;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;
/// Requests to one host at the same time.
const PER_HOST: usize = 4;
/// Hosts that something is remembered of.
const MAX_HOSTS: usize = 1024;
/// How long a host is left alone that says that it is too much, and not how long.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a host is not tried again that could not be connected to: many charts may be at one that is down, and each try
/// takes long.
const DOWN: Duration = Duration::from_secs(5);
/// The longest that a host is left alone.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// What is asked.
pub(super) struct Ask<'a> {
    /// The address.
    pub(super) url: Url,
    /// The media types that are understood.
    pub(super) accept: &'static str,
    /// The header `Authorization`, and an address of the host that it is for.
    pub(super) authorization: Option<(HeaderValue, &'a Url)>,
    /// More headers.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// An answer whose body is still to be read.
pub(super) struct Answer {
    response: Response,
    /// The address as asked, for messages.
    url: Url,
    /// Whether credentials were sent to who answers.
    sent: bool,
    _permit: OwnedSemaphorePermit,
}

/// A client for all hosts.
pub(super) struct Web {
    /// Through a proxy where the environment names one.
    outside: Client,
    /// For this machine.
    loopback: Client,
    hosts: Mutex<HashMap<String, Arc<HostState>>>,
    timeout: Duration,
}

struct HostState {
    permits: Arc<Semaphore>,
    rest: Mutex<Option<Rest>>,
}

/// Until when a host is not asked.
struct Rest {
    until: Instant,
    /// Why it could not be reached; none if it wants to be left alone.
    down: Option<String>,
}

impl Web {
    /// Sets the clients up. Each request may take `timeout`, from connecting to the end of the body.
    pub(super) fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let builder = || {
            Client::builder()
                .user_agent(concat!("windlass-release-operator/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(timeout.min(Duration::from_secs(10)))
                .timeout(timeout)
                .redirect(Policy::none())
        };
        Ok(Self {
            outside: builder().build()?,
            loopback: builder().no_proxy().build()?,
            hosts: Mutex::default(),
            timeout,
        })
    }

    /// Asks, and follows redirects. An answer that says that it is too much is an error; any other is given.
    pub(super) async fn get(&self, ask: Ask<'_>) -> Result<Answer, Problem> {
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (state, permit) = self.enter(&url).await?;
            let authorization = ask.authorization.as_ref().filter(|(_, home)| home.origin() == url.origin());
            let client = if is_loopback(&url) { &self.loopback } else { &self.outside };
            let mut request = client.get(url.clone()).header(ACCEPT, ask.accept);
            for (name, value) in &ask.headers {
                request = request.header(name, value);
            }
            if let Some((value, _)) = authorization {
                request = request.header(AUTHORIZATION, value);
            }
            let response = request.send().await.map_err(|source| {
                let source = source.without_url();
                if source.is_connect() || source.is_timeout() {
                    state.rest(DOWN, Some(chain(&source)));
                }
                unreachable(&url, source)
            })?;
            if let Some(wait) = pause(&response) {
                let wait = wait.min(MAX_PAUSE);
                state.rest(wait, None);
                return Err(Problem::Busy { host: host(&url), wait });
            }
            let Some(next) = redirect(&url, &response)? else {
                return Ok(Answer { response, url, sent: authorization.is_some(), _permit: permit });
            };
            url = next;
        }
        Err(Problem::Redirect {
            url: shown(&ask.url),
            to: shown(&url),
            reason: "there are too many redirects",
        })
    }

    /// Waits until there may be one more request to the host.
    async fn enter(&self, url: &Url) -> Result<(Arc<HostState>, OwnedSemaphorePermit), Problem> {
        let state = self.host(url);
        let acquire = tokio::time::timeout(self.timeout, state.permits.clone().acquire_owned());
        let Ok(Ok(permit)) = acquire.await else {
            return Err(Problem::Crowded { host: host(url) });
        };
        // It may have begun while we waited.
        match state.resting(host(url)) {
            Some(problem) => Err(problem),
            None => Ok((state, permit)),
        }
    }

    fn host(&self, url: &Url) -> Arc<HostState> {
        let mut hosts = lock(&self.hosts);
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, state| Arc::strong_count(state) > 1 || state.resting(String::new()).is_some());
        }
        let permits = || Arc::new(Semaphore::new(PER_HOST));
        let make = || Arc::new(HostState { permits: permits(), rest: Mutex::default() });
        hosts.entry(url.origin().ascii_serialization()).or_insert_with(make).clone()
    }
}

impl HostState {
    fn rest(&self, wait: Duration, down: Option<String>) {
        *lock(&self.rest) = Some(Rest { until: Instant::now() + wait, down });
    }

    /// Why the host is not asked now.
    fn resting(&self, host: String) -> Option<Problem> {
        let rest = lock(&self.rest);
        let rest = rest.as_ref()?;
        let wait = rest.until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())?;
        Some(match &rest.down {
            Some(reason) => Problem::Down { host, reason: reason.clone(), wait },
            None => Problem::Busy { host, wait },
        })
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The address that answered, as it may be shown.
    pub(super) fn shown(&self) -> String {
        shown(&self.url)
    }

    /// What is wrong if the answer is no success; `missing` says what it means that something is not there.
    pub(super) fn expect_success(self, missing: impl FnOnce(String) -> Problem) -> Result<Self, Problem> {
        let status = self.status();
        match status {
            StatusCode::OK => Ok(self),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Problem::Denied {
                host: host(&self.url),
                url: self.shown(),
                status: status.as_u16(),
                sent: self.sent,
            }),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(missing(self.shown())),
            _ => Err(Problem::Status { url: self.shown(), status: status.as_u16() }),
        }
    }

    /// The next bytes of the body.
    pub(super) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Problem> {
        self.response.chunk().await.map_err(|source| unreachable(&self.url, source))
    }

    /// All of the body, which must come within `limit` bytes.
    pub(super) async fn body(mut self, limit: usize) -> Result<Vec<u8>, Problem> {
        let too_large = |shown| Problem::TooLarge { url: shown, limit: limit as u64 };
        let stated = self.response.content_length().unwrap_or(0);
        if stated > limit as u64 {
            return Err(too_large(self.shown()));
        }
        let mut bytes = Vec::with_capacity(stated as usize);
        while let Some(chunk) = self.chunk().await? {
            let chunk = chunk.as_ref();
            if bytes.len() + chunk.len() > limit {
                return Err(too_large(self.shown()));
            }
            bytes.extend_from_slice(chunk);
        }
        Ok(bytes)
    }
}

/// A header's value that is not printed.
pub(super) fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A URL without what may be secret in it.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// Host and port.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether a URL leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreachable(url: &Url, source: reqwest::Error) -> Problem {
    // Its text would show the query.
    Problem::Unreachable { host: host(url), source: source.without_url() }
}

fn redirect(url: &Url, response: &Response) -> Result<Option<Url>, Problem> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refused = |to: &str, reason| Err(Problem::Redirect { url: shown(url), to: to.to_owned(), reason });
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(next) = location.and_then(|location| url.join(location).ok()) else {
        return refused("", "it is no address");
    };
    match next.scheme() {
        "https" => Ok(Some(next)),
        "http" if url.scheme() == "http" => Ok(Some(next)),
        "http" => refused(&shown(&next), "it leads from https to http"),
        _ => refused(&shown(&next), "it is neither https nor http"),
    }
}

/// How long to leave a host alone that says that it is too much.
fn pause(response: &Response) -> Option<Duration> {
    let stated = response.headers().get(RETRY_AFTER);
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => {}
        StatusCode::SERVICE_UNAVAILABLE if stated.is_some() => {}
        _ => return None,
    }
    Some(stated.and_then(|value| retry_after(value, response.headers().get(DATE))).unwrap_or(PAUSE))
}

/// `Retry-After` in seconds or as a date, which is compared with the host's own clock (RFC 9110).
fn retry_after(value: &HeaderValue, date: Option<&HeaderValue>) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let parse = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let (then, now) = (parse(text)?, parse(date?.to_str().ok()?)?);
    Some(then.duration_since(now).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_in_seconds_or_by_a_date() {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let now = value("Wed, 21 Oct 2026 07:28:00 GMT");
        for (text, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Wed, 21 Oct 2026 07:29:30 GMT", Some(90)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(&value(text), Some(&now)), expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&now, None), None);
    }

    #[test]
    fn urls_are_shown_without_secrets() {
        let url = Url::parse("https://me:pass@charts.example.com:8443/a/b.tgz?sig=secret#x").unwrap();
        assert_eq!(
            (shown(&url).as_str(), host(&url).as_str()),
            ("https://charts.example.com:8443/a/b.tgz", "charts.example.com:8443")
        );
    }

    #[test]
    fn this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:5000/", true),
            ("http://127.8.9.1/", true),
            ("http://[::1]:5000/", true),
            ("http://localhost/", true),
            ("http://localhost.example.com/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
