//! `windlass lint`: checks charts and prints what is wrong with them.

use std::path::{Path, PathBuf};

use helm_chart::{Limits, SourceFile, Values, unpack_archive};
use helm_engine::{Host, KubeVersion, LintMessage, LintOptions, LintSource, Severity, lint};

use crate::chart::{MOST_ARCHIVE, log_links};
use crate::command::{Command, CommandError, Invocation, chain};
use crate::console::Console;
use crate::disk::{self, ChartFolder, Folder};
use crate::flags::{Flag, Kind};
use crate::kube_version::{self, UnreadableKubeVersion};
use crate::values::{self, UserValuesError};
use crate::{process, settings};

pub(crate) const COMMAND: Command = Command {
    name: "lint",
    object: "",
    arguments: "PATH",
    summary: "check whether charts are well-formed",
    about: "Checks charts, folders or .tgz on this machine, as `helm lint` does.\n\n\
            [ERROR] is what will make an installation fail, [WARNING] what breaks a convention.",
    flags: &[FLAGS, values::FLAGS],
    fewest: 1,
    run,
};

const FLAGS: &[Flag] = &[
    Flag::new("strict", Kind::Switch, "fail on warnings too"),
    Flag::new("with-subcharts", Kind::Switch, "check the charts below charts/ as well"),
    Flag::new("quiet", Kind::Switch, "print warnings and errors only"),
    Flag::new("skip-schema-validation", Kind::Switch, "do not check values against values.schema.json"),
    Flag::new(
        "kube-version",
        Kind::Text,
        "Kubernetes version of .Capabilities, and that deprecations are told for",
    ),
];

/// Why linting failed. The texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LintError {
    #[error(transparent)]
    KubeVersion(#[from] UnreadableKubeVersion),
    #[error(transparent)]
    Values(#[from] UserValuesError),
    #[error("{linted} chart(s) linted, {failed} chart(s) failed")]
    Failed { linted: usize, failed: usize },
}

/// What was found in one chart.
struct Report {
    messages: Vec<LintMessage>,
    /// What kept the chart from being linted at all.
    unreadable: Option<String>,
}

fn run(invocation: &mut Invocation<'_, '_>) -> Result<(), CommandError> {
    let flags = invocation.flags;
    let kube_version = kube_version::from_flag(flags).map_err(LintError::from)?;
    let mut paths: Vec<PathBuf> = flags.arguments.iter().map(PathBuf::from).collect();
    if flags.on("with-subcharts") {
        let limits = Limits::default();
        let below: Vec<PathBuf> = paths.iter().flat_map(|path| disk::sub_charts(path, &limits)).collect();
        paths.extend(below);
    }
    let namespace = settings::namespace(flags, invocation.process);
    let values = values::merge(flags, invocation.process).map_err(LintError::from)?;
    let options = options(kube_version, namespace, flags.on("skip-schema-validation"));
    let worst = if flags.on("strict") { Severity::Warning } else { Severity::Error };
    let (mut text, mut failed, mut noteworthy) = (String::new(), 0, 0);
    for path in &paths {
        let report = check(path, &values, &options, invocation.console);
        let is_noteworthy = report.unreadable.is_some() || report.has(Severity::Warning);
        noteworthy += usize::from(is_noteworthy);
        failed += usize::from(report.unreadable.is_some() || report.has(worst));
        if is_noteworthy || !flags.on("quiet") {
            report.write(path, flags.on("quiet"), &mut text);
        }
    }
    invocation.console.print(&text)?;
    if failed > 0 {
        return Err(LintError::Failed { linted: paths.len(), failed }.into());
    }
    if !flags.on("quiet") || noteworthy > 0 {
        invocation.console.print(&format!("{} chart(s) linted, 0 chart(s) failed\n", paths.len()))?;
    }
    Ok(())
}

fn options(
    kube_version: Option<KubeVersion>,
    namespace: String,
    skip_schema_validation: bool,
) -> LintOptions {
    let host = Host { clock: Some(process::clock()), random: Some(process::random()), ..Host::default() };
    LintOptions { namespace, kube_version, skip_schema_validation, host, ..LintOptions::default() }
}

impl Report {
    fn has(&self, severity: Severity) -> bool {
        self.messages.iter().any(|message| message.severity >= severity)
    }

    fn write(&self, path: &Path, quiet: bool, text: &mut String) {
        text.push_str(&format!("==> Linting {}\n", path.display()));
        if let Some(error) = &self.unreadable {
            text.push_str(&format!("Error {error}\n"));
        }
        for message in self.messages.iter().filter(|message| !quiet || message.severity > Severity::Info) {
            text.push_str(&format!("{message}\n"));
        }
        text.push('\n');
    }
}

fn check(path: &Path, values: &Values, options: &LintOptions, console: &mut Console<'_>) -> Report {
    let read = read(path, &options.limits, console);
    let (absolute, folder) = match read {
        Ok(read) => read,
        Err(error) => return Report { messages: Vec::new(), unreadable: Some(error) },
    };
    let name = absolute.to_string_lossy();
    let source = LintSource { folder: &name, files: &folder.files, folders: &folder.folders };
    let linted = lint(&source, values, options);
    linted.warnings.iter().for_each(|warning| console.note(&warning.log_line()));
    Report { messages: linted.messages, unreadable: None }
}

/// The chart's files, and where they lie.
fn read(path: &Path, limits: &Limits, console: &mut Console<'_>) -> Result<(PathBuf, Folder), String> {
    let text = path.to_string_lossy();
    let absolute = disk::absolute(path).unwrap_or_else(|_| path.to_owned());
    if text.ends_with(".tgz") || text.ends_with(".tar.gz") {
        return Ok((absolute, unpacked(path, limits)?));
    }
    disk::stat(path.join("Chart.yaml"))
        .map_err(|error| format!("unable to check Chart.yaml file in chart: {error}"))?;
    let folder = ChartFolder::open(&absolute).and_then(|folder| folder.read(limits, &|_, _| false));
    let folder = folder.map_err(|error| chain(&error))?;
    log_links(&folder.links, console);
    Ok((absolute, folder))
}

fn unpacked(path: &Path, limits: &Limits) -> Result<Folder, String> {
    let bytes =
        disk::read_file(path, MOST_ARCHIVE).map_err(|error| format!("unable to open tarball: {error}"))?;
    let unreadable = |error: &dyn std::error::Error| format!("unable to extract tarball: {}", chain(error));
    let files: Vec<SourceFile> = unpack_archive(&bytes, limits).map_err(|error| unreadable(&error))?;
    Ok(Folder { files, ..Folder::default() })
}
