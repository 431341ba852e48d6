//! Releases that several programs work on, one after the other: Windlass, helm 3 and helm 4.
//!
//! Each release of the matrix has another combination of who installed, who upgraded, who rolled back and who uninstalled it. After each
//! step the live objects of all must be equal whoever did what, and both helms must say of each release what they say of one that is
//! all their own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use integration_tests::{ReleaseBed, Testbed, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "dev";
/// Programs run at the same time.
const AT_ONCE: usize = 8;
/// The API server checks the objects; helm's own check needs a description of all kinds, downloaded at each run.
const QUICK: &str = "--disable-openapi-validation";
/// The name that a release's own is replaced by before releases are compared.
const ANY: &str = "NAME";

/// Everything that is told apart on the way: fields, list items, labels and objects that only one stage has, an object that is to be
/// kept, one of the whole cluster, hooks, a test.
const OBJECTS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-a
  labels: {app: {{ .Release.Name }}, {{ .Values.stage }}: "yes"}
  annotations: {example.org/{{ .Values.stage }}: "yes"}
data:
  stage: {{ .Values.stage }}
  {{ .Values.stage }}: "yes"
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-a}
stringData: {password: {{ .Values.stage }}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-a}
spec:
  selector: {app: {{ .Release.Name }}}
  ports:
  - {name: http, port: 80}
{{- if eq .Values.stage "second" }}
  - {name: metrics, port: 9090}
{{- else }}
  - {name: debug, port: 6060}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-a}
spec:
  replicas: 0
  selector: {matchLabels: {app: {{ .Release.Name }}}}
{{- if eq .Values.stage "first" }}
  minReadySeconds: 3
{{- end }}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers:
      - name: a
        image: example.org/a:{{ .Values.stage }}
        env:
        - {name: ALWAYS, value: "{{ .Values.stage }}"}
        - {name: {{ upper .Values.stage }}, value: "yes"}
{{- if eq .Values.stage "first" }}
        resources: {limits: {memory: 32Mi}}
{{- else }}
      - {name: b, image: example.org/b}
{{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ .Release.Name }}-a}
rules:
- {apiGroups: [""], resources: [pods], verbs: [{{ if eq .Values.stage "first" }}list, {{ end }}get]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-kept
  annotations: {helm.sh/resource-policy: keep}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-{{ .Values.stage }}}
"#;

