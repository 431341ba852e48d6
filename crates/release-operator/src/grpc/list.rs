//! Filters, order and pages of `ListReleases`. Pure.
//!
//! A page token holds the place of the page's last release in the order, so that releases which come and go in the meantime neither
//! repeat others nor hide them, and any replica can go on. It also holds a fingerprint of the query, to refuse one that is another's.

use std::sync::Arc;

use api::release::v1::{ListReleasesRequest, ListReleasesResponse, Readiness, ReleaseOrder};
use crds::FluxHelmRelease;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::overview;
use crate::reconcile::validate::Object;

/// Releases of a page unless asked otherwise.
const PAGE: usize = 100;
/// The most releases of a page.
const MOST: usize = 1000;
/// The most bytes of a page, some way below the 4 MiB that gRPC clients take unless told otherwise. One release has at most a few
/// conditions of 32 KiB each.
const BYTES: usize = 3 << 20;
/// The most bytes of a page token: place and fingerprint, in hexadecimal digits.
const TOKEN: usize = 1024;

/// Why a list cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum InvalidQuery {
    /// A number that stands for nothing.
    #[error("the field {field} has the value {value}, which is none of its names")]
    NoSuchValue {
        /// The field.
        field: &'static str,
        /// The number.
        value: i32,
    },
    /// Not a token of ours.
    #[error("the page_token cannot be read; ask for the first page without one")]
    Token,
    /// A token of ours, for something else.
    #[error(
        "the page_token was given for other filters or another order; ask for the first page of these without one"
    )]
    OtherQuery,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Query {
    filters: ListReleasesRequest,
    readiness: Vec<Readiness>,
    order: ReleaseOrder,
    size: usize,
    after: Option<(i64, String, String)>,
    fingerprint: [u8; 8],
}

/// Where a release stands in the order: what it is ordered by, then namespace and name.
type Place<'a> = (i64, &'a str, &'a str);

impl Query {
    /// Reads a request.
    pub(super) fn parse(mut request: ListReleasesRequest) -> Result<Self, InvalidQuery> {
        let readiness = |value: &i32| match Readiness::try_from(*value) {
            Ok(known) if known != Readiness::Unspecified => Ok(known),
            _ => Err(InvalidQuery::NoSuchValue { field: "readiness", value: *value }),
        };
        let readiness = request.readiness.iter().map(readiness).collect::<Result<_, _>>()?;
        let order = match ReleaseOrder::try_from(request.order) {
            Ok(ReleaseOrder::Unspecified) => ReleaseOrder::Name,
            Ok(order) => order,
            Err(_) => return Err(InvalidQuery::NoSuchValue { field: "order", value: request.order }),
        };
        request.order = order.into();
        let size = match std::mem::take(&mut request.page_size) {
            0 => PAGE,
            size => usize::try_from(size).map_or(MOST, |size| size.min(MOST)),
        };
        let token = std::mem::take(&mut request.page_token);
        let fingerprint = fingerprint(&request);
        let after = match token.as_str() {
            "" => None,
            token => Some(place_of(token, fingerprint)?),
        };
        Ok(Self { filters: request, readiness, order, size, after, fingerprint })
    }

    fn admits(&self, object: &Object) -> bool {
        let (namespace, name) = identity(object);
        let filters = &self.filters;
        if !(filters.namespace.is_empty() || filters.namespace == namespace) {
            return false;
        }
        let text = filters.name_contains.as_str();
        let Ok(object) = &object.0 else {
            // Of one that cannot be decoded nothing is known but that it is not ready.
            return name.contains(text)
                && filters.chart.is_empty()
                && filters.statuses.is_empty()
                && filters.suspended.is_none()
                && (self.readiness.is_empty() || self.readiness.contains(&Readiness::NotReady));
        };
        (name.contains(text) || stated_name(object).contains(text))
            && (filters.chart.is_empty() || has_chart(object, &filters.chart))
            && (self.readiness.is_empty() || self.readiness.contains(&overview::readiness(object)))
            && (filters.statuses.is_empty()
                || filters.statuses.iter().any(|status| status == helm_status(object)))
            && filters.suspended.is_none_or(|suspended| suspended == object.spec.suspend)
    }

