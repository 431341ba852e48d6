//! Flux's policies, from annotations.
//!
//! | annotation | meaning |
//! |---|---|
//! | `fluxcd.io/X`, `flux.weave.works/X` | policy X |
//! | `filter.fluxcd.io/<container>` | policy `tag.<container>` |
//!
//! Where several annotations state the same policy, the first row and column wins (Flux picks one at random).

use std::collections::BTreeMap;

use go_yaml::Value;
use image_policy::{PatternError, TagPattern};

use crate::file::Object;

/// Prefixes of policies, the strongest first.
const PREFIXES: [&str; 2] = ["fluxcd.io/", "flux.weave.works/"];
const FILTER_PREFIX: &str = "filter.fluxcd.io/";

/// An object's policies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies {
    /// Images follow their patterns.
    pub automated: bool,
    /// No image may change.
    pub locked: bool,
    /// Whether the object is left alone.
    pub ignore: Ignore,
    /// The tag pattern of each container that has one.
    patterns: BTreeMap<String, Pattern>,
    /// Annotations that mean nothing as they are written.
    pub problems: Vec<PolicyProblem>,
}

/// A pattern annotation, usable or not.
type Pattern = Result<TagPattern, PatternError>;

/// The `ignore` policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ignore {
    /// Applied and pruned like any other.
    #[default]
    No,
    /// `"true"`: not applied, not automated.
    Yes,
    /// `sync_only`: applied, but never pruned.
    SyncOnly,
}

/// An annotation that looks like a policy and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyProblem {
    /// Annotations are texts; the API server refuses the whole object.
    #[error("annotation {annotation} is not a text; put its value in quotes")]
    NotText {
        /// The annotation.
        annotation: String,
    },
    /// A pattern nothing can be made of; it admits no tag.
    #[error("annotation {annotation} admits no tag")]
    Pattern {
        /// The annotation.
        annotation: String,
        /// Why.
        source: PatternError,
    },
}

impl Policies {
    /// Whether automation may change the object's images.
    #[must_use]
    pub fn follows_images(&self) -> bool {
        self.automated && !self.locked && self.ignore != Ignore::Yes
    }

    /// The pattern for a container's tags; any tag if none is stated. `None` for a pattern that cannot be used, which
    /// admits no tag (Flux lets it admit every tag).
    #[must_use]
    pub fn pattern(&self, container: &str) -> Option<TagPattern> {
        match self.patterns.get(container) {
            None => Some(TagPattern::any()),
            Some(pattern) => pattern.as_ref().ok().cloned(),
        }
    }
}

/// Reads the object's policies.
#[must_use]
pub fn policies(object: &Object) -> Policies {
    let mut policies = Policies::default();
    let mut stated: BTreeMap<String, (usize, String, &Value)> = BTreeMap::new();
    for (annotation, value) in object.annotations() {
        let Some((strength, policy)) = policy_name(annotation) else { continue };
        let found = (strength, annotation.to_owned(), value);
        stated
            .entry(policy)
            .and_modify(|known| {
                if found.0 < known.0 {
                    *known = found.clone();
                }
            })
            .or_insert(found);
    }
    for (policy, (_, annotation, value)) in stated {
        let Some(text) = value.as_str() else {
            policies.problems.push(PolicyProblem::NotText { annotation });
            continue;
        };
        policies.set(&policy, annotation, text);
    }
    policies
}

/// The policy an annotation states, and how strong its prefix is.
fn policy_name(annotation: &str) -> Option<(usize, String)> {
    if let Some(container) = annotation.strip_prefix(FILTER_PREFIX) {
        return Some((PREFIXES.len(), format!("tag.{container}")));
    }
    PREFIXES
        .iter()
        .enumerate()
        .find_map(|(strength, prefix)| Some((strength, annotation.strip_prefix(prefix)?.to_owned())))
}