const HOOKS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade,pre-rollback"}
data: {stage: {{ .Values.stage }}}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-passing
  annotations: {helm.sh/hook: "post-install,post-upgrade", helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded", helm.sh/hook-weight: "2"}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test}
"#;

const FILES: [(&str, &str); 5] = [
    ("charts/interop/Chart.yaml", "apiVersion: v2\nname: interop\nversion: 1.2.3\nappVersion: \"4.5\"\n"),
    ("charts/interop/values.yaml", "stage: none\n"),
    ("charts/interop/templates/objects.yaml", OBJECTS),
    ("charts/interop/templates/hooks.yaml", HOOKS),
    ("charts/interop/templates/NOTES.txt", "{{ .Release.Name }} is in its {{ .Values.stage }} stage.\n"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Program {
    Windlass,
    Helm3,
    Helm4,
}

use Program::{Helm3, Helm4, Windlass};

impl Program {
    const ALL: [Self; 3] = [Windlass, Helm3, Helm4];

    fn letter(self) -> char {
        match self {
            Windlass => 'w',
            Helm3 => '3',
            Helm4 => '4',
        }
    }

    fn tool(self) -> Option<&'static str> {
        match self {
            Windlass => None,
            Helm3 => Some("helm3"),
            Helm4 => Some("helm"),
        }
    }
}

/// A release of the matrix: who does which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row([Program; 4]);

const INSTALL: usize = 0;
const UPGRADE: usize = 1;
const ROLLBACK: usize = 2;
const UNINSTALL: usize = 3;

impl Row {
    /// Every three of the four steps by every choice of programs: who uninstalls follows from the rest. With `INTEROP=all` every
    /// combination of the four, in three times the time.
    fn all() -> Vec<Self> {
        let programs = |index: [usize; 4]| Self(index.map(|program| Program::ALL[program]));
        let three = (0..27).map(|index| [index / 9, index / 3 % 3, index % 3]);
        if std::env::var("INTEROP").is_ok_and(|all| all == "all") {
            return three.flat_map(|[a, b, c]| (0..3).map(move |d| programs([a, b, c, d]))).collect();
        }
        three.map(|[a, b, c]| programs([a, b, c, (a + b + 2 * c) % 3])).collect()
    }

    fn name(self) -> String {
        format!("r{}", self.0.map(Program::letter).iter().collect::<String>())
    }

    /// What the values say after a step.
    fn stage(step: usize) -> &'static str {
        if step == UPGRADE { "second" } else { "first" }
    }

    /// Whether it is the first of those that were treated alike so far.
    fn represents(self, step: usize) -> bool {
        Self::all().into_iter().find(|other| other.0[..=step] == self.0[..=step]) == Some(self)
    }

    fn object(self, step: usize) -> String {
        let (name, stage) = (self.name(), Self::stage(step));
        format!(
            "apiVersion: helm.integrations.flux.weave.works/v1alpha2\nkind: FluxHelmRelease\n\
             metadata: {{name: {name}, namespace: {NAMESPACE}}}\n\
             spec: {{chartGitPath: interop, releaseName: {name}, values: {{stage: {stage}}}}}\n---\n"
        )
    }
}

struct Matrix {
    bed: ReleaseBed,
    rows: Vec<Row>,
}

impl Matrix {
    fn of(&self, keep: impl Fn(Row) -> bool) -> Vec<Row> {
        self.rows.iter().copied().filter(|row| keep(*row)).collect()
    }

    async fn apply(&self, rows: &[Row], step: usize) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let yaml: String = rows.iter().map(|row| row.object(step)).collect();
        self.bed.bed.kubectl_apply(&yaml).await.map(drop)
    }

    /// Waits until the operator has looked at the objects as they are.
    async fn observed(&self, rows: &[Row]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let names: BTreeSet<String> = rows.iter().map(|row| row.name()).collect();
        eventually(SOON, "release-operator to look at all objects", async || {
            let objects = self.bed.json(&["get", "fhr", "-n", NAMESPACE]).await?;
            for object in objects["items"].as_array().into_iter().flatten() {
                let metadata = &object["metadata"];
                let named = metadata["name"].as_str().is_some_and(|name| names.contains(name));
                let seen = object["status"]["observedGeneration"] == metadata["generation"];
                ensure!(
                    !named || seen,
                    "{} at {}: {}",
                    metadata["name"],
                    metadata["generation"],
                    object["status"]
                );
            }
            Ok(())
        })
        .await
    }

    /// Runs helm for rows, several at a time.
    async fn helm(
        &self,
        rows: Vec<(Row, &'static str)>,
        arguments: impl Fn(Row) -> Vec<String>,
    ) -> anyhow::Result<()> {
        let run = |(row, tool): (Row, &'static str)| {
            let arguments = arguments(row);
            async move { anyhow::Ok(self.bed.bed.tool(tool)?.args(arguments).run().await?) }
        };
        let runs: Vec<_> = rows.into_iter().map(run).collect();
        stream::iter(runs).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await.map(drop)
    }

    fn helm_rows(&self, step: usize) -> Vec<(Row, &'static str)> {
        self.rows.iter().filter_map(|row| Some((*row, row.0[step].tool()?))).collect()
    }

    /// Takes the objects away from the releases that helm is to work on next, as an uninstall of Windlass does: without its operator
    /// nothing happens to an object but that its finalizer goes, and nothing at all to its release.
    async fn give_back(&mut self, next: usize) -> anyhow::Result<()> {
        let rows = self.of(|row| row.0[next - 1] == Windlass && row.0[next] != Windlass);
        self.bed.operator_mut().terminate().await?;
        let names: Vec<_> = rows.iter().map(|row| row.name()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let end = ["-n", NAMESPACE, "--type=merge", "-p", r#"{"metadata": {"finalizers": null}}"#];
        self.bed.bed.kubectl(&[&["patch", "fhr"], &names[..], &end].concat()).await?;
        self.delete(&rows).await?;
        self.bed.operator_mut().run().await?;
        self.bed.operator().service().wait_ready(SOON).await
    }

    async fn install(&self) -> anyhow::Result<()> {
        let chart = self.bed.path("charts/interop").display().to_string();
        let helm = self.helm(self.helm_rows(INSTALL), |row| {
            words(&["install", &row.name(), &chart, "-n", NAMESPACE, "--set", "stage=first", QUICK])
        });
        let ours = self.of(|row| row.0[INSTALL] == Windlass);
        tokio::try_join!(helm, self.apply(&ours, INSTALL))?;
        self.reached(INSTALL).await
    }

    async fn upgrade(&mut self) -> anyhow::Result<()> {
        self.give_back(UPGRADE).await?;
        let chart = self.bed.path("charts/interop").display().to_string();
        let helm = self.helm(self.helm_rows(UPGRADE), |row| {
            words(&["upgrade", &row.name(), &chart, "-n", NAMESPACE, "--set", "stage=second", QUICK])
        });
        let ours = self.of(|row| row.0[UPGRADE] == Windlass);
        tokio::try_join!(helm, self.apply(&ours, UPGRADE))?;
        self.reached(UPGRADE).await
    }

    async fn roll_back(&mut self) -> anyhow::Result<()> {
        self.give_back(ROLLBACK).await?;
        let helm = self
            .helm(self.helm_rows(ROLLBACK), |row| words(&["rollback", &row.name(), "1", "-n", NAMESPACE]));
        let ours = self.of(|row| row.0[ROLLBACK] == Windlass);
        tokio::try_join!(helm, self.apply(&ours, ROLLBACK))?;
        self.reached(ROLLBACK).await
    }

    async fn uninstall(&mut self) -> anyhow::Result<()> {
        self.give_back(UNINSTALL).await?;
        // What is as its object asks for is adopted as it is.
        let ours = self.of(|row| row.0[UNINSTALL] == Windlass);
        self.apply(&ours, ROLLBACK).await?;
        self.observed(&ours).await?;
        self.reached(ROLLBACK).await.context("after adopting")?;
        let helm =
            self.helm(self.helm_rows(UNINSTALL), |row| words(&["uninstall", &row.name(), "-n", NAMESPACE]));
        tokio::try_join!(helm, self.delete(&ours))?;
        let records = self.bed.records(NAMESPACE).await?;
        ensure!(records.is_empty(), "records are left: {records:?}");
        let left: BTreeSet<_> = self.live().await?.into_keys().collect();
        let kept: BTreeSet<_> =
            self.rows.iter().map(|row| (row.name(), format!("ConfigMap {ANY}-kept"))).collect();
        ensure!(left == kept, "left: {:?}; missing: {:?}", &left - &kept, &kept - &left);
        Ok(())
    }

    async fn delete(&self, rows: &[Row]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = rows.iter().map(|row| row.name()).collect();
        let mut arguments = vec!["delete", "fhr", "-n", NAMESPACE, "--timeout=60s"];
        arguments.extend(names.iter().map(String::as_str));
        self.bed.bed.kubectl(&arguments).await.map(drop)
    }

    /// Waits until every release has the records that this many steps make: the newest deployed, the others superseded.
    async fn reached(&self, step: usize) -> anyhow::Result<()> {
        let newest = u32::try_from(step)? + 1;
        let status = |revision: u32| if revision == newest { "deployed" } else { "superseded" };
        let records = |row: &Row| {
            let name = row.name();
            (1..=newest).map(move |revision| (name.clone(), revision, status(revision).to_owned()))
        };
        let expected: BTreeSet<_> = self.rows.iter().flat_map(records).collect();
        eventually(SOON, "every release to have its records", async || {
            let records: BTreeSet<_> = self.bed.records(NAMESPACE).await?.into_iter().collect();
            let (more, less) = (&records - &expected, &expected - &records);
            ensure!(more.is_empty() && less.is_empty(), "unexpected: {more:?}; missing: {less:?}");
            Ok(())
        })
        .await
    }

    /// The live objects by release and `kind name`, without what the API server adds and with the release's name replaced.
    async fn live(&self) -> anyhow::Result<BTreeMap<(String, String), Value>> {
        let kinds = "configmaps,secrets,services,deployments,clusterroles";
        let arguments = [
            "get",
            kinds,
            "-n",
            NAMESPACE,
            "-l",
            "app.kubernetes.io/managed-by=Helm",
            "--show-managed-fields",
        ];
        let list = self.bed.json(&arguments).await?;
        let mut objects = BTreeMap::new();
        for object in list["items"].as_array().into_iter().flatten() {
            let release = object["metadata"]["annotations"]["meta.helm.sh/release-name"].as_str();
            // The roles of Windlass itself are no release's.
            let Some(release) = release.map(str::to_owned) else { continue };
            let object = normal(object.clone(), &release)?;
            let key = format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]));
            objects.insert((release, key), object);
        }
        Ok(objects)
    }

    /// All releases have the same objects, and what Windlass wrote last is owned by nobody else.
    async fn live_objects_are_equal(&self, step: usize) -> anyhow::Result<()> {
        let mut live = self.live().await?;
        let mut faults = Vec::new();
        for row in &self.rows {
            for ((release, key), object) in live.range_mut((row.name(), String::new())..) {
                if *release != row.name() {
                    break;
                }
                let owners =
                    object["metadata"].as_object_mut().and_then(|metadata| metadata.remove("managedFields"));
                let owners: Vec<_> =
                    owners.as_ref().and_then(Value::as_array).into_iter().flatten().map(owner).collect();
                if row.0[step] == Windlass && owners != ["helm Apply"] {
                    faults.push(format!("{release}: {key} is owned by {owners:?}"));
                }
            }
        }
        let of = |row: Row| -> BTreeMap<String, Value> {
            let own = live.iter().filter(|((release, _), _)| *release == row.name());
            own.map(|((_, key), object)| (key.clone(), object.clone())).collect()
        };
        let reference = of(Row([Helm4; 4]));
        for &row in &self.rows {
            faults.extend(differences(&row.name(), &json!(reference), &json!(of(row))));
        }
        ensure!(faults.is_empty(), "{}", first(&faults));
        Ok(())
    }

    /// Each helm says of every release what it says of one that nobody else has touched.
    async fn helms_say_the_same(&self, step: usize) -> anyhow::Result<()> {
        let rows = self.of(|row| row.represents(step));
        let mut faults = Vec::new();
        for program in [Helm3, Helm4] {
            let tool = program.tool().context("no tool")?;
            let reference = self.told(tool, Row([program; 4])).await?;
            let told = rows.iter().map(|row| async move { anyhow::Ok((*row, self.told(tool, *row).await?)) });
            let told: Vec<_> = told.collect();
            let told: Vec<_> = stream::iter(told).buffered(AT_ONCE).try_collect().await?;
            for (row, mut told) in told {
                // Going back by the object is an upgrade to what was before.
                if step == ROLLBACK && row.0[ROLLBACK] == Windlass {
                    as_rollback(&mut told).with_context(|| format!("{tool} of {}", row.name()))?;
                }
                faults.extend(differences(&format!("{tool} of {}", row.name()), &reference, &told));
            }
            let list = self
                .bed
                .bed
                .tool(tool)?
                .args(["list", "-n", NAMESPACE, "--max", "0", "-o", "json"])
                .run()
                .await?;
            let mut list: Vec<Value> = serde_json::from_str(&list)?;
            ensure!(list.len() == self.rows.len(), "{tool} lists {} releases", list.len());
            for entry in &mut list {
                let name = text(&entry["name"]);
                without(entry, &["updated"]);
                let expected = json!({"name": name, "namespace": NAMESPACE, "revision": (step + 1).to_string(), "status": "deployed",
                    "chart": "interop-1.2.3", "app_version": "4.5"});
                faults.extend(differences(&format!("{tool} list {name}"), &expected, entry));
            }
        }
        ensure!(faults.is_empty(), "{}", first(&faults));
        Ok(())
    }

    /// `history`, `status` and `get all` of a release, without times and with its name replaced.
    async fn told(&self, tool: &str, row: Row) -> anyhow::Result<Value> {
        let name = row.name();
        let ask = async |words: &[&str]| {
            let text = self
                .bed
                .bed
                .tool(tool)?
                .args([words, &[name.as_str(), "-n", NAMESPACE]].concat())
                .run()
                .await?;
            anyhow::Ok(text.replace(&name, ANY))
        };
        let mut history: Value = serde_json::from_str(&ask(&["history", "-o", "json"]).await?)?;
        for entry in history.as_array_mut().into_iter().flatten() {
            let updated = text(&entry["updated"]);
            ensure!(updated.starts_with("20"), "{tool} history {name} tells no time: {updated:?}");
            // Only helm 4 notes what was rolled back to, and only in records of its own.
            without(entry, &["updated", "rollback_revision"]);
        }
        let mut status: Value = serde_json::from_str(&ask(&["status", "-o", "json"]).await?)?;
        without(&mut status, &["apply_method"]);
        for time in ["first_deployed", "last_deployed"] {
            ensure!(
                status["info"][time].as_str().is_some_and(|time| time.starts_with("20")),
                "{tool} of {name}: {time} of {status}"
            );
        }
        without(
            &mut status["info"],
            &["first_deployed", "last_deployed", "deleted", "resources", "rollback_revision"],
        );
        unspaced(&mut status["manifest"]);
        for hook in status["hooks"].as_array_mut().into_iter().flatten() {
            unspaced(&mut hook["manifest"]);
            without(&mut hook["last_run"], &["started_at", "completed_at"]);
        }
        let all = ask(&["get", "all"]).await?;
        let told = |line: &&str| !line.is_empty() && !line.starts_with("LAST DEPLOYED: ");
        let all: Vec<_> = all.lines().filter(told).collect();
        Ok(json!([history, status, all]))
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn without(value: &mut Value, fields: &[&str]) {
    if let Value::Object(value) = value {
        fields.iter().for_each(|field| drop(value.remove(*field)));
    }
}

/// What is told of an upgrade as the third revision, in the words of a rollback.
fn as_rollback(told: &mut Value) -> anyhow::Result<()> {
    for path in ["/0/2/description", "/1/info/description"] {
        let description = told.pointer_mut(path).with_context(|| format!("{path} is missing"))?;
        ensure!(*description == "Upgrade complete", "{path}: {description}");
        *description = json!("Rollback to 1");
    }
    for line in told[2].as_array_mut().into_iter().flatten() {
        if line == "DESCRIPTION: Upgrade complete" {
            *line = json!("DESCRIPTION: Rollback to 1");
        }
    }
    Ok(())
}

/// Helm 4 leaves an empty line after documents that helm 3 does not.
fn unspaced(manifest: &mut Value) {
    let lines: Vec<_> =
        manifest.as_str().unwrap_or_default().lines().filter(|line| !line.is_empty()).collect();
    *manifest = json!(lines);
}

/// `manager operation` of an entry in `metadata.managedFields`.
fn owner(entry: &Value) -> String {
    format!("{} {}", text(&entry["manager"]), text(&entry["operation"]))
}

/// An object as its writers stated it.
fn normal(object: Value, release: &str) -> anyhow::Result<Value> {
    let mut object: Value = serde_json::from_str(&object.to_string().replace(release, ANY))?;
    let metadata = ["uid", "resourceVersion", "creationTimestamp", "generation"];
    without(&mut object["metadata"], &metadata);
    without(&mut object["spec"], &["clusterIP", "clusterIPs"]);
    without(&mut object, &["status"]);
    Ok(object)
}

/// What differs, as `where: path: expected and actual`.
fn differences(place: &str, expected: &Value, actual: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    compare(&mut faults, place, "", expected, actual);
    faults
}

fn compare(faults: &mut Vec<String>, place: &str, path: &str, expected: &Value, actual: &Value) {
    match (expected, actual) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let of =
                    |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(json!("(absent)"));
                compare(faults, place, &format!("{path}/{key}"), &of(a), &of(b));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(faults, place, &format!("{path}/{index}"), a, b);
            }
        }
        _ if expected == actual => {}
        _ => faults.push(format!("{place}: {path}: {actual} instead of {expected}")),
    }
}

