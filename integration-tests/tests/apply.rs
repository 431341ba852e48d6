//! `kube-apply` against a real API server: acting as a service account, and drift: what is called unchanged is unchanged, what differs is
//! told, and a correction leaves alone what it is to leave alone.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use integration_tests::{Testbed, eventually};
use kube_apply::drift::{Pointer, Stated, differences, ignored, states, with_live};
use kube_apply::{Applier, ApplyError, ApplyOptions, Change, Impersonated, ObjectRef, Settings};
use serde_json::{Value, json};

const MANAGER: &str = "helm";

/// A kind whose objects are stored as they were sent, with a list of each sort.
const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: samples.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Sample, plural: samples, singular: sample}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              atomicList: {type: array, items: {type: string}}
              set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              map:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, value: {type: integer, default: 7}}
              atomicMap: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}}
              nullable: {type: string, nullable: true}
              anything: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

fn document(api_version: &str, kind: &str, body: Value) -> Value {
    let mut document = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}});
    for (field, value) in body.as_object().unwrap() {
        document[field] = value.clone();
    }
    document
}

fn sample(spec: Value) -> Value {
    document("example.org/v1", "Sample", json!({"spec": spec}))
}

fn deployment(container: Value, pod: Value) -> Value {
    let mut containers = json!([{"name": "web", "image": "web:1"}]);
    for (field, value) in container.as_object().unwrap() {
        containers[0][field] = value.clone();
    }
    let mut spec = json!({"containers": containers});
    for (field, value) in pod.as_object().unwrap() {
        spec[field] = value.clone();
    }
    document(
        "apps/v1",
        "Deployment",
        json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}}),
    )
}

/// The applier, and what to do to one object after the other, all with the same name.
struct Cluster {
    bed: Testbed,
    applier: Applier,
}

impl Cluster {
    async fn start() -> Self {
        let bed = Testbed::builder().control_plane().start().await.unwrap();
        let applier = Applier::new(bed.kube_client().unwrap(), Settings::default());
        bed.kubectl_apply(DEFINITION).await.unwrap();
        eventually(Duration::from_secs(30), "the kind Sample to be served", async || {
            bed.kubectl(&["get", "samples"]).await
        })
        .await
        .unwrap();
        Self { bed, applier }
    }

    async fn live(&self, document: &Value) -> Value {
        let object = ObjectRef::of(document).unwrap();
        let live = self.applier.get(&object, "default").await.unwrap();
        serde_json::to_value(live.expect("it was applied")).unwrap()
    }

    async fn apply(&self, document: &Value) -> Change {
        let how = ApplyOptions::new(MANAGER).force(true);
        self.applier.apply(document, "default", &how).await.unwrap().change
    }

    /// Somebody else's change.
    async fn patch(&self, document: &Value, patch: &Value) {
        let resource = document["kind"].as_str().unwrap();
        let patch = patch.to_string();
        self.bed.kubectl(&["patch", resource, "a", "--type=json", "-p", &patch]).await.unwrap();
    }

    async fn delete(&self, document: &Value) {
        let object = ObjectRef::of(document).unwrap();
        self.applier.delete(&object, None, "default").await.unwrap();
        let limit = Duration::from_secs(30);
        self.applier.wait_until(&object, "default", limit, |live| live.is_none()).await.unwrap();
    }

