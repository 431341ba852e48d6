//! Step: what to do with the Secret that is there. Pure and total.

use std::collections::BTreeMap;

use thiserror::Error;

use super::observe::Existing;
use super::validate::Sealed;

/// Values in the clear by their key in the Secret.
pub(super) type Values<'a> = BTreeMap<&'a str, &'a [u8]>;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The Secret is as it should be.
    InStep,
    /// Write it.
    Apply(Plan),
    /// It may not be written.
    Refuse(Refusal),
}

/// How to write the Secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Whether to make the SealedSecret its controller.
    pub(super) own: bool,
    /// Whether the Secret is to become exactly this one; otherwise data and metadata are only added to it.
    pub(super) whole: bool,
    /// Keys of the existing data that do not belong there any more.
    pub(super) stale: Vec<String>,
}

/// Why the existing Secret may not be written. Each names a way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    #[error(
        "a Secret of this name already exists and is not managed by this SealedSecret; delete it, or annotate it with \
         sealedsecrets.bitnami.com/managed: \"true\" to have it overwritten"
    )]
    Foreign,
    #[error(
        "the existing Secret has type {from} and the template says {to}; a Secret's type cannot be changed: delete the \
         Secret, and it is made again"
    )]
    Type { from: String, to: String },
    #[error(
        "the existing Secret is immutable and differs from this SealedSecret: delete the Secret, and it is made again"
    )]
    Immutable,
}

impl Refusal {
    /// The condition's reason.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Foreign => "SecretNotOurs",
            Self::Type { .. } => "SecretTypeDiffers",
            Self::Immutable => "SecretImmutable",
        }
    }
}

/// Decides. `seen` says that this generation of the SealedSecret has been applied before: only then can a Secret that
/// looks right be left alone, because a label that left the template cannot be told from one that somebody added.
pub(super) fn decide(
    sealed: &Sealed,
    values: &Values<'_>,
    existing: Option<&Existing>,
    seen: bool,
) -> Decision {
    let own = sealed.shape.owned;
    let Some(existing) = existing else {
        return Decision::Apply(Plan { own, whole: true, stale: Vec::new() });
    };
    let ours = existing.controlled || (!own && existing.written_by_us);
    let whole = ours || existing.managed;
    if !whole && !existing.patch {
        return Decision::Refuse(Refusal::Foreign);
    }
    let wanted_type = sealed.shape.type_.as_deref().unwrap_or("Opaque");
    if whole && existing.type_ != wanted_type {
        return Decision::Refuse(Refusal::Type { from: existing.type_.clone(), to: wanted_type.to_owned() });
    }
    let stale: Vec<_> =
        existing.data.keys().filter(|key| whole && !values.contains_key(key.as_str())).cloned().collect();
    let same_data = stale.is_empty()
        && values
            .iter()
            .all(|(key, value)| existing.data.get(*key).is_some_and(|data| data.as_slice() == *value));
    let stays_immutable = !whole || sealed.shape.immutable == Some(true);
    if existing.immutable && !(same_data && stays_immutable) {
        return Decision::Refuse(Refusal::Immutable);
    }
    let contains = |all: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
        wanted.iter().all(|(key, value)| all.get(key) == Some(value))
    };
    let own = own && whole;
    let in_step = same_data
        && contains(&existing.labels, &sealed.shape.labels)
        && contains(&existing.annotations, &sealed.shape.annotations)
        && (!own || existing.controlled)
        && (!whole || existing.immutable == sealed.shape.immutable.unwrap_or(false));
    if in_step && seen { Decision::InStep } else { Decision::Apply(Plan { own, whole, stale }) }
}

#[cfg(test)]
mod tests {
    use sealing::Scope;

    use super::*;
    use crate::reconcile::validate::Shape;

