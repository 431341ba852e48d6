//! Who we are to a registry: what it wants is asked for once and kept as long as it holds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::OciRepository;
use super::challenge::Challenge;
use crate::source::repository::{Credentials, CredentialsId, Problem};
use crate::source::web::{self, Ask, Web, secret_header};

/// The longest answer of a token server, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// How many tokens are kept.
const MAX_KEPT: usize = 4096;
/// How long a token holds when its server does not say (the specification's least).
const DEFAULT_LIFE: u64 = 60;
/// How long a registry is sent a password without asking for it.
const BASIC_LIFE: Duration = Duration::from_secs(3600);

/// A repository, and who we are there.
type Key = (OciRepository, Option<CredentialsId>);

/// Values of the header `Authorization` and until when they hold, by repository and who we are there.
#[derive(Default)]
pub(super) struct Tokens {
    kept: Mutex<HashMap<Key, (HeaderValue, Instant)>>,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<Zeroizing<String>>,
    /// The name that OAuth 2 gives it.
    access_token: Option<Zeroizing<String>>,
    expires_in: Option<u64>,
}

impl Tokens {
    /// What a repository is sent, if it is known and good for a while.
    pub(super) fn held(
        &self,
        repository: &OciRepository,
        credentials: Option<&Credentials>,
    ) -> Option<HeaderValue> {
        let key = (repository.clone(), credentials.map(Credentials::id));
        let kept = self.lock();
        let (value, until) = kept.get(&key)?;
        (*until > Instant::now()).then(|| value.clone())
    }

    /// What a challenge asks for.
    pub(super) async fn obtain(
        &self,
        web: &Web,
        repository: &OciRepository,
        challenge: &Challenge,
        credentials: Option<&Credentials>,
    ) -> Result<HeaderValue, Problem> {
        let (value, life) = match challenge {
            Challenge::Basic => match credentials {
                Some(credentials) => (credentials.basic(), BASIC_LIFE),
                None => return Err(denied(repository)),
            },
            Challenge::Bearer { realm, service, scope } => {
                let token = Token { repository, realm, service: service.as_deref(), scope: scope.as_deref() };
                token.fetch(web, credentials).await?
            }
        };
        let key = (repository.clone(), credentials.map(Credentials::id));
        let mut kept = self.lock();
        let now = Instant::now();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (_, until)| *until > now);
        }
        if kept.len() < MAX_KEPT {
            // Not to its last second: the request still has to travel.
            kept.insert(key, (value.clone(), now + life.mul_f64(0.8)));
        }
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (HeaderValue, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn denied(repository: &OciRepository) -> Problem {
    let url = web::shown(&repository.api);
    Problem::Denied { host: repository.host(), url, status: 401, sent: false }
}

/// A token to be fetched.
struct Token<'a> {
    repository: &'a OciRepository,
    realm: &'a str,
    service: Option<&'a str>,
    scope: Option<&'a str>,
}

impl Token<'_> {
    async fn fetch(
        &self,
        web: &Web,
        credentials: Option<&Credentials>,
    ) -> Result<(HeaderValue, Duration), Problem> {
        let mut realm = Url::parse(self.realm).map_err(|_| self.fault("it is no address"))?;
        let is_plain =
            realm.scheme() == "http" && web::is_loopback(&realm) && web::is_loopback(&self.repository.api);
        if realm.scheme() != "https" && !is_plain {
            return Err(self.fault("it is not reached by https"));
        }
        let pull = format!("repository:{}:pull", self.repository.name);
        realm
            .query_pairs_mut()
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("scope", self.scope.unwrap_or(&pull));
        let ask = Ask {
            url: realm.clone(),
            accept: "application/json",
            authorization: credentials.map(|credentials| (credentials.basic(), &realm)),
            headers: Vec::new(),
        };
        let answer = web.get(ask).await?.expect_success(|_| self.fault("it is not found"))?;
        let bytes = Zeroizing::new(answer.body(MAX_ANSWER).await?);
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|_| self.fault("its answer is no token"))?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| self.fault("its answer has no token"))?;
        let value = secret_header(&Zeroizing::new(format!("Bearer {}", *token)));
        let value = value.ok_or_else(|| self.fault("its token cannot be sent"))?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFE).clamp(1, 3600));
        Ok((value, life))
    }

    fn fault(&self, reason: &'static str) -> Problem {
        let realm = Url::parse(self.realm).map_or(self.realm.to_owned(), |url| web::shown(&url));
        Problem::Token { host: self.repository.host(), realm, reason }
    }
}
