//! How far a sealed value may travel: the scope, and the label that binds a value to it.

use std::fmt;

/// Annotation of a SealedSecret whose values may be opened under any name in any namespace.
pub const CLUSTER_WIDE_ANNOTATION: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Annotation of a SealedSecret whose values may be opened under any name in its namespace.
pub const NAMESPACE_WIDE_ANNOTATION: &str = "sealedsecrets.bitnami.com/namespace-wide";

/// Where a sealed value may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Only under the namespace and name that it was sealed for. The default.
    Strict,
    /// Under any name in the namespace that it was sealed for.
    NamespaceWide,
    /// Anywhere.
    ClusterWide,
}

impl Scope {
    /// Every scope, narrowest first.
    pub const ALL: [Self; 3] = [Self::Strict, Self::NamespaceWide, Self::ClusterWide];

    /// The scope that the annotations of a SealedSecret state; `get` looks one up by its name.
    ///
    /// As in sealed-secrets, cluster-wide wins over namespace-wide and only the literal `true` counts.
    /// Pass the object's own `metadata.annotations`, never those of its template (CVE-2026-22728).
    ///
    /// ```
    /// use sealing::{NAMESPACE_WIDE_ANNOTATION, Scope};
    /// let scope = Scope::from_annotations(|name| (name == NAMESPACE_WIDE_ANNOTATION).then_some("true"));
    /// assert_eq!(scope, Scope::NamespaceWide);
    /// ```
    pub fn from_annotations<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        if get(CLUSTER_WIDE_ANNOTATION) == Some("true") {
            Self::ClusterWide
        } else if get(NAMESPACE_WIDE_ANNOTATION) == Some("true") {
            Self::NamespaceWide
        } else {
            Self::Strict
        }
    }

    /// The annotation that states this scope; none for strict.
    #[must_use]
    pub fn annotation(self) -> Option<&'static str> {
        match self {
            Self::Strict => None,
            Self::NamespaceWide => Some(NAMESPACE_WIDE_ANNOTATION),
            Self::ClusterWide => Some(CLUSTER_WIDE_ANNOTATION),
        }
    }
}

/// The scope as kubeseal's `--scope` spells it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::NamespaceWide => "namespace-wide",
            Self::ClusterWide => "cluster-wide",
        })
    }
}

/// What RSA-OAEP binds a value to: `<namespace>/<name>`, `<namespace>`, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// The label of a value in the SealedSecret `namespace`/`name`; parts that the scope leaves open are ignored.
    #[must_use]
    pub fn new(scope: Scope, namespace: &str, name: &str) -> Self {
        Self(match scope {
            Scope::Strict => format!("{namespace}/{name}"),
            Scope::NamespaceWide => namespace.to_owned(),
            Scope::ClusterWide => String::new(),
        })
    }

    /// The bytes for OAEP; an empty label is the same as none (RFC 8017 §7.1.1).
    pub(crate) fn for_oaep(&self) -> Option<&[u8]> {
        (!self.0.is_empty()).then_some(self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_from_annotations() {
        let check = |annotations: &[(&str, &str)], expected: Scope| {
            let get = |name: &str| annotations.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
            assert_eq!(Scope::from_annotations(get), expected, "{annotations:?}");
        };
        check(&[], Scope::Strict);
        check(&[(NAMESPACE_WIDE_ANNOTATION, "true")], Scope::NamespaceWide);
        check(&[(CLUSTER_WIDE_ANNOTATION, "true")], Scope::ClusterWide);
        check(&[(NAMESPACE_WIDE_ANNOTATION, "true"), (CLUSTER_WIDE_ANNOTATION, "true")], Scope::ClusterWide);
        check(
            &[(NAMESPACE_WIDE_ANNOTATION, "true"), (CLUSTER_WIDE_ANNOTATION, "True")],
            Scope::NamespaceWide,
        );
        check(&[(CLUSTER_WIDE_ANNOTATION, "1")], Scope::Strict);
        check(&[(CLUSTER_WIDE_ANNOTATION, "")], Scope::Strict);
    }
}
