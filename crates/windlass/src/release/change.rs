//! `windlass reconcile`, `retry`, `rollback`, `suspend` and `resume`: what a person has done to a release.

use api::release::v1::{
    ReconcileRequest, Release, ResumeRequest, RetryRequest, RollbackRequest, SuspendRequest,
};

use super::ask::{self, Operator};
use super::output::{self, Format};
use super::{ReleaseError, arguments, named, number, show};
use crate::command::{Command, Invocation};
use crate::flags::Flag;

const FLAGS: &[&[Flag]] = &[&[output::FLAG], ask::FLAGS];

pub(super) const RECONCILE: Command = Command {
    name: "reconcile",
    object: "release",
    arguments: "NAME",
    summary: "look at a release again now",
    about: "Looks at a release again now and waits for the end of that look. The exit code is 1 when the release is not ready then and \
            not on its way either.",
    flags: FLAGS,
    fewest: 1,
    run: |invocation| Ok(reconcile(invocation)?),
};

pub(super) const RETRY: Command = Command {
    name: "retry",
    object: "release",
    arguments: "NAME",
    summary: "try a release that failed again now",
    about: "Forgets how often a release has failed, tries it again now and waits for the end of that. Exit codes are those of reconcile.",
    flags: FLAGS,
    fewest: 1,
    run: |invocation| Ok(retry(invocation)?),
};

pub(super) const ROLLBACK: Command = Command {
    name: "rollback",
    object: "release",
    arguments: "NAME [REVISION]",
    summary: "go back to an earlier revision of a release",
    about: "Goes back to a revision, or to the last that was deployed before the newest, and waits for the end of that. What was taken \
            back is not tried again until the object, its chart or its values change, or by retry. The exit code is 1 when the rollback failed.",
    flags: FLAGS,
    fewest: 1,
    run: |invocation| Ok(rollback(invocation)?),
};

pub(super) const SUSPEND: Command = Command {
    name: "suspend",
    object: "release",
    arguments: "NAME",
    summary: "leave a release alone from now on",
    about: "Sets spec.suspend of the object. Where its file in git says otherwise, the next sync sets it back.",
    flags: FLAGS,
    fewest: 1,
    run: |invocation| Ok(suspend(invocation)?),
};

pub(super) const RESUME: Command = Command {
    name: "resume",
    object: "release",
    arguments: "NAME",
    summary: "take a suspended release up again",
    about: "Takes spec.suspend back, looks at the release and waits for the end of that look. Exit codes are those of reconcile.",
    flags: FLAGS,
    fewest: 1,
    run: |invocation| Ok(resume(invocation)?),
};

fn format(invocation: &Invocation<'_, '_>) -> Result<Format, ReleaseError> {
    Format::of(invocation.flags, &[Format::Table, Format::Json, Format::Yaml])
}

fn reconcile(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (format, (namespace, name)) = (format(invocation)?, named(invocation, 1)?);
    let answer = Operator::connect(invocation)?
        .ask(ReconcileRequest { namespace, name }, async |client, request| client.reconcile(request).await)?;
    print(invocation, format, "ReconcileResponse", &answer)?;
    looked(invocation, format, &answer.release.unwrap_or_default())
}

fn retry(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (format, (namespace, name)) = (format(invocation)?, named(invocation, 1)?);
    let answer = Operator::connect(invocation)?
        .ask(RetryRequest { namespace, name }, async |client, request| client.retry(request).await)?;
    print(invocation, format, "RetryResponse", &answer)?;
    looked(invocation, format, &answer.release.unwrap_or_default())
}

fn resume(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (format, (namespace, name)) = (format(invocation)?, named(invocation, 1)?);
    let answer = Operator::connect(invocation)?
        .ask(ResumeRequest { namespace, name }, async |client, request| client.resume(request).await)?;
    print(invocation, format, "ResumeResponse", &answer)?;
    looked(invocation, format, &answer.release.unwrap_or_default())
}

fn suspend(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (format, (namespace, name)) = (format(invocation)?, named(invocation, 1)?);
    let answer = Operator::connect(invocation)?
        .ask(SuspendRequest { namespace, name }, async |client, request| client.suspend(request).await)?;
    print(invocation, format, "SuspendResponse", &answer)?;
    let release = answer.release.unwrap_or_default();
    end(invocation, format, format!("{} is suspended", show::name(&release)), true)
}

fn rollback(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (format, (namespace, name)) = (format(invocation)?, named(invocation, 2)?);
    let revision = match arguments(invocation, 2)? {
        [_, text] => number("the argument", text)?,
        _ => 0,
    };
    let request = RollbackRequest { namespace, name, revision };
    let answer = Operator::connect(invocation)?
        .ask(request, async |client, request| client.rollback(request).await)?;
    print(invocation, format, "RollbackResponse", &answer)?;
    let (release, back_to) = (answer.release.unwrap_or_default(), answer.rolled_back_to);
    let name = show::name(&release);
    // It is not what git says, so that it need not be ready; what counts is that the revision was made.
    match release.status.as_str() {
        "deployed" => {
            let sentence = format!(
                "{name} was rolled back to revision {back_to}, which is now revision {}",
                release.revision
            );
            end(invocation, format, sentence, true)
        }
        _ => {
            let sentence = format!("the rollback to revision {back_to} failed: {}", show::outcome(&release));
            end(invocation, format, sentence, false)
        }
    }
}

/// Prints the answer, if it is asked for as it is.
fn print<M: prost::Message>(
    invocation: &mut Invocation<'_, '_>,
    format: Format,
    name: &str,
    answer: &M,
) -> Result<(), ReleaseError> {
    match format {
        Format::Table => Ok(()),
        format => Ok(invocation.console.print(&output::print(&output::value(name, answer), format))?),
    }
}

/// Tells what a look came to.
fn looked(
    invocation: &mut Invocation<'_, '_>,
    format: Format,
    release: &Release,
) -> Result<(), ReleaseError> {
    end(invocation, format, show::outcome(release), show::is_fine(release))
}

fn end(
    invocation: &mut Invocation<'_, '_>,
    format: Format,
    sentence: String,
    fine: bool,
) -> Result<(), ReleaseError> {
    match (fine, format) {
        (false, _) => Err(ReleaseError::Outcome(sentence)),
        (true, Format::Table) => Ok(invocation.console.print(&(sentence + "\n"))?),
        (true, _) => Ok(()),
    }
}