    fn sealed(change: impl FnOnce(&mut Shape)) -> Sealed {
        let mut shape = Shape { owned: true, labels: map(&[("app", "podinfo")]), ..Shape::default() };
        change(&mut shape);
        Sealed {
            namespace: "dev".into(),
            name: "basic-auth".into(),
            uid: "uid".into(),
            scope: Scope::Strict,
            items: BTreeMap::new(),
            recorded: None,
            shape,
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// A Secret in step with [`sealed`] and [`values`].
    fn existing(change: impl FnOnce(&mut Existing)) -> Option<Existing> {
        let mut existing = Existing {
            resource_version: "7".into(),
            controlled: true,
            written_by_us: true,
            adopted: None,
            managed: false,
            patch: false,
            type_: "Opaque".into(),
            immutable: false,
            labels: map(&[("app", "podinfo"), ("added", "by-hand")]),
            annotations: BTreeMap::new(),
            data: [("user".to_owned(), b"admin".to_vec().into())].into(),
        };
        change(&mut existing);
        Some(existing)
    }

    fn foreign(existing: &mut Existing) {
        (existing.controlled, existing.written_by_us) = (false, false);
    }

    fn apply(own: bool, whole: bool, stale: &[&str]) -> Decision {
        Decision::Apply(Plan { own, whole, stale: stale.iter().map(|key| (*key).to_owned()).collect() })
    }

    #[test]
    fn decisions() {
        let values: Values<'_> = [("user", b"admin".as_slice())].into();
        let check = |what: &str, sealed: Sealed, existing: Option<Existing>, expected: Decision| {
            assert_eq!(decide(&sealed, &values, existing.as_ref(), true), expected, "{what}");
        };
        let plain = || sealed(|_| {});
        let type_differs =
            || Decision::Refuse(Refusal::Type { from: "kubernetes.io/tls".into(), to: "Opaque".into() });
        check("no Secret", plain(), None, apply(true, true, &[]));
        check("no Secret, no owner wanted", sealed(|s| s.owned = false), None, apply(false, true, &[]));
        check("in step", plain(), existing(|_| {}), Decision::InStep);
        check(
            "value edited",
            plain(),
            existing(|e| e.data.insert("user".into(), b"x".to_vec().into()).map_or((), drop)),
            apply(true, true, &[]),
        );
        check("value missing", plain(), existing(|e| e.data.clear()), apply(true, true, &[]));
        check(
            "value added",
            plain(),
            existing(|e| e.data.insert("old".into(), Vec::new().into()).map_or((), drop)),
            apply(true, true, &["old"]),
        );
        check("label missing", plain(), existing(|e| e.labels.clear()), apply(true, true, &[]));
        check(
            "annotation missing",
            sealed(|s| s.annotations = map(&[("a", "b")])),
            existing(|_| {}),
            apply(true, true, &[]),
        );
        check("type differs", plain(), existing(|e| e.type_ = "kubernetes.io/tls".into()), type_differs());
        check(
            "immutable wanted",
            sealed(|s| s.immutable = Some(true)),
            existing(|_| {}),
            apply(true, true, &[]),
        );
        check(
            "immutable, in step",
            sealed(|s| s.immutable = Some(true)),
            existing(|e| e.immutable = true),
            Decision::InStep,
        );
        check(
            "immutable, no longer wanted",
            plain(),
            existing(|e| e.immutable = true),
            Decision::Refuse(Refusal::Immutable),
        );
        check(
            "immutable, value differs",
            sealed(|s| s.immutable = Some(true)),
            existing(|e| {
                e.immutable = true;
                e.data.clear();
            }),
            Decision::Refuse(Refusal::Immutable),
        );
        check("foreign", plain(), existing(foreign), Decision::Refuse(Refusal::Foreign));
        check(
            "written by us for another owner",
            plain(),
            existing(|e| e.controlled = false),
            Decision::Refuse(Refusal::Foreign),
        );
        check(
            "no owner wanted, ours",
            sealed(|s| s.owned = false),
            existing(|e| e.controlled = false),
            Decision::InStep,
        );
        check(
            "no owner wanted, foreign",
            sealed(|s| s.owned = false),
            existing(foreign),
            Decision::Refuse(Refusal::Foreign),
        );
        let with = |change: fn(&mut Existing)| {
            existing(|e| {
                foreign(e);
                e.data.insert("theirs".into(), b"1".to_vec().into());
                change(e);
            })
        };
        check("foreign, managed", plain(), with(|e| e.managed = true), apply(true, true, &["theirs"]));
        check(
            "foreign, managed, other type",
            plain(),
            with(|e| (e.managed, e.type_) = (true, "kubernetes.io/tls".into())),
            type_differs(),
        );
        check("foreign, patch, in step", plain(), with(|e| e.patch = true), Decision::InStep);
        check(
            "foreign, patch, other type",
            plain(),
            with(|e| (e.patch, e.type_) = (true, "kubernetes.io/tls".into())),
            Decision::InStep,
        );
        check(
            "foreign, patch, value missing",
            plain(),
            with(|e| {
                e.patch = true;
                e.data.remove("user");
            }),
            apply(false, false, &[]),
        );
        check(
            "foreign, patch and managed",
            plain(),
            with(|e| (e.patch, e.managed) = (true, true)),
            apply(true, true, &["theirs"]),
        );
        let new_generation = decide(&plain(), &values, existing(|_| {}).as_ref(), false);
        assert_eq!(new_generation, apply(true, true, &[]), "a generation that was not applied yet");
    }
}
