//! Flags as Go's `pflag` reads them, which is how Helm reads its own: `--name value`, `--name=value`, `-n value`, `-nvalue`,
//! `-n=value`, short ones without a value in a row, flags and arguments in any order, `--` before arguments only.

mod kind;
mod text;

use std::collections::BTreeMap;

pub(crate) use kind::{Kind, boolean, duration};
pub(crate) use text::usage;

use crate::console::quoted;

/// A flag that a command takes.
#[derive(Clone, Copy)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) kind: Kind,
    /// What it does; empty for a flag that is not shown.
    pub(crate) about: &'static str,
    /// What to use instead; empty for a flag that is in use.
    pub(crate) deprecated: &'static str,
}

impl Flag {
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, short: None, kind, about, deprecated: "" }
    }

    /// A flag that is accepted, has no effect, and is not shown.
    pub(crate) const fn idle(name: &'static str, kind: Kind) -> Self {
        Self::new(name, kind, "")
    }

    pub(crate) const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    pub(crate) const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = instead;
        self
    }

    fn shown_name(&self) -> String {
        self.short.map_or_else(|| format!("--{}", self.name), |short| format!("-{short}, --{}", self.name))
    }
}

/// Why arguments cannot be read, in Helm's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlagError {
    #[error("bad flag syntax: {0}")]
    Syntax(String),
    #[error("unknown flag: --{0}")]
    Unknown(String),
    #[error("unknown shorthand flag: {short:?} in -{group}")]
    UnknownShort { short: char, group: String },
    #[error("flag needs an argument: --{0}")]
    NoValue(String),
    #[error("flag needs an argument: {short:?} in -{group}")]
    NoValueShort { short: char, group: String },
    #[error("invalid argument {} for {:?} flag: {why}", quoted(.value), .flag)]
    Value { value: String, flag: String, why: String },
    #[error("if any flags in the group [{group}] are set none of the others can be; [{set}] were all set")]
    Exclusive { group: String, set: String },
}

/// Arguments taken apart.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// What is no flag.
    pub(crate) arguments: Vec<String>,
    /// Whether help is asked for.
    pub(crate) help: bool,
    /// What is to be said about the flags that were used, if all are fine.
    pub(crate) notes: Vec<String>,
    /// What is to be warned of in any case.
    pub(crate) warnings: Vec<String>,
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Parsed {
    /// Whether the flag was given.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The last value of a flag.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// All values of a flag, those of a list one by one.
    pub(crate) fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub(crate) fn on(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// Refuses flags that exclude each other.
    pub(crate) fn exclusive(&self, group: &[&str]) -> Result<(), FlagError> {
        let mut set: Vec<&str> = group.iter().copied().filter(|name| self.is_set(name)).collect();
        if set.len() < 2 {
            return Ok(());
        }
        set.sort_unstable();
        Err(FlagError::Exclusive { group: group.join(" "), set: set.join(" ") })
    }
}

/// What to do with flags that are not in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refuse,
    Skip,
}

/// Takes arguments apart. The error comes with what was read before it.
pub(crate) fn parse(
    table: &[&[Flag]],
    arguments: &[String],
    unknown: Unknown,
) -> (Parsed, Option<FlagError>) {
    let mut reader = Reader { table, unknown, rest: arguments, parsed: Parsed::default() };
    let error = reader.run().err();
    (reader.parsed, error)
}

