//! Asking repositories for charts, and remembering what they said.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use helm_chart::{Chart, ChartVersion, Limits, versions_of_tags};
use helm_engine::{CacheLimits, ChartCache, LoadedChart};
use service_kit::chain;
use url::Url;

use super::resolved::{Key, Place, Places, Resolved};
use super::{
    Credentials, CredentialsId, Freshness, OciRegistry, Problem, RepositoryChartRef, RepositoryError,
    RepositoryUrl,
};
use crate::source::ChartSource;
use crate::source::http_repository::{self, Archive, HttpRepositories};
use crate::source::oci::{self, ChartManifest, OciRepository, Registries};
use crate::source::web::{self, Web};

/// How long a repository that cannot be reached is not asked again for a chart that is known.
const RETRY: Duration = Duration::from_secs(15);
/// Pairs of somebody and an archive that somebody has fetched, which are remembered.
const MAX_FETCHED: usize = 16_384;
/// How many versions are named where none fits.
const NAMED: usize = 5;

/// What asking may cost.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The longest that one request may take.
    pub timeout: Duration,
    /// The largest archive, in bytes as it is sent.
    pub archive_bytes: usize,
    /// What a chart may consist of.
    pub limits: Limits,
    /// What is kept of charts.
    pub cache: CacheLimits,
}

impl Default for Settings {
    /// 60 s, 20 MiB, Helm's limits, 256 charts of 256 MiB.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            archive_bytes: 20 << 20,
            limits: Limits::default(),
            cache: CacheLimits { charts: 256, bytes: 256 << 20 },
        }
    }
}

/// Charts from chart repositories and registries.
///
/// An archive is fetched once per digest and whoever asks, and loaded once. Those who ask for the same thing at the same time
/// share one answer.
pub struct RepositoryCharts {
    http: HttpRepositories,
    oci: Registries,
    places: Places,
    charts: Arc<ChartCache>,
    /// What was fetched by whom: who knows a digest does not have the right to its archive.
    fetched: Mutex<HashSet<(RepositoryUrl, Option<CredentialsId>, String)>>,
    settings: Settings,
}

/// A chart, and what is remembered of it.
type Answer = (Resolved, Arc<LoadedChart>);

/// Somebody who asks for a chart.
#[derive(Clone, Copy)]
struct Asker<'a> {
    chart: &'a RepositoryChartRef,
    credentials: Option<&'a Credentials>,
}

