//! Release names.

/// The most characters a release name may have: Helm leaves ten of a DNS label's 63 to the chart's suffixes.
pub(crate) const MAX_RELEASE_NAME: usize = 53;

/// A valid release name: at most 53 characters; lower-case letters, digits, `-` and `.`, in labels that begin and end
/// with a letter or a digit. The rule is that of `helm install`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseName(String);

/// Why a text is no release name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReleaseName {
    /// The name is empty.
    #[error("the release name is empty; give a name of up to {MAX_RELEASE_NAME} characters")]
    Empty,
    /// The name has more than 53 characters.
    #[error(
        "release name \"{name}\" has {length} characters; Helm allows {MAX_RELEASE_NAME}: set a shorter release name"
    )]
    TooLong {
        /// The text.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// The name has a character that is not allowed, or begins or ends one of its labels with `-`.
    #[error(
        "release name \"{0}\" is invalid: use lower-case letters, digits, '-' and '.', and begin and end with a letter or a digit"
    )]
    Malformed(String),
}

impl ReleaseName {
    /// Checks `name`.
    ///
    /// # Errors
    /// If the name is empty, too long, or breaks the rule.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidReleaseName> {
        let name = name.into();
        if name.is_empty() {
            return Err(InvalidReleaseName::Empty);
        }
        if name.len() > MAX_RELEASE_NAME {
            return Err(InvalidReleaseName::TooLong { length: name.len(), name });
        }
        if !name.split('.').all(is_label) {
            return Err(InvalidReleaseName::Malformed(name));
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(&first), Some(&last)) if alphanumeric(first) && alphanumeric(last))
        && bytes.iter().all(|&byte| alphanumeric(byte) || byte == b'-')
}

impl std::fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ReleaseName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ReleaseName {
    type Err = InvalidReleaseName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_helm_accepts() {
        let long = "a".repeat(MAX_RELEASE_NAME);
        for name in ["a", "0", "podinfo-dev", "a.b-c.d", "1-2", "a--b", &long] {
            assert_eq!(ReleaseName::new(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn refuses_what_helm_refuses() {
        let malformed = [
            "A", "-a", "a-", "a..b", ".a", "a.", "a_b", "a b", "a/b", "é", "..", "a.-b", "a-.b", "a\n", "\0",
        ];
        for name in malformed {
            assert_eq!(
                ReleaseName::new(name),
                Err(InvalidReleaseName::Malformed(name.to_owned())),
                "{name:?}"
            );
        }
        assert_eq!(ReleaseName::new(""), Err(InvalidReleaseName::Empty));
        let long = "a".repeat(MAX_RELEASE_NAME + 1);
        assert_eq!(
            ReleaseName::new(long.clone()),
            Err(InvalidReleaseName::TooLong { name: long, length: 54 })
        );
    }
}