impl Policies {
    /// Only the text `true` sets a policy that is on or off.
    fn set(&mut self, policy: &str, annotation: String, text: &str) {
        match policy {
            "automated" => self.automated = text == "true",
            "locked" => self.locked = text == "true",
            "ignore" => {
                self.ignore = match text {
                    "true" => Ignore::Yes,
                    "sync_only" => Ignore::SyncOnly,
                    _ => Ignore::No,
                };
            }
            _ => {
                let Some(container) = policy.strip_prefix("tag.") else { return };
                let pattern: Pattern = text.parse();
                if let Err(source) = &pattern {
                    self.problems.push(PolicyProblem::Pattern { annotation, source: source.clone() });
                }
                self.patterns.insert(container.to_owned(), pattern);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(annotations: &str) -> Policies {
        let text =
            format!("apiVersion: v1\nkind: X\nmetadata: {{name: x, annotations: {{{annotations}}}}}\n");
        let parsed = crate::parse("x.yaml", text.as_bytes());
        policies(&parsed.objects[0])
    }

    #[test]
    fn switches() {
        // annotations, automated, locked, ignore, follows_images
        let table = [
            ("", false, false, Ignore::No, false),
            ("fluxcd.io/automated: 'true'", true, false, Ignore::No, true),
            ("flux.weave.works/automated: 'true'", true, false, Ignore::No, true),
            ("flux.weave.works/automated: 'false'", false, false, Ignore::No, false),
            ("flux.weave.works/automated: 'True'", false, false, Ignore::No, false),
            ("filter.fluxcd.io/automated: 'true'", false, false, Ignore::No, false),
            ("other.io/automated: 'true'", false, false, Ignore::No, false),
            ("fluxcd.io/automated: 'true', fluxcd.io/locked: 'true'", true, true, Ignore::No, false),
            ("fluxcd.io/automated: 'true', fluxcd.io/ignore: 'true'", true, false, Ignore::Yes, false),
            ("fluxcd.io/automated: 'true', fluxcd.io/ignore: sync_only", true, false, Ignore::SyncOnly, true),
            (
                "fluxcd.io/automated: 'false', flux.weave.works/automated: 'true'",
                false,
                false,
                Ignore::No,
                false,
            ),
            (
                "flux.weave.works/automated: 'false', fluxcd.io/automated: 'true'",
                true,
                false,
                Ignore::No,
                true,
            ),
        ];
        for (annotations, automated, locked, ignore, follows) in table {
            let got = of(annotations);
            assert_eq!(
                (got.automated, got.locked, got.ignore, got.follows_images()),
                (automated, locked, ignore, follows),
                "{annotations}"
            );
            assert!(got.problems.is_empty(), "{annotations}");
        }
    }

    #[test]
    fn patterns() {
        // annotations, container, pattern as written
        let table = [
            ("", "a", Some("glob:*")),
            ("fluxcd.io/tag.a: 'glob:dev-*'", "a", Some("glob:dev-*")),
            ("fluxcd.io/tag.a: 'glob:dev-*'", "b", Some("glob:*")),
            ("flux.weave.works/tag.chart-image: 'stg-*'", "chart-image", Some("stg-*")),
            ("filter.fluxcd.io/a: 'glob:x'", "a", Some("glob:x")),
            ("filter.fluxcd.io/a: 'glob:x', flux.weave.works/tag.a: 'glob:y'", "a", Some("glob:y")),
            ("fluxcd.io/tag.a: 'glob:z', flux.weave.works/tag.a: 'glob:y'", "a", Some("glob:z")),
            ("fluxcd.io/tag.my.app: 'glob:x'", "my.app", Some("glob:x")),
            ("fluxcd.io/tag.a: 'semver:~1'", "a", None),
        ];
        for (annotations, container, want) in table {
            let got = of(annotations);
            assert_eq!(got.pattern(container).map(|p| p.to_string()).as_deref(), want, "{annotations}");
            assert_eq!(got.problems.len(), usize::from(want.is_none()), "{annotations}");
        }
    }

    #[test]
    fn a_boolean_is_no_annotation() {
        let got = of("fluxcd.io/automated: true");
        assert!(!got.automated);
        assert_eq!(
            got.problems[0].to_string(),
            "annotation fluxcd.io/automated is not a text; put its value in quotes"
        );
    }
}
