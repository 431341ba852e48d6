//! Cases changed at random.

use std::path::Path;

use anyhow::Context as _;

use crate::cases::{self, Case};
use crate::data;
use crate::grammar;
use crate::random::Random;
use crate::shrink::tokens;

/// The committed cases of a crate.
pub(crate) fn corpus(krate: &str) -> anyhow::Result<Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../crates/{krate}/tests/cases"));
    let mut corpus = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "cases") {
            corpus.extend(cases::parse(&std::fs::read_to_string(path)?));
        }
    }
    Ok(corpus)
}

/// A case of the corpus with a few changes: tokens left out, doubled, exchanged, taken from other cases, replaced by a
/// random pipeline, or bytes changed.
pub(crate) fn mutate(random: &mut Random, corpus: &[Case], sprig: bool) -> Case {
    let mut case = random.pick(corpus).clone();
    if case.text.len() > 2000 {
        return case;
    }
    for _ in 0..=random.below(3) {
        if random.chance(25) {
            bytes(random, &mut case.text);
            continue;
        }
        let mut parts: Vec<Vec<u8>> = tokens(&case.text).into_iter().map(<[u8]>::to_vec).collect();
        if parts.is_empty() {
            return case;
        }
        let at = random.below(parts.len());
        match random.below(6) {
            0 => drop(parts.remove(at)),
            1 => parts.insert(at, parts[at].clone()),
            2 => {
                let other = random.below(parts.len());
                parts.swap(at, other);
            }
            3 | 4 => {
                let donor = random.pick(corpus);
                let theirs = tokens(&donor.text);
                if !theirs.is_empty() {
                    let from = random.below(theirs.len());
                    let to = (from + 1 + random.below(4)).min(theirs.len());
                    let end = (at + random.below(2)).min(parts.len());
                    parts.splice(at..end, theirs[from..to].iter().map(|token| token.to_vec()));
                }
            }
            _ => {
                let none = data::Data { json: String::new(), paths: Vec::new() };
                parts[at] = format!("({})", grammar::pipeline(random, &none, sprig)).into_bytes();
            }
        }
        case.text = parts.concat();
    }
    if random.chance(10) {
        case.data.clone_from(&random.pick(corpus).data);
    }
    case
}

/// One byte changed, or a few put in.
pub(crate) fn bytes(random: &mut Random, text: &mut Vec<u8>) {
    let at = random.below(text.len());
    match random.below(4) {
        0 if !text.is_empty() => drop(text.remove(at)),
        1 if !text.is_empty() => text[at] = *random.pick(b"{}()|.$\"`-+*\\%0 \n\t=:,'_/\xc3\xa9\xff\x00"),
        2 => text.insert(at, *random.pick(b"{}()|.$\"`-+*\\%0 \n\t=:,'_/\xc3\xa9\xff\x00")),
        _ => {
            let piece = random.word(&["{{", "}}", "{{-", "-}}", "/*", "*/", "☃", "\u{feff}"]);
            text.splice(at..at, piece.bytes());
        }
    }
}
