//! The digest of a source.
//!
//! `sha256:` and the hex of SHA-256 over this byte sequence:
//!
//! 1. the 19 bytes `windlass.source.v1\0`;
//! 2. for each file, in byte order of the paths:
//!    the path's length in bytes as 8 bytes big-endian, the path (relative to the directory, `/` between its parts);
//!    git's mode as 4 bytes big-endian (`0o100644` or `0o100755`);
//!    the content's length in bytes as 8 bytes big-endian, the content.
//!
//! Lengths stand before what they measure, so no two sets of files share a sequence. Nothing else goes in: the same files give
//! the same digest at any revision and in any repository.

use sha2::{Digest as _, Sha256};

/// One file as it goes into the digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the directory.
    pub path: String,
    /// Git's mode: `0o100644` or `0o100755`.
    pub mode: u32,
    /// The content.
    pub bytes: Vec<u8>,
}

/// The digest of these files; their order does not matter.
pub fn digest(files: &[SourceFile]) -> String {
    let mut sorted: Vec<&SourceFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    let mut hash = Sha256::new();
    hash.update(b"windlass.source.v1\0");
    for file in sorted {
        hash.update((file.path.len() as u64).to_be_bytes());
        hash.update(file.path.as_bytes());
        hash.update(file.mode.to_be_bytes());
        hash.update((file.bytes.len() as u64).to_be_bytes());
        hash.update(&file.bytes);
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, mode: u32, bytes: &str) -> SourceFile {
        SourceFile { path: path.into(), mode, bytes: bytes.into() }
    }

    #[test]
    fn the_byte_sequence_is_the_documented_one() {
        let mut bytes = b"windlass.source.v1\0".to_vec();
        bytes.extend(b"\0\0\0\0\0\0\0\x0aChart.yaml\0\0\x81\xa4\0\0\0\0\0\0\0\x08name: a\n");
        bytes.extend(b"\0\0\0\0\0\0\0\x06run.sh\0\0\x81\xed\0\0\0\0\0\0\0\0");
        let expected = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        let files = [file("run.sh", 0o100_755, ""), file("Chart.yaml", 0o100_644, "name: a\n")];
        assert_eq!(digest(&files), expected);
    }

    #[test]
    fn anything_that_differs_differs() {
        let base = [file("a", 0o100_644, "bc")];
        for other in [
            vec![file("ab", 0o100_644, "c")],
            vec![file("a", 0o100_755, "bc")],
            vec![file("a", 0o100_644, "bC")],
            vec![file("a", 0o100_644, "bc"), file("b", 0o100_644, "")],
            vec![],
        ] {
            assert_ne!(digest(&base), digest(&other), "{other:?}");
        }
    }
}
