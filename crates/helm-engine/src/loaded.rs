//! A chart whose templates are parsed once and rendered often.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use go_template::{Changed, Executor, Limits, MissingKey, Options, TemplateSet};
use helm_chart::{
    Chart, ChartFile, SchemaCache, Values, Warning, coalesce_values, is_compatible_range,
    process_dependencies,
};

use crate::capabilities::Capabilities;
use crate::context::{Dot, ReleaseFacts, dots};
use crate::error::{RenderError, exec_error, parse_error};
use crate::functions::{self, Observed, SET_NAME, without_no_value};
use crate::manifest::{Sorted, sort_files};
use crate::release::{Host, Mode, ReleaseOptions, Rendered};

/// How many sets of templates a chart keeps parsed: one for each combination of dependencies that values enabled.
const KEPT_SETS: usize = 8;

/// Stack for what is not counted as depth: the functions at its end.
const EXTRA_STACK: usize = 2 << 20;

const NOTES: &str = "NOTES.txt";

/// A chart that is rendered many times: its templates are parsed at the first render and kept.
#[derive(Debug)]
pub struct LoadedChart {
    chart: Chart,
    schemas: SchemaCache,
    sets: Mutex<Vec<(SetKey, Arc<TemplateSet>)>>,
}

/// The templates of a set: full path, and the address of the text, which the chart keeps alive.
type SetKey = Vec<(String, usize)>;

/// A template with its place in the tree of charts.
struct Template<'a> {
    name: String,
    chart_path: String,
    file: &'a ChartFile,
}

/// What templates print.
pub(crate) struct Outputs {
    /// By the template's full path; partials print nothing.
    pub(crate) files: BTreeMap<String, String>,
    /// What `required` and `fail` have to say in lint mode.
    pub(crate) warnings: Vec<Warning>,
}

impl LoadedChart {
    /// A chart to be rendered.
    pub fn new(chart: Chart) -> Self {
        Self { chart, schemas: SchemaCache::default(), sets: Mutex::default() }
    }

    /// The chart.
    pub fn chart(&self) -> &Chart {
        &self.chart
    }

