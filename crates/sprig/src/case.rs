//! Upper and lower case, and the spellings of compound names.

use crate::Entry;
use std::sync::LazyLock;

use go_template::unicode::{is_letter, is_print};
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
        ("snakecase", bytes_func(|text| joined(text, '_'))),
        ("kebabcase", bytes_func(|text| joined(text, '-'))),
    ]
}

/// Go's case mapping is of one character to one, and knows no characters that are newer than its tables.
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) if is_print(c) && is_print(one) => one,
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

/// xstrings' `ToSnakeCase` and `ToKebabCase`.
fn joined(text: &[u8], connector: char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
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
                    push(&mut out, connector);
                }
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    push(&mut out, connector);
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
                        push(&mut out, connector);
                    }
                    continue;
                }
                push(&mut out, connector);
                push_lower(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Connector | Word::Punctuation) {
                    push(&mut out, connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn push_lower(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.extend_from_slice(word);
        return;
    }
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            push(
                out,
                match c {
                    c if is_connector(c) => connector,
                    c if is_upper(c) => lower(c),
                    // A title-case letter stays.
                    c => c,
                },
            );
        }
        chunk.invalid().iter().for_each(|_| push(out, char::REPLACEMENT_CHARACTER));
    }
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

fn is_alphabet(c: char) -> bool {
    is_letter(c) && !is_ideograph(c)
}

fn kind_of(c: char) -> Word {
    if is_connector(c) {
        Word::Connector
    } else if is_punctuation(c) {
        Word::Punctuation
    } else if is_upper(c) {
        Word::Upper
    } else if is_alphabet(c) {
        Word::Alphabet
    } else if c.is_numeric() {
        Word::Number
    } else {
        Word::Other
    }
}

/// The next character that is neither an invalid byte nor U+FFFD, and the bytes up to its end; those go with it. At the end
/// of the text it is the one before.
fn next_valid(text: &[u8], before: Option<char>) -> (Option<char>, usize) {
    let mut at = 0;
    while at < text.len() {
        let (c, size) = first_char(&text[at..]);
        at += size;
        if c != char::REPLACEMENT_CHARACTER {
            return (Some(c), at);
        }
    }
    (before, at)
}

/// The first character of a text and its size; an invalid byte is U+FFFD. Takes no longer for a long text.
fn first_char(text: &[u8]) -> (char, usize) {
    let head = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(valid) => valid,
        Err(error) => str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()))
}

/// The first word, its kind, and what follows it.
fn next_word(text: &[u8]) -> (Word, &[u8], &[u8]) {
    let (Some(first), mut end) = next_valid(text, None) else {
        return (Word::None, text, &[]);
    };
    let kind = kind_of(first);
    let is_lower = |c| is_alphabet(c) && !is_upper(c);
    match kind {
        Word::Connector => end = run(text, end, first, is_connector),
        Word::Punctuation => end = run(text, end, first, is_punctuation),
        Word::Alphabet => end = run(text, end, first, is_lower),
        Word::Number => end = run(text, end, first, char::is_numeric),
        Word::Other | Word::None => {
            end = run(text, end, first, |c| {
                !is_connector(c) && !is_alphabet(c) && !c.is_numeric() && !is_punctuation(c)
            });
        }
        Word::Upper if end == text.len() => {}
        Word::Upper => match next_valid(&text[end..], Some(first)) {
            (Some(second), size) if is_upper(second) => end = uppers(text, end + size, size, second),
            (Some(second), size) if is_alphabet(second) => end = run(text, end + size, second, is_lower),
            _ => {}
        },
    }
    (kind, &text[..end], &text[end..])
}

/// The end of the characters from `end` on that `belongs` is true for.
fn run(text: &[u8], mut end: usize, before: char, belongs: impl Fn(char) -> bool) -> usize {
    let mut last = Some(before);
    while end < text.len() {
        let (next, size) = next_valid(&text[end..], last);
        if !next.is_some_and(&belongs) {
            break;
        }
        last = next;
        end += size;
    }
    end
}

/// The end of a word of capital letters, of which the last has `size` bytes: "HTTPStatus" is "HTTP" and "Status".
fn uppers(text: &[u8], mut end: usize, mut size: usize, last: char) -> usize {
    let mut last = Some(last);
    while end < text.len() {
        let (next, next_size) = next_valid(&text[end..], last);
        if !next.is_some_and(is_upper) {
            return if next.is_some_and(is_alphabet) { end - size } else { end };
        }
        (last, size) = (next, next_size);
        end += size;
    }
    end
}
