//! The adapter to the Helm engine: renders on a blocking thread, within budgets, with look-ups in the live cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use helm_chart::{CoalesceError, Crd, Values, process_dependencies};
use helm_engine::post_render::{PostRender, PostRenderError};
use helm_engine::{
    Capabilities, Host, LoadedChart, Lookup, LookupError, Operation, ReleaseOptions, RenderError, Rendered,
};
use kube_apply::{Applier, ObjectRef};
use rand::RngCore as _;
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// The longest that one render may take, look-ups included.
const DEADLINE: Duration = Duration::from_secs(60);
/// Objects that one `lookup` may list.
const MAX_LISTED: u32 = 5000;

/// Why a chart was not rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine says no.
    #[error("the chart cannot be rendered with these values")]
    Render(#[source] Box<RenderError>),
    /// The values do not fit the chart's dependencies.
    #[error("the chart cannot be rendered with these values")]
    Dependencies(#[source] Box<CoalesceError>),
    /// `spec.values` is no map of values.
    #[error("spec.values cannot be used: {0}")]
    Values(String),
    /// The rendered objects cannot be changed as asked.
    #[error(transparent)]
    PostRender(Box<PostRenderError>),
    /// A look-up could not be answered for now.
    #[error("the chart looks objects up in the cluster, and they cannot be read at present")]
    Lookup(#[source] Box<RenderError>),
    /// The render's thread panicked; a defect.
    #[error("rendering the chart failed by a defect of the engine; report it with the chart")]
    Panicked(#[source] tokio::task::JoinError),
}

impl EngineError {
    /// Whether trying again can help although chart and values stay as they are.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lookup(_))
    }
}

/// Renders charts, a bounded number at once.
#[derive(Clone)]
pub struct Engine {
    at_once: Arc<Semaphore>,
}

impl Engine {
    /// Renders `at_once` charts at the same time.
    pub fn new(at_once: usize) -> Self {
        Self { at_once: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// The CustomResourceDefinitions below `crds/` of the chart and of the dependencies that the values enable.
    ///
    /// # Errors
    /// [`EngineError::Values`] and [`EngineError::Dependencies`].
    pub fn crds(chart: &LoadedChart, values: &Map<String, Value>) -> Result<Vec<Crd>, EngineError> {
        let processed = process_dependencies(chart.chart(), &helm_values(values)?);
        Ok(processed.map_err(|error| EngineError::Dependencies(Box::new(error)))?.crds())
    }

    /// Renders a chart for a release and changes the objects by `post_render`; look-ups go by `applier`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn render(
        &self,
        applier: &Applier,
        chart: Arc<LoadedChart>,
        values: &Map<String, Value>,
        release: ReleaseOptions,
        capabilities: Arc<Capabilities>,
        post_render: Arc<PostRender>,
    ) -> Result<Rendered, EngineError> {
        let values = helm_values(values)?;
        let _permit = self.at_once.acquire().await.expect("the semaphore is never closed");
        let lookup = Arc::new(LiveLookup {
            applier: applier.clone(),
            runtime: Handle::current(),
            failed: AtomicBool::new(false),
        });
        let host = host(lookup.clone(), Instant::now() + DEADLINE);
        let span = tracing::Span::current();
        let render = move || {
            span.in_scope(|| {
                let rendered = chart.render(&values, &release, &capabilities, &host)?;
                Ok(post_render.apply(rendered, &host.budgets))
            })
        };
        match tokio::task::spawn_blocking(render).await.map_err(EngineError::Panicked)? {
            Ok(rendered) => rendered.map_err(|error| EngineError::PostRender(Box::new(error))),
            Err(error) if lookup.failed.load(Ordering::Relaxed) => Err(EngineError::Lookup(Box::new(error))),
            Err(error) => Err(EngineError::Render(Box::new(error))),
        }
    }
}

/// What a chart may use of the world: look-ups, the time (`now`), and randomness (`randAlphaNum`, `genPrivateKey`). What a render made of
/// the last two is kept in the revision's record, and a revision is made only when chart or values differ ([`crate::record`]): so a chart
/// with random values is not upgraded at every look, and a revision that was cut off is completed with the values it began with.
fn host(lookup: Arc<dyn Lookup>, deadline: Instant) -> Host {
    let mut host = Host::new(lookup);
    host.budgets.interrupt = Some(Arc::new(move || Instant::now() >= deadline));
    host.clock = Some(Arc::new(|| {
        let now = jiff::Timestamp::now();
        // Before 1970 the part of a second would be negative; no clock that certificates work with says so.
        (now.as_second(), u32::try_from(now.subsec_nanosecond()).unwrap_or_default())
    }));
    // A ChaCha generator that is seeded, again and again, by the operating system.
    host.random = Some(Arc::new(|bytes| rand::rng().fill_bytes(bytes)));
    host
}

/// The operation that `.Release` speaks of.
pub fn operation(is_install: bool) -> Operation {
    if is_install { Operation::Install } else { Operation::Upgrade }
}

fn helm_values(values: &Map<String, Value>) -> Result<Values, EngineError> {
    let values = go_yaml::Value::from(Value::Object(values.clone()));
    Values::try_from(values).map_err(|error| EngineError::Values(error.to_string()))
}

struct LiveLookup {
    applier: Applier,
    runtime: Handle,
    /// The cluster could not be asked.
    failed: AtomicBool,
}

impl Lookup for LiveLookup {
    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<go_yaml::Value, LookupError> {
        let found = self.runtime.block_on(async {
            if name.is_empty() {
                let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
                let items = self.applier.list(api_version, kind, namespace, MAX_LISTED).await?;
                let items = serde_json::to_value(items).unwrap_or_default();
                let list = serde_json::json!({"apiVersion": api_version, "kind": format!("{kind}List"), "items": items});
                return Ok(Some(list));
            }
            let object = ObjectRef {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                namespace: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()),
                name: name.to_owned(),
            };
            let live = self.applier.get(&object, "default").await?;
            Ok(live.and_then(|live| serde_json::to_value(live).ok()))
        });
        match found {
            Ok(Some(live)) => Ok(live.into()),
            Ok(None) => Ok(go_yaml::Value::Map(Default::default())),
            Err(error) => {
                let error: kube_apply::ApplyError = error;
                self.failed.fetch_or(error.is_transient(), Ordering::Relaxed);
                Err(Box::new(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use helm_chart::{Chart, Limits, Mode, SourceFile};
    use helm_engine::{KubeVersion, NoLookup};

    use super::*;

    #[test]
    fn a_chart_may_ask_for_the_time_and_for_randomness() {
        let template = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {year: {{ now | date \"2006\" | quote }}, \
                        id: {{ uuidv4 }}, word: {{ randAlphaNum 40 }}}\n";
        let file = |(path, text): (&str, &str)| SourceFile {
            path: path.into(),
            mode: Mode::File,
            bytes: text.as_bytes().to_vec().into(),
        };
        let files =
            [("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"), ("templates/a.yaml", template)];
        let chart = LoadedChart::new(Chart::load(files.map(file), &Limits::default()).unwrap());
        let capabilities = Capabilities::new(KubeVersion::parse("v1.30.0").unwrap(), Default::default());
        let render = || {
            let host = host(Arc::new(NoLookup), Instant::now() + DEADLINE);
            let options = ReleaseOptions {
                name: "web".into(),
                namespace: "dev".into(),
                revision: 1,
                operation: operation(true),
            };
            chart
                .render(&helm_values(&Map::new()).unwrap(), &options, &capabilities, &host)
                .unwrap()
                .manifest()
        };
        let (first, second) = (render(), render());
        assert!(first.contains(&format!("year: \"{}\"", jiff::Timestamp::now().strftime("%Y"))), "{first}");
        assert_ne!(first, second);
    }
}
