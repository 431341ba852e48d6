//! `windlass template`: renders a chart and prints its objects.

mod dry_run;
mod options;
mod output;
mod show_only;

use helm_chart::{Chart, Values, Warning, coalesce_values, process_dependencies};
use helm_engine::{Host, LoadedChart, Operation, Printed, ReleaseOptions, RenderError};

use crate::chart::{self, ChartError};
use crate::command::{Command, CommandError, Invocation, chain};
use crate::console::Level;
use crate::kube_version::UnreadableKubeVersion;
use crate::name::{self, NameError};
use crate::values::{self, UserValuesError};
use crate::{process, settings};
use output::Output;

pub(crate) const COMMAND: Command = Command {
    name: "template",
    object: "",
    arguments: "[NAME] [CHART]",
    summary: "render a chart and print its objects",
    about: "Renders a chart, a folder or a .tgz on this machine, and prints its objects as `helm template` does.\n\n\
            No cluster is asked: `lookup` finds nothing, and .Capabilities are those of --kube-version and --api-versions.",
    flags: &[options::FLAGS, values::FLAGS],
    fewest: 1,
    run,
};

/// Why a chart was not printed. With the causes, joined by `: `, the texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TemplateError {
    #[error(transparent)]
    KubeVersion(#[from] UnreadableKubeVersion),
    #[error("invalid dry-run value ({0:?}). Must be {1}")]
    DryRun(String, &'static str),
    #[error("--{flag}: {why}")]
    NotHere { flag: &'static str, why: &'static str },
    #[error(transparent)]
    Name(NameError),
    #[error("release name check failed")]
    NameCheck(#[source] NameError),
    #[error(transparent)]
    Chart(#[from] ChartError),
    #[error(transparent)]
    Values(#[from] UserValuesError),
    #[error(
        "user supplied labels contains system reserved label name. System labels: [name owner status version createdAt modifiedAt]"
    )]
    SystemLabels,
    #[error(transparent)]
    Render(RenderError),
    #[error("{0}\n\nUse --debug flag to render out invalid YAML")]
    Unrendered(String),
    #[error("could not find template {0} in chart")]
    NoSuchTemplate(String),
    #[error(transparent)]
    Write(#[from] crate::disk::OutputError),
    #[error("standard output cannot be written to")]
    Print(#[from] std::io::Error),
}

fn run(invocation: &mut Invocation<'_, '_>) -> Result<(), CommandError> {
    options::check(invocation.flags)?;
    template(invocation).map_err(|error| match error {
        TemplateError::Print(error) => CommandError::Output(error),
        error => CommandError::Template(error),
    })
}

fn template(invocation: &mut Invocation<'_, '_>) -> Result<(), TemplateError> {
    let flags = invocation.flags;
    let capabilities = options::capabilities(flags)?;
    dry_run::check(flags, invocation.console)?;
    options::refuse(flags)?;
    invocation.console.log(
        Level::Debug,
        "Original chart version",
        &[("version", flags.text("version").unwrap_or_default())],
    );
    let (name, chart) = name::name_and_chart(flags, invocation.process).map_err(TemplateError::Name)?;
    let path = chart::locate(chart)?;
    invocation.console.log(Level::Debug, "Chart path", &[("path", &path.to_string_lossy())]);
    let user_values = values::merge(flags, invocation.process)?;
    let chart = LoadedChart::new(chart::load(&path, invocation.console)?);
    let deprecated = chart.chart().metadata.deprecated;
    if deprecated && !chart.chart().is_library() {
        invocation.console.log(Level::Warn, "this chart is deprecated", &[]);
    }
    chart.check_installable().map_err(TemplateError::Render)?;
    let operation = if flags.on("is-upgrade") { Operation::Upgrade } else { Operation::Install };
    let namespace = settings::namespace(flags, invocation.process);
    let release = ReleaseOptions { name, namespace, revision: 1, operation };
    if let Err(error) = name::check(&release.name) {
        invocation.console.log(Level::Error, "release name check failed", &[("error", &error.to_string())]);
        return Err(TemplateError::NameCheck(error));
    }
    if options::has_system_label(flags) {
        return Err(TemplateError::SystemLabels);
    }
    let host = Host {
        clock: Some(process::clock()),
        random: Some(process::random()),
        skip_schema_validation: flags.on("skip-schema-validation"),
        ..Host::default()
    };
    let result = chart.render(&user_values, &release, &capabilities, &host);
    let console = &mut *invocation.console;
    let warnings = match &result {
        Ok(rendered) => {
            processing_warnings(&chart, &rendered.chart).chain(&rendered.warnings).cloned().collect()
        }
        Err(_) => lost_warnings(&chart, &user_values),
    };
    warnings.iter().for_each(|warning: &Warning| console.note(&warning.log_line()));
    let mut output = Output { flags, console, release: &release.name };
    match result {
        Ok(rendered) => {
            let printed = output.rendered(&rendered);
            // The process is about to end, and taking them apart takes a tenth of its time.
            std::mem::forget((chart, rendered));
            printed
        }
        Err(error) if !had_values(&error) => {
            if let RenderError::Dependencies(cause) = &error {
                let cause = chain(cause);
                output.console.log(
                    Level::Error,
                    "chart dependencies processing failed",
                    &[("error", &cause)],
                );
            }
            Err(TemplateError::Render(error))
        }
        Err(error) if output.console.debug => {
            let printed = match &error {
                RenderError::Manifest(unreadable) => unreadable.printed.clone(),
                _ => Printed::default(),
            };
            output.failed(printed.as_str(), TemplateError::Render(error))
        }
        Err(error) => Err(TemplateError::Unrendered(chain(&error))),
    }
}

/// Whether a render got as far as running templates. Helm hints at `--debug` then.
fn had_values(error: &RenderError) -> bool {
    matches!(
        error,
        RenderError::KubeVersion { .. }
            | RenderError::Parse { .. }
            | RenderError::Refused { .. }
            | RenderError::Template { .. }
            | RenderError::Manifest(_)
    )
}

/// What was logged when the chart's dependencies were processed: the warnings of loading come first, and were shown then.
fn processing_warnings<'a>(loaded: &LoadedChart, processed: &'a Chart) -> impl Iterator<Item = &'a Warning> {
    processed.warnings.iter().skip(loaded.chart().warnings.len())
}

/// What was logged before a render failed.
fn lost_warnings(loaded: &LoadedChart, values: &Values) -> Vec<Warning> {
    let Ok(processed) = process_dependencies(loaded.chart(), values) else { return Vec::new() };
    let mut warnings: Vec<Warning> = processing_warnings(loaded, &processed).cloned().collect();
    warnings
        .extend(coalesce_values(&processed, values).map(|coalesced| coalesced.warnings).unwrap_or_default());
    warnings
}
