//! Limits on what a chart may consist of.

/// Limits on a chart's source. The defaults take any chart that Helm takes, up to Helm's own limit on the total size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most files.
    pub files: usize,
    /// The most bytes of all files together. Helm's limit is 100 MiB.
    pub total_bytes: usize,
    /// The most bytes of a path.
    pub path_bytes: usize,
    /// The most charts inside each other.
    pub nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: 50_000, total_bytes: 100 * 1024 * 1024, path_bytes: 4096, nesting: 32 }
    }
}

/// A limit that a chart exceeds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// Too many files.
    #[error("the chart has more than {0} files")]
    Files(usize),
    /// Too many bytes; Helm's words.
    #[error("chart exceeds maximum decompressed size of {0} bytes")]
    TotalBytes(usize),
    /// A path that is too long.
    #[error("the chart has a path of more than {0} bytes")]
    PathBytes(usize),
    /// Too many charts inside each other.
    #[error("more than {0} charts lie inside each other")]
    Nesting(usize),
}