    /// What is known of an object, which must be true: an apply of what is equal changes nothing.
    async fn states(&self, document: &Value) -> Stated {
        let known = states(document, &self.live(document).await, MANAGER);
        if known == Stated::Equal {
            let change = self.apply(document).await;
            assert_eq!(change, Change::Unchanged, "an apply changed what it should find equal: {document}");
        }
        known
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_known_told_and_corrected() {
    let cluster = Cluster::start().await;
    what_was_applied_is_equal(&cluster).await;
    what_was_changed_is_told(&cluster).await;
    corrections_leave_alone_what_is_ignored(&cluster).await;
    cluster.bed.stop().await.unwrap();
}

async fn what_was_applied_is_equal(cluster: &Cluster) {
    use Stated::{Different, Equal, Unknown};
    let port = |number: u16| json!({"name": format!("p{number}"), "port": number});
    let rows = [
        (document("v1", "ConfigMap", json!({"data": {"a": "1", "b": ""}})), Equal),
        (document("v1", "Secret", json!({"data": {"a": "YQ=="}})), Equal),
        // It is stored as `data`.
        (document("v1", "Secret", json!({"stringData": {"a": "1"}})), Different),
        (
            document(
                "v1",
                "Service",
                json!({"spec": {"ports": [port(80), port(81)], "selector": {"app": "a"}}}),
            ),
            Equal,
        ),
        (
            document(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                json!({"spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}}),
            ),
            Equal,
        ),
        (
            document(
                "rbac.authorization.k8s.io/v1",
                "Role",
                json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
            ),
            Equal,
        ),
        (document("rbac.authorization.k8s.io/v1", "Role", json!({"rules": []})), Equal),
        (
            document(
                "v1",
                "ServiceAccount",
                json!({"metadata": {"name": "a", "labels": {}, "annotations": {"a": "b"}}}),
            ),
            Equal,
        ),
        (deployment(json!({}), json!({})), Equal),
        (
            deployment(
                json!({
                    "args": ["x"], "command": [], "env": [{"name": "A", "value": "1"}, {"name": "B"}], "resources": {},
                    "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP", "name": "udp"}],
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}], "securityContext": {"capabilities": {"drop": ["ALL"]}},
                }),
                json!({
                    "nodeSelector": {"a": "b"}, "volumes": [{"name": "v", "emptyDir": {}}], "initContainers": [], "securityContext": {},
                }),
            ),
            // Which port it is that leaves out its protocol, the schema tells.
            Unknown,
        ),
        (
            deployment(
                json!({
                    "args": ["x"], "command": [], "env": [{"name": "A", "value": "1"}, {"name": "B"}], "resources": {},
                    "ports": [{"containerPort": 80}, {"containerPort": 81}], "livenessProbe": {"httpGet": {"port": 80}},
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}], "securityContext": {"capabilities": {"drop": ["ALL"]}},
                }),
                json!({
                    "nodeSelector": {"a": "b"}, "volumes": [{"name": "v", "emptyDir": {}}], "initContainers": [], "securityContext": {},
                    "tolerations": [], "imagePullSecrets": [{"name": "x"}], "affinity": {},
                }),
            ),
            Equal,
        ),
        // Written in another way than it is stored.
        (deployment(json!({"resources": {"limits": {"cpu": "1000m"}}}), json!({})), Different),
        (deployment(json!({"resources": {"limits": {"cpu": 1}}}), json!({})), Different),
        (deployment(json!({"resources": {"limits": {"cpu": "100m", "memory": "1Gi"}}}), json!({})), Equal),
        // Nulls.
        (deployment(json!({"env": null, "command": null}), json!({"nodeSelector": null})), Equal),
        (deployment(json!({"imagePullPolicy": null}), json!({})), Unknown),
        (
            sample(
                json!({"atomicList": ["a", "b"], "set": ["b", "a"], "map": [{"name": "x"}, {"name": "y", "value": 1}]}),
            ),
            Equal,
        ),
        (sample(json!({"atomicList": [], "set": [], "map": [], "atomicMap": {}, "anything": {}})), Equal),
        (
            sample(
                json!({"atomicMap": {"a": "b"}, "nullable": null, "anything": {"a": {"b": [1, {"c": 1.0}]}, "d": null}}),
            ),
            Equal,
        ),
        (sample(json!({"anything": {"a": {"b": [1, {"c": 1.5}]}}})), Equal),
        (sample(json!({"anything": {"a": {"b": 1.0, "c": 1e3}}})), Equal),
    ];
    let mut seen = Vec::new();
    for (document, expected) in &rows {
        cluster.apply(document).await;
        let known = cluster.states(document).await;
        if known != *expected {
            seen.push(format!(
                "{known:?} instead of {expected:?}: {document}\n{}",
                cluster.live(document).await
            ));
        }
        cluster.delete(document).await;
    }
    assert!(seen.is_empty(), "{}", seen.join("\n\n"));
}

