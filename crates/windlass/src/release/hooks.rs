//! `windlass test release`: runs the chart's tests.

use api::release::v1::TestRequest;

use super::ask::{self, Operator};
use super::output::{self, Format};
use super::{ReleaseError, named, show};
use crate::command::{Command, Invocation};
use crate::flags::{Flag, Kind};

pub(super) const COMMAND: Command = Command {
    name: "test",
    object: "release",
    arguments: "NAME",
    summary: "run the tests of a release's chart",
    about: "Runs the tests of the deployed revision's chart and waits for their end. The exit code is 1 when one of them fails.",
    flags: &[
        &[
            Flag::new(
                "only",
                Kind::CommaTexts,
                "only the tests of these names; those of spec.test.filters without it",
            ),
            output::FLAG,
        ],
        ask::FLAGS,
    ],
    fewest: 1,
    run: |invocation| Ok(run(invocation)?),
};

fn run(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let format = Format::of(invocation.flags, &[Format::Table, Format::Json, Format::Yaml])?;
    let (namespace, name) = named(invocation, 1)?;
    let release = format!("{namespace}/{name}");
    let request = TestRequest { namespace, name, tests: invocation.flags.list("only").to_vec() };
    let answer =
        Operator::connect(invocation)?.ask(request, async |client, request| client.test(request).await)?;
    match format {
        Format::Table if answer.results.is_empty() => {
            invocation.console.note(&format!("The chart of {release} has no tests to run."));
        }
        Format::Table => invocation.console.print(&show::tests(&answer).print(""))?,
        format => {
            invocation.console.print(&output::print(&output::value("TestResponse", &answer), format))?
        }
    }
    if answer.succeeded {
        return Ok(());
    }
    let failed = answer.results.iter().filter(|result| result.phase != "Succeeded").count();
    let (all, revision) = (answer.results.len(), answer.revision);
    Err(ReleaseError::Outcome(format!(
        "{failed} of {all} tests of {release}, revision {revision}, did not succeed"
    )))
}
