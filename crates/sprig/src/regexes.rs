//! Regular expressions: RE2 syntax, Go's rules for empty matches and for replacement texts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use go_template::unicode::{is_digit, is_letter};
use go_template::{Executor, Func, FuncError, List, Str, Type, Value};
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::Entry;
use crate::args::{Answer, first_char, int, made, part_of, str};
use crate::pattern::translate;

const S: Type = Type::String;

/// Compiled expressions take up to this many bytes each, and up to this many are kept.
const SIZE_LIMIT: usize = 1 << 20;
const CACHED: usize = 128;

type Body = fn(&mut Executor<'_>, &Expression, &[Value]) -> Answer;

/// An expression, and the names of its groups from the first on.
#[derive(Clone)]
struct Expression {
    regex: Regex,
    names: Rc<[String]>,
}

/// Compiled expressions by their source.
#[derive(Clone, Default)]
struct Compiled(Rc<RefCell<HashMap<Str, Expression>>>);

impl Compiled {
    /// The expression; a message says what is wrong with it.
    fn get(&self, exec: &mut Executor<'_>, source: &Str) -> Result<Expression, FuncError> {
        if let Some(regex) = self.0.borrow().get(source) {
            return Ok(regex.clone());
        }
        exec.charge(100 + source.len() as u64 * 16)?;
        let text = source.to_str();
        if let Err(invalid) = std::str::from_utf8(source) {
            let mut shown = vec![b'`'];
            shown.extend_from_slice(&source[invalid.valid_up_to()..]);
            shown.push(b'`');
            // Error texts are UTF-8 here: the bytes that are not are shown as U+FFFD.
            return Err(FuncError::message(format!(
                "error parsing regexp: invalid UTF-8: {}",
                Str::from(shown)
            )));
        }
        let regex = translate(&text).and_then(|translated| {
            let built = RegexBuilder::new(&translated.pattern).size_limit(SIZE_LIMIT).build();
            let names = translated.names.into();
            built.map(|regex| Expression { regex, names }).map_err(|error| match error {
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
        Func::new(&[S, S], move |exec, args| match lenient.get(exec, str(args, 0)) {
            Ok(expression) => matches(exec, &expression, args),
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
        match compiled.get(exec, source) {
            Ok(expression) => body(exec, &expression, args),
            Err(FuncError::Message(message)) if panics => {
                let quoted = String::from_utf8_lossy(&go_quote(source)).into_owned();
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

fn matches(exec: &mut Executor<'_>, expression: &Expression, args: &[Value]) -> Answer {
    let text = str(args, 1);
    exec.charge(text.len() as u64 / 4)?;
    Ok(expression.regex.is_match(text).into())
}

fn find(_: &mut Executor<'_>, expression: &Expression, args: &[Value]) -> Answer {
    let text = str(args, 1);
    Ok(expression.regex.find(text).map_or_else(|| "".into(), |found| part_of(text, found.as_bytes())))
}

/// How many matches `n` asks for: all if negative.
fn limit(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Whether a match may be taken: an empty one lies between characters, which an invalid byte is one of.
fn between_characters(text: &[u8], start: usize, end: usize) -> bool {
    let inside = |back: usize| {
        let lead = start.checked_sub(back).and_then(|lead| first_char(&text[lead..]));
        lead.is_some_and(|(_, length)| length > back)
    };
    start < end || start == text.len() || text[start].is_ascii() || !(1..4).any(inside)
}

/// A string of a result list, charged before it is made.
fn charged_part(exec: &mut Executor<'_>, part: &[u8]) -> Result<Str, FuncError> {
    exec.charge(1)?;
    exec.charge_bytes(24 + part.len() as u64)?;
    Ok(Str::from(part))
}

fn find_all(exec: &mut Executor<'_>, expression: &Expression, args: &[Value]) -> Answer {
    let text = str(args, 1);
    let found = expression.regex.find_iter(text);
    let found = found.filter(|found| between_characters(text, found.start(), found.end()));
    let mut parts = Vec::new();
    for found in found.take(limit(int(args, 2))) {
        parts.push(charged_part(exec, found.as_bytes())?);
    }
    Ok(if parts.is_empty() { List::nil(Type::STRING_LIST).into() } else { List::of_strings(parts).into() })
}

fn replace_all(exec: &mut Executor<'_>, expression: &Expression, args: &[Value]) -> Answer {
    let template = str(args, 2);
    replaced(exec, expression, str(args, 1), |captures, out| expand(template, expression, captures, out))
}

fn replace_all_literal(exec: &mut Executor<'_>, expression: &Expression, args: &[Value]) -> Answer {
    let replacement = str(args, 2);
    replaced(exec, expression, str(args, 1), |_, out| out.extend_from_slice(replacement))
}

fn replaced(
    exec: &mut Executor<'_>,
    expression: &Expression,
    text: &Str,
    replacement: impl Fn(&Captures<'_>, &mut Vec<u8>),
) -> Answer {
    let room = exec.room();
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for captures in expression.regex.captures_iter(text) {
        let whole = captures.get(0).filter(|whole| between_characters(text, whole.start(), whole.end()));
        let Some(whole) = whole else { continue };
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
fn expand(template: &[u8], expression: &Expression, captures: &Captures<'_>, out: &mut Vec<u8>) {
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
        let number = name.bytes().all(|b| b.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
        let group = if number {
            name.parse().ok().and_then(|index: usize| captures.get(index))
        } else {
            // Of groups of one name, the first that took part.
            let named = expression.names.iter().enumerate().filter(|(_, known)| *known == name);
            named.map(|(i, _)| captures.get(i + 1)).find(Option::is_some).flatten()
        };
        if let Some(group) = group {
            out.extend_from_slice(group.as_bytes());
        }
    }
    out.extend_from_slice(rest);
}

/// A group's name after the dollar, and how many bytes it takes.
fn group_name(rest: &[u8]) -> Option<(&str, usize)> {
    let start = usize::from(rest.first() == Some(&b'{'));
    let mut end = start;
    while let Some((c, length)) = first_char(&rest[end..]) {
        if !(is_letter(c) || is_digit(c) || c == '_') {
            break;
        }
        end += length;
    }
    let name = std::str::from_utf8(&rest[start..end]).ok()?;
    if name.is_empty() || start == 1 && rest.get(end) != Some(&b'}') {
        return None;
    }
    Some((name, end + start))
}

fn split(exec: &mut Executor<'_>, expression: &Expression, args: &[Value]) -> Answer {
    let (source, text, n) = (str(args, 0), str(args, 1), int(args, 2));
    if n == 0 {
        return Ok(List::nil(Type::STRING_LIST).into());
    }
    if !source.is_empty() && text.is_empty() {
        return Ok(List::of_strings([""]).into());
    }
    let found = expression.regex.find_iter(text);
    let found = found.filter(|found| between_characters(text, found.start(), found.end()));
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in found.take(limit(n)) {
        if n > 0 && parts.len() + 1 == limit(n) {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(charged_part(exec, &text[begin..end])?);
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(charged_part(exec, &text[begin..])?);
    }
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
