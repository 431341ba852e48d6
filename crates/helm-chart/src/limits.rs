//! Limits on what a chart may consist of.

/// Limits on a chart's source. The defaults take any chart that Helm takes, up to Helm's own limit on the total size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most files.
    pub files: usize,
    /// The most bytes of all files together. Helm's limit is 100 MiB.
    pub total_bytes: usize,
    /// The most bytes of one file. Helm 4.3 has no limit of its own for it (earlier releases had 5 MiB).
    pub file_bytes: usize,
    /// How many times its own size an archive may unpack to, once more than 1 MiB has come out of it. Helm has no such
    /// limit; text seldom shrinks to less than a twentieth.
    pub ratio: usize,
    /// The most bytes of a path.
    pub path_bytes: usize,
    /// The most charts inside each other.
    pub nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const TOTAL: usize = 100 * 1024 * 1024;
        Self {
            files: 50_000,
            total_bytes: TOTAL,
            file_bytes: TOTAL,
            ratio: 200,
            path_bytes: 4096,
            nesting: 32,
        }
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
    /// Too many bytes in archives; Helm's words. An archive that just reaches the limit is refused as well.
    #[error("decompressed chart is larger than the maximum size {0}")]
    UnpackedBytes(usize),
    /// A file that is too large.
    #[error("{path:?} is larger than the maximum size {most} of a file")]
    FileBytes {
        /// The file.
        path: String,
        /// The limit.
        most: usize,
    },
    /// An archive that unpacks to too many times its own size.
    #[error("an archive of the chart unpacks to more than {0} times its size")]
    Ratio(usize),
    /// A path that is too long.
    #[error("the chart has a path of more than {0} bytes")]
    PathBytes(usize),
    /// Too many charts inside each other.
    #[error("more than {0} charts lie inside each other")]
    Nesting(usize),
}
