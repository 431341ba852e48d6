//! Names of commits and revisions.

use std::fmt;
use std::str::FromStr;

/// The id of a commit: SHA-1, 20 bytes, printed as 40 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId([u8; 20]);

impl CommitId {
    pub(super) fn from_bytes(bytes: [u8; 20]) -> Self {
        CommitId(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// The first 7 digits, as people quote commits.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])[..7].to_owned()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a revision.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a revision; expected branch@sha1:<40 hex digits>")]
pub struct RevisionError(String);

/// A commit with the branch it was found on, written `branch@sha1:<hex>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit.
    pub commit: CommitId,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@sha1:{}", self.branch, self.commit)
    }
}

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let error = || RevisionError(text.to_owned());
        // A branch name may hold an `@`, a commit id cannot: split at the last one.
        let (branch, hex_digits) = text.rsplit_once("@sha1:").ok_or_else(error)?;
        let mut commit = [0; 20];
        hex::decode_to_slice(hex_digits, &mut commit).map_err(|_| error())?;
        if branch.is_empty() || hex_digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(error());
        }
        Ok(Revision { branch: branch.to_owned(), commit: CommitId(commit) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_round_trip_and_strangers_are_refused() {
        let hex_digits = "0123456789abcdef0123456789abcdef01234567";
        for branch in ["main", "a/b", "me@home"] {
            let text = format!("{branch}@sha1:{hex_digits}");
            let revision: Revision = text.parse().unwrap();
            assert_eq!((revision.to_string(), revision.branch.as_str()), (text, branch));
        }
        let refused =
            ["", "main", "main@sha1:", "@sha1:0123456789abcdef0123456789abcdef01234567", "main@sha1:01"];
        for text in refused.into_iter().chain(["main@sha1:0123456789ABCDEF0123456789abcdef01234567"]) {
            assert!(text.parse::<Revision>().is_err(), "{text}");
        }
        assert_eq!(format!("main@sha1:{hex_digits}").parse::<Revision>().unwrap().commit.short(), "0123456");
    }
}
