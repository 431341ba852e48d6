//! The program: its commands, its help, and how an error is shown.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use crate::console::{Console, Level};
use crate::flags::{self, Flag, FlagError, Parsed, Unknown};
use crate::process::Process;
use crate::{lint, release, settings, template};

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// The second word of its name: what it is about. Empty for Helm's commands, which have one word.
    pub(crate) object: &'static str,
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
    #[error(transparent)]
    Release(#[from] release::ReleaseError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
    #[error("unknown command {0:?} for \"windlass\"\nRun 'windlass --help' for usage.")]
    Unknown(String),
    #[error(
        "\"windlass {name}\" requires at least {fewest} argument\n\nUsage:  windlass {name} {arguments} [flags]"
    )]
    TooFew { name: String, fewest: usize, arguments: &'static str },
    #[error("unknown command {object:?} for \"windlass {verb}\"\nRun 'windlass {verb} --help' for usage.")]
    UnknownObject { verb: String, object: String },
    #[error("\"windlass {0}\" requires a command\nRun 'windlass {0} --help' for usage.")]
    NoObject(String),
    /// Arguments of a command that Helm does not have.
    #[error(transparent)]
    Misused(Box<CommandError>),
}

impl CommandError {
    /// The exit code. Helm has one for everything.
    fn code(&self) -> u8 {
        match self {
            Self::Misused(_) => 2,
            Self::Release(error) => error.code(),
            _ => 1,
        }
    }

    /// Whether there is nothing to add to what was printed.
    fn is_told(&self) -> bool {
        match self {
            // Whoever read standard output has gone.
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Release(error) => error.is_told(),
            _ => false,
        }
    }
}

const COMMANDS: &[Command] = &[template::COMMAND, lint::COMMAND, VERSION];

const VERSION: Command = Command {
    name: "version",
    object: "",
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
        Err(error) => {
            if !error.is_told() {
                console.note(&format!("Error: {}", chain(&error)));
            }
            ExitCode::from(error.code())
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
        return Ok(console.print(&help_of(&arguments))?);
    }
    let command = match find(&name) {
        Some(command) => command,
        None if release::COMMANDS.iter().any(|command| command.name == name) => {
            match of_two_words(&name, &mut arguments)? {
                Some(command) => command,
                None => return Ok(console.print(&verb_help(&name))?),
            }
        }
        None => return Err(CommandError::Unknown(name)),
    };
    let parsed = read(command, &arguments, console).map_err(|error| command.misused(error))?;
    if parsed.help {
        return Ok(console.print(&help(command))?);
    }
    (command.run)(&mut Invocation { flags: &parsed, console, process })
}

/// Takes the arguments of a command apart.
fn read(command: &Command, arguments: &[String], console: &mut Console<'_>) -> Result<Parsed, CommandError> {
    let mut table = command.flags.to_vec();
    table.push(settings::FLAGS);
    let (parsed, error) = flags::parse(&table, arguments, Unknown::Refuse);
    for warning in &parsed.warnings {
        console.log(Level::Warn, warning, &[]);
    }
    if let Some(error) = error {
        return Err(error.into());
    }
    if parsed.help {
        return Ok(parsed);
    }
    parsed.notes.iter().for_each(|note| console.note(note));
    if parsed.arguments.len() < command.fewest {
        let Command { fewest, arguments, .. } = *command;
        return Err(CommandError::TooFew { name: command.full_name(), fewest, arguments });
    }
    Ok(parsed)
}

fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// The command of a verb, by its second word, which is taken out of the arguments; nothing if the verb's help is asked for.
fn of_two_words(verb: &str, arguments: &mut Vec<String>) -> Result<Option<&'static Command>, CommandError> {
    let mut table: Vec<&[Flag]> = vec![settings::FLAGS];
    let commands = release::COMMANDS.iter().filter(|command| command.name == verb);
    table.extend(commands.flat_map(|command| command.flags.iter().copied()));
    let Some(position) = flags::command_position(&table, arguments) else {
        let (parsed, _) = flags::parse(&[], arguments, Unknown::Skip);
        let missing = || CommandError::Misused(Box::new(CommandError::NoObject(verb.to_owned())));
        return if parsed.help { Ok(None) } else { Err(missing()) };
    };
    let object = arguments.remove(position);
    let unknown = |object| CommandError::UnknownObject { verb: verb.to_owned(), object };
    match release::find(verb, &object) {
        Some(command) => Ok(Some(command)),
        None => Err(CommandError::Misused(Box::new(unknown(object)))),
    }
}

impl Command {
    fn full_name(&self) -> String {
        if self.object.is_empty() { self.name.to_owned() } else { format!("{} {}", self.name, self.object) }
    }

    fn misused(&self, error: CommandError) -> CommandError {
        if self.object.is_empty() { error } else { CommandError::Misused(Box::new(error)) }
    }
}

/// An error and its causes, joined as Go joins them.
pub(crate) fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn help_of(words: &[String]) -> String {
    match words {
        [] => overview(),
        [name, rest @ ..] => {
            match (find(name), rest.first().and_then(|object| release::find(name, object))) {
                (Some(command), _) | (None, Some(command)) => help(command),
                (None, None) if release::COMMANDS.iter().any(|command| command.name == name) => {
                    verb_help(name)
                }
                (None, None) => overview(),
            }
        }
    }
}

fn lines<'a>(commands: impl IntoIterator<Item = &'a Command>) -> String {
    commands.into_iter().map(|command| format!("  {:20}{}\n", command.full_name(), command.summary)).collect()
}

fn overview() -> String {
    format!(
        "Renders and checks Helm charts as Helm does, without a cluster, and asks release-operator about releases.\n\n\
         Usage:\n  windlass [command]\n\n\
         Charts:\n{}\nReleases:\n{}\n\
         Flags:\n{}  -h, --help   show help\n\n\
         Use \"windlass [command] --help\" for more about a command.\n",
        lines(COMMANDS),
        lines(release::COMMANDS),
        flags::usage(settings::FLAGS)
    )
}

fn verb_help(verb: &str) -> String {
    let commands = lines(release::COMMANDS.iter().filter(|command| command.name == verb));
    format!(
        "Usage:\n  windlass {verb} [command]\n\nCommands:\n{commands}\n\
         Use \"windlass {verb} [command] --help\" for more about a command.\n"
    )
}

fn help(command: &Command) -> String {
    let own: Vec<Flag> = command.flags.concat();
    let usage = if own.is_empty() { String::new() } else { format!("Flags:\n{}\n", flags::usage(&own)) };
    format!(
        "{}\n\nUsage:\n  windlass {} {} [flags]\n\n{usage}Global Flags:\n{}",
        command.about,
        command.full_name(),
        command.arguments,
        flags::usage(settings::FLAGS)
    )
}
