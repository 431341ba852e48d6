//! Arguments, and how the parts are wired together.

use std::net::SocketAddr;

use api::sealing::v1::sealing_service_server::SealingServiceServer;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use service_kit::{Access, BoxError, Kit, KitArgs, Service, Services};
use tokio::net::TcpListener;

use crate::grpc::Sealing;
use crate::metrics::Metrics;
use crate::{controller, http_api, keys};

/// Longest gRPC request in bytes: room for 256 SealedSecrets of usual size in one `Verify`, and for any single one.
const REQUEST_MAX: usize = 16 << 20;

/// Opens SealedSecrets into Secrets and keeps the sealing keys.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "secrets-decryptor", version)]
pub struct Args {
    #[command(flatten)]
    kit: KitArgs,

    /// Namespace of the sealing keys. Defaults to the namespace of the pod, or to that of the kubeconfig's context.
    #[arg(long, env = "WINDLASS_NAMESPACE")]
    namespace: Option<String>,

    /// Address that kubeseal's HTTP API is served on (/v1/cert.pem, /v1/verify, /v1/rotate, /healthz), without TLS.
    #[arg(long, env = "WINDLASS_HTTP_API_LISTEN", default_value = "0.0.0.0:8080")]
    http_api_listen: SocketAddr,
}

impl Service for Args {
    const NAME: &'static str = "secrets-decryptor";

    fn kit(&self) -> &KitArgs {
        &self.kit
    }

    fn check(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.namespace.as_ref().is_some_and(String::is_empty) {
            faults.push(
                "--namespace is empty; name the namespace of the sealing keys or leave it out".to_owned(),
            );
        }
        faults
    }

    async fn run(self, kit: Kit) -> Result<(), BoxError> {
        let Self { kit: _, namespace, http_api_listen } = self;
        let client = kit.kube_client().await?;
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let key_secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        let listener = TcpListener::bind(http_api_listen)
            .await
            .map_err(|error| format!("--http-api-listen {http_api_listen} cannot be listened on: {error}"))?;

        let (publisher, keys) = keys::channel(kit.readiness.clone());
        kit.spawn("sealing-keys", keys::follow(key_secrets, publisher, kit.shutdown.clone()));
        let metrics = Metrics::new(&kit.metrics)?;
        kit.spawn("sealed-secrets", controller::run(client, keys.clone(), metrics, kit.shutdown.clone()));
        kit.spawn("http-api", http_api::serve(listener, keys.clone(), kit.shutdown.clone()));

        let access = Access::closed()
            .allow("/windlass.sealing.v1.SealingService/", &["git-syncer", "console", "windlass"]);
        let sealing = SealingServiceServer::new(Sealing::new(keys)).max_decoding_message_size(REQUEST_MAX);
        let services = Services::new().with(sealing);
        kit.serve(access, services).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use service_kit::Service as _;

    use super::Args;

    #[test]
    fn arguments() {
        let check = |args: &[&str], faults: Option<usize>| {
            let parsed = Args::try_parse_from([&["secrets-decryptor"], args].concat());
            assert_eq!(parsed.map(|args| args.check().len()).ok(), faults, "{args:?}");
        };
        check(&[], Some(0));
        check(&["--namespace", "adm", "--http-api-listen", "127.0.0.1:0"], Some(0));
        check(&["--namespace", ""], Some(1));
        check(&["--http-api-listen", "nowhere"], None);
    }
}