/// Changes by others: what is known of the object then, and what the differences are.
async fn what_was_changed_is_told(cluster: &Cluster) {
    use Stated::{Different, Equal, Unknown};
    let add = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    let web = || {
        deployment(
            json!({"args": ["x"], "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80}]}),
            json!({"nodeSelector": {"a": "b"}, "securityContext": {}, "tolerations": []}),
        )
    };
    let lists = || {
        sample(
            json!({"atomicList": ["a"], "set": ["b", "a"], "map": [{"name": "x"}, {"name": "y"}], "atomicMap": {"a": "b"}}),
        )
    };
    let empty = || sample(json!({"atomicList": [], "set": [], "map": [], "atomicMap": {}, "anything": {}}));
    let container = "/spec/template/spec/containers/0";
    let rows = [
        (web(), add("/spec/replicas", json!(3)), Different, "/spec/replicas is 3 instead of 1".to_owned()),
        // The default is what was stated.
        (web(), remove("/spec/replicas"), Equal, String::new()),
        (web(), add("/metadata/labels", json!({"x": "y"})), Equal, String::new()),
        (web(), add("/spec/paused", json!(true)), Equal, String::new()),
        (
            web(),
            add(&format!("{container}/image"), json!("web:2")),
            Different,
            format!("{container}/image is \"web:2\" instead of \"web:1\""),
        ),
        (
            web(),
            add("/spec/template/spec/containers/0", json!({"name": "mesh", "image": "mesh:1"})),
            Equal,
            String::new(),
        ),
        (web(), add(&format!("{container}/env/-"), json!({"name": "B"})), Equal, String::new()),
        (
            web(),
            remove(&format!("{container}/env/0")),
            Different,
            format!("{container}/env is absent instead of [{{\"name\":\"A\",\"value\":\"1\"}}]"),
        ),
        (
            web(),
            add(&format!("{container}/args/-"), json!("y")),
            Different,
            format!("{container}/args is [\"x\",\"y\"] instead of [\"x\"]"),
        ),
        (
            web(),
            add("/spec/template/spec/nodeSelector/c", json!("d")),
            Different,
            "/spec/template/spec/nodeSelector/c is \"d\" instead of absent".to_owned(),
        ),
        (
            web(),
            add("/spec/template/spec/tolerations", json!([{"operator": "Exists"}])),
            Unknown,
            "/spec/template/spec/tolerations is [{\"operator\":\"Exists\"}] instead of absent".to_owned(),
        ),
        (web(), add("/spec/template/spec/securityContext/runAsUser", json!(5)), Unknown, String::new()),
        (lists(), add("/spec/set/-", json!("c")), Equal, String::new()),
        (lists(), add("/spec/map/0", json!({"name": "z"})), Equal, String::new()),
        (
            lists(),
            add("/spec/set", json!(["a", "b"])),
            Unknown,
            "/spec/set/0 is \"a\" instead of \"b\"; /spec/set/1 is \"b\" instead of \"a\"".to_owned(),
        ),
        (
            lists(),
            remove("/spec/map/0"),
            Different,
            "/spec/map/0 is absent instead of {\"name\":\"x\",\"value\":7}".to_owned(),
        ),
        (lists(), add("/spec/map/0/value", json!(8)), Equal, String::new()),
        (
            lists(),
            add("/spec/atomicList/0", json!("c")),
            Different,
            "/spec/atomicList is [\"c\",\"a\"] instead of [\"a\"]".to_owned(),
        ),
        (
            lists(),
            add("/spec/atomicMap/c", json!("d")),
            Different,
            "/spec/atomicMap/c is \"d\" instead of absent".to_owned(),
        ),
        (empty(), remove("/spec/atomicList"), Unknown, "/spec/atomicList is absent instead of []".to_owned()),
        (empty(), remove("/spec/atomicMap"), Different, "/spec/atomicMap is absent instead of {}".to_owned()),
        (empty(), remove("/spec/set"), Unknown, "/spec/set is absent instead of []".to_owned()),
        (empty(), add("/spec/map", json!([{"name": "z"}])), Unknown, String::new()),
        (empty(), remove("/spec/anything"), Different, "/spec/anything is absent instead of {}".to_owned()),
        (empty(), add("/spec/anything/a", json!(1)), Unknown, String::new()),
        (
            document("v1", "Secret", json!({"data": {"a": "YQ=="}})),
            add("/data", json!({"a": "Yg==", "b": "Yg=="})),
            Unknown,
            "/data/a has another value, which is not shown".to_owned(),
        ),
    ];
    let mut seen = Vec::new();
    for (document, patch, expected, told) in &rows {
        cluster.apply(document).await;
        cluster.patch(document, patch).await;
        let known = cluster.states(document).await;
        let how = ApplyOptions::new(MANAGER).force(true);
        let live = cluster.live(document).await;
        let wanted = cluster.applier.dry_run(document, "default", &how).await.unwrap();
        let wanted = serde_json::to_value(wanted).unwrap();
        let found = differences(&live, &wanted, |_| false).to_string();
        if known != *expected || found != *told {
            seen.push(format!(
                "{known:?} instead of {expected:?}, {found}\ninstead of {told}: {patch}\n{live}"
            ));
        }
        assert_eq!(live, cluster.live(document).await, "a dry-run stores nothing");
        assert!(known != Stated::Equal || found.is_empty(), "{found}");
        cluster.delete(document).await;
    }
    assert!(seen.is_empty(), "{}", seen.join("\n\n"));
}

async fn corrections_leave_alone_what_is_ignored(cluster: &Cluster) {
    let replace = |path: &str, value: Value| json!({"op": "add", "path": path, "value": value});
    let container = "/spec/template/spec/containers";
    let web = deployment(
        json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}),
        json!({"nodeSelector": {"a": "b"}}),
    );
    let drifted = json!([
        replace("/spec/replicas", json!(3)),
        replace("/spec/template/metadata/labels/other", json!("x")),
        replace("/spec/template/spec/nodeSelector/c", json!("d")),
        replace(&format!("{container}/0/image"), json!("web:2")),
        replace(&format!("{container}/0/env/1/value"), json!("2")),
        replace(&format!("{container}/0/env/0"), json!({"name": "C", "value": "2"})),
        replace(&format!("{container}/0"), json!({"name": "mesh", "image": "mesh:1"})),
    ]);
    let (image, env) = (format!("{container}/1/image"), format!("{container}/1/env/2/value"));
    let differing = ["/spec/replicas", "/spec/template/spec/nodeSelector/c", &image, &env];
    let rows: [&[&str]; 8] = [
        &[],
        &["/spec/replicas"],
        &["/spec/template/spec/nodeSelector"],
        &[&image],
        &[&env, "/spec/replicas"],
        &["/spec/template/spec/containers"],
        &["/spec/template"],
        &[""],
    ];
    for rules in rows {
        let rules: Vec<Pointer> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        cluster.apply(&web).await;
        cluster.patch(&web, &drifted).await;
        let live = cluster.live(&web).await;
        let how = ApplyOptions::new(MANAGER).force(true);
        let wanted = cluster.applier.dry_run(&web, "default", &how).await.unwrap();
        let wanted = serde_json::to_value(wanted).unwrap();
        let found = differences(&live, &wanted, |pointer| ignored(pointer, &rules));
        let left = differing.iter().filter(|field| !ignored(&field.parse().unwrap(), &rules)).count();
        assert_eq!(found.first.len(), left, "{rules:?}: {found}");

        let correction = with_live(&web, &live, &rules);
        cluster.apply(&correction).await;
        let after = cluster.live(&web).await;
        // Nothing but what was told of has changed, and all of that.
        let changed = differences(&live, &after, |_| false);
        assert_eq!(changed, found, "{rules:?} {correction}");
        assert_eq!(cluster.states(&correction).await, Stated::Equal, "{rules:?} {correction}");
        // The label belongs to somebody else, who must not meet a conflict.
        let fields = after.pointer("/metadata/managedFields").and_then(Value::as_array).unwrap();
        let own =
            fields.iter().find(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply").unwrap();
        let labels = &own["fieldsV1"]["f:spec"]["f:template"]["f:metadata"]["f:labels"];
        assert_eq!(*labels, json!({"f:app": {}}), "{rules:?}");
        cluster.delete(&web).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_does_what_it_may_and_is_named_when_it_may_not() {
    let bed = Testbed::builder().control_plane().start().await.unwrap();
    bed.kubectl_apply(
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: flux, namespace: default}}\n---\n\
         {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: flux, namespace: default}, \
         rules: [{apiGroups: [''], resources: [configmaps], verbs: [get, create, patch]}]}\n---\n\
         {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: flux, namespace: default}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: flux}, \
         subjects: [{kind: ServiceAccount, name: flux, namespace: default}]}\n",
    )
    .await
    .unwrap();
    let account = Impersonated::service_account("default", "flux").unwrap();
    let own = Applier::new(bed.kube_client().unwrap(), Settings::default());
    let flux = own.acting_as(Some(account.clone()));
    let how = ApplyOptions::new(MANAGER);
    let map = document("v1", "ConfigMap", json!({"data": {"a": "b"}}));
    let role = document("rbac.authorization.k8s.io/v1", "Role", json!({"rules": []}));
    // The API server takes up roles a moment later.
    eventually(Duration::from_secs(30), "a ConfigMap applied by the account", async || {
        flux.apply(&map, "default", &how).await.map_err(anyhow::Error::from)
    })
    .await
    .unwrap();
    let refusal = |error: ApplyError| match error {
        ApplyError::AccountForbidden { ref verb, .. } => (error.to_string(), verb.clone()),
        other => panic!("{other:?}"),
    };
    let check = |error: ApplyError, verb: &str, object: &str| {
        let (told, refused) = refusal(error);
        assert!(
            told.starts_with(&format!("ServiceAccount default/flux may not {verb} {object}: ")),
            "{told}"
        );
        assert_eq!(refused, verb);
    };
    let map_ref = ObjectRef::of(&map).unwrap();
    check(flux.apply(&role, "default", &how).await.unwrap_err(), "get", "Role default/a");
    check(flux.apply_over(&role, None, "default", &how).await.unwrap_err(), "patch", "Role default/a");
    check(flux.apply(&map, "kube-system", &how).await.unwrap_err(), "get", "ConfigMap kube-system/a");
    check(flux.delete(&map_ref, None, "default").await.unwrap_err(), "delete", "ConfigMap default/a");
    let waited = flux.wait_until(&map_ref, "default", Duration::from_secs(30), |live| live.is_none()).await;
    check(waited.unwrap_err(), "list", "ConfigMap default/a");
    own.delete(&map_ref, None, "default").await.unwrap();

    // A process that may not act as the account is told that it is the one who may not.
    bed.kubectl(&["create", "serviceaccount", "powerless"]).await.unwrap();
    let kubeconfig = bed.service_account_kubeconfig("default", "powerless").await.unwrap();
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let powerless = Applier::new(kube::Client::try_from(config).unwrap(), Settings::default());
    let refused = powerless.acting_as(Some(account)).get(&map_ref, "default").await.unwrap_err();
    assert!(matches!(refused, ApplyError::Forbidden { .. }), "{refused}");
    assert!(refused.to_string().contains(" cannot impersonate"), "{refused}");
    bed.stop().await.unwrap();
}
