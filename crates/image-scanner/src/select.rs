//! The decision for one item: pure, from what is stored about its repository.

use std::collections::HashMap;

use image_policy::{Candidate, Created, Current, Decision, Tag, choose};

use crate::item::Automation;

/// A tag as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTag {
    /// The tag.
    pub name: Tag,
    /// Whether the last complete listing had it.
    pub present: bool,
    /// Whether its manifest was asked for at least once.
    pub read: bool,
    /// Digest of its manifest.
    pub digest: Option<String>,
    /// When its image was built.
    pub created: Option<Created>,
    /// Why digest or build time could not be read.
    pub fault: Option<String>,
    /// The trace of the scan that found this digest.
    pub traceparent: Option<String>,
}

/// What is stored about a repository.
#[derive(Debug, Default)]
pub struct Facts {
    present: Vec<Candidate>,
    tags: HashMap<Tag, KnownTag>,
}

impl Facts {
    /// Takes the stored tags, those that have left the registry included. A tag that could not be read last time is no
    /// candidate, whatever was known of it before; but an item that runs it is still as old as it was.
    pub fn new(tags: Vec<KnownTag>) -> Self {
        let present = tags
            .iter()
            .filter(|tag| tag.present)
            .map(|tag| Candidate {
                tag: tag.name.clone(),
                created: tag.created.filter(|_| tag.fault.is_none()),
            })
            .collect();
        Self { present, tags: tags.into_iter().map(|tag| (tag.name.clone(), tag)).collect() }
    }

    /// The present tags that a pattern admits, newest first, those of unknown age last.
    pub fn matching(&self, automation: &Automation) -> Vec<&KnownTag> {
        let mut matching: Vec<&KnownTag> =
            self.tags.values().filter(|tag| tag.present && automation.pattern.matches(&tag.name)).collect();
        matching.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
        matching
    }
}

/// What a repository's tags mean for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How many tags the pattern admits.
    pub matching: usize,
    /// The tag the policy selects: the current one or that of `update`.
    pub selected: Option<Tag>,
    /// The tag to move to.
    pub update: Option<Chosen>,
    /// What keeps a tag from being selected, in a sentence.
    pub message: Option<String>,
    /// The choice, in a sentence or two.
    pub explanation: String,
}

/// A tag that is to replace an item's current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The tag.
    pub tag: Tag,
    /// Digest of its manifest.
    pub digest: String,
    /// When its image was built.
    pub created: Created,
    /// Why this one.
    pub reason: String,
    /// The trace of the scan that found it.
    pub traceparent: Option<String>,
}

/// Decides for one item.
///
/// Nothing is selected while a matching tag was never read: the one not read may be the newest, and moving twice
/// would make two commits of one. A tag that was read and is corrupt holds nobody up.
pub fn evaluate(automation: &Automation, facts: &Facts) -> Standing {
    let matching = facts.matching(automation);
    let standing = |selected, update, message: Option<String>, explanation: String| Standing {
        matching: matching.len(),
        selected,
        update,
        message,
        explanation: explanation + &unreadable(&matching),
    };

    let unread = matching.iter().filter(|tag| !tag.read).count();
    if unread > 0 {
        let text = format!(
            "{}: {unread} of {} tags of image {} that match pattern {} are still being read",
            automation.item,
            matching.len(),
            automation.image,
            automation.pattern
        );
        return standing(None, None, Some(text.clone()), text);
    }
    let current = automation.image.tag();
    let current = Current {
        item: &automation.item,
        image: &automation.image,
        created: current.and_then(|tag| facts.tags.get(tag)).and_then(|tag| tag.created),
    };
    match choose(&automation.pattern, current, &facts.present) {
        Decision::UpToDate => {
            let text = format!(
                "{}: image {} has the newest of {} tags that match pattern {}",
                automation.item,
                automation.image,
                matching.len(),
                automation.pattern
            );
            standing(automation.image.tag().cloned(), None, None, text)
        }
        Decision::Hold(hold) => standing(None, None, Some(hold.to_string()), hold.to_string()),
        Decision::Update(update) => {
            let known = facts.tags.get(update.tag);
            let chosen = Chosen {
                tag: update.tag.clone(),
                digest: known.and_then(|tag| tag.digest.clone()).unwrap_or_default(),
                created: update.created,
                reason: update.reason.clone(),
                traceparent: known.and_then(|tag| tag.traceparent.clone()),
            };
            standing(Some(chosen.tag.clone()), Some(chosen), None, update.reason)
        }
    }
}

