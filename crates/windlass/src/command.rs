//! The program: its commands, its help, and how an error is shown.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use crate::console::{Console, Level};
use crate::flags::{self, Flag, FlagError, Parsed, Unknown};
use crate::process::Process;
use crate::{lint, settings, template};

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// Its arguments, as the help shows them.
    pub(crate) arguments: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    pub(crate) flags: &'static [&'static [Flag]],
    /// The fewest arguments.
    pub(crate) fewest: usize,
    pub(crate) run: fn(&mut Invocation<'_, '_>) -> Result<(), CommandError>,
}

/// A command that was called.
pub(crate) struct Invocation<'a, 'p> {
    pub(crate) flags: &'a Parsed,
    pub(crate) console: &'a mut Console<'p>,
    pub(crate) process: &'a mut Process<'p>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CommandError {
    #[error(transparent)]
    Flags(#[from] FlagError),
    #[error(transparent)]
    Template(#[from] template::TemplateError),
    #[error(transparent)]
    Lint(#[from] lint::LintError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
    #[error("unknown command {0:?} for \"windlass\"\nRun 'windlass --help' for usage.")]
    Unknown(String),
    #[error(
        "\"windlass {name}\" requires at least {fewest} argument\n\nUsage:  windlass {name} {arguments} [flags]"
    )]
    TooFew { name: &'static str, fewest: usize, arguments: &'static str },
}

const COMMANDS: &[Command] = &[template::COMMAND, lint::COMMAND, VERSION];

const VERSION: Command = Command {
    name: "version",
    arguments: "",
    summary: "print the version",
    about: "Prints the version of windlass and that of the Helm whose behaviour it has.",
    flags: &[],
    fewest: 0,
    run: |invocation| {
        let helm = helm_engine::HelmVersion::reference();
        let text = format!("windlass {} (as helm {})\n", env!("CARGO_PKG_VERSION"), helm.version);
        Ok(invocation.console.print(&text)?)
    },
};

/// Runs the program with the process's environment and standard input.
///
/// ```
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let code = windlass::run(["template", "./no-such-chart"], &mut out, &mut err);
/// assert_eq!(code, std::process::ExitCode::FAILURE);
/// assert_eq!(String::from_utf8_lossy(&err), "Error: path \"./no-such-chart\" not found\n");
/// ```
pub fn run<A: Into<OsString>>(
    arguments: impl IntoIterator<Item = A>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let mut stdin = io::stdin();
    let mut process = Process { variable: Rc::new(|name: &str| std::env::var_os(name)), stdin: &mut stdin };
    run_in(arguments, &mut process, out, err)
}

/// Runs the program. `arguments` are those after the program's name.
pub fn run_in<'p, A: Into<OsString>>(
    arguments: impl IntoIterator<Item = A>,
    process: &mut Process<'p>,
    out: &'p mut dyn Write,
    err: &'p mut dyn Write,
) -> ExitCode {
    let mut console = Console { out, err, debug: false };
    let mut texts = Vec::new();
    for argument in arguments {
        match argument.into().into_string() {
            Ok(text) => texts.push(text),
            Err(other) => {
                console.note(&format!("Error: the argument {other:?} is not UTF-8"));
                return ExitCode::FAILURE;
            }
        }
    }
    // What the flags that all commands share say holds even for errors of other flags.
    let (shared, _) = flags::parse(&[settings::FLAGS], &texts, Unknown::Skip);
    console.debug = settings::debug(&shared, process);
    if let Some(mode) = settings::unknown_color(&shared) {
        let error = format!("invalid color mode \"{mode}\": must be one of: never, auto, always");
        console.log(Level::Warn, "command failed", &[("error", &error)]);
        return ExitCode::FAILURE;
    }
    match dispatch(texts, &mut console, process) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read standard output has gone.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            console.note(&format!("Error: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn dispatch<'p>(
    mut arguments: Vec<String>,
    console: &mut Console<'p>,
    process: &mut Process<'p>,
) -> Result<(), CommandError> {
    let Some(position) = flags::command_position(&[settings::FLAGS], &arguments) else {
        let (_, error) = flags::parse(&[settings::FLAGS], &arguments, Unknown::Refuse);
        return error.map_or_else(|| Ok(console.print(&overview())?), |error| Err(error.into()));
    };
    let name = arguments.remove(position);
    if name == "help" {
        let asked = arguments.first().and_then(|name| find(name));
        return Ok(console.print(&asked.map_or_else(overview, help))?);
    }
    let command = find(&name).ok_or(CommandError::Unknown(name))?;
    let mut table = command.flags.to_vec();
    table.push(settings::FLAGS);
    let (parsed, error) = flags::parse(&table, &arguments, Unknown::Refuse);
    for warning in &parsed.warnings {
        console.log(Level::Warn, warning, &[]);
    }
    if let Some(error) = error {
        return Err(error.into());
    }
    if parsed.help {
        return Ok(console.print(&help(command))?);
    }
    parsed.notes.iter().for_each(|note| console.note(note));
    if parsed.arguments.len() < command.fewest {
        let Command { name, fewest, arguments, .. } = *command;
        return Err(CommandError::TooFew { name, fewest, arguments });
    }
    (command.run)(&mut Invocation { flags: &parsed, console, process })
}

fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// An error and its causes, joined as Go joins them.
pub(crate) fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn overview() -> String {
    let line = |command: &Command| format!("  {:10}{}\n", command.name, command.summary);
    let commands: String = COMMANDS.iter().map(line).collect();
    format!(
        "Renders and checks Helm charts as Helm does, without a cluster.\n\n\
         Usage:\n  windlass [command]\n\n\
         Commands:\n{commands}\n\
         Flags:\n{}  -h, --help   show help\n\n\
         Use \"windlass [command] --help\" for more about a command.\n",
        flags::usage(settings::FLAGS)
    )
}

fn help(command: &Command) -> String {
    let own: Vec<Flag> = command.flags.concat();
    let usage = if own.is_empty() { String::new() } else { format!("Flags:\n{}\n", flags::usage(&own)) };
    format!(
        "{}\n\nUsage:\n  windlass {} {} [flags]\n\n{usage}Global Flags:\n{}",
        command.about,
        command.name,
        command.arguments,
        flags::usage(settings::FLAGS)
    )
}
