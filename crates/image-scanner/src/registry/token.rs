//! Anonymous tokens: fetched when a registry asks, kept until shortly before they expire.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use image_policy::Repository;
use serde::Deserialize;
use url::Url;

use super::challenge::Challenge;
use super::{Call, Registry, RegistryError, body, judge};

/// The longest answer of a token server, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// How many tokens are kept.
const MAX_KEPT: usize = 4096;

/// How long a token holds when its server does not say (distribution specification: at least 60 seconds).
const DEFAULT_LIFE: u64 = 60;

/// Tokens by repository. Shows none of them.
#[derive(Clone, Default)]
pub(super) struct Tokens {
    kept: Arc<Mutex<HashMap<Repository, (String, Instant)>>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// The token held for a repository, if it is good for a while.
    pub(super) fn held(&self, repository: &Repository) -> Option<String> {
        let kept = self.lock();
        let (token, until) = kept.get(repository)?;
        (*until > Instant::now()).then(|| token.clone())
    }

    fn keep(&self, repository: &Repository, token: &str, life: Duration) {
        let mut kept = self.lock();
        let now = Instant::now();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (_, until)| *until > now);
        }
        if kept.len() < MAX_KEPT {
            // Not to its last second: the request still has to travel.
            kept.insert(repository.clone(), (token.to_owned(), now + life.mul_f64(0.8)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Repository, (String, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    /// The name OAuth 2 gives it.
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Registry {
    /// Fetches an anonymous token from the server that a registry names.
    pub(super) async fn fetch_token(
        &self,
        call: &Call<'_>,
        challenge: &Challenge,
    ) -> Result<String, RegistryError> {
        let fault =
            |reason| RegistryError::Token { host: call.host(), realm: challenge.realm.clone(), reason };
        let mut url = Url::parse(&challenge.realm).map_err(|_| fault("it is no address"))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && call.url.scheme() == "http") {
            return Err(fault("it is not reached by https"));
        }
        if !self.mirrors.permits(&url) {
            return Err(fault("its host has no mirror, and --registry-require-mirror is set"));
        }
        let scope = format!("repository:{}:pull", call.repository.path());
        url.query_pairs_mut()
            .extend_pairs(challenge.service.as_ref().map(|service| ("service", service)))
            .append_pair("scope", challenge.scope.as_deref().unwrap_or(&scope));
        let request = self.client(&call.endpoint).get(url);
        let response = request.send().await.map_err(|source| call.transport(source))?;
        let bytes = body(call, judge(call, response)?, MAX_ANSWER).await?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| fault("its answer is no token"))?;
        let token =
            answer.token.or(answer.access_token).filter(|token| token.bytes().all(|b| b.is_ascii_graphic()));
        let token =
            token.filter(|token| !token.is_empty()).ok_or_else(|| fault("its answer has no token"))?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFE).clamp(1, 3600));
        self.tokens.keep(call.repository, &token, life);
        Ok(token)
    }
}
