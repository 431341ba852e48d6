//! What the FluxHelmRelease objects refer to, by what they refer to: who has a release, a chart, a source of values, a dependency.
//!
//! Kept from the watch of the objects, so that a look at one object and a change of something else need not go through all objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crds::FluxHelmRelease;
use helm_release::ReleaseName;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::Resource as _;
use kube_apply::ObjectRef;
use tokio::sync::watch;

use crate::chart_path::ChartPath;
use crate::context::Key;
use crate::names::FINALIZER;
use crate::reconcile::validate::{self, ChartRef, Claim, Identity, InvalidObject, Object};
use crate::reconcile::values::Place;
use crate::records::ReleaseKey;

/// A ConfigMap or Secret that holds values, or a Secret with the credentials of a chart repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValuesObject {
    /// Namespace and name of a ConfigMap.
    ConfigMap(String, String),
    /// Namespace and name of a Secret.
    Secret(String, String),
}

/// What is new about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// Something that a look at it depends on; its status is no part of that, nor that our finalizer was put on it.
    pub content: bool,
    /// Whether it says that it is ready, as it is now.
    pub readiness: bool,
}

/// What one object refers to.
#[derive(Debug, Default)]
struct Entry {
    /// Of what a look depends on.
    content: u64,
    has_finalizer: bool,
    is_ready: bool,
    release: Option<(ReleaseKey, Claim)>,
    chart: Option<ChartPath>,
    values: Vec<ValuesObject>,
    dependencies: Vec<ObjectRef>,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    releases: HashMap<ReleaseKey, BTreeMap<Key, Claim>>,
    charts: HashMap<ChartPath, BTreeSet<Key>>,
    values: HashMap<ValuesObject, BTreeSet<Key>>,
    dependents: HashMap<ObjectRef, BTreeSet<Key>>,
}

/// What all objects refer to.
pub struct Catalog {
    state: Mutex<State>,
    /// Grows when an object comes or goes; `None` before all were listed once.
    known: watch::Sender<Option<u64>>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { state: Mutex::default(), known: watch::Sender::new(None) }
    }
}

impl Catalog {
    /// Tells when objects come or go: a number that grows, once all have been listed.
    pub fn known(&self) -> watch::Receiver<Option<u64>> {
        self.known.subscribe()
    }

    /// All objects that there are have been taken up.
    pub fn is_listed(&self) {
        self.known.send_modify(|known| *known = Some(known.map_or(0, |known| known + 1)));
    }

    fn changed(&self) {
        self.known.send_if_modified(|known| {
            let is_listed = known.is_some();
            *known = known.map(|known| known + 1);
            is_listed
        });
    }

    /// Takes up an object as it is now.
    pub fn take_up(&self, object: &Object) -> News {
        let key = Identity::of(object.meta()).key();
        let mut entry = object.0.as_ref().map(|decoded| entry(object, decoded)).unwrap_or_default();
        entry.content = content(object.meta());
        entry.has_finalizer = validate::has_finalizer(object.meta());
        let mut state = self.lock();
        let before = state.entries.get(&key);
        // A look puts the finalizer on; that one is there needs no further look, that one was taken off does.
        let is_let_go = before.is_some_and(|known| known.has_finalizer && !entry.has_finalizer);
        let news = News {
            content: is_let_go || before.is_none_or(|known| known.content != entry.content),
            readiness: before.is_none_or(|known| known.is_ready != entry.is_ready),
        };
        let is_new = before.is_none();
        state.remove(&key);
        state.insert(key, entry);
        drop(state);
        if is_new {
            self.changed();
        }
        news
    }

    /// Forgets an object that is gone.
    pub fn remove(&self, key: &Key) {
        self.lock().remove(key);
        self.changed();
    }

    /// Forgets all objects but these, and says which.
    pub fn retain(&self, keep: &BTreeSet<Key>) -> Vec<Key> {
        let mut state = self.lock();
        let gone: Vec<_> = state.entries.keys().filter(|key| !keep.contains(*key)).cloned().collect();
        gone.iter().for_each(|key| state.remove(key));
        gone
    }

