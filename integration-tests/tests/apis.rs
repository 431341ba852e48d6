//! Every service can be looked at with the real grpcurl, with no proto files at hand.

use std::net::SocketAddr;

use integration_tests::story::{self, Narrator, Outcome, Stage, Step, Told};

struct Silent;

impl Narrator for Silent {
    fn begins(&mut self, _: &'static str) {}
    fn shows(&mut self, _: &str) {}
    fn ended(&mut self, told: &Told) {
        assert_eq!(told.outcome, Outcome::Held, "{}", told.step);
    }
}

/// A service, and one call of each of its APIs that changes nothing, with a part of the answer.
struct Case {
    address: SocketAddr,
    service: &'static str,
    calls: &'static [(&'static str, &'static str, &'static str)],
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_lists_describes_and_calls_every_service() {
    let mut stage = Stage::new().await.unwrap();
    story::play(&mut stage, &Step::ALL[..3], &mut Silent).await;
    let addresses = stage.windlass().addresses;
    let cases = [
        Case {
            address: addresses.git_syncer.grpc,
            service: "windlass.sync.v1.SyncService",
            calls: &[
                ("GetStatus", "{}", "CODE_READY"),
                ("ListWorkloads", "{}", "glob:dev-*"),
                ("ListChanges", "{}", "{"),
            ],
        },
        Case {
            address: addresses.git_syncer.grpc,
            service: "windlass.source.v1.SourceService",
            calls: &[("Fetch", r#"{"path": "charts/podinfo"}"#, "\"path\": \"Chart.yaml\"")],
        },
        Case {
            address: addresses.image_scanner.grpc,
            service: "windlass.image.v1.ImageService",
            calls: &[
                ("ListImages", "{}", "chart-image"),
                (
                    "Explain",
                    r#"{"workload": "dev:fluxhelmrelease/podinfo-dev", "container": "chart-image"}"#,
                    "explanation",
                ),
            ],
        },
        Case {
            address: addresses.release_operator.grpc,
            service: "windlass.release.v1.ReleaseService",
            calls: &[
                ("ListReleases", "{}", "podinfo-dev"),
                ("GetRelease", r#"{"namespace": "dev", "name": "podinfo-dev"}"#, "Install complete"),
            ],
        },
        Case {
            address: addresses.secrets_decryptor.grpc,
            service: "windlass.sealing.v1.SealingService",
            calls: &[("GetCertificate", "{}", "BEGIN CERTIFICATE"), ("ListKeys", "{}", "sealed-secrets-key")],
        },
    ];
    for case in cases {
        let address = case.address.to_string();
        let list = stage.bed.grpcurl(&["-plaintext", &address, "list"]).await.unwrap();
        for expected in [case.service, "grpc.health.v1.Health"] {
            assert!(list.lines().any(|line| line == expected), "{expected} is not in {list}");
        }
        let described = stage.bed.grpcurl(&["-plaintext", &address, "describe", case.service]).await.unwrap();
        assert!(described.contains("service "), "{described}");
        let health =
            stage.bed.grpcurl(&["-plaintext", &address, "grpc.health.v1.Health/Check"]).await.unwrap();
        assert!(health.contains("SERVING"), "{health}");
        for (method, request, expected) in case.calls {
            let method = format!("{}/{method}", case.service);
            let answer = stage.bed.grpcurl(&["-plaintext", "-d", request, &address, &method]).await.unwrap();
            assert!(answer.contains(expected), "{method} answers {answer}");
        }
    }
}
