//! What a scan has to read, once the tags are listed: pure.

use std::collections::{HashMap, HashSet};

use image_policy::Tag;

use crate::item::Automation;

/// How many manifests one scan reads at the most; the rest follows in the next scan, which is due at once.
pub const MAX_READS: usize = 500;

/// How many known tags one scan asks for a changed digest at the most.
pub const MAX_RECHECKS: usize = 100;

/// What is stored about a tag that was read before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBefore {
    /// The digest found; none when it could not be read.
    pub digest: Option<String>,
    /// Whether it is time to look again.
    pub due: bool,
}

/// One tag to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Read manifest and configuration.
    Image(Tag),
    /// Ask for the digest, and read the image if it is another than this one.
    Changed(Tag, String),
}

/// What to read.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// In this order: current tags, tags never read, tags to look at again.
    pub reads: Vec<Read>,
    /// Whether tags never read are left over.
    pub more: bool,
}

/// Plans the reads: listed tags that a pattern admits or that an item runs now, if they were never read or are
/// due. Everything else in the repository costs no request.
pub fn plan(listed: &[Tag], known: &HashMap<Tag, ReadBefore>, automations: &[Automation]) -> Plan {
    let current: HashSet<&Tag> = automations.iter().filter_map(|one| one.image.tag()).collect();
    let mut first = Vec::new();
    let mut new = Vec::new();
    let mut again = Vec::new();
    for tag in listed {
        let is_current = current.contains(tag);
        if !is_current && !automations.iter().any(|one| one.pattern.matches(tag)) {
            continue;
        }
        match known.get(tag) {
            None if is_current => first.push(Read::Image(tag.clone())),
            None => new.push(Read::Image(tag.clone())),
            Some(ReadBefore { due: false, .. }) => {}
            Some(ReadBefore { digest: None, .. }) => again.push(Read::Image(tag.clone())),
            Some(ReadBefore { digest: Some(digest), .. }) => {
                again.push(Read::Changed(tag.clone(), digest.clone()));
            }
        }
    }
    first.append(&mut new);
    let more = first.len() > MAX_READS;
    first.truncate(MAX_READS);
    again.truncate(MAX_RECHECKS);
    first.append(&mut again);
    Plan { reads: first, more }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::item;

    fn tags(text: &str) -> Vec<Tag> {
        text.split_whitespace().map(|tag| tag.parse().unwrap()).collect()
    }

    /// Known tags are written `name` (read, not due), `name!` (due), `name?` (due, without digest); the answer
    /// as names, with `#` behind one whose digest is asked for.
    fn check(listed: &str, known: &str, expected: &str) {
        let known = known.split_whitespace().map(|text| {
            let name = text.trim_end_matches(['!', '?']);
            let digest = (!text.ends_with('?')).then(|| format!("sha256:{name}"));
            (name.parse().unwrap(), ReadBefore { digest, due: name != text })
        });
        let automations = [("a/b:dev-1", "dev-*"), ("a/b:old", "stg-*")]
            .map(|(image, pattern)| item(image, pattern).automation().unwrap());
        let plan = plan(&tags(listed), &known.collect(), &automations);
        let reads: Vec<String> = plan
            .reads
            .iter()
            .map(|read| match read {
                Read::Image(tag) => tag.to_string(),
                Read::Changed(tag, digest) => {
                    assert_eq!(*digest, format!("sha256:{tag}"));
                    format!("{tag}#")
                }
            })
            .collect();
        assert_eq!(reads.join(" "), expected);
        assert!(!plan.more);
    }

    #[test]
    fn only_wanted_tags_are_read_and_current_ones_first() {
        check("dev-2 stg-1 prod-1 latest dev-1 old", "", "dev-1 old dev-2 stg-1");
        check("dev-2 dev-1 old", "dev-1 old", "dev-2");
        check("dev-2 dev-3 dev-1", "dev-1! dev-2 dev-3?", "dev-3 dev-1#");
        check("prod-1", "", "");
        check("", "dev-1!", "");
    }

    #[test]
    fn a_scan_is_bounded_and_says_when_something_is_left() {
        let listed: Vec<Tag> = (0..MAX_READS + 7).map(|n| format!("dev-{n}").parse().unwrap()).collect();
        let automations = [item("a/b:dev-506", "dev-*").automation().unwrap()];
        let first = plan(&listed, &HashMap::new(), &automations);
        assert_eq!((first.reads.len(), first.more), (MAX_READS, true));
        assert_eq!(first.reads[0], Read::Image("dev-506".parse().unwrap()));
        let known = listed.iter().map(|tag| (tag.clone(), ReadBefore { digest: None, due: true })).collect();
        let again = plan(&listed, &known, &automations);
        assert_eq!((again.reads.len(), again.more), (MAX_RECHECKS, false));
    }
}
