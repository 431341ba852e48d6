//! `.Capabilities`: what the cluster can do.

/// What the cluster can do, as templates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The cluster's version.
    pub kube_version: KubeVersion,
    /// The API versions that it serves: `apps/v1`, and as Helm lists them also with the kind: `apps/v1/Deployment`.
    pub api_versions: Vec<String>,
    /// The Helm that templates are told of.
    pub helm_version: HelmVersion,
}

impl Capabilities {
    /// Capabilities of a cluster, as the reference Helm would state them.
    pub fn new(kube_version: KubeVersion, api_versions: Vec<String>) -> Self {
        Self { kube_version, api_versions, helm_version: HelmVersion::reference() }
    }

    /// What the reference Helm assumes when it asks no cluster: the Kubernetes that its client is of, and all API versions
    /// that this client knows.
    pub fn reference() -> Self {
        let (major, minor) = REFERENCE_KUBE_VERSION;
        let version = format!("v{major}.{minor}.0");
        let kube_version = KubeVersion {
            normalized: version.clone(),
            version,
            major: major.to_string(),
            minor: minor.to_string(),
        };
        Self::new(kube_version, REFERENCE_API_VERSIONS.lines().map(str::to_owned).collect())
    }
}

/// The Kubernetes that the reference Helm's client is of.
const REFERENCE_KUBE_VERSION: (u32, u32) = (1, 37);

/// The API versions that this client knows, in Helm's order, one a line.
const REFERENCE_API_VERSIONS: &str = include_str!("capabilities/api_versions.txt");

/// A Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// In full: `v1.36.3-gke.1`.
    pub version: String,
    /// Without what follows the numbers: `v1.36.3`. It prints as this, and a chart's `kubeVersion` is checked against it.
    pub normalized: String,
    /// `1`.
    pub major: String,
    /// `36`.
    pub minor: String,
}

/// A text that is no Kubernetes version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no Kubernetes version: write it as v1.36.0")]
pub struct InvalidKubeVersion(String);

impl KubeVersion {
    /// Reads a version as the API server states it (`gitVersion`), with or without the leading `v`.
    ///
    /// # Errors
    /// If it does not begin with at least two numbers joined by a dot.
    pub fn parse(text: &str) -> Result<Self, InvalidKubeVersion> {
        let invalid = || InvalidKubeVersion(text.to_owned());
        let bare = text.trim().trim_start_matches('v');
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let numbers = bare[..end].split('.').filter(|part| !part.is_empty());
        let numbers: Vec<u64> = numbers.map(str::parse).collect::<Result<_, _>>().map_err(|_| invalid())?;
        let [major, minor, rest @ ..] = numbers.as_slice() else { return Err(invalid()) };
        let rest: String = rest.iter().map(|number| format!(".{number}")).collect();
        Ok(Self {
            version: if text.starts_with('v') { text.to_owned() } else { format!("v{text}") },
            normalized: format!("v{major}.{minor}{rest}"),
            major: major.to_string(),
            minor: minor.to_string(),
        })
    }
}

/// `.Capabilities.HelmVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelmVersion {
    /// `v4.3.1`.
    pub version: String,
    /// The commit that it was built from.
    pub git_commit: String,
    /// Whether that commit's tree was changed.
    pub git_tree_state: String,
    /// The Go that it was built with.
    pub go_version: String,
    /// The Kubernetes that its client is of.
    pub kube_client_version: String,
}

impl HelmVersion {
    /// The Helm whose behaviour this crate has.
    pub fn reference() -> Self {
        Self {
            version: "v4.3.1".into(),
            git_commit: String::new(),
            git_tree_state: String::new(),
            go_version: "go1.26.8".into(),
            kube_client_version: "v1.37".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_helm_does() {
        let rows = [
            ("v1.36.3", Some(("v1.36.3", "v1.36.3", "1", "36"))),
            ("1.36.3", Some(("v1.36.3", "v1.36.3", "1", "36"))),
            ("v1.33.4-gke.1245000", Some(("v1.33.4-gke.1245000", "v1.33.4", "1", "33"))),
            ("v1.30+", Some(("v1.30+", "v1.30", "1", "30"))),
            ("1", None),
            ("", None),
            ("one.two", None),
        ];
        for (text, expected) in rows {
            let version = KubeVersion::parse(text).ok();
            let parts = version
                .as_ref()
                .map(|v| (v.version.as_str(), v.normalized.as_str(), v.major.as_str(), v.minor.as_str()));
            assert_eq!(parts, expected, "{text}");
        }
    }
}
