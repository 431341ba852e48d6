//! Charts packed as .tgz, as `helm package` and `helm dependency update` make them.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::limits::LimitExceeded;
use crate::load::{BYTE_ORDER_MARK, Files, PathFault, Room, path_fault};

/// Why an archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Not a gzipped tar file, or a broken one.
    #[error("the archive cannot be unpacked")]
    Broken(#[source] std::io::Error),
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A link or a device.
    #[error("{0:?} is neither a file nor a folder")]
    Special(String),
    /// A path that no file of a chart may have.
    #[error("{path:?} is no path of a chart's file")]
    Path {
        /// The path in the archive.
        path: String,
        /// What is wrong with it.
        #[source]
        fault: PathFault,
    },
    /// Chart.yaml lies at the top, not in a folder.
    #[error("chart yaml not in base directory")]
    NoFolder,
    /// Nothing is in it.
    #[error("no files in chart archive")]
    Empty,
}

/// Unpacks an archive, whose files lie in one folder that is left out of their paths. What is unpacked counts against the
/// limits on bytes and files: a small archive may hold a large one.
pub(crate) fn unpack(archive: &[u8], room: &mut Room<'_>) -> Result<Files, ArchiveError> {
    let limits = room.limits;
    // Headers and padding count as well, at a kilobyte a file.
    let headers = (room.left.files as u64).saturating_mul(2048);
    let most = (room.left.total_bytes as u64).saturating_add(headers);
    let mut tar = tar::Archive::new(GzDecoder::new(archive).take(most));
    let mut files = Files::new();
    for entry in tar.entries().map_err(ArchiveError::Broken)? {
        let mut entry = entry.map_err(ArchiveError::Broken)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let full = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !kind.is_file() {
            return Err(ArchiveError::Special(full));
        }
        if full == "Chart.yaml" {
            return Err(ArchiveError::NoFolder);
        }
        let path = full.split_once('/').map_or("", |(_, path)| path).to_owned();
        if let Some(fault) = path_fault(&path) {
            return Err(ArchiveError::Path { path: full, fault });
        }
        if path.len() > limits.path_bytes {
            return Err(LimitExceeded::PathBytes(limits.path_bytes).into());
        }
        room.left.files = room.left.files.checked_sub(1).ok_or(LimitExceeded::Files(limits.files))?;
        let mut data = Vec::new();
        (&mut entry)
            .take(room.left.total_bytes as u64 + 1)
            .read_to_end(&mut data)
            .map_err(ArchiveError::Broken)?;
        let left = room.left.total_bytes.checked_sub(data.len());
        room.left.total_bytes = left.ok_or(LimitExceeded::TotalBytes(limits.total_bytes))?;
        let data = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&data);
        files.push((path, data.into()));
    }
    if files.is_empty() { Err(ArchiveError::Empty) } else { Ok(files) }
}