impl RepositoryCharts {
    /// Sets the clients up. Nothing is sent.
    ///
    /// # Errors
    /// When the TLS set-up of this machine is unusable.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let web = Arc::new(Web::new(settings.timeout)?);
        Ok(Self {
            http: HttpRepositories::new(web.clone()),
            oci: Registries::new(web),
            places: Places::default(),
            charts: Arc::new(ChartCache::new(settings.cache)),
            fetched: Mutex::default(),
            settings,
        })
    }

    /// The chart of the newest version that fits. If the repository cannot be reached and has given a chart before, that one,
    /// with [`ChartSource::trouble`].
    ///
    /// May be dropped at any time: what is remembered then is what was.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn fetch(
        &self,
        chart: &RepositoryChartRef,
        credentials: Option<&Credentials>,
        how: Freshness,
    ) -> Result<ChartSource, RepositoryError> {
        let now = Instant::now();
        // Whoever asked after this has asked for us as well. None is before all that is remembered.
        let not_before = match how {
            Freshness::Now => Some(now),
            Freshness::WithinInterval(interval) => now.checked_sub(interval),
        };
        let key = Key {
            repository: chart.repository.clone(),
            chart: chart.name.clone(),
            version: chart.version.as_str().to_owned(),
            credentials: credentials.map(Credentials::id),
        };
        let place = self.places.get(key);
        let mut place = place.lock().await;
        if place.asked.is_some_and(|asked| not_before.is_none_or(|not_before| asked >= not_before))
            && let Some(known) = self.known(&place)
        {
            return Ok(known);
        }
        if let Some((trouble, until)) = &place.trouble
            && how != Freshness::Now
            && *until > now
            && let Some(known) = self.known(&place)
        {
            return Ok(ChartSource { trouble: Some(trouble.clone()), ..known });
        }
        let asked = Instant::now();
        let asker = Asker { chart, credentials };
        match self.ask(asker, not_before, place.known.as_ref()).await {
            Ok((resolved, loaded)) => {
                let source = source(&resolved, loaded);
                *place = Place { known: Some(resolved), asked: Some(asked), trouble: None };
                Ok(source)
            }
            Err(problem) => self.without_answer(chart, problem, &mut place),
        }
    }

    /// The chart that was given before, if the problem is one that goes by.
    fn without_answer(
        &self,
        chart: &RepositoryChartRef,
        problem: Problem,
        place: &mut Place,
    ) -> Result<ChartSource, RepositoryError> {
        let error = RepositoryError::new(chart, problem);
        if !error.is_transient() {
            *place = Place::default();
            return Err(error);
        }
        let (Some(known), Some(resolved)) = (self.known(place), &place.known) else { return Err(error) };
        let trouble = format!(
            "{}; version {}, which it gave before, is used meanwhile",
            chain(&error),
            resolved.version
        );
        tracing::warn!("{trouble}");
        place.trouble = Some((trouble.clone(), Instant::now() + RETRY));
        Ok(ChartSource { trouble: Some(trouble), ..known })
    }

    /// The chart that a place knows, if it is still loaded.
    fn known(&self, place: &Place) -> Option<ChartSource> {
        let resolved = place.known.as_ref()?;
        Some(source(resolved, self.charts.get(&resolved.digest)?))
    }

    async fn ask(
        &self,
        asker: Asker<'_>,
        not_before: Option<Instant>,
        known: Option<&Resolved>,
    ) -> Result<Answer, Problem> {
        match &asker.chart.repository {
            RepositoryUrl::Http(url) => self.ask_repository(asker, url, not_before, known).await,
            RepositoryUrl::Oci(registry) => self.ask_registry(asker, registry).await,
        }
    }

    async fn ask_repository(
        &self,
        asker: Asker<'_>,
        repository: &Url,
        not_before: Option<Instant>,
        known: Option<&Resolved>,
    ) -> Result<Answer, Problem> {
        let RepositoryChartRef { name, version: wanted, .. } = asker.chart;
        let versions = self.http.versions(repository, name, asker.credentials, not_before).await?;
        let versions = versions.ok_or(Problem::NoChart)?;
        let Some(entry) = versions.choose(wanted) else {
            let names = versions.newest_first().iter().map(|entry| entry.version.as_str());
            return Err(no_version(asker.chart, names));
        };
        let digest = stated_digest(entry)?;
        if let Some(chart) = digest.as_ref().and_then(|digest| self.held(asker, digest)) {
            let resolved = resolved(&entry.version, digest.unwrap_or_default());
            return Ok((resolved, chart));
        }
        let address = |reason: String| Problem::Address { version: entry.version.clone(), reason };
        let reference = entry.urls.first().ok_or_else(|| address("there is none".to_owned()))?;
        let url = http_repository::resolve(repository, reference)
            .map_err(|_| address(format!("{reference:?} is no URL")))?;
        match url.scheme() {
            "http" | "https" => self.archive(asker, repository, entry, url, digest, known).await,
            "oci" => {
                let place = OciRepository::parse(url.as_str());
                let (place, tag) =
                    place.ok_or_else(|| address(format!("{url} names no tag of a registry")))?;
                // Another host than the repository's: not with its credentials.
                let asker = Asker { credentials: None, ..asker };
                let manifest = self.oci.manifest(&place, &tag, None).await?;
                let manifest = manifest.ok_or_else(|| Problem::NotFound { url: url.to_string() })?;
                self.registry_archive(asker, &place, &entry.version, manifest, digest).await
            }
            other => Err(address(format!("{other}:// is neither https://, http:// nor oci://"))),
        }
    }

    /// The archive of a repository. Without a stated digest it is asked for each time, and sent if it has changed.
    async fn archive(
        &self,
        asker: Asker<'_>,
        repository: &Url,
        entry: &ChartVersion,
        url: Url,
        digest: Option<String>,
        known: Option<&Resolved>,
    ) -> Result<Answer, Problem> {
        let same = |known: &&Resolved| {
            let place = known.unstated.as_ref();
            known.version == entry.version && place.is_some_and(|(at, _)| *at == url) && digest.is_none()
        };
        let held = known.filter(same).and_then(|known| Some((known, self.held(asker, &known.digest)?)));
        let validators = held.as_ref().and_then(|(known, _)| known.unstated.as_ref());
        let validators = validators.map(|(_, validators)| validators).filter(|validators| validators.exist());
        let limit = self.settings.archive_bytes;
        let answer = self.http.archive(url.clone(), repository, asker.credentials, validators, limit).await?;
        match (answer, held) {
            (Archive::Unchanged, Some((known, chart))) => Ok((known.clone(), chart)),
            // It cannot say so: it was not asked.
            (Archive::Unchanged, None) => Err(Problem::Status { url: web::shown(&url), status: 304 }),
            (Archive::Bytes(bytes, validators), _) => {
                let unstated = digest.is_none().then(|| (url.clone(), validators));
                let (found, chart) = self.load(asker, bytes, web::shown(&url), digest).await?;
                Ok((Resolved { unstated, ..resolved(&entry.version, found) }, chart))
            }
        }
    }

    async fn ask_registry(&self, asker: Asker<'_>, registry: &OciRegistry) -> Result<Answer, Problem> {
        let place = OciRepository::of_chart(registry, &asker.chart.name).ok_or(Problem::NoChart)?;
        let (version, manifest) = self.resolve(asker, &place).await?;
        self.registry_archive(asker, &place, &version, manifest, None).await
    }

    /// As Helm does: what is a version by itself is asked for as a tag. Unlike there, a tag that does not exist is then taken
    /// for a range, as it is in a repository with an index.
    async fn resolve(
        &self,
        asker: Asker<'_>,
        place: &OciRepository,
    ) -> Result<(String, ChartManifest), Problem> {
        let wanted = &asker.chart.version;
        if wanted.is_version()
            && let Some(manifest) = self.oci.manifest(place, wanted.as_str(), asker.credentials).await?
        {
            return Ok((wanted.as_str().to_owned(), manifest));
        }
        let tags = self.oci.tags(place, asker.credentials).await?.ok_or(Problem::NoChart)?;
        let versions = versions_of_tags(tags.iter().map(String::as_str));
        let Some(chosen) = wanted.choose(versions.iter().map(String::as_str)) else {
            return Err(no_version(asker.chart, versions.iter().map(String::as_str)));
        };
        let manifest = self.oci.manifest(place, chosen, asker.credentials).await?;
        let manifest = manifest.ok_or_else(|| Problem::NotFound { url: format!("{place}:{chosen}") })?;
        Ok((chosen.to_owned(), manifest))
    }

    async fn registry_archive(
        &self,
        asker: Asker<'_>,
        place: &OciRepository,
        version: &str,
        manifest: ChartManifest,
        stated: Option<String>,
    ) -> Result<Answer, Problem> {
        // An index may state the digest of either.
        if let Some(expected) =
            stated.filter(|stated| *stated != manifest.digest && *stated != manifest.archive)
        {
            return Err(Problem::Digest {
                url: format!("{place}:{version}"),
                expected,
                found: manifest.archive,
            });
        }
        if let Some(chart) = self.held(asker, &manifest.archive) {
            return Ok((resolved(version, manifest.archive), chart));
        }
        let limit = self.settings.archive_bytes;
        let (bytes, url) = self.oci.archive(place, &manifest.archive, asker.credentials, limit).await?;
        let (digest, chart) = self.load(asker, bytes, url, Some(manifest.archive)).await?;
        Ok((resolved(version, digest), chart))
    }

    /// A loaded chart that this asker has fetched before.
    fn held(&self, asker: Asker<'_>, digest: &str) -> Option<Arc<LoadedChart>> {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.contains(&pair(asker, digest)).then(|| self.charts.get(digest)).flatten()
    }

    /// Verifies and loads an archive.
    async fn load(
        &self,
        asker: Asker<'_>,
        archive: Vec<u8>,
        url: String,
        expected: Option<String>,
    ) -> Result<(String, Arc<LoadedChart>), Problem> {
        let (charts, limits) = (self.charts.clone(), self.settings.limits);
        let load = move || {
            let digest = oci::digest_of(&archive);
            if let Some(expected) = expected.filter(|expected| *expected != digest) {
                return Err(Problem::Digest { url, expected, found: digest });
            }
            let load = || Chart::load_archive(&archive, &limits).map(LoadedChart::new);
            let chart = charts
                .get_or_load(&digest, load)
                .map_err(|source| Problem::Unusable { url, source: Box::new(source) })?;
            Ok((digest, chart))
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        let (digest, chart) = loaded.map_err(|error| Problem::Internal(error.to_string()))??;
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if fetched.len() >= MAX_FETCHED {
            // Costs everybody one more fetch.
            fetched.clear();
        }
        fetched.insert(pair(asker, &digest));
        Ok((digest, chart))
    }
}

