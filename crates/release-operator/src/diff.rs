//! How two manifests of a release differ, object by object, with the content of Secrets masked. Pure.
//!
//! Objects are told apart by group, kind, namespace and name, whatever the version of their API, and compared as data: comments, quotes and
//! the order of keys are no difference. Invariant: what a difference costs and shows is bounded, however large the manifests.

mod fields;
mod text;

use std::collections::HashMap;

use kube_apply::ObjectRef;
use serde_json::Value;

use crate::mask;
use crate::objects::{self, ManifestFault, Object};
use text::Effort;

/// The most bytes of one object's text.
const TEXT: usize = 64 << 10;
/// The most bytes of all texts and fields.
const ALL: usize = 1 << 20;
/// The most objects.
const OBJECTS: usize = 10_000;
/// The most fields named of one object.
const FIELDS: usize = 100;

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the manifest after has it.
    Added,
    /// Only the manifest before has it.
    Removed,
    /// Both have it and differ.
    Changed,
    /// Both have it and are equal.
    Unchanged,
}

/// One object of either manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectChange {
    /// Which, as the manifest after writes it if it has it.
    pub identity: ObjectRef,
    /// What becomes of it.
    pub change: Change,
    /// Unified diff of both states as YAML with sorted keys; empty for one that is unchanged.
    pub text: String,
    /// JSON pointers (RFC 6901) of what differs in one that is changed.
    pub fields: Vec<String>,
    /// Whether text or fields are not whole.
    pub truncated: bool,
}

/// How two manifests differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManifestDiff {
    /// The objects of the manifest after, in its order, then those that are removed, in the order of the manifest before.
    pub objects: Vec<ObjectChange>,
    /// Whether objects are missing, or texts of some because all together would be too long.
    pub truncated: bool,
}

/// Which manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// The one before.
    #[error("the manifest before cannot be compared")]
    Before(#[source] ManifestFault),
    /// The one after.
    #[error("the manifest after cannot be compared")]
    After(#[source] ManifestFault),
}

/// Compares two manifests as Helm's records hold them. Objects that name no namespace are in `namespace`, that of the release.
///
/// # Errors
/// [`DiffError`], naming the template or object of the manifest that cannot be read.
pub fn manifests(before: &str, after: &str, namespace: &str) -> Result<ManifestDiff, DiffError> {
    let before = objects::parse(before).map_err(DiffError::Before)?;
    let after = objects::parse(after).map_err(DiffError::After)?;
    Ok(objects(&before, &after, namespace))
}

/// Compares hooks, each a manifest of its own: several may be one object, at other events.
///
/// # Errors
/// As [`manifests`].
pub fn hooks(before: &[String], after: &[String], namespace: &str) -> Result<ManifestDiff, DiffError> {
    let all = |hooks: &[String]| {
        let parsed: Result<Vec<_>, _> = hooks.iter().map(|hook| objects::parse(hook)).collect();
        parsed.map(|objects| objects.concat())
    };
    let (before, after) = (all(before).map_err(DiffError::Before)?, all(after).map_err(DiffError::After)?);
    Ok(objects(&before, &after, namespace))
}

/// Compares the objects of two manifests, which may repeat one.
pub fn objects(before: &[Object], after: &[Object], namespace: &str) -> ManifestDiff {
    let (before, after) = (keyed(before, namespace), keyed(after, namespace));
    let old: HashMap<_, _> = before.iter().copied().collect();
    let new: HashMap<_, _> = after.iter().copied().collect();
    let kept = after.iter().map(|(key, object)| (old.get(key).copied(), Some(*object)));
    let gone = before.iter().filter(|(key, _)| !new.contains_key(key)).map(|(_, object)| *object);
    let mut sides: Vec<_> = kept.chain(gone.map(|object| (Some(object), None))).collect();
    let truncated = sides.len() > OBJECTS;
    if truncated {
        // What is equal is missed the least.
        sides.retain(|(old, new)| old.map(|old| &old.document) != new.map(|new| &new.document));
        sides.truncate(OBJECTS);
    }
    let mut budget = Budget { bytes: ALL, effort: Effort::default(), spent: truncated };
    let objects = sides.into_iter().filter_map(|(old, new)| compare(old, new, &mut budget)).collect();
    ManifestDiff { objects, truncated: budget.spent }
}

/// Identity, and which of its occurrences: hooks of several events may share one.
type Key<'a> = ([&'a str; 4], usize);

fn keyed<'a>(objects: &'a [Object], namespace: &'a str) -> Vec<(Key<'a>, &'a Object)> {
    let mut seen = HashMap::new();
    let keyed = objects.iter().map(|object| {
        let identity = &object.identity;
        let namespace = identity.namespace.as_deref().unwrap_or(namespace);
        let identity = [identity.group(), &identity.kind, namespace, &identity.name];
        let before = seen.entry(identity).or_insert(0);
        *before += 1;
        ((identity, *before), object)
    });
    keyed.collect()
}

