//! `kubeseal --fetch-cert`, as the article calls it: through the API server's service proxy.

use std::time::Duration;

use integration_tests::windlass::Windlass;
use integration_tests::{Testbed, eventually, netns};

#[test]
fn kubeseal_fetches_the_certificate_through_the_service_proxy() {
    let name = "kubeseal_fetches_the_certificate_through_the_service_proxy";
    let Some(address) = netns::enter(name).unwrap() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bed = Testbed::builder().workloads().address(address).start().await.unwrap();
        Windlass::prepare(&bed).await.unwrap();
        let kubeconfig = bed.service_account_kubeconfig("adm", "windlass-secrets-decryptor").await.unwrap();
        let [grpc, http, api] = std::array::from_fn(|_| format!("{address}:{}", bed.free_port().unwrap()));
        let service = bed
            .service("secrets-decryptor")
            .args([
                format!("--listen={grpc}"),
                format!("--http-listen={http}"),
                format!("--http-api-listen={api}"),
                format!("--kubeconfig={}", kubeconfig.display()),
                "--namespace=adm".to_owned(),
            ])
            .http(http.parse().unwrap())
            .start()
            .await
            .unwrap();
        service.wait_ready(Duration::from_secs(60)).await.unwrap();
        bed.expose("adm", "sealed-secrets", 8080, api.parse().unwrap()).await.unwrap();

        let args = ["--fetch-cert", "--controller-namespace=adm", "--controller-name=sealed-secrets"];
        let fetched =
            eventually(Duration::from_secs(30), "the certificate", async || bed.kubeseal(&args, "").await)
                .await
                .unwrap();
        assert!(fetched.starts_with("-----BEGIN CERTIFICATE-----"), "{fetched}");
        let logged = service.log();
        for line in fetched.lines().filter(|line| !line.starts_with("-----")) {
            assert!(logged.contains(line), "the log does not show the certificate that kubeseal fetched");
        }
    });
}
