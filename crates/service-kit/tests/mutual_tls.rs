//! Two services over mutual TLS, each a real server: the caller named in the rules gets an answer, everybody else is
//! refused at the place where it should be.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::path::Path;

use api::sealing::v1::sealing_service_client::SealingServiceClient;
use api::sealing::v1::sealing_service_server::{SealingService, SealingServiceServer};
use api::sealing::v1::{
    GetCertificateRequest, GetCertificateResponse, ListKeysRequest, ListKeysResponse, VerifyRequest,
    VerifyResponse,
};
use clap::Parser as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use service_kit::{Access, Kit, KitArgs, Services};
use tonic::{Code, Request, Response, Status};

/// Answers with the caller it was told of, so that the test sees what the service sees.
struct WhoAmI;

#[tonic::async_trait]
impl SealingService for WhoAmI {
    async fn get_certificate(
        &self,
        request: Request<GetCertificateRequest>,
    ) -> Result<Response<GetCertificateResponse>, Status> {
        let caller = request.extensions().get::<service_kit::Caller>().map(ToString::to_string);
        let fingerprint = caller.ok_or_else(|| Status::internal("no caller"))?;
        Ok(Response::new(GetCertificateResponse { fingerprint, ..Default::default() }))
    }

    async fn verify(&self, _: Request<VerifyRequest>) -> Result<Response<VerifyResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn list_keys(&self, _: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes tls.crt, tls.key and ca.crt for `name`; the peer is trusted by `trusts`.
    fn issue(&self, name: &str, trusts: &Authority, folder: &Path) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("tls.crt"), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("ca.crt"), &trusts.pem).unwrap();
    }
}

#[derive(clap::Parser)]
struct Args {
    #[command(flatten)]
    kit: KitArgs,
}

/// Starts a service on a free port; gives its kit and address.
async fn start(name: &'static str, tls: &Path) -> (Kit, SocketAddr) {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (grpc, http) = (free(), free());
    let args = Args::parse_from([
        name.to_owned(),
        format!("--listen={grpc}"),
        format!("--http-listen={http}"),
        format!("--tls-dir={}", tls.display()),
    ]);
    let kit = Kit::new(name, &args.kit);
    let serving = kit.clone();
    kit.spawn("server", async move {
        let access = Access::closed().allow("/windlass.sealing.v1.SealingService/", &["git-syncer"]);
        let services = Services::new().with(SealingServiceServer::new(WhoAmI));
        Ok(serving.serve(access, services).await?)
    });
    (kit, grpc)
}

/// Calls the service at `to` as the holder of the files in `tls` (`None`: without TLS).
async fn call(to: SocketAddr, tls: Option<&Path>) -> Result<String, Status> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let connection = service_kit::client::connect(&format!("{scheme}://localhost:{}", to.port()), tls);
    call_by(connection.unwrap()).await
}

/// Calls the service at an address that its certificate does not name, as a replica of `name`.
async fn call_replica(to: SocketAddr, name: &str, tls: &Path) -> Result<String, Status> {
    let url = format!("https://{to}");
    call_by(service_kit::client::connect_to_replica(&url, name, Some(tls)).unwrap()).await
}

async fn call_by(connection: service_kit::client::Connection) -> Result<String, Status> {
    let mut client = SealingServiceClient::new(connection);
    // The listener may not be there yet: only the refused connection is tried again, and only until the first answer.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match client.get_certificate(GetCertificateRequest {}).await {
            Err(status)
                if format!("{status:?}").contains("ConnectionRefused")
                    && std::time::Instant::now() < deadline => {}
            answer => return answer.map(|answer| answer.into_inner().fingerprint),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for name in ["secrets-decryptor", "git-syncer", "image-scanner"] {
        ours.issue(name, &ours, &path(name));
    }
    // Knows our CA, and shows a certificate with the right name from another one.
    theirs.issue("git-syncer", &ours, &path("stranger"));
    let (decryptor, address) = start("secrets-decryptor", &path("secrets-decryptor")).await;
    let (syncer, other) = start("git-syncer", &path("git-syncer")).await;

    assert_eq!(call(address, Some(&path("git-syncer"))).await.unwrap(), "git-syncer");
    assert_eq!(call_replica(address, "localhost", &path("git-syncer")).await.unwrap(), "git-syncer");
    let impostor = call_replica(address, "release-operator", &path("git-syncer")).await.unwrap_err();
    assert!(format!("{impostor:?}").contains("NotValidForName"), "{impostor:?}");
    // The rules hold on both services, and between them: git-syncer may call, secrets-decryptor may not.
    assert_eq!(
        call(other, Some(&path("secrets-decryptor"))).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let unlisted = call(address, Some(&path("image-scanner"))).await.unwrap_err();
    assert_eq!(unlisted.code(), Code::PermissionDenied, "{unlisted:?}");
    let stranger = call(address, Some(&path("stranger"))).await.unwrap_err();
    assert_ne!(
        stranger.code(),
        Code::PermissionDenied,
        "a stranger must not even get as far as the rules: {stranger:?}"
    );
    let plain = call(address, None).await.unwrap_err();
    assert_ne!(plain.code(), Code::PermissionDenied, "without TLS there is no call at all: {plain:?}");

    // Renewed files are used for the next connection, without a restart: a new CA for everybody.
    let renewed = Authority::new("renewed");
    for name in ["secrets-decryptor", "git-syncer"] {
        renewed.issue(name, &renewed, &path(name));
    }
    assert_eq!(call(address, Some(&path("git-syncer"))).await.unwrap(), "git-syncer");

    for kit in [decryptor, syncer] {
        kit.shutdown.cancel();
        kit.drained().await;
    }
}
