//! The commands about releases, which ask release-operator: `windlass get releases`, `windlass diff release`, …
//!
//! [`ask`] is the connection, and the only module here that waits for a network; what is printed is made of the answers by pure functions
//! ([`show`], [`table`], [`output`]).

mod ask;
mod change;
mod diff;
mod get;
mod hooks;
mod output;
mod show;
mod spec_file;
mod table;
mod watch;

use std::io;

use crate::command::{Command, Invocation};
use crate::settings;

/// All of them, in the order of the help.
pub(crate) const COMMANDS: &[Command] = &[
    get::RELEASES,
    get::VALUES,
    get::MANIFEST,
    get::NOTES,
    get::HISTORY,
    watch::COMMAND,
    diff::COMMAND,
    change::RECONCILE,
    change::RETRY,
    change::ROLLBACK,
    change::SUSPEND,
    change::RESUME,
    hooks::COMMAND,
];

/// The command of a verb about an object. Releases have several names, as in kubectl.
pub(crate) fn find(verb: &str, object: &str) -> Option<&'static Command> {
    let one = |name: &str| match name {
        "releases" | "fhr" | "fluxhelmrelease" | "fluxhelmreleases" => "release".to_owned(),
        other => other.to_owned(),
    };
    COMMANDS.iter().find(|command| command.name == verb && one(command.object) == one(object))
}

/// Why a command about releases failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReleaseError {
    #[error(transparent)]
    Ask(#[from] ask::AskError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    SpecFile(#[from] spec_file::SpecFileError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
    /// What was asked for was done, and did not lead where it should.
    #[error("{0}")]
    Outcome(String),
    /// There are differences, which were printed.
    #[error("there are differences")]
    Differs,
    /// What kept `diff` from comparing.
    #[error(transparent)]
    Trouble(Box<ReleaseError>),
}

impl ReleaseError {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Trouble(_) => 2,
            Self::Ask(error) if error.is_usage() => 2,
            _ => 1,
        }
    }

    /// Whether there is nothing to add to what was printed.
    pub(crate) fn is_told(&self) -> bool {
        match self {
            Self::Differs => true,
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Trouble(error) => error.is_told(),
            _ => false,
        }
    }
}

/// The arguments, of which there may be `most`.
fn arguments<'a>(invocation: &Invocation<'a, '_>, most: usize) -> Result<&'a [String], ReleaseError> {
    let all = invocation.flags.arguments.as_slice();
    match all.get(most..) {
        Some([first, ..]) => {
            Err(ReleaseError::Usage(format!("there is nothing to do with the argument {first:?}")))
        }
        _ => Ok(all),
    }
}

/// Namespace and name of the release that the first argument names.
fn named(invocation: &Invocation<'_, '_>, most: usize) -> Result<(String, String), ReleaseError> {
    let arguments = arguments(invocation, most)?;
    let name = arguments.first().cloned().unwrap_or_default();
    let usable = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    if !usable {
        return Err(ReleaseError::Usage(format!(
            "{name:?} is no name of a release; give it alone, and its namespace by -n"
        )));
    }
    Ok((settings::namespace(invocation.flags, invocation.process), name))
}

/// A flag that is a revision's number; 0 if it is not given.
fn revision(invocation: &Invocation<'_, '_>, flag: &str) -> Result<u32, ReleaseError> {
    invocation.flags.text(flag).map_or(Ok(0), |text| number(&format!("--{flag}"), text))
}

fn number(what: &str, text: &str) -> Result<u32, ReleaseError> {
    text.parse().map_err(|_| ReleaseError::Usage(format!("{what} {text:?} is no number of a revision")))
}
