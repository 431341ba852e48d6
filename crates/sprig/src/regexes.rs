//! Regular expressions: RE2 syntax, Go's rules for empty matches and for replacement texts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use go_template::{Executor, Func, FuncError, List, Str, Type, Value};
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::Entry;
use crate::args::{Answer, int, made, str};
use crate::pattern::translate;

const S: Type = Type::String;

/// Compiled expressions take up to this many bytes each, and up to this many are kept.
const SIZE_LIMIT: usize = 1 << 20;
const CACHED: usize = 128;

type Body = fn(&mut Executor<'_>, &Regex, &[Value]) -> Answer;

/// Compiled expressions by their source.
#[derive(Clone, Default)]
struct Compiled(Rc<RefCell<HashMap<Str, Regex>>>);

impl Compiled {
    /// The expression; a message says what is wrong with it.
    fn get(&self, exec: &mut Executor<'_>, source: &Str) -> Result<Regex, FuncError> {
        if let Some(regex) = self.0.borrow().get(source) {
            return Ok(regex.clone());
        }
        exec.charge(100 + source.len() as u64 * 16)?;
        let text = source.to_str();
        let regex = translate(&text).and_then(|pattern| {
            let built = RegexBuilder::new(&pattern).size_limit(SIZE_LIMIT).build();
            built.map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => format!("expression too large: `{text}`"),
                _ => format!("invalid expression: `{text}`"),
            })
        });
        let regex =
            regex.map_err(|message| FuncError::message(format!("error parsing regexp: {message}")))?;
        let mut kept = self.0.borrow_mut();
        if kept.len() >= CACHED {
            kept.clear();
        }
        kept.insert(source.clone(), regex.clone());
        Ok(regex)
    }
}