/// Where the command stands: the first argument that is neither a flag nor a flag's value.
pub(crate) fn command_position(table: &[&[Flag]], arguments: &[String]) -> Option<usize> {
    let takes_next = |flag: Option<&Flag>| flag.is_none_or(|flag| flag.kind.without_value().is_none());
    let mut position = 0;
    while let Some(argument) = arguments.get(position) {
        if argument == "--" {
            return None;
        }
        if let Some(name) = argument.strip_prefix("--") {
            let alone = !name.contains('=') && takes_next(find(table, |flag| flag.name == name));
            position += usize::from(alone && name != "help");
        } else if let Some(group) = argument.strip_prefix('-').filter(|group| !group.is_empty()) {
            let mut letters = group.chars();
            let (first, only) = (letters.next(), letters.next().is_none());
            let alone = only && takes_next(find(table, |flag| flag.short == first));
            position += usize::from(alone && first != Some('h'));
        } else if !argument.is_empty() && argument != "-" {
            return Some(position);
        }
        position += 1;
    }
    None
}

fn find<'a>(table: &[&'a [Flag]], fits: impl Fn(&Flag) -> bool) -> Option<&'a Flag> {
    table.iter().flat_map(|flags| flags.iter()).find(|flag| fits(flag))
}

struct Reader<'a> {
    table: &'a [&'a [Flag]],
    unknown: Unknown,
    rest: &'a [String],
    parsed: Parsed,
}

impl<'a> Reader<'a> {
    fn run(&mut self) -> Result<(), FlagError> {
        while let Some((argument, rest)) = self.rest.split_first() {
            self.rest = rest;
            if argument == "--" {
                self.parsed.arguments.extend_from_slice(rest);
                return Ok(());
            }
            if let Some(name) = argument.strip_prefix("--") {
                self.long(argument, name)?;
            } else if let Some(group) = argument.strip_prefix('-').filter(|group| !group.is_empty()) {
                let mut group = group;
                while !group.is_empty() {
                    group = self.short(group)?;
                }
            } else {
                self.parsed.arguments.push(argument.clone());
            }
        }
        Ok(())
    }

    fn long(&mut self, argument: &str, text: &str) -> Result<(), FlagError> {
        if text.starts_with(['-', '=']) {
            return Err(FlagError::Syntax(argument.to_owned()));
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let Some(flag) = find(self.table, |flag| flag.name == name) else {
            return match (name, self.unknown) {
                ("help", _) => {
                    self.parsed.help = value != Some("false");
                    Ok(())
                }
                (_, Unknown::Refuse) => Err(FlagError::Unknown(name.to_owned())),
                (_, Unknown::Skip) => {
                    if value.is_none() {
                        self.skip_value();
                    }
                    Ok(())
                }
            };
        };
        let value = match value.or(flag.kind.without_value()) {
            Some(value) => value,
            None => self.next().ok_or_else(|| FlagError::NoValue(name.to_owned()))?,
        };
        self.set(flag, value)
    }

    /// Reads one letter of a group, and its value; gives the letters that are left.
    fn short<'t>(&mut self, group: &'t str) -> Result<&'t str, FlagError>
    where
        'a: 't,
    {
        let mut letters = group.chars();
        let Some(letter) = letters.next() else { return Ok("") };
        let rest = letters.as_str();
        let Some(flag) = find(self.table, |flag| flag.short == Some(letter)) else {
            return match (letter, self.unknown) {
                ('h', _) => {
                    self.parsed.help = true;
                    Ok(rest)
                }
                (short, Unknown::Refuse) => Err(FlagError::UnknownShort { short, group: group.to_owned() }),
                (_, Unknown::Skip) if rest.len() > 1 && rest.starts_with('=') => Ok(""),
                (_, Unknown::Skip) => {
                    self.skip_value();
                    Ok(rest)
                }
            };
        };
        if let Some(value) = rest.strip_prefix('=').filter(|value| !value.is_empty()) {
            self.set(flag, value)?;
            return Ok("");
        }
        if let Some(value) = flag.kind.without_value() {
            self.set(flag, value)?;
            return Ok(rest);
        }
        if !rest.is_empty() {
            self.set(flag, rest)?;
            return Ok("");
        }
        let missing = || FlagError::NoValueShort { short: letter, group: group.to_owned() };
        let value = self.next().ok_or_else(missing)?;
        self.set(flag, value)?;
        Ok("")
    }

