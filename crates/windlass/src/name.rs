//! The release's name: an argument, or made by `--name-template` or `--generate-name`.

use std::rc::Rc;

use go_template::{Executor, Limits, Options, TemplateSet, Value};
use helm_engine::Random;

use crate::flags::Parsed;
use crate::process::{self, Process, Variables};

/// The most characters of a release's name.
const MOST_CHARACTERS: usize = 53;

/// What one name may cost.
const LIMITS: Limits = Limits { steps: 1_000_000, depth: 100, output: 1 << 20 };

/// Why there is no name. The texts are Helm's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NameError {
    #[error("expected at most two arguments, unexpected arguments: {0}")]
    Arguments(String),
    #[error("cannot set --{0} and also specify a name")]
    Twice(&'static str),
    #[error(transparent)]
    Template(#[from] go_template::Error),
    #[error(
        "release name {0:?}: invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    )]
    Invalid(String),
    #[error("release name \"\": no name provided")]
    Empty,
}

/// The name, not checked yet, and the chart.
pub(crate) fn name_and_chart<'a>(
    flags: &'a Parsed,
    process: &Process<'_>,
) -> Result<(String, &'a str), NameError> {
    match flags.arguments.as_slice() {
        [] => Ok(("release-name".to_owned(), "")),
        [chart] => {
            let template = flags.text("name-template").filter(|template| !template.is_empty());
            let name =
                template.map_or_else(|| Ok("release-name".to_owned()), |text| from_template(text, process));
            Ok((name?, chart))
        }
        [_, _] if flags.on("generate-name") => Err(NameError::Twice("generate-name")),
        [_, _] if flags.text("name-template").is_some_and(|text| !text.is_empty()) => {
            Err(NameError::Twice("name-template"))
        }
        [name, chart] => Ok((name.clone(), chart)),
        [_, _, more @ ..] => Err(NameError::Arguments(more.join(", "))),
    }
}

/// Refuses what is no name of a release.
pub(crate) fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| fits(*first) && fits(*last))
            && bytes.iter().all(|c| fits(*c) || *c == b'-')
    };
    let valid = name.len() <= MOST_CHARACTERS && name.split('.').all(is_label);
    if valid { Ok(()) } else { Err(NameError::Invalid(name.to_owned())) }
}

/// Runs `--name-template` with Sprig's functions. It is the user's own, so that it may see the environment.
fn from_template(text: &str, process: &Process<'_>) -> Result<String, NameError> {
    let world = Rc::new(World { variable: process.variable.clone(), random: process::random() });
    let host = sprig::Host::new(world.clone(), world.clone()).with_environment(world);
    let functions = host.functions();
    let mut set = TemplateSet::new(functions.names());
    set.parse("name-template", text)?;
    let options = Options { limits: LIMITS, ..Options::default() };
    let name = Executor::new(&set, &functions, options).execute("name-template", Value::Nil)?;
    Ok(name.to_str().into_owned())
}

/// The process as Sprig asks it.
struct World {
    variable: Variables,
    random: Random,
}

impl sprig::Clock for World {
    fn now(&self) -> (i64, u32) {
        process::now()
    }
}

impl sprig::Random for World {
    fn fill(&self, bytes: &mut [u8]) {
        (self.random)(bytes);
    }
}

impl sprig::Environment for World {
    fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok()
    }
}