/// What is left for all objects together.
struct Budget {
    bytes: usize,
    effort: Effort,
    /// Whether something was left out for want of bytes.
    spent: bool,
}

fn compare(old: Option<&Object>, new: Option<&Object>, budget: &mut Budget) -> Option<ObjectChange> {
    let identity = new.or(old)?.identity.clone();
    let whole = |change| ObjectChange {
        identity: identity.clone(),
        change,
        text: String::new(),
        fields: Vec::new(),
        truncated: false,
    };
    let (change, fields) = match (old, new) {
        (Some(old), Some(new)) if old.document == new.document => return Some(whole(Change::Unchanged)),
        (Some(old), Some(new)) => {
            (Change::Changed, fields::differing(&old.document, &new.document, FIELDS + 1))
        }
        (None, _) => (Change::Added, Vec::new()),
        (_, None) => (Change::Removed, Vec::new()),
    };
    let [before, after] = printed(old, new);
    let name = identity.to_string();
    let names = (old.map_or("/dev/null", |_| &name), new.map_or("/dev/null", |_| &name));
    let (text, cut) = text::unified((names.0, &before), (names.1, &after), TEXT, &mut budget.effort);
    let mut found = ObjectChange { text, truncated: cut || fields.len() > FIELDS, ..whole(change) };
    found.fields = fields.into_iter().take(FIELDS).collect();
    let bytes = found.text.len() + found.fields.iter().map(String::len).sum::<usize>();
    match budget.bytes.checked_sub(bytes) {
        Some(left) => budget.bytes = left,
        None => {
            found = ObjectChange { truncated: true, ..whole(change) };
            budget.spent = true;
        }
    }
    Some(found)
}

