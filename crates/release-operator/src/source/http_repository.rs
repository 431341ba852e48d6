//! Repositories with an `index.yaml`: what their indexes say, and their archives.
//!
//! An index may be large, and a repository is asked about many charts. So one reading of it keeps what it says of all charts
//! that were asked for lately, and readings of one repository wait for each other. What did not change (`ETag`,
//! `Last-Modified`) is not sent again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use helm_chart::{ChartVersions, IndexError, IndexReader};
use reqwest::StatusCode;
use reqwest::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use url::Url;

use super::repository::{Credentials, CredentialsId, Problem};
use super::web::{self, Answer, Ask, Web};

/// The longest index, in bytes. It is not kept.
const MAX_INDEX: u64 = 512 << 20;
/// Repositories whose indexes are remembered.
const MAX_REPOSITORIES: usize = 512;
/// A chart that nobody asked for in this time is not looked for in an index.
const FORGET: Duration = Duration::from_secs(3600);
/// Charts of one repository that are looked for.
const MAX_CHARTS: usize = 4096;

/// Any type is taken: servers of files know none for YAML.
const ACCEPT_INDEX: &str = "application/yaml, application/x-yaml, application/json, */*";
const ACCEPT_ARCHIVE: &str = "application/gzip,application/octet-stream";

/// A repository as somebody.
type Key = (Url, Option<CredentialsId>);

/// All repositories.
pub(super) struct HttpRepositories {
    web: Arc<Web>,
    repositories: Mutex<HashMap<Key, (Arc<Repository>, Instant)>>,
}

#[derive(Default)]
struct Repository {
    /// The charts that are asked for, and when each was the last time.
    wanted: Mutex<BTreeMap<String, Instant>>,
    index: tokio::sync::Mutex<Option<Index>>,
}

/// What an index said.
struct Index {
    /// When it was asked for the last time.
    asked: Instant,
    validators: Validators,
    charts: Charts,
}

/// Of the charts that were looked for; none if there is no such chart.
type Charts = BTreeMap<String, Result<Option<Arc<ChartVersions>>, IndexError>>;

/// What tells whether content has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// What came of asking for an archive again.
pub(super) enum Archive {
    /// It is what it was.
    Unchanged,
    /// Its bytes.
    Bytes(Vec<u8>, Validators),
}

impl HttpRepositories {
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self { web, repositories: Mutex::default() }
    }

    /// The versions of a chart, of an index that was asked for not before `not_before`. None if there is no such chart.
    pub(super) async fn versions(
        &self,
        repository: &Url,
        chart: &str,
        credentials: Option<&Credentials>,
        not_before: Option<Instant>,
    ) -> Result<Option<Arc<ChartVersions>>, Problem> {
        let cell = self.repository((repository.clone(), credentials.map(Credentials::id)));
        // Before the lock, so that who reads the index meanwhile looks for this chart as well.
        cell.want(chart);
        let mut index = cell.index.lock().await;
        if let Some(held) = index.as_ref()
            && not_before.is_none_or(|not_before| held.asked >= not_before)
            && held.charts.contains_key(chart)
        {
            return held.versions(repository, chart);
        }
        let charts = cell.wanted();
        let complete = |held: &Index| charts.iter().all(|chart| held.charts.contains_key(chart));
        let known = index.as_ref().filter(|held| complete(held));
        let asked = Instant::now();
        match self.read_index(repository, charts, credentials, known.map(|held| &held.validators)).await? {
            Some((charts, validators)) => *index = Some(Index { asked, validators, charts }),
            None => index.iter_mut().for_each(|held| held.asked = asked),
        }
        index.as_ref().map_or(Ok(None), |held| held.versions(repository, chart))
    }

    /// Reads the index; none if it is what it was.
    async fn read_index(
        &self,
        repository: &Url,
        charts: Vec<String>,
        credentials: Option<&Credentials>,
        known: Option<&Validators>,
    ) -> Result<Option<(Charts, Validators)>, Problem> {
        let url = index_url(repository)?;
        let answer = self.ask(url, ACCEPT_INDEX, repository, credentials, known).await?;
        if known.is_some() && answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let mut answer = answer.expect_success(|url| Problem::NoRepository { url })?;
        let url = answer.shown();
        let fault = |source| Problem::Index { url: url.clone(), source: Box::new(source) };
        let validators = Validators::of(answer.headers());
        let mut reader = IndexReader::new(charts.iter().cloned());
        let mut bytes = 0;
        while let Some(chunk) = answer.chunk().await? {
            bytes += chunk.as_ref().len() as u64;
            if bytes > MAX_INDEX {
                return Err(Problem::TooLarge { url, limit: MAX_INDEX });
            }
            reader.feed(chunk.as_ref()).map_err(fault)?;
        }
        let mut found = reader.finish().map_err(fault)?.into_charts();
        let charts = charts.into_iter().map(|chart| {
            let versions = found.remove(&chart).transpose().map(|versions| versions.map(Arc::new));
            (chart, versions)
        });
        Ok(Some((charts.collect(), validators)))
    }

    /// Fetches an archive of a repository, of at most `limit` bytes; not if it is still what it was.
    pub(super) async fn archive(
        &self,
        url: Url,
        repository: &Url,
        credentials: Option<&Credentials>,
        known: Option<&Validators>,
        limit: usize,
    ) -> Result<Archive, Problem> {
        let answer = self.ask(url, ACCEPT_ARCHIVE, repository, credentials, known).await?;
        if known.is_some() && answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(Archive::Unchanged);
        }
        let answer = answer.expect_success(|url| Problem::NotFound { url })?;
        let validators = Validators::of(answer.headers());
        Ok(Archive::Bytes(answer.body(limit).await?, validators))
    }

    async fn ask(
        &self,
        url: Url,
        accept: &'static str,
        repository: &Url,
        credentials: Option<&Credentials>,
        known: Option<&Validators>,
    ) -> Result<Answer, Problem> {
        let authorization = credentials.map(|credentials| (credentials.basic(), repository));
        let headers = known.map(Validators::conditions).unwrap_or_default();
        self.web.get(Ask { url, accept, authorization, headers }).await
    }

    fn repository(&self, key: Key) -> Arc<Repository> {
        let mut repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        if !repositories.contains_key(&key) && repositories.len() >= MAX_REPOSITORIES {
            let idle = repositories.iter().filter(|(_, (cell, _))| Arc::strong_count(cell) == 1);
            let oldest = idle.min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.map(|key| repositories.remove(&key));
        }
        let now = Instant::now();
        let (cell, used) = repositories.entry(key).or_insert_with(|| (Arc::default(), now));
        *used = now;
        cell.clone()
    }
}

