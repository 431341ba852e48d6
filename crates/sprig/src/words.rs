//! Wrapping and abbreviating, by bytes as goutils does.

use go_template::{Func, FuncError, Str, Type};

use crate::Entry;
use crate::args::{int, made, str};

const S: Type = Type::String;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        (
            "wrap",
            Func::new(&[Type::Int, S], |exec, a| {
                let wrapped = wrap(str(a, 1), int(a, 0), b"\n", false);
                made(exec, wrapped)
            }),
        ),
        (
            "wrapWith",
            Func::new(&[Type::Int, S, S], |exec, a| {
                let separator = str(a, 1);
                let separator: &[u8] = if separator.is_empty() { b"\n" } else { separator };
                // Very short lines multiply the text by the separator.
                exec.charge_bytes((str(a, 2).len() as u64).saturating_mul(1 + separator.len() as u64) / 2)?;
                let wrapped = wrap(str(a, 2), int(a, 0), separator, true);
                made(exec, wrapped)
            }),
        ),
        ("abbrev", Func::new(&[Type::Int, S], |_, a| Ok(abbreviated(str(a, 1), 0, int(a, 0))?.into()))),
        (
            "abbrevboth",
            Func::new(&[Type::Int, Type::Int, S], |_, a| {
                let (left, right) = (int(a, 0), int(a, 1));
                if right < 4 || left > 0 && right < 7 {
                    return Ok(str(a, 2).clone().into());
                }
                Ok(abbreviated(str(a, 2), left, right)?.into())
            }),
        ),
    ]
}

fn wrap(text: &[u8], width: i64, separator: &[u8], long_words: bool) -> Vec<u8> {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while text.len() - at > width {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        let space = text[at..at + width + 1].iter().rposition(|b| *b == b' ');
        let (end, next) = match space {
            Some(space) => (at + space, at + space + 1),
            None if long_words => (at + width, at + width),
            None => match text[at + width..].iter().position(|b| *b == b' ') {
                Some(space) => (at + width + space, at + width + space + 1),
                None => {
                    out.extend_from_slice(&text[at..]);
                    return out;
                }
            },
        };
        out.extend_from_slice(&text[at..end]);
        out.extend_from_slice(separator);
        at = next;
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// goutils' `AbbreviateFull`: at most `width` bytes of `text` from `offset` on, with `...` for what is left out.
fn abbreviated(text: &Str, offset: i64, width: i64) -> Result<Str, FuncError> {
    if width < 4 {
        return Ok(text.clone());
    }
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    let len = text.len();
    if len <= width {
        return Ok(text.clone());
    }
    let kept = width - 3;
    let mut offset = offset.min(len as i64);
    // A very low offset overflows, as in Go.
    if (len as i64).wrapping_sub(offset) < kept as i64 {
        offset = (len - kept) as i64;
    }
    let offset = usize::try_from(offset).unwrap_or(0);
    if offset <= 4 {
        return Ok([&text[..kept], b"..."].concat().into());
    }
    if width < 7 {
        return Ok(Str::default());
    }
    if offset + kept < len {
        let rest = abbreviated(&Str::from(&text[offset..]), 0, kept as i64)?;
        return Ok([b"...", &rest[..]].concat().into());
    }
    Ok([b"...", &text[len - kept..]].concat().into())
}
