//! A token server as docker-registry trusts one: it gives tokens signed by the key of a certificate that the registry knows.

use std::future::IntoFuture as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

const ISSUER: &str = "tests";
const SERVICE: &str = "charts";

/// A running token server.
pub(crate) struct Tokens {
    origin: String,
    certificate: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tokens {
    /// Starts one that knows only who sends this value of `Authorization`.
    pub(crate) async fn start(authorization: &'static str) -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(vec!["tokens".to_owned()])?.self_signed(&key)?;
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der())?;
        let (signer, der) = (Arc::new(signer), STANDARD.encode(certificate.der()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let router = Router::new().fallback(move |request: Request| {
            let known =
                request.headers().get(header::AUTHORIZATION).is_some_and(|value| value == authorization);
            log.lock().unwrap().push(request.uri().to_string());
            let scope = query(&request, "scope").unwrap_or_default();
            let answer = match known {
                true => Ok(Json(json!({"token": token(&signer, &der, &scope), "expires_in": 300}))),
                false => Err(StatusCode::UNAUTHORIZED),
            };
            async move { answer }
        });
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { origin, certificate: certificate.pem(), asked })
    }

    /// The environment of a registry that trusts this server.
    pub(crate) fn environment(&self, folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
        let bundle = folder.join("tokens.pem");
        std::fs::write(&bundle, &self.certificate)?;
        Ok(vec![
            ("REGISTRY_AUTH", "token".into()),
            ("REGISTRY_AUTH_TOKEN_REALM", format!("{}/token", self.origin)),
            ("REGISTRY_AUTH_TOKEN_SERVICE", SERVICE.into()),
            ("REGISTRY_AUTH_TOKEN_ISSUER", ISSUER.into()),
            ("REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", bundle.display().to_string()),
        ])
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn query(request: &Request, name: &str) -> Option<String> {
    let url = url::Url::parse(&format!("http://tokens{}", request.uri())).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A token (JWT, RFC 7519) for what `repository:<name>:<actions>` says.
fn token(signer: &EcdsaKeyPair, certificate: &str, scope: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let access: Vec<_> = scope
        .split(' ')
        .filter_map(|scope| {
            let (kind, rest) = scope.split_once(':')?;
            let (name, actions) = rest.rsplit_once(':')?;
            Some(json!({"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}))
        })
        .collect();
    let head = json!({"typ": "JWT", "alg": "ES256", "x5c": [certificate]});
    let claims = json!({
        "iss": ISSUER, "sub": "me", "aud": SERVICE, "exp": now + 300, "nbf": now - 60, "iat": now, "jti": "1", "access": access,
    });
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = signer.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature.as_ref()))
}