fn pair(asker: Asker<'_>, digest: &str) -> (RepositoryUrl, Option<CredentialsId>, String) {
    (asker.chart.repository.clone(), asker.credentials.map(Credentials::id), digest.to_owned())
}

fn resolved(version: &str, digest: String) -> Resolved {
    Resolved { version: version.to_owned(), digest, unstated: None }
}

fn source(resolved: &Resolved, chart: Arc<LoadedChart>) -> ChartSource {
    let Resolved { version, digest, .. } = resolved;
    ChartSource { chart, digest: digest.clone(), revision: format!("{version}@{digest}"), trouble: None }
}

/// The digest that an index states, as `sha256:<hex>`.
fn stated_digest(entry: &ChartVersion) -> Result<Option<String>, Problem> {
    if entry.digest.is_empty() {
        return Ok(None);
    }
    let hex = entry.digest.strip_prefix("sha256:").unwrap_or(&entry.digest).to_ascii_lowercase();
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let (version, digest) = (entry.version.clone(), entry.digest.clone());
        return Err(Problem::StatedDigest { version, digest });
    }
    Ok(Some(format!("sha256:{hex}")))
}

fn no_version<'a>(chart: &RepositoryChartRef, newest_first: impl Iterator<Item = &'a str>) -> Problem {
    let newest: Vec<&str> = newest_first.take(NAMED).collect();
    let newest = match newest.as_slice() {
        [] => "there are no versions".to_owned(),
        newest => format!("the newest versions are {}", newest.join(", ")),
    };
    Problem::NoVersion { wanted: chart.version.as_str().to_owned(), newest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_an_index() {
        let digest = "0aB1".repeat(16);
        for (text, expected) in [
            ("", Some(None)),
            (digest.as_str(), Some(Some(format!("sha256:{}", digest.to_lowercase())))),
            (&format!("sha256:{digest}"), Some(Some(format!("sha256:{}", digest.to_lowercase())))),
            ("sha512:00", None),
            ("00", None),
            (&"x".repeat(64), None),
        ] {
            let mut entry = ChartVersion::default();
            entry.digest = text.to_owned();
            assert_eq!(stated_digest(&entry).ok(), expected, "{text}");
        }
    }
}