/// Both states as YAML, masked; nothing for one that is not.
fn printed(old: Option<&Object>, new: Option<&Object>) -> [String; 2] {
    let mut states = [old, new].map(|object| object.map_or(Value::Null, |object| object.document.clone()));
    let [before, after] = &mut states;
    mask::pair(before, after);
    states.map(|state| match state {
        Value::Null => String::new(),
        // It was read from YAML, so that it is not nested too deep to be printed.
        state => mask::yaml(&state).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> String {
        format!("---\n# Source: c/templates/x.yaml\n{text}\n")
    }

    fn config_map(name: &str, data: &str) -> String {
        object(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata: {data}"))
    }

    /// Expected are lines `CHANGE identity fields…`.
    fn check(before: &str, after: &str, expected: &[&str]) -> ManifestDiff {
        let diff = manifests(before, after, "dev").unwrap();
        let line = |object: &ObjectChange| {
            let fields: String = object.fields.iter().map(|field| format!(" {field}")).collect();
            assert_eq!(object.text.is_empty(), object.change == Change::Unchanged, "{object:?}");
            format!("{:?} {}{fields}", object.change, object.identity)
        };
        let lines: Vec<_> = diff.objects.iter().map(line).collect();
        assert_eq!(lines, expected, "from {before:?} to {after:?}");
        assert!(!diff.truncated);
        diff
    }

    #[test]
    fn objects_are_matched_by_identity_and_compared_as_data() {
        let (a, b) = (config_map("a", "{x: 1}"), config_map("b", "{x: 1}"));
        check("", "", &[]);
        check(&a, &a, &["Unchanged ConfigMap a"]);
        check("", &a, &["Added ConfigMap a"]);
        check(&a, "", &["Removed ConfigMap a"]);
        check(
            &format!("{a}{b}"),
            &format!("{b}{}", config_map("a", "{x: 2}")),
            &["Unchanged ConfigMap b", "Changed ConfigMap a /data/x"],
        );
        check(
            &format!("{a}{b}"),
            &config_map("c", "{}"),
            &["Added ConfigMap c", "Removed ConfigMap a", "Removed ConfigMap b"],
        );
        let same =
            object("# text\nkind: \"ConfigMap\"\ndata:\n  x: 1.0\nmetadata: {name: a}\napiVersion: v1");
        check(&a, &same, &["Unchanged ConfigMap a"]);
        // The release's namespace, stated or not.
        let stated = a.replace("name: a", "name: a\n  namespace: dev");
        check(&a, &stated, &["Changed ConfigMap dev/a /metadata/namespace"]);
        let other = a.replace("name: a", "name: a\n  namespace: other");
        check(&a, &other, &["Added ConfigMap other/a", "Removed ConfigMap a"]);
        // Another version of the API is the same object, another group is not.
        let kind =
            |version: &str| object(&format!("apiVersion: {version}\nkind: Ingress\nmetadata: {{name: a}}"));
        check(&kind("net/v1beta1"), &kind("net/v1"), &["Changed Ingress a /apiVersion"]);
        check(&kind("net/v1"), &kind("ext/v1"), &["Added Ingress a", "Removed Ingress a"]);
        // An item of a list is an object.
        let list = object(
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: 1}}",
        );
        check(&a, &list, &["Unchanged ConfigMap a"]);
    }

    #[test]
    fn hooks_may_share_an_identity() {
        let hook = |x: u8| config_map("a", &format!("{{x: {x}}}"));
        let check = |before: &[String], after: &[String], expected: &[Change]| {
            let diff = hooks(before, after, "dev").unwrap();
            assert_eq!(diff.objects.iter().map(|object| object.change).collect::<Vec<_>>(), expected);
        };
        check(&[hook(1), hook(2)], &[hook(1), hook(3)], &[Change::Unchanged, Change::Changed]);
        check(&[hook(1), hook(2)], &[hook(1)], &[Change::Unchanged, Change::Removed]);
        check(&[], &[hook(1)], &[Change::Added]);
    }

    #[test]
    fn texts_are_unified_diffs() {
        let before = "{a: 1, b: 2, c: 3, d: 4, e: 5, f: 6}";
        let diff = check(
            &config_map("m", before),
            &config_map("m", &before.replace('5', "7")),
            &["Changed ConfigMap m /data/e"],
        );
        let expected = "--- ConfigMap m\n+++ ConfigMap m\n@@ -4,7 +4,7 @@\n   b: 2\n   c: 3\n   d: 4\n-  e: 5\n+  e: 7\n   f: 6\n kind: ConfigMap\n metadata:\n";
        assert_eq!(diff.objects[0].text, expected);
        let diff = check("", &config_map("m", "{}"), &["Added ConfigMap m"]);
        let expected = "--- /dev/null\n+++ ConfigMap m\n@@ -0,0 +1,5 @@\n+apiVersion: v1\n+data: {}\n+kind: ConfigMap\n+metadata:\n+  name: m\n";
        assert_eq!(diff.objects[0].text, expected);
    }

    #[test]
    fn secrets_are_masked_and_their_change_is_seen() {
        let secret = |data: &str| {
            object(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {data}"))
        };
        let fields = ["Changed Secret s /stringData/a /stringData/b"];
        let diff = check(
            &secret("{a: hunter1, k: hunter3}"),
            &secret("{a: hunter2, b: hunter4, k: hunter3}"),
            &fields,
        );
        let text = &diff.objects[0].text;
        assert!(!text.contains("hunter"), "{text}");
        for line in ["-  a: '*** (before)'", "+  a: '*** (after)'", "+  b: '***'", "   k: '***'"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        for (before, after) in [("", secret("{a: hunter}")), (&*secret("{a: hunter}"), String::new())] {
            let text = &manifests(before, &after, "dev").unwrap().objects[0].text;
            assert!(text.contains("a: '***'") && !text.contains("hunter"), "{text}");
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_named() {
        let broken = object("kind: [");
        let fault =
            |before: &str, after: &str| service_kit::chain(&manifests(before, after, "dev").unwrap_err());
        assert!(fault(&broken, "").starts_with("the manifest before cannot be compared: "));
        assert!(fault("", &broken).contains("c/templates/x.yaml"));
    }

    #[test]
    fn what_is_shown_is_bounded() {
        // One object, 64 KiB.
        let long = |line: &str| {
            config_map("long", &format!("{{text: \"{}\"}}", format!("{line}\\n").repeat(20_000)))
        };
        let diff = manifests(&long("before"), &long("after"), "dev").unwrap();
        let object = &diff.objects[0];
        assert!(object.truncated && !diff.truncated && object.text.len() <= TEXT);
        assert!(
            object.text.ends_with("\\ cut off after 64 KiB\n"),
            "{:?}",
            &object.text[object.text.len() - 40..]
        );
        assert_eq!(object.fields, ["/data/text"]);
        // All objects, 1 MiB: later ones have no text, and are there.
        let many = |line: &str| -> String {
            let data = format!("{{text: \"{}\"}}", format!("{line}\\n").repeat(4000));
            (0..40).map(|number| config_map(&format!("m{number}"), &data)).collect()
        };
        let diff = manifests("", &many("text of a line"), "dev").unwrap();
        assert!(diff.truncated && diff.objects.len() == 40);
        assert!(diff.objects.iter().map(|object| object.text.len()).sum::<usize>() <= ALL);
        let last = diff.objects.last().unwrap();
        assert!(last.truncated && last.text.is_empty() && last.change == Change::Added);
        // Fields, 100 an object.
        let wide = |value: u8| {
            config_map(
                "wide",
                &format!("{{{}}}", (0..150).map(|n| format!("k{n:03}: {value}, ")).collect::<String>()),
            )
        };
        let diff = manifests(&wide(1), &wide(2), "dev").unwrap();
        assert!(diff.objects[0].truncated && diff.objects[0].fields.len() == FIELDS);
        // Objects, 10000: those that are equal give way.
        let numbered = |name: usize| {
            let document = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name.to_string()}});
            Object { identity: ObjectRef::of(&document).unwrap(), document }
        };
        let crowd: Vec<_> = (0..=OBJECTS).map(numbered).collect();
        let diff = objects(&crowd[1..], &crowd, "dev");
        assert!(diff.truncated);
        assert_eq!(diff.objects.iter().map(|object| object.change).collect::<Vec<_>>(), [Change::Added]);
    }
}
