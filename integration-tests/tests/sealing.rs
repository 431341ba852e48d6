//! secrets-decryptor with the real kubeseal, kubectl and grpcurl against a real API server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use integration_tests::windlass::{SEALING_NAMESPACE, Windlass};
use integration_tests::{Exit, Service, Testbed, eventually, netns};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A cluster with the definitions, and secrets-decryptor in it.
struct Scene {
    bed: Testbed,
    service: Service,
    grpc: SocketAddr,
    http_api: SocketAddr,
    certificate: PathBuf,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        Self::in_bed(Testbed::builder().control_plane().start().await?).await
    }

    async fn in_bed(bed: Testbed) -> anyhow::Result<Self> {
        Windlass::prepare(&bed).await?;
        for namespace in ["dev", "stg"] {
            bed.kubectl(&["create", "namespace", namespace]).await?;
        }
        bed.kubectl(&["wait", "--for=condition=established", "--timeout=30s", "crd", "--all"]).await?;
        let account = bed.service_account_kubeconfig(SEALING_NAMESPACE, "windlass-secrets-decryptor").await?;
        let address = || anyhow::Ok(SocketAddr::new(bed.address(), bed.free_port()?));
        let (grpc, http, http_api) = (address()?, address()?, address()?);
        let service = bed
            .service("secrets-decryptor")
            .args([
                format!("--listen={grpc}"),
                format!("--http-listen={http}"),
                format!("--http-api-listen={http_api}"),
                format!("--kubeconfig={}", account.display()),
                format!("--namespace={SEALING_NAMESPACE}"),
            ])
            .http(http)
            .start()
            .await?;
        service.wait_ready(SOON).await?;
        let certificate = bed.folder().join("pub-cert.pem");
        let scene = Self { bed, service, grpc, http_api, certificate };
        std::fs::write(&scene.certificate, scene.served_certificate().await?)?;
        Ok(scene)
    }

    async fn served_certificate(&self) -> anyhow::Result<String> {
        let url = format!("http://{}/v1/cert.pem", self.http_api);
        Ok(self.bed.program("curl").args(["-sS", "--fail", &url]).run().await? + "\n")
    }

    /// Seals `user=admin` and `password=<password>` for a name in `dev` with the real kubectl and kubeseal.
    async fn seal(&self, name: &str, password: &str, more: &[&str]) -> anyhow::Result<Value> {
        let literal = format!("--from-literal=password={password}");
        let create =
            ["-n", "dev", "create", "secret", "generic", name, "--from-literal=user=admin", &literal];
        let secret = self.bed.kubectl(&[&create[..], &["--dry-run=client", "-o", "json"]].concat()).await?;
        let certificate = self.certificate.display().to_string();
        let sealed =
            self.bed.kubeseal(&[&["--cert", &certificate, "-o", "json"], more].concat(), &secret).await?;
        Ok(serde_json::from_str(&sealed)?)
    }

    async fn apply(&self, object: &Value) -> anyhow::Result<()> {
        self.bed.kubectl_apply(&object.to_string()).await.map(drop)
    }

    async fn get(&self, namespace: &str, resource: &str) -> anyhow::Result<Value> {
        let text = self.bed.kubectl(&["-n", namespace, "get", resource, "-o", "json"]).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until a Secret has exactly these values.
    async fn secret_holds(
        &self,
        namespace: &str,
        name: &str,
        values: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let template = |key: &str| format!("go-template={{{{index .data {key:?} | base64decode}}}}");
        eventually(SOON, &format!("the Secret {namespace}/{name}"), async || {
            let secret = self.get(namespace, &format!("secret/{name}")).await?;
            let keys = secret["data"].as_object().map_or(0, serde_json::Map::len);
            ensure!(keys == values.len(), "it has {keys} values");
            for (key, value) in values {
                let resource = format!("secret/{name}");
                let found =
                    self.bed.kubectl(&["-n", namespace, "get", &resource, "-o", &template(key)]).await?;
                ensure!(found == *value, "{key} is {found:?}");
            }
            Ok(secret)
        })
        .await
    }

    /// Waits until the condition Synced of a SealedSecret has this status and a message with this text.
    async fn synced(
        &self,
        namespace: &str,
        name: &str,
        status: &str,
        message: &str,
    ) -> anyhow::Result<Value> {
        eventually(SOON, &format!("{namespace}/{name} to say {status} and {message:?}"), async || {
            let object = self.get(namespace, &format!("sealedsecret/{name}")).await?;
            let condition = object["status"]["conditions"][0].clone();
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let says = condition["message"].as_str().is_some_and(|text| text.contains(message));
            ensure!(current && condition["status"] == status && says, "its status is {}", object["status"]);
            Ok(condition)
        })
        .await
    }

    /// Posts a body to the HTTP API: the answer's code and text.
    async fn post(&self, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let url = format!("http://{}{path}", self.http_api);
        let args = ["-sS", "-X", "POST", "--data-binary", "@-", "-w", "\n%{http_code}", &url];
        let text = self.bed.program("curl").args(args).stdin(body).run().await?;
        let (answer, code) = text.rsplit_once('\n').context("no code")?;
        Ok((code.parse()?, answer.to_owned()))
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        let exit = self.service.terminate(SOON).await?;
        ensure!(exit.success(), "it stopped with {exit}: {}", self.service.log());
        self.service.start().await?;
        self.service.wait_ready(SOON).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_secrets_become_secrets() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    first_key(&scene).await.context("first key")?;
    scopes(&scene).await.context("scopes")?;
    follows_the_sealed_secret(&scene).await.context("following")?;
    bad_input_stops_nothing(&scene).await.context("bad input")?;
    foreign_secrets_are_left_alone(&scene).await.context("foreign Secrets")?;
    http_api(&scene).await.context("HTTP API")?;
    grpc(&scene).await.context("gRPC")?;
    the_key_survives(&mut scene).await.context("restart and recovery")?;
    scene.bed.stop().await
}

async fn first_key(scene: &Scene) -> anyhow::Result<()> {
    let key = scene.get(SEALING_NAMESPACE, "secret/sealed-secrets-key").await?;
    assert_eq!(key["type"], "kubernetes.io/tls");
    assert_eq!(key["metadata"]["labels"]["sealedsecrets.bitnami.com/sealed-secrets-key"], "active");
    let certificate = std::fs::read_to_string(&scene.certificate)?;
    assert!(scene.service.log().contains(certificate.trim_end()), "the certificate is in the log");
    let text = ["x509", "-noout", "-text", "-in", &scene.certificate.display().to_string()];
    let text = scene.bed.program("openssl").args(text).run().await?;
    assert!(text.contains("Public-Key: (4096 bit)") && text.contains("Encipher Only"), "{text}");
    Ok(())
}

async fn scopes(scene: &Scene) -> anyhow::Result<()> {
    let sealed = scene.seal("basic-auth", "admin", &[]).await?;
    scene.apply(&sealed).await?;
    let secret = scene.secret_holds("dev", "basic-auth", &[("user", "admin"), ("password", "admin")]).await?;
    let owner = &secret["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("SealedSecret"), &json!(true)));
    assert_eq!(secret["type"], "Opaque");
    scene.synced("dev", "basic-auth", "True", "2 unsealed items").await?;

    let mut sealed = scene.seal("any-name", "namespace", &["--scope", "namespace-wide"]).await?;
    sealed["metadata"]["name"] = json!("another-name");
    scene.apply(&sealed).await?;
    scene.secret_holds("dev", "another-name", &[("user", "admin"), ("password", "namespace")]).await?;

    let mut sealed = scene.seal("anywhere", "cluster", &["--scope", "cluster-wide"]).await?;
    sealed["metadata"]["namespace"] = json!("stg");
    scene.apply(&sealed).await?;
    scene.secret_holds("stg", "anywhere", &[("user", "admin"), ("password", "cluster")]).await?;
    Ok(())
}

async fn follows_the_sealed_secret(scene: &Scene) -> anyhow::Result<()> {
    let mut sealed = scene.seal("followed", "one", &[]).await?;
    sealed["spec"]["template"]["metadata"]["labels"] = json!({"app": "podinfo"});
    scene.apply(&sealed).await?;
    let secret = scene.secret_holds("dev", "followed", &[("user", "admin"), ("password", "one")]).await?;
    assert_eq!(secret["metadata"]["labels"], json!({"app": "podinfo"}));

    scene.bed.kubectl(&["-n", "dev", "delete", "secret", "followed"]).await?;
    scene.secret_holds("dev", "followed", &[("user", "admin"), ("password", "one")]).await?;
    let edit = r#"{"stringData":{"password":"edited","added":"by hand"}}"#;
    scene.bed.kubectl(&["-n", "dev", "patch", "secret", "followed", "-p", edit]).await?;
    scene.secret_holds("dev", "followed", &[("user", "admin"), ("password", "one")]).await?;

    let items = sealed["spec"]["encryptedData"].as_object_mut().context("items")?;
    items.remove("user");
    sealed["spec"]["template"]["metadata"]["labels"] = json!({});
    scene.apply(&sealed).await?;
    let secret = scene.secret_holds("dev", "followed", &[("password", "one")]).await?;
    assert_eq!(secret["metadata"]["labels"], Value::Null);
    Ok(())
}

async fn bad_input_stops_nothing(scene: &Scene) -> anyhow::Result<()> {
    // The article's own slip: sealed for dev, applied to adm.
    let mut elsewhere = scene.seal("misplaced", "x", &[]).await?;
    elsewhere["metadata"]["namespace"] = json!(SEALING_NAMESPACE);
    scene.apply(&elsewhere).await?;
    let condition = scene.synced(SEALING_NAMESPACE, "misplaced", "False", "sealed for dev/misplaced").await?;
    assert_eq!(condition["reason"], "UnsealFailed");
    assert!(
        condition["message"].as_str().is_some_and(|text| text.contains("password") && text.contains("user"))
    );

    let mut damaged = scene.seal("damaged", "x", &[]).await?;
    damaged["spec"]["encryptedData"]["password"] = json!("not sealed");
    scene.apply(&damaged).await?;
    scene.synced("dev", "damaged", "False", r#"item "password": it is not base64"#).await?;

    let mut templated = scene.seal("templated", "x", &[]).await?;
    templated["spec"]["template"]["data"] = json!({"url": "http://{{ .user }}"});
    scene.apply(&templated).await?;
    scene.synced("dev", "templated", "False", "spec.template.data is not supported").await?;

    let mut wrong_type = scene.seal("typed", "x", &[]).await?;
    wrong_type["spec"]["template"]["type"] = json!("kubernetes.io/tls");
    scene.apply(&wrong_type).await?;
    let condition = scene.synced("dev", "typed", "False", "tls.crt").await?;
    assert_eq!(condition["reason"], "WriteFailed");

    let secrets = scene.bed.kubectl(&["get", "secrets", "-A", "-o", "name"]).await?;
    for name in ["misplaced", "damaged", "templated", "typed"] {
        assert!(!secrets.contains(name), "{name}: {secrets}");
    }
    let good = scene.seal("good", "still", &[]).await?;
    scene.apply(&good).await?;
    scene.secret_holds("dev", "good", &[("user", "admin"), ("password", "still")]).await?;

    // What was wrong is put right, without a restart.
    let repaired = scene.seal("damaged", "repaired", &[]).await?;
    scene.apply(&repaired).await?;
    scene.secret_holds("dev", "damaged", &[("user", "admin"), ("password", "repaired")]).await?;
    scene.synced("dev", "damaged", "True", "2 unsealed items").await?;
    Ok(())
}

async fn foreign_secrets_are_left_alone(scene: &Scene) -> anyhow::Result<()> {
    for name in ["theirs", "shared"] {
        scene
            .bed
            .kubectl(&["-n", "dev", "create", "secret", "generic", name, "--from-literal=theirs=1"])
            .await?;
        scene.apply(&scene.seal(name, "ours", &[]).await?).await?;
        let condition = scene.synced("dev", name, "False", "already exists and is not managed").await?;
        assert_eq!(condition["reason"], "SecretNotOurs");
        scene.secret_holds("dev", name, &[("theirs", "1")]).await?;
    }
    let annotate = async |name: &str, annotation: &str| {
        scene.bed.kubectl(&["-n", "dev", "annotate", "secret", name, annotation]).await.map(drop)
    };
    annotate("theirs", "sealedsecrets.bitnami.com/managed=true").await?;
    scene.secret_holds("dev", "theirs", &[("user", "admin"), ("password", "ours")]).await?;
    annotate("shared", "sealedsecrets.bitnami.com/patch=true").await?;
    let shared = scene
        .secret_holds("dev", "shared", &[("theirs", "1"), ("user", "admin"), ("password", "ours")])
        .await?;
    assert_eq!(shared["metadata"]["ownerReferences"], Value::Null);
    scene.synced("dev", "shared", "True", "2 unsealed items").await?;
    Ok(())
}

async fn http_api(scene: &Scene) -> anyhow::Result<()> {
    let sealed = scene.seal("posted", "s3cret", &[]).await?;
    let mut renamed = sealed.clone();
    renamed["metadata"]["name"] = json!("renamed");
    let yaml = serde_yaml::to_string(&sealed)?;
    let check = async |path: &str, body: &str, code: u16, text: &str| {
        let answer = scene.post(path, body).await?;
        ensure!(answer.0 == code && answer.1.contains(text), "{path}: {answer:?}");
        anyhow::Ok(answer.1)
    };
    check("/v1/verify", &sealed.to_string(), 200, "").await?;
    check("/v1/verify", &yaml, 200, "").await?;
    check("/v1/verify", &renamed.to_string(), 409, "sealed for dev/posted").await?;
    check("/v1/verify", &format!("{yaml}---\n{yaml}"), 400, "exactly one object").await?;
    check("/v1/verify", "{}", 400, "a SealedSecret of bitnami.com/v1alpha1 is needed").await?;
    check("/v1/verify", &" ".repeat(2 << 20), 413, "").await?;
    check("/v1/rotate", &renamed.to_string(), 409, "sealed for dev/posted").await?;
    // A scope in the template widens nothing (CVE-2026-22728).
    let mut widened = sealed.clone();
    let wide = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
    widened["spec"]["template"]["metadata"]["annotations"] = wide.clone();
    let rotated: Value =
        serde_json::from_str(&check("/v1/rotate", &widened.to_string(), 200, "encryptedData").await?)?;
    assert_ne!(rotated["spec"]["encryptedData"], sealed["spec"]["encryptedData"]);
    assert_eq!(rotated["spec"]["template"], widened["spec"]["template"]);
    let mut stolen = rotated.clone();
    stolen["metadata"]["name"] = json!("stolen");
    stolen["metadata"]["annotations"] = wide;
    check("/v1/verify", &stolen.to_string(), 409, "no sealing key opens it").await?;
    // The real kubeseal opens what was sealed here.
    let key = scene.bed.folder().join("key.yaml");
    let dump = ["-n", SEALING_NAMESPACE, "get", "secret", "sealed-secrets-key", "-o", "yaml"];
    std::fs::write(&key, scene.bed.kubectl(&dump).await?)?;
    let recovery = ["--recovery-unseal", "--recovery-private-key", &key.display().to_string(), "-o", "json"];
    let opened: Value = serde_json::from_str(&scene.bed.kubeseal(&recovery, &rotated.to_string()).await?)?;
    // base64 of `admin` and of `s3cret`
    assert_eq!(opened["data"], json!({"user": "YWRtaW4=", "password": "czNjcmV0"}));
    let health = format!("http://{}/healthz", scene.http_api);
    assert_eq!(scene.bed.program("curl").args(["-sS", &health]).run().await?, "ok");
    Ok(())
}

async fn grpc(scene: &Scene) -> anyhow::Result<()> {
    let address = scene.grpc.to_string();
    let call = async |method: &str, request: &Value| {
        let method = format!("windlass.sealing.v1.SealingService/{method}");
        let text = scene.bed.grpcurl(&["-plaintext", "-d", &request.to_string(), &address, &method]).await?;
        anyhow::Ok(serde_json::from_str::<Value>(&text)?)
    };
    let services = scene.bed.grpcurl(&["-plaintext", &address, "list"]).await?;
    assert!(services.contains("windlass.sealing.v1.SealingService"), "{services}");
    let certificate = call("GetCertificate", &json!({})).await?;
    assert_eq!(
        certificate["certificatePem"].as_str(),
        Some(std::fs::read_to_string(&scene.certificate)?.as_str())
    );
    let keys = call("ListKeys", &json!({})).await?;
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{keys}");
    assert_eq!(keys["keys"][0]["secretName"], "sealed-secrets-key");
    assert_eq!(keys["keys"][0]["fingerprint"], certificate["fingerprint"]);
    assert_eq!(keys["keys"][0]["current"], true);

    let good = scene.seal("asked", "x", &[]).await?;
    let mut moved = good.clone();
    moved["metadata"]["namespace"] = json!("stg");
    let base64 = async |object: &Value| {
        scene.bed.program("base64").args(["-w0"]).stdin(object.to_string()).run().await
    };
    let objects = [base64(&good).await?, base64(&moved).await?, base64(&json!("no object")).await?];
    let verdicts = call("Verify", &json!({"sealedSecrets": objects})).await?["verdicts"].clone();
    assert_eq!(verdicts[0], json!({"namespace": "dev", "name": "asked", "canOpen": true}));
    assert_eq!(verdicts[1]["namespace"], "stg");
    let message = |index: usize| verdicts[index]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message(1).contains("sealed for dev/asked"), "{verdicts}");
    assert!(message(2).contains("cannot be read"), "{verdicts}");
    Ok(())
}

async fn the_key_survives(scene: &mut Scene) -> anyhow::Result<()> {
    let certificate = std::fs::read_to_string(&scene.certificate)?;
    scene.restart().await?;
    assert_eq!(scene.served_certificate().await?, certificate, "a restart keeps the key");

    // The article's backup and restore, without its restart.
    let backup = scene.get(SEALING_NAMESPACE, "secret/sealed-secrets-key").await?;
    scene.bed.kubectl(&["-n", SEALING_NAMESPACE, "delete", "secret", "sealed-secrets-key"]).await?;
    scene.restart().await?;
    assert_ne!(scene.served_certificate().await?, certificate, "a new key was made");
    scene.synced("dev", "basic-auth", "False", "no sealing key opens it").await?;
    scene.secret_holds("dev", "basic-auth", &[("user", "admin"), ("password", "admin")]).await?;

    let mut restored = backup;
    let metadata = restored["metadata"].as_object_mut().context("metadata")?;
    metadata.retain(|field, _| field == "name" || field == "namespace");
    let file = scene.bed.folder().join("sealed-secrets-key.json");
    std::fs::write(&file, restored.to_string())?;
    scene.bed.kubectl(&["replace", "-f", &file.display().to_string()]).await?;
    scene.synced("dev", "basic-auth", "True", "2 unsealed items").await?;
    assert_eq!(scene.served_certificate().await?, certificate, "the restored key is served");
    Ok(())
}

/// kubeseal as a person runs it: it finds the controller by its Service and asks it through the API server's proxy.
#[tokio::test(flavor = "multi_thread")]
async fn kubeseal_finds_the_controller() -> anyhow::Result<()> {
    let Some(address) = netns::enter("kubeseal_finds_the_controller")? else { return Ok(()) };
    let bed = Testbed::builder().workloads().address(address).start().await?;
    let scene = Scene::in_bed(bed).await?;
    // The article's name for it, not kubeseal's default.
    scene.bed.expose(SEALING_NAMESPACE, "sealed-secrets", 8080, scene.http_api).await?;
    let kubeseal = async |args: &[&str], input: &str| {
        let controller = ["--controller-namespace=adm", "--controller-name=sealed-secrets"];
        scene.bed.kubeseal(&[&controller[..], args].concat(), input).await
    };
    let certificate = kubeseal(&["--fetch-cert"], "").await?;
    assert_eq!(certificate.trim_end(), std::fs::read_to_string(&scene.certificate)?.trim_end());

    let sealed = scene.seal("basic-auth", "admin", &[]).await?;
    kubeseal(&["--validate"], &sealed.to_string()).await?;
    let mut moved = sealed.clone();
    moved["metadata"]["namespace"] = json!("stg");
    let refused =
        kubeseal(&["--validate"], &moved.to_string()).await.err().context("it is sealed for dev")?;
    assert!(format!("{refused:#}").contains("unable to decrypt sealed secret"), "{refused:#}");
    let again: Value =
        serde_json::from_str(&kubeseal(&["--re-encrypt", "-o", "json"], &sealed.to_string()).await?)?;
    assert_ne!(again["spec"]["encryptedData"], sealed["spec"]["encryptedData"]);
    scene.apply(&again).await?;
    scene.secret_holds("dev", "basic-auth", &[("user", "admin"), ("password", "admin")]).await?;
    scene.bed.stop().await
}

/// Killed at each boundary between steps, and started again, it comes to the same end.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_changes_nothing() -> anyhow::Result<()> {
    let mut scene = Scene::new().await?;
    let points = [
        "unseal.after-observe",
        "unseal.after-unseal",
        "unseal.before-apply",
        "unseal.after-apply",
        "unseal.before-report",
        "unseal.after-report",
        "unseal.after-create",
    ];
    for (index, point) in points.into_iter().enumerate() {
        let name = format!("killed-{index}");
        scene.service.kill().await?;
        scene.apply(&scene.seal(&name, point, &[]).await?).await?;
        // The objects of earlier rounds are worked on first or not: the point kills at whichever comes.
        scene.service.set_env("WINDLASS_FAILPOINTS", Some(point));
        scene.service.start().await?;
        assert_eq!(scene.service.wait_exit(SOON).await?, Exit::Signal(9), "{point}");
        scene.service.set_env("WINDLASS_FAILPOINTS", None);
        scene.service.start().await?;
        scene.secret_holds("dev", &name, &[("user", "admin"), ("password", point)]).await?;
        scene.synced("dev", &name, "True", "2 unsealed items").await?;
    }
    for point in ["key.before-create", "key.after-create"] {
        scene.service.kill().await?;
        scene.bed.kubectl(&["-n", SEALING_NAMESPACE, "delete", "secret", "sealed-secrets-key"]).await?;
        scene.service.set_env("WINDLASS_FAILPOINTS", Some(point));
        scene.service.start().await?;
        assert_eq!(scene.service.wait_exit(SOON).await?, Exit::Signal(9), "{point}");
        scene.service.set_env("WINDLASS_FAILPOINTS", None);
        scene.service.start().await?;
        scene.service.wait_ready(SOON).await?;
        let keys = scene.bed.kubectl(&["-n", SEALING_NAMESPACE, "get", "secrets", "-o", "name"]).await?;
        assert_eq!(keys, "secret/sealed-secrets-key", "{point}");
    }
    scene.bed.stop().await
}
