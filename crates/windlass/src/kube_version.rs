//! `--kube-version`.

use helm_engine::KubeVersion;

use crate::console::quoted;
use crate::flags::Parsed;

/// A text that is no version, in the words of Kubernetes' `version.ParseGeneric`.
#[derive(Debug, thiserror::Error)]
#[error("invalid kube version '{text}': {why}")]
pub(crate) struct UnreadableKubeVersion {
    text: String,
    why: String,
}

/// The version that the flag states.
pub(crate) fn from_flag(flags: &Parsed) -> Result<Option<KubeVersion>, UnreadableKubeVersion> {
    let Some(text) = flags.text("kube-version").filter(|text| !text.is_empty()) else { return Ok(None) };
    let unreadable = |why| UnreadableKubeVersion { text: text.to_owned(), why };
    if let Some(why) = fault(text) {
        return Err(unreadable(why));
    }
    let version = KubeVersion::parse(text).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(version))
}

fn fault(text: &str) -> Option<String> {
    let bare = text.trim_start();
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    let mut numbers: Vec<&str> = Vec::new();
    let mut rest = bare;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            break;
        }
        numbers.push(&rest[..digits]);
        match rest[digits..].strip_prefix('.') {
            Some(more) => rest = more,
            None => break,
        }
    }
    let quoted_text = quoted(text);
    match numbers.as_slice() {
        [] => Some(format!("could not parse {quoted_text} as version")),
        [_] => Some(format!("illegal version string {quoted_text}")),
        [first, ..] if first.len() > 1 && first.starts_with('0') => {
            Some(format!("illegal zero-prefixed version component {} in {quoted_text}", quoted(first)))
        }
        _ => None,
    }
}