    fn place<'a>(&self, object: &'a Object) -> Place<'a> {
        let (namespace, name) = identity(object);
        let known = object.0.as_ref().ok();
        let rank = match self.order {
            ReleaseOrder::Changed => {
                let created = || kube::Resource::meta(object).creation_timestamp.as_ref().map(|time| time.0);
                let changed = known.and_then(overview::changed).or_else(created);
                changed.map_or(i64::MAX, |changed| -changed.as_microsecond())
            }
            ReleaseOrder::Readiness => match known.map_or(Readiness::NotReady, overview::readiness) {
                Readiness::NotReady => 0,
                Readiness::Unknown | Readiness::Unspecified => 1,
                Readiness::Ready => 2,
            },
            ReleaseOrder::Name | ReleaseOrder::Unspecified => 0,
        };
        (rank, namespace, name)
    }

    /// A name holds no `/`.
    fn token(&self, (rank, namespace, name): &Place<'_>) -> String {
        let place = format!("{namespace}/{name}");
        hex::encode([&self.fingerprint, rank.to_be_bytes().as_slice(), place.as_bytes()].concat())
    }
}

/// One page of the objects that a query admits.
pub(super) fn page(query: &Query, objects: &[Arc<Object>]) -> ListReleasesResponse {
    let admitted = objects.iter().filter(|object| query.admits(object));
    let mut rows: Vec<(Place<'_>, &Object)> =
        admitted.map(|object| (query.place(object), &**object)).collect();
    rows.sort_unstable_by_key(|(place, _)| *place);
    let total = rows.len();
    let begin = query.after.as_ref().map_or(0, |(rank, namespace, name)| {
        rows.partition_point(|(place, _)| *place <= (*rank, namespace.as_str(), name.as_str()))
    });
    let rest = &rows[begin..];
    let (mut releases, mut bytes) = (Vec::new(), 0);
    for (_, object) in rest.iter().take(query.size) {
        let shown = overview::of(object);
        bytes += shown.encoded_len();
        if bytes > BYTES && !releases.is_empty() {
            break;
        }
        releases.push(shown);
    }
    let last = releases.len().checked_sub(1).filter(|_| releases.len() < rest.len());
    ListReleasesResponse {
        next_page_token: last.map(|last| query.token(&rest[last].0)).unwrap_or_default(),
        total_count: u32::try_from(total).unwrap_or(u32::MAX),
        releases,
    }
}

fn identity(object: &Object) -> (&str, &str) {
    let metadata = kube::Resource::meta(object);
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

fn stated_name(object: &FluxHelmRelease) -> &str {
    object.spec.release_name.as_deref().unwrap_or_default()
}

fn helm_status(object: &FluxHelmRelease) -> &str {
    object.status.as_ref().and_then(|status| status.release_status.as_deref()).unwrap_or_default()
}

/// Whether the release is of that chart: by its name in the newest revision or else in the spec, or by its path.
fn has_chart(object: &FluxHelmRelease, chart: &str) -> bool {
    let path = object.spec.chart_git_path.as_deref().map(|path| path.trim_end_matches('/'));
    let released = object.status.as_ref().and_then(|status| status.history.first());
    let name = match (released, &object.spec.chart) {
        (Some(newest), _) => Some(newest.chart_name.as_str()),
        (None, Some(chart)) => Some(chart.name.as_str()),
        (None, None) => path.and_then(|path| path.rsplit('/').next()),
    };
    name == Some(chart) || path == Some(chart.trim_end_matches('/'))
}

/// Tells one query from another; of a request without size and token.
fn fingerprint(filters: &ListReleasesRequest) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(filters.encode_to_vec()).into();
    let mut short = [0; 8];
    short.copy_from_slice(&digest[..8]);
    short
}

fn place_of(token: &str, fingerprint: [u8; 8]) -> Result<(i64, String, String), InvalidQuery> {
    if token.len() > TOKEN {
        return Err(InvalidQuery::Token);
    }
    let bytes = hex::decode(token).map_err(|_| InvalidQuery::Token)?;
    let (of, rest) = bytes.split_first_chunk::<8>().ok_or(InvalidQuery::Token)?;
    let (rank, place) = rest.split_first_chunk::<8>().ok_or(InvalidQuery::Token)?;
    if *of != fingerprint {
        return Err(InvalidQuery::OtherQuery);
    }
    let place = str::from_utf8(place).ok().and_then(|place| place.split_once('/'));
    let (namespace, name) = place.ok_or(InvalidQuery::Token)?;
    Ok((i64::from_be_bytes(*rank), namespace.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `namespace/name`, then words: `ready`, `failing` (not ready), `suspended`, `broken` (cannot be decoded), `chart=…`, `path=…`,
    /// `released=…` (chart of the newest revision), `as=…` (stated release name), `status=…`, `at=…` (second of the last change).
    fn object(text: &str) -> Arc<Object> {
        let mut words = text.split_whitespace();
        let (namespace, name) = words.next().unwrap().split_once('/').unwrap();
        let (mut spec, mut status, mut conditions) = (json!({}), json!({}), Vec::new());
        let mut at = "00";
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("ready", _) => conditions.push(("Ready", "True")),
                ("failing", _) => conditions.push(("Ready", "False")),
                ("suspended", _) => spec["suspend"] = json!(true),
                ("broken", _) => spec["values"] = json!("text"),
                ("chart", chart) => spec["chart"] = json!({"repository": "https://r", "name": chart}),
                ("path", path) => spec["chartGitPath"] = json!(path),
                ("released", chart) => {
                    status["history"] = json!([{"revision": 1, "chartName": chart, "chartVersion": "1"}])
                }
                ("as", release) => spec["releaseName"] = json!(release),
                ("status", word) => status["releaseStatus"] = json!(word),
                ("at", second) => at = second,
                other => panic!("{other:?}"),
            }
        }
        let time = format!("2018-07-20T16:00:{at}Z");
        let condition = |(kind, status): &(&str, &str)| json!({"type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": time});
        status["conditions"] = conditions.iter().map(condition).collect();
        let object = json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": time},
            "spec": spec, "status": status,
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn all() -> Vec<Arc<Object>> {
        [
            "stg/web released=podinfo path=old/podinfo status=deployed ready at=03",
            "dev/web released=podinfo path=podinfo/ status=failed failing at=05",
            "dev/api chart=redis suspended at=01",
            "dev/broken broken at=04",
            "dev/db path=data/redis as=main ready status=deployed at=02",
        ]
        .map(object)
        .into()
    }

    fn shown(answer: &ListReleasesResponse) -> Vec<String> {
        answer.releases.iter().map(|release| format!("{}/{}", release.namespace, release.name)).collect()
    }

    fn check(request: ListReleasesRequest, expected: &str) {
        let query = Query::parse(request.clone()).unwrap();
        let answer = page(&query, &all());
        assert_eq!(shown(&answer).join(" "), expected, "{request:?}");
        assert_eq!(answer.total_count as usize, answer.releases.len());
        assert_eq!(answer.next_page_token, "");
    }

    #[test]
    fn filters_and_orders() {
        let none = ListReleasesRequest::default;
        let (ready, not_ready, unknown) =
            (Readiness::Ready.into(), Readiness::NotReady.into(), Readiness::Unknown.into());
        check(none(), "dev/api dev/broken dev/db dev/web stg/web");
        check(ListReleasesRequest { namespace: "stg".into(), ..none() }, "stg/web");
        check(ListReleasesRequest { namespace: "st".into(), ..none() }, "");
        check(ListReleasesRequest { name_contains: "e".into(), ..none() }, "dev/broken dev/web stg/web");
        // By the release's name that is stated; the one made of namespace and name would be found by every part of the namespace.
        check(ListReleasesRequest { name_contains: "main".into(), ..none() }, "dev/db");
        check(ListReleasesRequest { name_contains: "dev".into(), ..none() }, "");
        check(ListReleasesRequest { chart: "podinfo".into(), ..none() }, "dev/web stg/web");
        check(ListReleasesRequest { chart: "redis".into(), ..none() }, "dev/api dev/db");
        check(ListReleasesRequest { chart: "data/redis".into(), ..none() }, "dev/db");
        check(ListReleasesRequest { chart: "old".into(), ..none() }, "");
        check(ListReleasesRequest { readiness: vec![not_ready], ..none() }, "dev/broken dev/web");
        check(ListReleasesRequest { readiness: vec![unknown, ready], ..none() }, "dev/api dev/db stg/web");
        let statuses = |all: &[&str]| all.iter().map(|status| (*status).to_owned()).collect();
        check(ListReleasesRequest { statuses: statuses(&["failed", "uninstalled"]), ..none() }, "dev/web");
        check(ListReleasesRequest { suspended: Some(true), ..none() }, "dev/api");
        check(ListReleasesRequest { suspended: Some(false), ..none() }, "dev/db dev/web stg/web");
        let order = |order: ReleaseOrder| ListReleasesRequest { order: order.into(), ..none() };
        check(order(ReleaseOrder::Name), "dev/api dev/broken dev/db dev/web stg/web");
        check(order(ReleaseOrder::Changed), "dev/web dev/broken stg/web dev/db dev/api");
        check(order(ReleaseOrder::Readiness), "dev/broken dev/web dev/api dev/db stg/web");
        let both = ListReleasesRequest { namespace: "dev".into(), ..order(ReleaseOrder::Changed) };
        check(ListReleasesRequest { readiness: vec![ready, unknown], ..both }, "dev/db dev/api");
    }

    #[test]
    fn pages_follow_each_other_in_every_order() {
        for order in [ReleaseOrder::Name, ReleaseOrder::Changed, ReleaseOrder::Readiness] {
            for page_size in 1..=6 {
                let mut request =
                    ListReleasesRequest { page_size, order: order.into(), ..Default::default() };
                let whole = page(
                    &Query::parse(ListReleasesRequest { page_size: 0, ..request.clone() }).unwrap(),
                    &all(),
                );
                let mut seen = Vec::new();
                loop {
                    let answer = page(&Query::parse(request.clone()).unwrap(), &all());
                    assert!(answer.releases.len() <= page_size as usize && answer.total_count == 5);
                    seen.extend(shown(&answer));
                    if answer.next_page_token.is_empty() {
                        break;
                    }
                    request.page_token = answer.next_page_token;
                }
                assert_eq!(seen, shown(&whole), "{order:?} by {page_size}");
            }
        }
    }

    #[test]
    fn what_comes_and_goes_between_pages_moves_nothing_else() {
        let first = ListReleasesRequest { page_size: 2, ..Default::default() };
        let token = page(&Query::parse(first.clone()).unwrap(), &all()).next_page_token;
        // dev/api and dev/broken were shown; the latter goes, dev/aaa and dev/cache come.
        let mut later: Vec<_> = all().into_iter().filter(|object| identity(object).1 != "broken").collect();
        later.extend(["dev/aaa", "dev/cache"].map(object));
        let second = Query::parse(ListReleasesRequest { page_token: token, ..first }).unwrap();
        let answer = page(&second, &later);
        assert_eq!(shown(&answer), ["dev/cache", "dev/db"]);
        assert_eq!(answer.total_count, 6);
    }

    #[test]
    fn a_page_is_bounded_in_number_and_bytes() {
        let many: Vec<_> = (0..1500).map(|number| object(&format!("dev/r{number:04}"))).collect();
        let sizes = [(0, 100), (1000, 1000), (1001, 1000), (u32::MAX, 1000)];
        for (page_size, expected) in sizes {
            let query = Query::parse(ListReleasesRequest { page_size, ..Default::default() }).unwrap();
            assert_eq!(page(&query, &many).releases.len(), expected, "{page_size}");
        }
        let long = |number: u32| {
            let mut object = Arc::unwrap_or_clone(object(&format!("dev/r{number} failing")));
            let status = object.0.as_mut().unwrap().status.as_mut().unwrap();
            status.conditions[0].message = "x".repeat(1 << 20);
            Arc::new(object)
        };
        let query = Query::parse(ListReleasesRequest::default()).unwrap();
        let answer = page(&query, &(0..5).map(long).collect::<Vec<_>>());
        assert_eq!((answer.releases.len(), answer.total_count), (2, 5));
        assert!(answer.encoded_len() < 4 << 20 && !answer.next_page_token.is_empty());
    }

    #[test]
    fn requests_that_cannot_be_read_are_refused() {
        let none = ListReleasesRequest::default;
        let token = page(&Query::parse(ListReleasesRequest { page_size: 1, ..none() }).unwrap(), &all())
            .next_page_token;
        let refused = |request: ListReleasesRequest| Query::parse(request).unwrap_err();
        let with = |token: &str| ListReleasesRequest { page_token: token.to_owned(), ..none() };
        // A page of another size may follow.
        assert!(Query::parse(ListReleasesRequest { page_size: 7, ..with(&token) }).is_ok());
        assert_eq!(
            refused(ListReleasesRequest { chart: "a".into(), ..with(&token) }),
            InvalidQuery::OtherQuery
        );
        for broken in ["x", "00", &token[..20], &token[..32], &"0".repeat(2000)] {
            assert_eq!(refused(with(broken)), InvalidQuery::Token, "{broken}");
        }
        let field = |error| match error {
            InvalidQuery::NoSuchValue { field, value } => (field, value),
            other => panic!("{other}"),
        };
        assert_eq!(field(refused(ListReleasesRequest { order: 9, ..none() })), ("order", 9));
        assert_eq!(field(refused(ListReleasesRequest { readiness: vec![1, 0], ..none() })), ("readiness", 0));
    }
}