impl Index {
    fn versions(&self, repository: &Url, chart: &str) -> Result<Option<Arc<ChartVersions>>, Problem> {
        match self.charts.get(chart) {
            None => Ok(None),
            Some(Ok(versions)) => Ok(versions.clone()),
            Some(Err(error)) => {
                let url = web::shown(&index_url(repository)?);
                Err(Problem::Index { url, source: Box::new(error.clone()) })
            }
        }
    }
}

fn index_url(repository: &Url) -> Result<Url, Problem> {
    resolve(repository, "index.yaml").map_err(|_| Problem::NoRepository { url: web::shown(repository) })
}

impl Repository {
    fn want(&self, chart: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        wanted.retain(|_, asked| now.duration_since(*asked) < FORGET);
        if wanted.len() >= MAX_CHARTS {
            let oldest = wanted.iter().min_by_key(|(_, asked)| **asked).map(|(chart, _)| chart.clone());
            oldest.map(|chart| wanted.remove(&chart));
        }
        wanted.insert(chart.to_owned(), now);
    }

    fn wanted(&self) -> Vec<String> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        Self { etag: headers.get(ETAG).cloned(), last_modified: headers.get(LAST_MODIFIED).cloned() }
    }

    /// Whether there are any.
    pub(super) fn exist(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }

    fn conditions(&self) -> Vec<(HeaderName, HeaderValue)> {
        let etag = self.etag.clone().map(|value| (IF_NONE_MATCH, value));
        let last_modified = self.last_modified.clone().map(|value| (IF_MODIFIED_SINCE, value));
        etag.or(last_modified).into_iter().collect()
    }
}

/// The address that Helm fetches for one that an index gives (`repo.ResolveReferenceURL`): an absolute one is taken as it is;
/// any other is relative to the repository's URL as a folder, and gets the query of that.
pub(super) fn resolve(repository: &Url, reference: &str) -> Result<Url, url::ParseError> {
    match Url::parse(reference) {
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        absolute => return absolute,
    }
    let mut base = repository.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", repository.path()));
    }
    let mut url = base.join(reference)?;
    url.set_query(repository.query());
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected addresses are Helm's (`integration-tests/oracle/helm/cmd/index`).
    #[test]
    fn addresses_of_archives_are_those_of_helm() {
        for line in include_str!("../../tests/cases/chart_urls.txt.expected").lines() {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap();
            let (repository, reference, expected) = (word(), word(), word());
            let url = resolve(&Url::parse(repository).unwrap(), reference).unwrap();
            assert_eq!(url.as_str(), expected, "{line}");
        }
    }
}
