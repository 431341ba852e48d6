//! The host's side of functions: environment and name service.

use std::rc::Rc;

use go_template::{Func, FuncError, Type};

use crate::args::{made, text};
use crate::random::below;
use crate::{Entry, Environment, Random, Resolver};

pub(crate) fn environment(environment: Rc<dyn Environment>) -> Vec<Entry> {
    let expanding = environment.clone();
    vec![
        (
            "env",
            Func::new(&[Type::String], move |exec, args| {
                made(exec, environment.variable(&text(args, 0)).unwrap_or_default())
            }),
        ),
        (
            "expandenv",
            Func::new(&[Type::String], move |exec, args| {
                let expanded = expand(&text(args, 0), exec.room(), |name| expanding.variable(name));
                made(exec, expanded)
            }),
        ),
    ]
}

pub(crate) fn resolver(resolver: Rc<dyn Resolver>, random: Rc<dyn Random>) -> Vec<Entry> {
    let by_name = Func::new(&[Type::String], move |exec, args| {
        // A query waits for the network: it is dear, so that a loop over it runs out of steps.
        exec.charge(10_000)?;
        let addresses = resolver.lookup(&text(args, 0));
        if addresses.is_empty() {
            return Err(FuncError::message("invalid argument to Intn"));
        }
        let index = below(&*random, addresses.len() as u64) as usize;
        made(exec, addresses[index].as_str())
    });
    vec![("getHostByName", by_name)]
}

/// Go's `os.ExpandEnv`: `$name` and `${name}`; a name is one special character, or letters, digits and underscores. Ends
/// early once there is more than `room`.
fn expand(text: &str, room: u64, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$').filter(|_| out.len() as u64 <= room) {
        let after = &rest[dollar + 1..];
        if after.is_empty() {
            break;
        }
        out.push_str(&rest[..dollar]);
        let (name, length) = name(after);
        match name {
            // "${}" and an open brace are eaten; a dollar before anything else stays.
            "" if length == 0 => out.push('$'),
            "" => {}
            name => out.push_str(&variable(name).unwrap_or_default()),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    out
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'#' | b'$' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9')
}

/// The name after a dollar, and how many bytes it takes.
fn name(text: &str) -> (&str, usize) {
    let bytes = text.as_bytes();
    if let Some(inner) = text.strip_prefix('{') {
        if bytes.len() > 2 && is_special(bytes[1]) && bytes[2] == b'}' {
            return (&text[1..2], 3);
        }
        return match inner.find('}') {
            Some(0) => ("", 2),
            Some(end) => (&inner[..end], end + 2),
            None => ("", 1),
        };
    }
    if bytes.first().is_some_and(|byte| is_special(*byte)) {
        return (&text[..1], 1);
    }
    let length = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    (&text[..length], length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand_as_in_go() {
        let variable = |name: &str| Some(format!("<{name}>"));
        let cases = [
            ("a $HOME b", "a <HOME> b"),
            ("${HOME}x", "<HOME>x"),
            ("$1x $* ${*}", "<1>x <*> <*>"),
            ("${} ${x", " x"),
            ("$ $. end$", "$ $. end$"),
            ("$HOME$USER", "<HOME><USER>"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, 1000, variable), expected, "{text}");
        }
    }
}
