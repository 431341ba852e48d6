//! Which of many versions Helm takes.

use sprig::{Constraint, SemverError, Version};

use super::ChartVersion;

/// A version or a range of versions, as `helm install --version` takes it.
///
/// ```
/// let range = helm_chart::VersionConstraint::parse("^1.2")?;
/// assert_eq!(range.choose(["2.0.0", "1.9.0", "1.10.0-rc.1", "1.2.0"]), Some("1.9.0"));
/// # Ok::<(), sprig::SemverError>(())
/// ```
#[derive(Clone, Debug)]
pub struct VersionConstraint {
    text: String,
    constraint: Constraint,
}

impl VersionConstraint {
    /// Reads a range in the syntax of Masterminds/semver. The empty text stands for every stable version.
    ///
    /// # Errors
    /// If the text is none.
    pub fn parse(text: &str) -> Result<Self, SemverError> {
        let constraint = Constraint::parse(if text.is_empty() { "*" } else { text })?;
        Ok(Self { text: text.to_owned(), constraint })
    }

    /// The text that was read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the text is a version by itself. Of a registry Helm then asks for just this tag.
    pub fn is_version(&self) -> bool {
        Version::parse(&self.text).is_ok()
    }

    /// What Helm takes of versions that are sorted, the newest first: the one whose text is just that which was asked for,
    /// otherwise the first that fits. Build metadata does not count for fitting, and a prerelease fits only where the range
    /// names one. What is no version never fits.
    pub fn choose<'a>(&self, newest_first: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
        let exact = newest_first.clone().into_iter().find(|version| *version == self.text);
        exact.or_else(|| newest_first.into_iter().find(|version| self.allows(version)))
    }

    fn allows(&self, version: &str) -> bool {
        Version::parse(version).is_ok_and(|version| self.constraint.allows(&version))
    }
}

/// The versions among the tags of a registry, the newest first. A registry has `_` for `+`, which a tag cannot hold. As in
/// Helm a tag counts only if it is a full semantic version: neither `1.2` nor `v1.2.0` is one.
///
/// ```
/// assert_eq!(helm_chart::versions_of_tags(["latest", "1.2.0", "1.10.0_a", "v2.0.0"]), ["1.10.0+a", "1.2.0"]);
/// ```
pub fn versions_of_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let full = |tag: &str| {
        let text = tag.replace('_', "+");
        Version::parse(&text).ok().filter(|version| version.to_string() == text)
    };
    let mut versions: Vec<Version> = tags.into_iter().filter_map(full).collect();
    versions.sort_by(|a, b| b.compare(a));
    versions.iter().map(Version::to_string).collect()
}

/// Sorts as Helm does, the newest first. Of equal ones the order stays.
pub(super) fn sort(versions: Vec<ChartVersion>) -> Vec<ChartVersion> {
    // Entries that are no versions were left out when they were read.
    let parsed = |entry: ChartVersion| Version::parse(&entry.version).ok().map(|version| (version, entry));
    let mut sorted: Vec<_> = versions.into_iter().filter_map(parsed).collect();
    sorted.sort_by(|(a, _), (b, _)| b.compare(a));
    sorted.into_iter().map(|(_, entry)| entry).collect()
}
