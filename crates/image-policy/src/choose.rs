//! The decision: which tag, if any, an item moves to.

use std::cmp::Reverse;
use std::fmt;

use crate::{Created, ImageRef, Tag, TagPattern};

/// A tag of the current image's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The tag.
    pub tag: Tag,
    /// When its image was built; `None` while it is unknown (not read yet, or the image does not say).
    pub created: Option<Created>,
}

/// What runs now.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// The item as people know it, such as `dev:fluxhelmrelease/podinfo-dev container chart-image`; used in
    /// reasons.
    pub item: &'a str,
    /// The image as git states it.
    pub image: &'a ImageRef,
    /// When that image was built, also when its tag has left the registry since; `None` when unknown.
    pub created: Option<Created>,
}

/// The answer of [`choose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Move to another tag.
    Update(Update<'a>),
    /// The current tag is what the pattern selects.
    UpToDate,
    /// No update, for a reason that a person should see.
    Hold(Hold),
}

/// A tag that is to replace the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update<'a> {
    /// The tag to move to.
    pub tag: &'a Tag,
    /// When its image was built.
    pub created: Created,
    /// Why, as a sentence.
    pub reason: String,
}

/// Why nothing is selected. Displays as a sentence that names the item, the image and the pattern and says
/// what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The kind of reason.
    pub why: Why,
    item: String,
    image: String,
    pattern: String,
}

/// The kinds of reason for which nothing is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The image has no tag that could be edited.
    NoTag,
    /// The image is pinned by digest, so that another tag would change nothing.
    Pinned,
    /// No tag of the repository matches.
    NoMatch {
        /// How many tags were looked at.
        tags: usize,
    },
    /// Tags match, and of none the build time is known.
    NoBuildTime {
        /// How many match.
        matching: usize,
    },
    /// The current image's build time is unknown, so that none can be called newer.
    CurrentUnknown {
        /// The tag that would have been selected.
        newest: Tag,
    },
    /// The newest match is older than what runs.
    Older {
        /// The newest matching tag.
        newest: Tag,
    },
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, item, image, pattern } = self;
        match why {
            Why::NoTag => write!(
                f,
                "{item}: image {image} has no tag to update; write the tag that should run (pattern {pattern})"
            ),
            Why::Pinned => write!(
                f,
                "{item}: image {image} is pinned by its digest, so pattern {pattern} is not applied; remove the digest to automate it"
            ),
            Why::NoMatch { tags } => write!(
                f,
                "{item}: no tag of image {image} matches pattern {pattern} ({tags} tags looked at); push a matching image or change the pattern"
            ),
            Why::NoBuildTime { matching } => write!(
                f,
                "{item}: {matching} tags of image {image} match pattern {pattern}, and of none the build time is known"
            ),
            Why::CurrentUnknown { newest } => write!(
                f,
                "{item}: the build time of the current image {image} is unknown, so {newest}, the newest tag that matches pattern {pattern}, may be older; write a tag that is in the registry"
            ),
            Why::Older { newest } => write!(
                f,
                "{item}: {newest}, the newest tag that matches pattern {pattern}, is older than the current image {image}"
            ),
        }
    }
}