    /// Renders the chart for a release, as `helm template` and `helm install` do.
    ///
    /// Blocks, on a stack of its own that fits the budget of depth.
    ///
    /// # Errors
    /// See [`RenderError`].
    ///
    /// ```
    /// use helm_chart::{Chart, Limits, Mode, SourceFile, Values};
    /// use helm_engine::{Capabilities, Host, KubeVersion, LoadedChart, Operation, ReleaseOptions};
    ///
    /// let file = |path: &str, text: &str| SourceFile {
    ///     path: path.into(),
    ///     mode: Mode::File,
    ///     bytes: text.as_bytes().into(),
    /// };
    /// let source = [
    ///     file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
    ///     file("values.yaml", "port: 80\n"),
    ///     file("templates/service.yaml", "kind: Service\nmetadata: {name: {{ .Release.Name }}}\nport: {{ .Values.port }}"),
    /// ];
    /// let chart = LoadedChart::new(Chart::load(source, &Limits::default())?);
    /// let release = ReleaseOptions {
    ///     name: "a".into(),
    ///     namespace: "b".into(),
    ///     revision: 1,
    ///     operation: Operation::Install,
    /// };
    /// let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0")?, vec!["v1".into()]);
    /// let rendered = chart.render(&Values::new(), &release, &capabilities, &Host::default())?;
    /// assert_eq!(
    ///     rendered.manifest(),
    ///     "---\n# Source: web/templates/service.yaml\nkind: Service\nmetadata: {name: a}\nport: 80\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render(
        &self,
        values: &Values,
        release: &ReleaseOptions,
        capabilities: &Capabilities,
        host: &Host,
    ) -> Result<Rendered, RenderError> {
        self.check_installable()?;
        let chart = process_dependencies(&self.chart, values).map_err(RenderError::Dependencies)?;
        let coalesced = coalesce_values(&chart, values)?;
        if !host.skip_schema_validation {
            self.schemas.validate(&chart, &coalesced.values)?;
        }
        let (range, version) = (&chart.metadata.kube_version, &capabilities.kube_version);
        if !range.is_empty() && !is_compatible_range(range, &version.normalized) {
            return Err(RenderError::KubeVersion { range: range.clone(), version: version.version.clone() });
        }
        let ReleaseOptions { name, namespace, revision, operation } = release;
        let facts = ReleaseFacts { name, namespace, revision: *revision, operation: Some(*operation) };
        let outputs = self.outputs(&chart, &coalesced.values, &facts, capabilities, host)?;
        let (mut files, mut warnings) = (outputs.files, coalesced.warnings);
        warnings.extend(outputs.warnings);
        let notes = take_notes(&mut files, chart.name(), host.subchart_notes);
        let interrupted = || host.budgets.interrupt.as_ref().is_some_and(|interrupt| interrupt());
        let Sorted { hooks, manifests, warnings: left_out } = sort_files(files, &interrupted)?;
        warnings.extend(left_out);
        let crds = chart.crds();
        Ok(Rendered { manifests, hooks, notes, crds, chart, warnings })
    }

    /// What the templates of `chart` print, which is this chart or what its values leave of it.
    pub(crate) fn outputs(
        &self,
        chart: &Chart,
        values: &Values,
        release: &ReleaseFacts<'_>,
        capabilities: &Capabilities,
        host: &Host,
    ) -> Result<Outputs, RenderError> {
        let capabilities = Arc::new(capabilities.clone());
        on_own_stack(host, || {
            // Declared first and so dropped last: what templates tied into circles hangs on the dots.
            let mut changed = Changed::default();
            let dots = dots(chart, values, release, &capabilities);
            self.render_files(chart, &dots, host, &mut changed)
        })
    }

    /// Refuses a library chart, and one whose dependencies are not all in `charts/`. [`Self::render`] begins with this.
    ///
    /// # Errors
    /// [`RenderError::NotInstallable`] and [`RenderError::MissingDependencies`].
    pub fn check_installable(&self) -> Result<(), RenderError> {
        let metadata = &self.chart.metadata;
        if self.chart.is_library() {
            return Err(RenderError::NotInstallable(metadata.type_text.clone()));
        }
        let present = |name: &str| self.chart.dependencies.iter().any(|chart| chart.name() == name);
        let wanted = metadata.dependencies.iter().map(|dependency| dependency.name.clone());
        let missing: Vec<_> = wanted.filter(|name| !present(name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(RenderError::MissingDependencies(missing)) }
    }

    /// The output of every template that is no partial, by its full path; `changed` gets what is to be dropped last.
    fn render_files(
        &self,
        chart: &Chart,
        dots: &BTreeMap<String, Dot>,
        host: &Host,
        changed: &mut Changed,
    ) -> Result<Outputs, RenderError> {
        let observed: Rc<Observed> = Rc::default();
        let funcs = functions::table(host, &observed);
        let templates = templates(chart);
        let set = self.parsed(&templates, || funcs.names().map(str::to_owned).collect())?;
        let budgets = &host.budgets;
        let interrupt = budgets.interrupt.as_deref().map(|interrupt| interrupt as &dyn Fn() -> bool);
        let limits = Limits { steps: budgets.steps, depth: budgets.depth, output: budgets.output };
        let missing_key = if host.mode == Mode::Strict { MissingKey::Error } else { MissingKey::Zero };
        let mut executor = Executor::new(&set, &funcs, Options { missing_key, limits, interrupt });
        let files = executed(&mut executor, &templates, dots, &observed);
        *changed = executor.finish();
        Ok(Outputs { files: files?, warnings: observed.take_warnings() })
    }

    /// The set of these templates, parsed now or earlier.
    fn parsed(
        &self,
        templates: &[Template<'_>],
        function_names: impl FnOnce() -> Vec<String>,
    ) -> Result<Arc<TemplateSet>, RenderError> {
        let address = |file: &ChartFile| file.data.as_ptr().addr();
        let key: SetKey = templates.iter().map(|t| (t.name.clone(), address(t.file))).collect();
        let kept = |sets: &[(SetKey, Arc<TemplateSet>)]| {
            sets.iter().find(|(known, _)| *known == key).map(|(_, set)| set.clone())
        };
        if let Some(set) = kept(&self.sets.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(set);
        }
        let mut set = TemplateSet::new(function_names()).named(SET_NAME);
        for template in templates {
            set.parse_shared(&template.name, template.file.data.clone())
                .map_err(|error| parse_error(&error))?;
        }
        let set = Arc::new(set);
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() == KEPT_SETS {
            sets.remove(0);
        }
        sets.push((key, set.clone()));
        Ok(set)
    }
}

/// Takes the notes out: the chart's own, and after them, if wanted, those of its dependencies.
fn take_notes(files: &mut BTreeMap<String, String>, chart: &str, of_dependencies: bool) -> String {
    let own = files.remove(&format!("{chart}/templates/{NOTES}"));
    let others = files.extract_if(.., |path, _| path.ends_with(NOTES)).map(|(_, text)| text);
    let mut notes = own.unwrap_or_default();
    for text in others.collect::<Vec<_>>().into_iter().filter(|_| of_dependencies) {
        if !notes.is_empty() {
            notes.push('\n');
        }
        notes.push_str(&text);
    }
    notes
}

/// The output of every template that is no partial, by its full path.
fn executed(
    executor: &mut Executor<'_>,
    templates: &[Template<'_>],
    dots: &BTreeMap<String, Dot>,
    observed: &Observed,
) -> Result<BTreeMap<String, String>, RenderError> {
    let mut outputs = BTreeMap::new();
    let mut output = Vec::new();
    for template in templates.iter().filter(|template| !is_partial(&template.file.name)) {
        let Some(dot) = dots.get(&template.chart_path) else { continue };
        output.clear();
        let result = executor.execute_into(&template.name, dot.for_template(&template.name), &mut output);
        if let Some(thing) = observed.asked_in_vain() {
            return Err(RenderError::NotGiven { template: template.name.clone(), thing });
        }
        result.map_err(|error| exec_error(&error))?;
        let text = without_no_value(&output);
        // Nearly always it is UTF-8, and looking for what is not takes longer.
        let text = match std::str::from_utf8(&text) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(&text).into_owned(),
        };
        outputs.insert(template.name.clone(), text);
    }
    Ok(outputs)
}

/// The templates in the order of parsing and rendering: the deepest first, so that what a parent defines replaces what
/// its dependencies define.
fn templates(chart: &Chart) -> Vec<Template<'_>> {
    let mut templates = Vec::new();
    collect_templates(chart, chart.name().to_owned(), &mut templates);
    let depth = |name: &str| name.matches('/').count();
    templates.sort_by(|a, b| (depth(&b.name), &b.name).cmp(&(depth(&a.name), &a.name)));
    templates
}

