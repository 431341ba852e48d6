//! A static file server, which is all that a chart repository is, in the moods that such servers have.

use std::future::IntoFuture as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, Uri, header};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

/// What a server does besides serving files.
#[derive(Clone, Default)]
pub(crate) struct Mood {
    /// The value of `Authorization` that it wants.
    pub(crate) authorization: Option<&'static str>,
    /// Where everything is redirected to.
    pub(crate) redirect: Option<String>,
    /// The answer to everything: a status and `Retry-After`.
    pub(crate) refuses: Option<(u16, Option<&'static str>)>,
    /// It tells no `ETag`.
    pub(crate) forgetful: bool,
    /// How long it takes to find a file.
    pub(crate) slow: Option<std::time::Duration>,
}

/// A running server.
pub(crate) struct Files {
    origin: String,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Files {
    pub(crate) async fn serve(folder: PathBuf, mood: Mood) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let (mood, asked) = (Arc::new(Mutex::new(mood)), Arc::new(Mutex::new(Vec::new())));
        let (shared, log) = (mood.clone(), asked.clone());
        let router = Router::new().fallback(move |request: Request| {
            // A body may not be shared by threads.
            let (request, _) = request.into_parts();
            let (mood, log, folder) = (shared.lock().unwrap().clone(), log.clone(), folder.clone());
            async move {
                let answer = answer(&folder, &mood, &request.uri, &request.headers).await;
                let sent =
                    if request.headers.contains_key(header::AUTHORIZATION) { " as somebody" } else { "" };
                log.lock().unwrap().push(format!("{} {}{sent}", request.uri, answer.status().as_u16()));
                answer
            }
        });
        let task = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { origin, mood, asked, task })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Path, status and perhaps `as somebody` of each request since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Ends it: nobody listens any more.
    pub(crate) async fn end(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn answer(folder: &std::path::Path, mood: &Mood, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    let reply = |status: u16, headers: &[(HeaderName, &str)], body: Vec<u8>| {
        let mut reply = Response::new(Body::from(body));
        *reply.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            reply.headers_mut().insert(name, value.parse().unwrap());
        }
        reply
    };
    if let Some((status, retry_after)) = mood.refuses {
        let stated: Vec<_> = retry_after.into_iter().map(|value| (header::RETRY_AFTER, value)).collect();
        return reply(status, &stated, Vec::new());
    }
    if let Some(origin) = &mood.redirect {
        let location = format!("{origin}{}", uri);
        return reply(302, &[(header::LOCATION, &location)], Vec::new());
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if mood.authorization.is_some() && text(header::AUTHORIZATION) != mood.authorization {
        return reply(401, &[(header::WWW_AUTHENTICATE, "Basic realm=\"charts\"")], Vec::new());
    }
    if let Some(slow) = mood.slow {
        tokio::time::sleep(slow).await;
    }
    let Ok(content) = std::fs::read(folder.join(uri.path().trim_start_matches('/'))) else {
        return reply(404, &[], Vec::new());
    };
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&content)));
    match (mood.forgetful, text(header::IF_NONE_MATCH)) {
        (true, _) => reply(200, &[], content),
        (false, Some(known)) if known == etag => reply(304, &[(header::ETAG, &etag)], Vec::new()),
        (false, _) => reply(200, &[(header::ETAG, &etag)], content),
    }
}
