//! Requests to the API server by verb and resource, and what they are for.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};

/// Verb and resource, as in `windlass_kube_requests_total`.
pub(crate) type Name = (String, String);

/// How many requests there were of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests(pub(crate) BTreeMap<Name, u64>);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// It changes something.
    Write,
    /// It reads an object, or a list.
    Read,
    /// It publishes an Event.
    Event,
    /// It asks which kinds there are.
    Discovery,
    /// It follows all objects of a kind.
    Stream,
}

impl Purpose {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Write, Self::Read, Self::Event, Self::Discovery, Self::Stream];

    /// For tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Write => "writes",
            Self::Read => "reads",
            Self::Event => "Events",
            Self::Discovery => "discovery",
            Self::Stream => "streams",
        }
    }
}

impl Requests {
    /// What a service has counted since its start.
    ///
    /// # Errors
    /// It does not answer, or does not count.
    pub(crate) async fn of_service(http: SocketAddr) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(format!("http://{http}/metrics")).send().await?.error_for_status()?;
        let requests = Self::parse(&answer.text().await?)?;
        ensure!(!requests.0.is_empty(), "http://{http}/metrics counts no requests");
        Ok(requests)
    }

    fn parse(metrics: &str) -> anyhow::Result<Self> {
        let mut requests = BTreeMap::new();
        for line in metrics.lines() {
            let Some(rest) = line.strip_prefix("windlass_kube_requests_total{") else { continue };
            let (labels, count) = rest.rsplit_once('}').with_context(|| format!("no metric: {line:?}"))?;
            let label = |name: &str| {
                let value = labels.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
                Some(value.to_owned())
            };
            let name =
                label("verb").zip(label("resource")).with_context(|| format!("no labels: {line:?}"))?;
            requests.insert(name, count.trim().parse().with_context(|| format!("no count: {line:?}"))?);
        }
        Ok(Self(requests))
    }

    /// Those that came since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let later = |(name, count): (&Name, &u64)| {
            let count = count - earlier.0.get(name).copied().unwrap_or(0).min(*count);
            (count > 0).then(|| (name.clone(), count))
        };
        Self(self.0.iter().filter_map(later).collect())
    }

    /// How many were for that.
    pub(crate) fn count(&self, purpose: Purpose) -> u64 {
        self.0.iter().filter(|(name, _)| purpose_of(name) == purpose).map(|(_, count)| count).sum()
    }
}

/// What such a request is for. Records are listed for each release; of all other kinds, whoever lists one follows it.
pub(crate) fn purpose_of((verb, resource): &Name) -> Purpose {
    match (verb.as_str(), resource.as_str()) {
        (_, "events") => Purpose::Event,
        (_, "discovery" | "other") => Purpose::Discovery,
        ("watch", _) => Purpose::Stream,
        ("list", resource) if resource != "secrets" => Purpose::Stream,
        ("get" | "list", _) => Purpose::Read,
        _ => Purpose::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(verb: &str, resource: &str) -> Name {
        (verb.to_owned(), resource.to_owned())
    }

    #[test]
    fn reads_metrics_and_subtracts() {
        let text = "# TYPE windlass_kube_requests_total counter\n\
            windlass_kube_requests_total{resource=\"secrets\",verb=\"create\"} 7\n\
            windlass_kube_requests_total{verb=\"get\",resource=\"discovery\"} 2\n\
            process_open_fds 9\n";
        let later = Requests::parse(text).unwrap();
        assert_eq!(later.0.get(&name("create", "secrets")), Some(&7));
        let earlier = Requests([(name("create", "secrets"), 4), (name("get", "discovery"), 2)].into());
        assert_eq!(later.since(&earlier), Requests([(name("create", "secrets"), 3)].into()));
        assert!(Requests::parse("windlass_kube_requests_total{verb=\"get\"} 1").is_err());
    }

    #[test]
    fn tells_what_requests_are_for() {
        let rows = [
            ("create", "secrets", Purpose::Write),
            ("apply", "deployments", Purpose::Write),
            ("patch", "fluxhelmreleases/status", Purpose::Write),
            ("create", "events", Purpose::Event),
            ("get", "deployments", Purpose::Read),
            ("list", "secrets", Purpose::Read),
            ("list", "deployments", Purpose::Stream),
            ("watch", "secrets", Purpose::Stream),
            ("get", "discovery", Purpose::Discovery),
        ];
        for (verb, resource, expected) in rows {
            assert_eq!(purpose_of(&name(verb, resource)), expected, "{verb} {resource}");
        }
    }
}