fn first(faults: &[String]) -> String {
    let shown: Vec<_> = faults.iter().take(30).map(String::as_str).collect();
    format!("{} differences:\n{}", faults.len(), shown.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_did_what_the_release_is_the_same() -> anyhow::Result<()> {
    let bed = ReleaseBed::start(Testbed::builder().control_plane(), &FILES, &["--workers=16"]).await?;
    bed.bed.kubectl(&["create", "namespace", NAMESPACE]).await?;
    let mut matrix = Matrix { bed, rows: Row::all() };
    let begun = Instant::now();
    let took = |what: &str| println!("{what}: {:.1} s", begun.elapsed().as_secs_f64());
    matrix.install().await.context("install")?;
    took("install");
    matrix.live_objects_are_equal(INSTALL).await.context("live after install")?;
    matrix.helms_say_the_same(INSTALL).await.context("told after install")?;
    took("told");
    matrix.upgrade().await.context("upgrade")?;
    took("upgrade");
    matrix.live_objects_are_equal(UPGRADE).await.context("live after upgrade")?;
    matrix.helms_say_the_same(UPGRADE).await.context("told after upgrade")?;
    took("told");
    matrix.roll_back().await.context("rollback")?;
    took("rollback");
    matrix.live_objects_are_equal(ROLLBACK).await.context("live after rollback")?;
    matrix.helms_say_the_same(ROLLBACK).await.context("told after rollback")?;
    took("told");
    matrix.uninstall().await.context("uninstall")?;
    took("uninstall");
    matrix.bed.bed.stop().await
}