/// Chooses among the tags of a repository.
///
/// The newest matching tag by build time wins; of equally old ones the lexically smallest (Flux v1). It
/// replaces the current tag only if its image is known not to be older: a tag whose build time is unknown is
/// never selected, and nothing is selected over a current image whose build time is unknown. Total and
/// deterministic: the order of `candidates` does not matter.
pub fn choose<'a>(pattern: &TagPattern, current: Current<'_>, candidates: &'a [Candidate]) -> Decision<'a> {
    let hold = |why| {
        Decision::Hold(Hold {
            why,
            item: current.item.to_owned(),
            image: current.image.to_string(),
            pattern: pattern.to_string(),
        })
    };
    let Some(current_tag) = current.image.tag() else {
        let pinned = current.image.digest().is_some();
        return hold(if pinned { Why::Pinned } else { Why::NoTag });
    };
    if current.image.digest().is_some() {
        return hold(Why::Pinned);
    }

    let matching: Vec<&Candidate> = candidates.iter().filter(|one| pattern.matches(&one.tag)).collect();
    if matching.is_empty() {
        return hold(Why::NoMatch { tags: candidates.len() });
    }
    let newest = matching.iter().filter_map(|one| Some((one.created?, Reverse(&one.tag)))).max();
    let Some((created, Reverse(tag))) = newest else {
        return hold(Why::NoBuildTime { matching: matching.len() });
    };

    if tag == current_tag {
        return Decision::UpToDate;
    }
    match current.created {
        None => hold(Why::CurrentUnknown { newest: tag.clone() }),
        Some(running) if created < running => hold(Why::Older { newest: tag.clone() }),
        Some(_) => {
            let reason = format!(
                "{}: {tag} is the newest of {} tags of image {} that match pattern {pattern}",
                current.item,
                matching.len(),
                current.image
            );
            Decision::Update(Update { tag, created, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = "dev:fluxhelmrelease/podinfo-dev";

    /// Tags are written `name@time`, an unknown time as `name@?`; the answer as the tag, `=` for up to date,
    /// or the kind of reason. Each row is tried in every rotation of the candidates.
    fn check(pattern: &str, image: &str, current: Option<i128>, tags: &str, expected: &str) {
        let pattern: TagPattern = pattern.parse().unwrap();
        let image: ImageRef = image.parse().unwrap();
        let mut candidates: Vec<Candidate> = tags
            .split_whitespace()
            .map(|text| {
                let (tag, time) = text.split_once('@').unwrap();
                let created = (time != "?").then(|| time.parse().unwrap()).and_then(Created::from_unix_nanos);
                Candidate { tag: tag.parse().unwrap(), created }
            })
            .collect();
        let created = current.and_then(Created::from_unix_nanos);
        for _ in 0..candidates.len().max(1) {
            let answer = match choose(&pattern, Current { item: ITEM, image: &image, created }, &candidates) {
                Decision::Update(update) => {
                    assert!(update.reason.contains(ITEM) && update.reason.contains(&image.to_string()));
                    update.tag.to_string()
                }
                Decision::UpToDate => "=".to_owned(),
                Decision::Hold(hold) => {
                    let text = hold.to_string();
                    for part in [ITEM, &image.to_string(), &pattern.to_string()] {
                        assert!(text.contains(part), "{text:?} has to name {part:?}");
                    }
                    format!("{:?}", hold.why)
                }
            };
            assert!(answer.starts_with(expected), "{pattern} {image} {tags}: {answer}, not {expected}");
            let rotation = usize::from(!candidates.is_empty());
            candidates.rotate_left(rotation);
        }
    }

    #[test]
    fn the_newest_match_that_is_not_older_is_chosen() {
        // the newest by build time, not by name
        check("glob:dev-*", "a/b:dev-z", Some(1), "dev-z@1 dev-a@3 dev-b@2 stg-x@9", "dev-a");
        check("dev-*", "a/b:dev-z", Some(1), "dev-z@1 dev-a@3", "dev-a");
        // ties: the lexically smaller, also against the current one, and then it stays
        check("glob:*", "a/b:z", Some(1), "z@1 c@2 b@2 d@2", "b");
        check("glob:*", "a/b:c", Some(2), "c@2 b@2", "b");
        check("glob:*", "a/b:b", Some(2), "c@2 b@2", "=");
        // up to date
        check("glob:*", "a/b:c", Some(2), "c@2 a@1", "=");
        check("glob:*", "a/b:c", None, "c@2", "=");
        // a current tag outside of the pattern gives way to a newer match only
        check("glob:stg-*", "a/b:dev-1", Some(5), "dev-1@5 stg-1@6", "stg-1");
        check("glob:stg-*", "a/b:dev-1", Some(5), "dev-1@5 stg-1@4", "Older");
        // a half-told list never lowers a tag
        check("glob:*", "a/b:c", Some(3), "a@1 b@2", "Older");
        check("glob:*", "a/b:c", Some(3), "c@? a@1", "Older");
        // what is unknown is not chosen, and nothing is chosen over it
        check("glob:*", "a/b:a", Some(1), "a@1 b@? c@2", "c");
        check("glob:*", "a/b:a", None, "b@2", "CurrentUnknown");
        check("glob:*", "a/b:a", Some(1), "b@? c@?", "NoBuildTime { matching: 2 }");
        // Go's zero time is unknown; a time before the epoch is a time
        check("glob:*", "a/b:a", Some(-5), "b@-62135596800000000000 c@-4", "c");
        // no match
        check("glob:prod-*", "a/b:dev-1", Some(1), "dev-1@1 latest@9", "NoMatch { tags: 2 }");
        check("glob:*", "a/b:1", Some(1), "latest@9", "NoMatch { tags: 1 }");
        check("glob:*", "a/b:1", Some(1), "", "NoMatch { tags: 0 }");
        check("latest", "a/b:1", Some(1), "latest@9 2@10", "latest");
        // nothing to edit
        check("glob:*", "a/b", None, "b@2", "NoTag");
        let digest = format!("sha256:{}", "a".repeat(64));
        check("glob:*", &format!("a/b:1@{digest}"), Some(1), "2@2", "Pinned");
        check("glob:*", &format!("a/b@{digest}"), None, "2@2", "Pinned");
    }
}
