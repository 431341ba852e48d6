//! Upper and lower case, and the spellings of compound names.

use crate::Entry;
use crate::args::text_func;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("upper", text_func(|text| text.chars().map(upper).collect())),
        ("lower", text_func(|text| text.chars().map(lower).collect())),
        ("title", text_func(title)),
        ("untitle", text_func(untitle)),
        ("swapcase", text_func(|text| text.chars().map(swap).collect())),
        ("nospace", text_func(|text| text.chars().filter(|c| !c.is_whitespace()).collect())),
        ("initials", text_func(initials)),
        ("camelcase", text_func(pascal)),
        ("snakecase", text_func(|text| joined(text, '_'))),
        ("kebabcase", text_func(|text| joined(text, '-'))),
    ]
}

/// Go's case mapping is of one character to one.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn upper(c: char) -> char {
    single(c, c.to_uppercase())
}

fn lower(c: char) -> char {
    single(c, c.to_lowercase())
}

fn swap(c: char) -> char {
    if c.is_uppercase() {
        lower(c)
    } else if c.is_lowercase() {
        upper(c)
    } else {
        c
    }
}

/// `strings.Title`: a capital at the beginning of each word.
fn title(text: &str) -> String {
    let mut boundary = true;
    text.chars()
        .map(|c| {
            let mapped = if boundary { upper(c) } else { c };
            boundary = if c.is_ascii() {
                !(c.is_ascii_alphanumeric() || c == '_')
            } else {
                !c.is_alphanumeric() && c.is_whitespace()
            };
            mapped
        })
        .collect()
}

fn untitle(text: &str) -> String {
    let mut boundary = true;
    text.chars()
        .map(|c| {
            if c.is_whitespace() {
                boundary = true;
                return c;
            }
            if std::mem::take(&mut boundary) { lower(c) } else { c }
        })
        .collect()
}

fn initials(text: &str) -> String {
    text.split_whitespace().filter_map(|word| word.chars().next()).collect()
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// xstrings' `ToPascalCase`: connectors between words go, at the ends they stay.
fn pascal(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    let mut current = None;
    let mut first_upper = false;
    for c in chars.by_ref() {
        if !is_connector(c) {
            first_upper = c.is_uppercase();
            current = Some(upper(c));
            break;
        }
        out.push(c);
    }
    let Some(mut current) = current else {
        // Connectors only: the last one is written twice, as xstrings does.
        out.extend(text.chars().last());
        return out;
    };
    for c in chars {
        let previous = current;
        current = c;
        if is_connector(c) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            first_upper = c.is_uppercase();
            current = upper(c);
            continue;
        }
        if first_upper {
            if c.is_uppercase() {
                current = lower(c);
            } else {
                first_upper = false;
            }
        }
        out.push(previous);
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    None,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// xstrings' `ToSnakeCase` and `ToKebabCase`.
fn joined(text: &str, connector: char) -> String {
    let mut out = String::new();
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Punctuation | Word::Connector) {
                    out.push(connector);
                }
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // The number belongs to the word before it.
                    push_lower(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                push_lower(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

fn push_lower(out: &mut String, kind: Word, word: &str, connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.push_str(word);
        return;
    }
    out.extend(word.chars().map(|c| if is_connector(c) { connector } else { lower(c) }));
}

fn is_punctuation(c: char) -> bool {
    // Connectors and symbols are looked at before.
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
        || matches!(c, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}')
        || ('\u{2010}'..='\u{2027}').contains(&c)
}

fn kind_of(c: char) -> Word {
    if is_connector(c) {
        Word::Connector
    } else if is_punctuation(c) {
        Word::Punctuation
    } else if c.is_uppercase() {
        Word::Upper
    } else if c.is_alphabetic() && !c.is_numeric() {
        Word::Alphabet
    } else if c.is_numeric() {
        Word::Number
    } else {
        Word::Other
    }
}

/// The first word, its kind, and what follows it.
fn next_word(text: &str) -> (Word, &str, &str) {
    let Some(first) = text.chars().next() else {
        return (Word::None, "", "");
    };
    let kind = kind_of(first);
    let run = |from: usize, wanted: Word| {
        text[from..].find(|c| kind_of(c) != wanted).map_or(text.len(), |end| from + end)
    };
    let end = match kind {
        Word::Upper => {
            let uppers = run(0, Word::Upper);
            match text[uppers..].chars().next().map(kind_of) {
                Some(Word::Alphabet) if uppers > first.len_utf8() => {
                    // "HTTPStatus" is "HTTP" and "Status".
                    uppers - text[..uppers].chars().last().map_or(0, char::len_utf8)
                }
                Some(Word::Alphabet) => run(uppers, Word::Alphabet),
                _ => uppers,
            }
        }
        kind => run(0, kind),
    };
    (kind, &text[..end], &text[end..])
}