    /// Whether the object may have the release that it asks for.
    ///
    /// # Errors
    /// [`InvalidObject::NameTaken`].
    pub fn claim(
        &self,
        object: &FluxHelmRelease,
        namespace: &str,
        release: &ReleaseName,
    ) -> Result<(), InvalidObject> {
        let state = self.lock();
        let claims = state.releases.get(&(namespace.to_owned(), release.to_string()));
        let claims = claims.into_iter().flat_map(BTreeMap::values);
        validate::claim(&Claim::of(object), namespace, release, claims)
    }

    /// The object that has the release, or has the best claim to it.
    pub fn owner_of(&self, release: &ReleaseKey) -> Option<Key> {
        let state = self.lock();
        let claims = state.releases.get(release)?;
        claims.iter().min_by_key(|(_, claim)| *claim).map(|(key, _)| key.clone())
    }

    /// All objects that ask for the release.
    pub fn asking_for(&self, release: &ReleaseKey) -> Vec<Key> {
        self.lock().releases.get(release).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// The objects that use a chart of the repository.
    pub fn users_of_chart(&self, chart: &ChartPath) -> Vec<Key> {
        self.lock().charts.get(chart).into_iter().flatten().cloned().collect()
    }

    /// The objects that take values from there.
    pub fn users_of_values(&self, object: &ValuesObject) -> Vec<Key> {
        self.lock().values.get(object).into_iter().flatten().cloned().collect()
    }

    /// The objects that depend on that one.
    pub fn dependents_of(&self, object: &ObjectRef) -> Vec<Key> {
        self.lock().dependents.get(object).into_iter().flatten().cloned().collect()
    }

    /// All objects.
    pub fn keys(&self) -> Vec<Key> {
        self.lock().entries.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, key: Key, entry: Entry) {
        if let Some((release, claim)) = &entry.release {
            self.releases.entry(release.clone()).or_default().insert(key.clone(), claim.clone());
        }
        if let Some(chart) = &entry.chart {
            self.charts.entry(chart.clone()).or_default().insert(key.clone());
        }
        for object in &entry.values {
            self.values.entry(object.clone()).or_default().insert(key.clone());
        }
        for object in &entry.dependencies {
            self.dependents.entry(object.clone()).or_default().insert(key.clone());
        }
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        if let Some((release, _)) = &entry.release
            && let Some(claims) = self.releases.get_mut(release)
        {
            claims.remove(key);
            if claims.is_empty() {
                self.releases.remove(release);
            }
        }
        take_out(&mut self.charts, entry.chart.iter(), key);
        take_out(&mut self.values, entry.values.iter(), key);
        take_out(&mut self.dependents, entry.dependencies.iter(), key);
    }
}

fn take_out<'a, T: Eq + Hash + 'a>(
    index: &mut HashMap<T, BTreeSet<Key>>,
    names: impl Iterator<Item = &'a T>,
    key: &Key,
) {
    for name in names {
        if let Some(keys) = index.get_mut(name) {
            keys.remove(key);
            if keys.is_empty() {
                index.remove(name);
            }
        }
    }
}

/// What of an object a look at it depends on.
fn content(metadata: &ObjectMeta) -> u64 {
    let mut hasher = DefaultHasher::new();
    metadata.uid.hash(&mut hasher);
    metadata.generation.hash(&mut hasher);
    metadata.annotations.hash(&mut hasher);
    let finalizers = metadata.finalizers.iter().flatten();
    finalizers.filter(|name| *name != FINALIZER).for_each(|name| name.hash(&mut hasher));
    metadata.deletion_timestamp.is_some().hash(&mut hasher);
    hasher.finish()
}

/// Whether the object says that it is ready as it is now.
fn is_ready(object: &FluxHelmRelease) -> bool {
    object.status.as_ref().is_some_and(|status| {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        status.observed_generation == object.metadata.generation
            && ready.is_some_and(|ready| ready.status == "True")
    })
}

fn entry(object: &Object, decoded: &FluxHelmRelease) -> Entry {
    let is_ready = is_ready(decoded);
    let release = validate::release_of(decoded)
        .map(|(namespace, name)| ((namespace, name.to_string()), Claim::of(decoded)));
    // One that cannot be worked on still has the release that was installed for it.
    let Ok(subject) = validate::subject(object) else {
        return Entry { release, is_ready, ..Entry::default() };
    };
    let namespace = &subject.identity.namespace;
    let values = subject.values_from.iter().filter_map(|source| match &source.place {
        Place::ConfigMap { name, .. } => Some(ValuesObject::ConfigMap(namespace.clone(), name.clone())),
        Place::Secret { name, .. } => Some(ValuesObject::Secret(namespace.clone(), name.clone())),
        Place::ChartFile { .. } => None,
    });
    let credentials = match &subject.chart {
        ChartRef::Repository(chart) => chart.secret_ref.clone(),
        ChartRef::Git(_) => None,
    };
    let credentials = credentials.map(|secret| ValuesObject::Secret(namespace.clone(), secret.name));
    Entry {
        content: 0,
        has_finalizer: false,
        is_ready,
        release,
        chart: match subject.chart {
            ChartRef::Git(path) => Some(path),
            ChartRef::Repository(_) => None,
        },
        values: values.chain(credentials).collect(),
        dependencies: subject.options.depends_on.into_iter().map(|dependency| dependency.object).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(name: &str, spec: Value) -> Object {
        serde_json::from_value(json!({
            "apiVersion": "helm.integrations.flux.weave.works/v1alpha2", "kind": "FluxHelmRelease",
            "metadata": {"name": name, "namespace": "dev", "uid": name}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn what_we_write_to_an_object_is_no_news() {
        let catalog = Catalog::default();
        let check = |finalizers: &[&str], annotations: Value, expected: bool| {
            let mut object = object("a", json!({"chartGitPath": "podinfo"}));
            let metadata = &mut object.0.as_mut().unwrap().metadata;
            metadata.finalizers = Some(finalizers.iter().map(|name| (*name).to_owned()).collect());
            metadata.annotations = serde_json::from_value(annotations.clone()).unwrap();
            assert_eq!(catalog.take_up(&object).content, expected, "{finalizers:?} {annotations}");
        };
        check(&[], json!({}), true);
        check(&[], json!({}), false);
        check(&[FINALIZER], json!({}), false);
        check(&[FINALIZER, "other"], json!({}), true);
        check(&["other", FINALIZER], json!({"a": "b"}), true);
        check(&["other"], json!({"a": "b"}), true);
        check(&["other", FINALIZER], json!({"a": "b"}), false);
    }

    #[test]
    fn what_is_referred_to_is_found_until_it_is_no_more() {
        let catalog = Catalog::default();
        let key = |name: &str| ("dev".to_owned(), name.to_owned());
        let path = ChartPath::parse("podinfo").unwrap();
        let secret = ValuesObject::Secret("dev".into(), "s".into());
        let spec = json!({"chartGitPath": "podinfo", "releaseName": "web", "valueFileSecrets": [{"name": "s"}],
            "dependsOn": [{"name": "db"}]});
        catalog.take_up(&object("b", spec.clone()));
        catalog.take_up(&object("a", spec));
        let release = ("dev".to_owned(), "web".to_owned());
        assert_eq!(catalog.asking_for(&release), [key("a"), key("b")]);
        assert_eq!(catalog.owner_of(&release), Some(key("a")));
        assert_eq!(catalog.users_of_chart(&path), [key("a"), key("b")]);
        assert_eq!(catalog.users_of_values(&secret).len(), 2);
        let db = object("db", json!({"chartGitPath": "db"}));
        let named = ObjectRef {
            api_version: "helm.integrations.flux.weave.works/v1alpha2".into(),
            kind: "FluxHelmRelease".into(),
            namespace: Some("dev".into()),
            name: "db".into(),
        };
        catalog.take_up(&db);
        assert_eq!(catalog.dependents_of(&named).len(), 2);
        let name = ReleaseName::new("web").unwrap();
        let of =
            |name: &str| object(name, json!({"releaseName": "web", "chartGitPath": "podinfo"})).0.unwrap();
        assert!(
            catalog.claim(&of("a"), "dev", &name).is_ok() && catalog.claim(&of("b"), "dev", &name).is_err()
        );
        catalog.take_up(&object("a", json!({"chartGitPath": "other"})));
        assert_eq!(catalog.owner_of(&release), Some(key("b")));
        assert_eq!(catalog.users_of_chart(&path), [key("b")]);
        assert_eq!(catalog.retain(&[key("a")].into()).len(), 2);
        assert!(catalog.owner_of(&release).is_none() && catalog.users_of_values(&secret).is_empty());
        assert_eq!(catalog.keys(), [key("a")]);
    }
}
