//! Upper and lower case, and the spellings of compound names.

use crate::Entry;
use std::sync::LazyLock;

use go_template::unicode::is_letter;
use go_template::{Func, Type};
use regex::Regex;

use crate::args::{bytes_func, made, str, text_func};

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("upper", cased(u8::is_ascii_lowercase, u8::to_ascii_uppercase, upper)),
        ("lower", cased(u8::is_ascii_uppercase, u8::to_ascii_lowercase, lower)),
        ("title", text_func(title)),
        ("untitle", text_func(untitle)),
        ("swapcase", text_func(swapped)),
        ("nospace", bytes_func(without_space)),
        ("initials", bytes_func(initials)),
        ("camelcase", text_func(pascal)),
        ("snakecase", bytes_func(|text| by_stretch_joined(text, '_'))),
        ("kebabcase", bytes_func(|text| by_stretch_joined(text, '-'))),
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
    match c {
        // Letters with a iota below, which become two letters where more than one may stand for one.
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => shifted(c, 8),
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => shifted(c, 9),
        c => single(c, c.to_uppercase()),
    }
}

fn lower(c: char) -> char {
    if c == 'İ' { 'i' } else { single(c, c.to_lowercase()) }
}

/// The letter for the beginning of a word.
fn title_case(c: char) -> char {
    match c {
        // Two letters in one: a capital and a small one.
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        // Georgian has no title case of its own.
        'ა'..='ჺ' | 'ჽ'..='ჿ' => c,
        c => upper(c),
    }
}

fn shifted(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// `upper` or `lower`: ASCII by bytes, and not copied where there is nothing to change.
fn cased(changes: fn(&u8) -> bool, ascii: fn(&u8) -> u8, other: fn(char) -> char) -> Func {
    Func::new(&[Type::String], move |exec, args| {
        let text = str(args, 0);
        if !text.is_ascii() {
            return made(exec, text.to_str().chars().map(other).collect::<String>());
        }
        if !text.iter().any(changes) {
            return made(exec, text.clone());
        }
        made(exec, text.iter().map(ascii).collect::<Vec<u8>>())
    })
}

/// goutils' `SwapCase`.
fn swapped(text: &str) -> String {
    let mut boundary = true;
    text.chars()
        .map(|c| {
            if is_upper(c) || is_letter(c) && title_case(c) == c && lower(c) != c {
                boundary = false;
                lower(c)
            } else if c.is_lowercase() && is_letter(c) {
                if std::mem::take(&mut boundary) { title_case(c) } else { upper(c) }
            } else {
                boundary = c.is_whitespace();
                c
            }
        })
        .collect()
}

/// White space among the first 256 characters, which is what goutils takes bytes for.
fn is_space_byte(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

/// goutils' `DeleteWhiteSpace`, which takes each byte for a character once there is one to delete.
fn without_space(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|byte| is_space_byte(*byte)) {
        return text.to_vec();
    }
    let kept = text.iter().filter(|byte| !is_space_byte(**byte));
    kept.map(|byte| char::from(*byte)).collect::<String>().into_bytes()
}

/// `strings.Title`: a capital at the beginning of each word.
fn title(text: &str) -> String {
    let mut boundary = true;
    text.chars()
        .map(|c| {
            let mapped = if boundary { title_case(c) } else { c };
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

/// goutils' `Initials`, which takes each byte for a character.
fn initials(text: &[u8]) -> Vec<u8> {
    let words = text.split(|byte| is_space_byte(*byte));
    words.filter_map(|word| word.first()).map(|byte| char::from(*byte)).collect::<String>().into_bytes()
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
            first_upper = is_upper(c);
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
            first_upper = is_upper(c);
            current = upper(c);
            continue;
        }
        if first_upper {
            if is_upper(c) {
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

/// `joined`, in which invalid bytes are themselves. They are stood for by characters that are no others either.
fn by_stretch_joined(text: &[u8], connector: char) -> Vec<u8> {
    if let Ok(text) = std::str::from_utf8(text) {
        return joined(text, connector).into_bytes();
    }
    const STAND_IN: u32 = 0x10_FE00;
    let mut valid = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        valid.push_str(chunk.valid());
        valid.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(STAND_IN + u32::from(*byte))));
    }
    let mut out = Vec::with_capacity(text.len());
    for c in joined(&valid, connector).chars() {
        match u32::from(c).checked_sub(STAND_IN).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
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
    static PUNCTUATION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^\p{P}$").expect("the expression is a fixed one"));
    if c.is_ascii() {
        // The others are symbols.
        return c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~');
    }
    !is_letter(c) && PUNCTUATION.is_match(c.encode_utf8(&mut [0; 4]))
}

/// Go's `unicode.IsUpper`, which is of letters only.
fn is_upper(c: char) -> bool {
    c.is_uppercase() && is_letter(c)
}

/// Ideographs, which are no letters to xstrings.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4D85}' | '\u{4E00}'..='\u{9FCC}' | '\u{20000}'..='\u{2B81D}')
}

fn kind_of(c: char) -> Word {
    if is_connector(c) {
        Word::Connector
    } else if is_punctuation(c) {
        Word::Punctuation
    } else if is_upper(c) {
        Word::Upper
    } else if is_letter(c) && !is_ideograph(c) {
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