    fn next(&mut self) -> Option<&'a str> {
        let (next, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(next)
    }

    /// The value of a flag that is not known: what follows and is no flag itself.
    fn skip_value(&mut self) {
        if self.rest.first().is_some_and(|next| !next.starts_with('-')) {
            self.rest = &self.rest[1..];
        }
    }

    fn set(&mut self, flag: &Flag, value: &str) -> Result<(), FlagError> {
        let values = self.parsed.values.entry(flag.name).or_default();
        let added = flag.kind.add(values, value, &mut self.parsed.warnings);
        added.map_err(|why| FlagError::Value { value: value.to_owned(), flag: flag.shown_name(), why })?;
        if !flag.deprecated.is_empty() {
            let note = format!("Flag --{} has been deprecated, {}", flag.name, flag.deprecated);
            self.parsed.notes.push(note);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Flag] = &[
        Flag::new("namespace", Kind::Text, "").short('n'),
        Flag::new("debug", Kind::Switch, "").short('d'),
        Flag::new("api-versions", Kind::CommaTexts, "").short('a'),
        Flag::new("wait", Kind::Wait, ""),
    ];

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn arguments_are_taken_apart_as_pflag_does() {
        // Arguments; what is left; namespace; debug; API versions; how to wait.
        type Row<'a> = (&'a [&'a str], &'a [&'a str], Option<&'a str>, bool, &'a [&'a str], Option<&'a str>);
        let rows: [Row<'_>; 12] = [
            (&["a", "-n", "x", "b"], &["a", "b"], Some("x"), false, &[], None),
            (&["-nx", "-d"], &[], Some("x"), true, &[], None),
            (&["-n=x", "-d=false"], &[], Some("x"), false, &[], None),
            (&["-dn", "x"], &[], Some("x"), true, &[], None),
            (&["-dnx"], &[], Some("x"), true, &[], None),
            (&["--namespace=", "--debug", "false"], &["false"], Some(""), true, &[], None),
            (&["-n", "-d"], &[], Some("-d"), false, &[], None),
            (&["-n", "x", "-n", "y"], &[], Some("y"), false, &[], None),
            (&["--", "-n", "x"], &["-n", "x"], None, false, &[], None),
            (&["-", ""], &["-", ""], None, false, &[], None),
            (&["-a", "b,c", "-a", "\"d,\"\"e\"", "-a", ""], &[], None, false, &["b", "c", "d,\"e"], None),
            (&["--wait", "legacy"], &["legacy"], None, false, &[], Some("watcher")),
        ];
        for (words, left, namespace, debug, versions, wait) in rows {
            let (parsed, error) = parse(&[TABLE], &strings(words), Unknown::Refuse);
            assert!(error.is_none(), "{words:?}: {error:?}");
            assert_eq!(parsed.arguments, strings(left), "{words:?}");
            assert_eq!((parsed.text("namespace"), parsed.on("debug")), (namespace, debug), "{words:?}");
            assert_eq!(
                (parsed.list("api-versions"), parsed.text("wait")),
                (&*strings(versions), wait),
                "{words:?}"
            );
        }
    }

    #[test]
    fn the_command_is_the_first_word_that_is_no_flag_s() {
        let rows: [(&[&str], Option<usize>); 9] = [
            (&["template", "-n", "x"], Some(0)),
            (&["-n", "x", "template"], Some(2)),
            (&["-nx", "--debug", "template"], Some(2)),
            (&["--namespace=x", "template"], Some(1)),
            (&["--unknown", "x", "template"], Some(2)),
            (&["-h", "template"], Some(1)),
            (&["--", "template"], None),
            (&["--debug"], None),
            (&["-", "", "template"], Some(2)),
        ];
        for (words, expected) in rows {
            assert_eq!(command_position(&[TABLE], &strings(words)), expected, "{words:?}");
        }
    }
}
