//! Decide: which objects of a revision are looked at in the cluster, and in which order. A pure function.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::validate::ObjectKey;
use crate::manifests::ManifestObject;
use crate::state::Outcome;

/// Why a pass is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// There is a new revision: what it changed, and what failed before.
    Changed,
    /// Nothing is new, but something failed.
    Failed,
    /// Every object is compared with the cluster: the first pass after a start, and each sync interval.
    Everything,
}

/// What is remembered of an object from the pass before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    hash: [u8; 32],
    outcome: Outcome,
}

/// What is remembered of all objects. Only an optimisation: without it everything is looked at.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    objects: HashMap<ObjectKey, Remembered>,
}

impl Memory {
    /// Replaces what is remembered by the results of a pass, given in the order of its objects.
    pub fn remember<'a>(
        &mut self,
        results: impl Iterator<Item = (&'a ManifestObject, &'a Outcome)>,
        default_namespace: &str,
    ) {
        self.objects = results
            .map(|(object, outcome)| {
                let remembered = Remembered { hash: hash(object), outcome: outcome.clone() };
                (ObjectKey::of(&object.object, default_namespace), remembered)
            })
            .collect();
    }

    /// Whether some object failed in the last pass.
    pub fn has_failures(&self) -> bool {
        self.objects.values().any(|remembered| matches!(remembered.outcome, Outcome::Failed(_)))
    }
}

/// What is done about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Compare it with the cluster, and apply it if it differs.
    Settle,
    /// Nothing; this is the result.
    Known(Outcome),
}

/// A step for each object, in their order.
pub fn decide(
    objects: &[ManifestObject],
    memory: &Memory,
    scope: Scope,
    default_namespace: &str,
) -> Vec<Step> {
    objects
        .iter()
        .map(|object| {
            if object.ignored {
                return Step::Known(Outcome::Skipped);
            }
            let key = ObjectKey::of(&object.object, default_namespace);
            match (scope, memory.objects.get(&key)) {
                (Scope::Everything, _) | (_, None) => Step::Settle,
                (_, Some(Remembered { outcome: Outcome::Failed(_), .. })) => Step::Settle,
                (_, Some(remembered)) if remembered.hash != hash(object) => Step::Settle,
                (_, Some(Remembered { outcome: Outcome::Skipped, .. })) => Step::Known(Outcome::Skipped),
                (_, Some(_)) => Step::Known(Outcome::Unchanged),
            }
        })
        .collect()
}

fn hash(object: &ManifestObject) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(object.object.api_version.as_bytes());
    hash.update([0]);
    hash.update(object.content.to_string().as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, data: &str, ignored: bool) -> ManifestObject {
        ManifestObject {
            object: kube_apply::ObjectRef {
                api_version: "v1".into(),
                kind: "ConfigMap".into(),
                namespace: None,
                name: name.into(),
            },
            path: "a.yaml".into(),
            document: 1,
            content: json!({"data": data}),
            ignored,
            workload: None,
        }
    }

    #[test]
    fn what_is_looked_at_by_scope() {
        use Scope::{Changed, Everything, Failed};
        let failed = || Outcome::Failed("no".into());
        let known = Step::Known;
        type Row = (Scope, Option<(&'static str, Outcome)>, bool, Step);
        let rows: [Row; 9] = [
            (Changed, None, false, Step::Settle),
            (Changed, Some(("1", Outcome::Created)), false, known(Outcome::Unchanged)),
            (Changed, Some(("0", Outcome::Created)), false, Step::Settle),
            (Changed, Some(("1", failed())), false, Step::Settle),
            (Failed, Some(("1", failed())), false, Step::Settle),
            (Failed, Some(("1", Outcome::Configured)), false, known(Outcome::Unchanged)),
            (Everything, Some(("1", Outcome::Unchanged)), false, Step::Settle),
            (Everything, Some(("1", Outcome::Unchanged)), true, known(Outcome::Skipped)),
            (Changed, Some(("1", Outcome::Skipped)), false, known(Outcome::Skipped)),
        ];
        for (scope, before, ignored, expected) in rows {
            let mut memory = Memory::default();
            if let Some((data, outcome)) = &before {
                memory.remember([(&object("a", data, false), outcome)].into_iter(), "default");
            }
            let steps = decide(&[object("a", "1", ignored)], &memory, scope, "default");
            assert_eq!(steps, [expected], "{scope:?} {before:?} {ignored}");
        }
    }

    #[test]
    fn failures_are_remembered_until_the_object_succeeds_or_leaves() {
        let mut memory = Memory::default();
        let (a, failed) = (object("a", "1", false), Outcome::Failed("no".into()));
        memory.remember([(&a, &failed)].into_iter(), "default");
        assert!(memory.has_failures());
        memory.remember(std::iter::empty(), "default");
        assert!(!memory.has_failures());
    }
}