pub(crate) fn table() -> Vec<Entry> {
    let compiled = Compiled::default();
    let mut table = Vec::new();
    let forms: [(&str, &str, &'static [Type], Body); 5] = [
        ("regexFind", "mustRegexFind", &[S, S], find),
        ("regexFindAll", "mustRegexFindAll", &[S, S, Type::Int], find_all),
        ("regexReplaceAll", "mustRegexReplaceAll", &[S, S, S], replace_all),
        ("regexReplaceAllLiteral", "mustRegexReplaceAllLiteral", &[S, S, S], replace_all_literal),
        ("regexSplit", "mustRegexSplit", &[S, S, Type::Int], split),
    ];
    for (name, must, params, body) in forms {
        // Without "must", a bad expression is Go's panic, which stops the template as well.
        table.push((name, function(&compiled, params, body, true)));
        table.push((must, function(&compiled, params, body, false)));
    }
    let lenient = compiled.clone();
    table.push((
        "regexMatch",
        Func::new(&[S, S], move |exec, args| match lenient.get(exec, &str(args, 0)) {
            Ok(regex) => matches(exec, &regex, args),
            Err(FuncError::Message(_)) => Ok(false.into()),
            Err(error) => Err(error),
        }),
    ));
    table.push(("mustRegexMatch", function(&compiled, &[S, S], matches, false)));
    table.push(("regexQuoteMeta", Func::new(&[S], quote_meta)));
    table
}

fn function(compiled: &Compiled, params: &'static [Type], body: Body, panics: bool) -> Func {
    let compiled = compiled.clone();
    Func::new(params, move |exec, args| {
        let source = str(args, 0);
        exec.charge(str(args, 1).len() as u64 / 4 + 1)?;
        match compiled.get(exec, &source) {
            Ok(regex) => body(exec, &regex, args),
            Err(FuncError::Message(message)) if panics => {
                let quoted = String::from_utf8_lossy(&go_quote(&source)).into_owned();
                Err(FuncError::message(format!("regexp: Compile({quoted}): {message}")))
            }
            Err(error) => Err(error),
        }
    })
}

/// The expression as Go's panic quotes it: in back quotes if it can be.
fn go_quote(source: &Str) -> Vec<u8> {
    let plain = source.as_utf8().is_some_and(|text| {
        !text.chars().any(|c| matches!(c, '`' | '\x7f' | '\u{feff}') || c < ' ' && c != '\t')
    });
    if plain { [b"`", source.as_bytes(), b"`"].concat() } else { go_template::quote_bytes(source, false) }
}

fn matches(exec: &mut Executor<'_>, regex: &Regex, args: &[Value]) -> Answer {
    let text = str(args, 1);
    exec.charge(text.len() as u64 / 4)?;
    Ok(regex.is_match(&text).into())
}

fn find(_: &mut Executor<'_>, regex: &Regex, args: &[Value]) -> Answer {
    Ok(regex.find(&str(args, 1)).map_or_else(Str::default, |found| Str::from(found.as_bytes())).into())
}

/// How many matches `n` asks for: all if negative.
fn limit(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn find_all(exec: &mut Executor<'_>, regex: &Regex, args: &[Value]) -> Answer {
    let text = str(args, 1);
    let found: Vec<Str> =
        regex.find_iter(&text).take(limit(int(args, 2))).map(|found| Str::from(found.as_bytes())).collect();
    exec.charge(found.len() as u64)?;
    exec.charge_bytes(found.len() as u64 * 24)?;
    Ok(if found.is_empty() { List::nil(Type::STRING_LIST).into() } else { List::of_strings(found).into() })
}

fn replace_all(exec: &mut Executor<'_>, regex: &Regex, args: &[Value]) -> Answer {
    let template = str(args, 2);
    replaced(exec, regex, &str(args, 1), |captures, out| expand(&template, regex, captures, out))
}

fn replace_all_literal(exec: &mut Executor<'_>, regex: &Regex, args: &[Value]) -> Answer {
    let replacement = str(args, 2);
    replaced(exec, regex, &str(args, 1), |_, out| out.extend_from_slice(&replacement))
}

fn replaced(
    exec: &mut Executor<'_>,
    regex: &Regex,
    text: &Str,
    replacement: impl Fn(&Captures<'_>, &mut Vec<u8>),
) -> Answer {
    let room = exec.room();
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.extend_from_slice(&text[at..whole.start()]);
        replacement(&captures, &mut out);
        at = whole.end();
        // The charge below then ends the execution.
        if out.len() as u64 > room {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
    made(exec, out)
}

/// Go's `Regexp.Expand`: `$name`, `${name}`, `$1`; the longest name counts (`$1x` is the group `1x`), one that does not
/// exist is empty, `$$` is a dollar.
fn expand(template: &[u8], regex: &Regex, captures: &Captures<'_>, out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(dollar) = rest.iter().position(|b| *b == b'$') {
        out.extend_from_slice(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if rest.first() == Some(&b'$') {
            out.push(b'$');
            rest = &rest[1..];
            continue;
        }
        let Some((name, length)) = group_name(rest) else {
            out.push(b'$');
            continue;
        };
        rest = &rest[length..];
        let group = match name.parse::<usize>() {
            Ok(index) if name.bytes().all(|b| b.is_ascii_digit()) => captures.get(index),
            _ => regex
                .capture_names()
                .flatten()
                .find(|known| *known == name)
                .and_then(|name| captures.name(name)),
        };
        if let Some(group) = group {
            out.extend_from_slice(group.as_bytes());
        }
    }
    out.extend_from_slice(rest);
}

/// A group's name after the dollar, and how many bytes it takes.
fn group_name(rest: &[u8]) -> Option<(&str, usize)> {
    let braced = rest.first() == Some(&b'{');
    let text = String::from_utf8_lossy(&rest[usize::from(braced)..]).into_owned();
    let length: usize =
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    let start = usize::from(braced);
    let name = std::str::from_utf8(rest.get(start..start + length)?).ok()?;
    if name.is_empty() || braced && rest.get(start + length) != Some(&b'}') {
        return None;
    }
    Some((name, length + 2 * start))
}

fn split(exec: &mut Executor<'_>, regex: &Regex, args: &[Value]) -> Answer {
    let (text, n) = (str(args, 1), int(args, 2));
    if n == 0 {
        return Ok(List::nil(Type::STRING_LIST).into());
    }
    if !regex.as_str().is_empty() && text.is_empty() {
        return Ok(List::of_strings([""]).into());
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(&text).take(limit(n)) {
        if n > 0 && parts.len() + 1 == limit(n) {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(Str::from(&text[begin..end]));
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(Str::from(&text[begin..]));
    }
    exec.charge(parts.len() as u64)?;
    exec.charge_bytes(parts.len() as u64 * 24)?;
    Ok(List::of_strings(parts).into())
}

fn quote_meta(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let text = str(args, 0);
    let mut out = Vec::with_capacity(text.len());
    for &byte in text.iter() {
        if b"\\.+*?()|[]{}^$".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    made(exec, out)
}
