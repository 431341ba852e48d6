//! Makes a case smaller while something holds of it.

use serde_json::Value as Json;

use crate::cases::Case;
use go_template::MissingKey;

/// The parts of a template that can be left out: pieces of text, delimiters, words.
pub(crate) fn tokens(text: &[u8]) -> Vec<&[u8]> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut inside = false;
    while !rest.is_empty() {
        let len = token(rest, inside);
        let (head, tail) = rest.split_at(len);
        if head.starts_with(b"{{") {
            inside = true;
        } else if head.ends_with(b"}}") {
            inside = false;
        }
        tokens.push(head);
        rest = tail;
    }
    tokens
}

fn token(rest: &[u8], inside: bool) -> usize {
    let find = |what: &[u8]| rest.windows(what.len()).position(|window| window == what);
    if rest.starts_with(b"{{") {
        if let (true, Some(end)) =
            (rest[2..].starts_with(b"/*") || rest[2..].starts_with(b"- /*"), find(b"*/"))
        {
            return end + 2;
        }
        return if rest[2..].starts_with(b"-") { 3 } else { 2 };
    }
    if !inside {
        return find(b"{{")
            .unwrap_or(rest.len())
            .min(find(b"\n").map_or(rest.len(), |newline| newline + 1))
            .max(1);
    }
    if rest.starts_with(b"-}}") {
        return 3;
    }
    if rest.starts_with(b"}}") {
        return 2;
    }
    let quote = rest[0];
    if matches!(quote, b'"' | b'`' | b'\'') {
        let mut at = 1;
        while at < rest.len() && rest[at] != quote {
            at += if rest[at] == b'\\' && quote != b'`' { 2 } else { 1 };
        }
        return (at + 1).min(rest.len());
    }
    let word =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$' | b'-' | b'+') || *b >= 0x80;
    let space = |b: &u8| b.is_ascii_whitespace();
    match rest[0] {
        b if space(&b) => rest.iter().take_while(|b| space(b)).count(),
        b if word(&b) => rest
            .iter()
            .enumerate()
            .take_while(|(i, b)| word(b) && !rest[*i..].starts_with(b"-}}"))
            .count()
            .max(1),
        _ => 1,
    }
}

/// The smallest case found of which `holds` is true, within so many tries.
pub(crate) fn shrink(
    case: &Case,
    mut tries: usize,
    mut holds: impl FnMut(&Case) -> anyhow::Result<bool>,
) -> anyhow::Result<Case> {
    let mut best = case.clone();
    let mut check = |candidate: &Case, best: &mut Case| -> anyhow::Result<bool> {
        if tries == 0
            || *candidate.text == *best.text
                && candidate.data == best.data
                && candidate.missing_key == best.missing_key
        {
            return Ok(false);
        }
        tries -= 1;
        let smaller = holds(candidate)?;
        if smaller {
            best.clone_from(candidate);
        }
        Ok(smaller)
    };
    check(&Case { missing_key: MissingKey::Default, ..best.clone() }, &mut best)?;
    for _ in 0..4 {
        let before = (best.text.len(), best.data.len());
        text(&mut best, &mut check)?;
        data(&mut best, &mut check)?;
        if before == (best.text.len(), best.data.len()) {
            break;
        }
    }
    Ok(best)
}

type Check<'c> = dyn FnMut(&Case, &mut Case) -> anyhow::Result<bool> + 'c;

fn text(best: &mut Case, check: &mut Check<'_>) -> anyhow::Result<()> {
    // Ever smaller runs of tokens; then two runs at once, for what comes in pairs.
    let mut size = tokens(&best.text).len() / 2;
    while size > 0 {
        let mut at = 0;
        loop {
            let parts = tokens(&best.text);
            if at + size > parts.len() {
                break;
            }
            let candidate = [&parts[..at], &parts[at + size..]].concat().concat();
            if !check(&Case { text: candidate, ..best.clone() }, best)? {
                at += 1;
            }
        }
        size = if size > 8 { size / 2 } else { size - 1 };
    }
    pairs(best, check)?;
    bytes(best, check)
}

fn pairs(best: &mut Case, check: &mut Check<'_>) -> anyhow::Result<()> {
    let mut first = 0;
    'next: loop {
        let parts: Vec<Vec<u8>> = tokens(&best.text).into_iter().map(<[u8]>::to_vec).collect();
        if first >= parts.len() || parts.len() > 60 {
            return Ok(());
        }
        // A whole action, or one token.
        let width = |at: usize| match parts[at].starts_with(b"{{") {
            true => parts[at..].iter().position(|part| part.ends_with(b"}}")).map_or(1, |end| end + 1),
            false => 1,
        };
        let mut second = first + width(first);
        while second < parts.len() {
            let (a, b) = (first + width(first), second + width(second));
            let candidate = [&parts[..first], &parts[a..second], &parts[b.max(second)..]].concat().concat();
            if check(&Case { text: candidate, ..best.clone() }, best)? {
                continue 'next;
            }
            second += 1;
        }
        first += 1;
    }
}

/// Single bytes, of templates that are short by now.
fn bytes(best: &mut Case, check: &mut Check<'_>) -> anyhow::Result<()> {
    let mut at = 0;
    while at < best.text.len() && best.text.len() < 200 {
        let mut candidate = best.text.clone();
        candidate.remove(at);
        if !check(&Case { text: candidate, ..best.clone() }, best)? {
            at += 1;
        }
    }
    Ok(())
}

fn data(best: &mut Case, check: &mut Check<'_>) -> anyhow::Result<()> {
    check(&Case { data: "null".to_owned(), ..best.clone() }, best)?;
    let mut skip = 0;
    loop {
        let json: Json = serde_json::from_str(&best.data)?;
        let mut left = skip;
        let Some(smaller) = without(&json, &mut left) else { return Ok(()) };
        if !check(&Case { data: smaller.to_string(), ..best.clone() }, best)? {
            skip += 1;
        }
    }
}

/// The data without its part number `left`, in order of walking; `None` if there is no such part.
fn without(json: &Json, left: &mut usize) -> Option<Json> {
    match json {
        Json::Object(object) => {
            // The argument of a special value has a form of its own.
            let special = object.len() == 1 && object.keys().all(|key| key.starts_with('$'));
            for (key, item) in object {
                let mut smaller = object.clone();
                if !special {
                    if *left == 0 {
                        smaller.remove(key);
                        return Some(Json::Object(smaller));
                    }
                    *left -= 1;
                }
                if let Some(item) = without(item, left) {
                    smaller[key] = item;
                    return Some(Json::Object(smaller));
                }
            }
            None
        }
        Json::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let mut smaller = items.clone();
                if *left == 0 {
                    smaller.remove(i);
                    return Some(Json::Array(smaller));
                }
                *left -= 1;
                if let Some(item) = without(item, left) {
                    smaller[i] = item;
                    return Some(Json::Array(smaller));
                }
            }
            None
        }
        _ => None,
    }
}
