//! `windlass diff release`: what a release would become.

use api::release::v1::{DiffRequest, RevisionPair};

use super::ask::{self, Operator};
use super::output::{self, Format};
use super::spec_file::{self, SpecFileError};
use super::{ReleaseError, named, revision, show};
use crate::command::{Command, Invocation};
use crate::disk;
use crate::flags::{Flag, Kind};

pub(super) const COMMAND: Command = Command {
    name: "diff",
    object: "release",
    arguments: "NAME",
    summary: "show what a release would become, or how two revisions differ",
    about: "Shows how the objects of a release would change: by what is in git now, by another spec (--filename), with the chart of \
            another git revision (--revision), or between two revisions of it (--from, --to). Secrets are masked; nothing is changed.\n\n\
            The exit code is 0 without differences, 1 with differences, 2 when they cannot be told.",
    flags: &[FLAGS, ask::FLAGS],
    fewest: 1,
    run: |invocation| Ok(run(invocation).map_err(trouble)?),
};

const FLAGS: &[Flag] = &[
    Flag::new("filename", Kind::Text, "file with the FluxHelmRelease as it is to be, - for standard input")
        .short('f'),
    Flag::new(
        "revision",
        Kind::Text,
        "git revision of the chart, branch@sha1:<hex>; the newest applied one without it",
    ),
    Flag::new("from", Kind::Int, "revision of the release to compare; the one before --to without it"),
    Flag::new("to", Kind::Int, "revision of the release to compare with; the newest without it"),
    Flag::new("output", Kind::Text, "diff, json or yaml; diff without it").short('o'),
];

/// 1 says that there are differences, so that everything else is 2.
fn trouble(error: ReleaseError) -> ReleaseError {
    match error {
        ReleaseError::Differs | ReleaseError::Trouble(_) => error,
        other => ReleaseError::Trouble(Box::new(other)),
    }
}

fn run(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let format = Format::of(invocation.flags, &[Format::Diff, Format::Json, Format::Yaml])?;
    let request = request(invocation)?;
    let answer =
        Operator::connect(invocation)?.ask(request, async |client, request| client.diff(request).await)?;
    match format {
        Format::Diff => {
            invocation.console.print(&show::diff(&answer))?;
            invocation.console.note(&show::diff_summary(&answer));
        }
        format => {
            invocation.console.print(&output::print(&output::value("DiffResponse", &answer), format))?
        }
    }
    if show::differs(&answer) { Err(ReleaseError::Differs) } else { Ok(()) }
}

fn request(invocation: &mut Invocation<'_, '_>) -> Result<DiffRequest, ReleaseError> {
    let (namespace, name) = named(invocation, 1)?;
    let flags = invocation.flags;
    let between = flags.is_set("from") || flags.is_set("to");
    if between && (flags.is_set("filename") || flags.is_set("revision")) {
        let text =
            "--from and --to compare what was released, and cannot be given with --filename or --revision";
        return Err(ReleaseError::Usage(text.to_owned()));
    }
    let between = match between {
        true => Some(RevisionPair { from: revision(invocation, "from")?, to: revision(invocation, "to")? }),
        false => None,
    };
    let spec = match flags.text("filename") {
        None => None,
        Some(path) => Some(spec_file::spec(path, &text(path, invocation)?, &namespace, &name)?),
    };
    let source_revision = flags.text("revision").unwrap_or_default().to_owned();
    Ok(DiffRequest { namespace, name, spec, source_revision, between })
}

fn text(path: &str, invocation: &mut Invocation<'_, '_>) -> Result<String, SpecFileError> {
    let bytes = match path {
        "-" => invocation.process.read_stdin(spec_file::MOST + 1).map_err(SpecFileError::Stdin)?,
        path => disk::read_file(path, spec_file::MOST)?,
    };
    if bytes.len() as u64 > spec_file::MOST {
        return Err(SpecFileError::TooLong(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| SpecFileError::NotText(path.to_owned()))
}