fn collect_templates<'a>(chart: &'a Chart, path: String, templates: &mut Vec<Template<'a>>) {
    for dependency in &chart.dependencies {
        collect_templates(dependency, format!("{path}/charts/{}", dependency.name()), templates);
    }
    let usable = chart.templates.iter().filter(|file| !chart.is_library() || is_partial(&file.name));
    templates.extend(usable.map(|file| Template {
        name: format!("{path}/{}", file.name),
        chart_path: path.clone(),
        file,
    }));
}

/// Whether a file only defines what others include.
fn is_partial(path: &str) -> bool {
    path.rsplit('/').next().unwrap_or(path).starts_with('_')
}

/// Runs `render` on a stack that fits the budget of depth. It is the same thread: another one would cost more than a small
/// chart, and has a heap of its own that grows page by page.
fn on_own_stack<T>(host: &Host, render: impl FnOnce() -> Result<T, RenderError>) -> Result<T, RenderError> {
    let stack = host.budgets.depth.saturating_mul(Limits::STACK_PER_LEVEL).saturating_add(EXTRA_STACK);
    // What is broken off is dropped here and seen by nobody else.
    let render = AssertUnwindSafe(|| stacker::grow(stack, render));
    catch_unwind(render).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(RenderError::Defect(message.unwrap_or_else(|| "a defect in the engine".to_owned())))
    })
}