/// A sentence about matching tags that take no part because they cannot be read; empty when there is none.
fn unreadable(matching: &[&KnownTag]) -> String {
    let mut faulty = matching.iter().filter_map(|tag| Some((&tag.name, tag.fault.as_deref()?)));
    match faulty.next() {
        None => String::new(),
        Some((name, fault)) => {
            let count = 1 + faulty.count();
            format!("; not considered: {count} matching tags, among them {name} ({fault})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::item;

    /// Tags are written `name@time`, with `?` for one never read, a trailing `!` for a corrupt one, and a leading
    /// `-` for one that has left the registry.
    fn standing(image: &str, pattern: &str, tags: &str) -> Standing {
        let tags = tags.split_whitespace().map(|text| {
            let (name, time) = text.split_once('@').unwrap();
            let created = time.trim_end_matches('!').parse().ok().and_then(Created::from_unix_nanos);
            KnownTag {
                name: name.trim_start_matches('-').parse().unwrap(),
                present: !name.starts_with('-'),
                read: time != "?",
                digest: created.map(|_| format!("sha256:of-{name}")),
                created,
                fault: time.ends_with('!').then(|| "manifest unknown".to_owned()),
                traceparent: Some(format!("trace-{name}")),
            }
        });
        evaluate(&item(image, pattern).automation().unwrap(), &Facts::new(tags.collect()))
    }

    fn check(tags: &str, update: Option<&str>, message: &str) -> Standing {
        let standing = standing("a/b:dev-1", "glob:dev-*", tags);
        assert_eq!(standing.update.as_ref().map(|chosen| chosen.tag.as_str()), update, "{tags}");
        assert!(standing.message.as_deref().unwrap_or_default().contains(message), "{tags}: {standing:?}");
        assert_eq!(
            standing.message.is_none(),
            standing.selected.is_some(),
            "a reason or a tag, and not both"
        );
        standing
    }

    #[test]
    fn an_update_carries_the_tags_own_digest_and_trace() {
        let chosen = check("dev-1@1 dev-2@2 stg-9@9", Some("dev-2"), "").update.unwrap();
        assert_eq!(
            (chosen.digest.as_str(), chosen.traceparent.as_deref()),
            ("sha256:of-dev-2", Some("trace-dev-2"))
        );
        assert_eq!(chosen.created.unix_nanos(), 2);
    }

    #[test]
    fn what_was_never_read_waits_and_what_is_corrupt_does_not() {
        check("dev-1@1 dev-2@2 dev-3@?", None, "1 of 3 tags");
        check("dev-1@1 dev-2@2 stg-3@?", Some("dev-2"), "");
        let standing = check("dev-1@1 dev-2@2 dev-3@! dev-4@!", Some("dev-2"), "");
        assert!(standing.explanation.ends_with("2 matching tags, among them dev-3 (manifest unknown)"));
        assert_eq!(standing.matching, 4);
        // what was known of a tag that has become corrupt counts for the age of what runs, and is not moved to
        check("dev-1@1 dev-2@2!", None, "");
        check("dev-1@1! dev-2@2", Some("dev-2"), "");
    }

    #[test]
    fn a_list_that_lost_tags_takes_nothing_back() {
        // the current tag has left the registry; its age is remembered
        check("-dev-1@5 dev-0@3", None, "older than the current");
        check("-dev-1@5 dev-0@3 dev-2@6", Some("dev-2"), "");
        check("dev-0@3", None, "unknown");
        check("-dev-1@5 -dev-2@6", None, "no tag of image");
        let standing = check("dev-1@5 -dev-2@6 dev-0@3", None, "");
        assert_eq!(standing.selected.unwrap().as_str(), "dev-1");
    }
}
