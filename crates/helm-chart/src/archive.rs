//! Charts packed as .tgz, as `helm package` and `helm dependency update` make them.

mod inflate;
mod path;
mod sniff;

use std::io::Read;
use std::sync::Arc;

use crate::archive::inflate::{Inflated, Meter};
use crate::chart::{Mode, SourceFile};
use crate::limits::{LimitExceeded, Limits};
use crate::load::{BYTE_ORDER_MARK, Files, PathFault, Room, path_fault};

pub use sniff::{NotAnArchive, expect_archive};

/// What the headers of one entry may take: long names, extended attributes.
const HEADER_BYTES: u64 = 1 << 20;

/// Why an archive could not be unpacked. The texts are those of Helm and Go's libraries where these refuse it too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// No bytes at all.
    #[error("EOF")]
    NoBytes,
    /// Not gzipped.
    #[error("gzip: invalid header")]
    NotGzip,
    /// It ends too early.
    #[error("unexpected EOF")]
    Truncated,
    /// The compressed data are broken.
    #[error("the gzip stream is broken")]
    Gzip(#[source] std::io::Error),
    /// What is compressed is no tar file, or a broken one.
    #[error("archive/tar: invalid tar header")]
    Tar(#[source] std::io::Error),
    /// An entry's name or attributes take more than 1 MiB.
    #[error("archive/tar: header field too long")]
    LongHeader,
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// A link, a device, a sparse file. Helm takes a link as an empty file.
    #[error("{0:?} is neither a file nor a folder")]
    Special(String),
    /// The path after the top folder begins with `/`.
    #[error("chart illegally contains absolute paths")]
    Absolute,
    /// A file that lies in no folder.
    #[error("chart illegally contains content outside the base directory: {0:?}")]
    OutsideFolder(String),
    /// The path leads out of the chart, or begins with two dots.
    #[error("chart illegally references parent directory")]
    Parent,
    /// The path begins with a drive letter.
    #[error("chart contains illegally named files")]
    Drive,
    /// The top folder's name is that of the file.
    #[error("chart yaml not in base directory")]
    NoFolder,
    /// A path that Helm takes, and a file of a chart should not have.
    #[error("{path:?} is no path of a chart's file")]
    Path {
        /// The path in the archive.
        path: String,
        /// What is wrong with it.
        #[source]
        fault: PathFault,
    },
    /// Nothing is in it.
    #[error("no files in chart archive")]
    Empty,
}

/// The files of a .tgz as [`Chart::load_archive`](crate::Chart::load_archive) reads them, not looked at any further. Their
/// paths are those below the archive's folder.
///
/// # Errors
/// If the bytes are no archive, a broken one, or one that exceeds `limits`.
pub fn unpack_archive(archive: &[u8], limits: &Limits) -> Result<Vec<SourceFile>, ArchiveError> {
    let files = unpack(archive, &mut Room::new(limits))?;
    Ok(files.into_iter().map(|(path, bytes)| SourceFile { path, mode: Mode::File, bytes }).collect())
}

/// Unpacks an archive, whose files lie in one folder that is left out of their paths. What is unpacked counts against the
/// limits on bytes and files: a small archive may hold a large one. Of two files of one path the later one counts.
///
/// Only what is kept is in memory, and the headers of one entry.
pub(crate) fn unpack(archive: &[u8], room: &mut Room<'_>) -> Result<Files, ArchiveError> {
    inflate::check_header(archive)?;
    let meter = Meter::new(archive.len(), room.inflated, room.limits);
    let mut inflated = Inflated::new(archive, &meter);
    let files = read_entries(tar::Archive::new(&mut inflated), &meter, room)?;
    inflated.expect_end()?;
    room.inflated = room.inflated.saturating_add(meter.inflated());
    if files.0.is_empty() { Err(ArchiveError::Empty) } else { Ok(files.0) }
}

fn read_entries<R: Read>(
    mut tar: tar::Archive<R>,
    meter: &Meter,
    room: &mut Room<'_>,
) -> Result<Unpacked, ArchiveError> {
    let mut files = Unpacked::default();
    let mut entries = tar.entries().map_err(|error| meter.explain(error))?;
    loop {
        meter.allow(HEADER_BYTES);
        let Some(entry) = entries.next() else { return Ok(files) };
        let mut entry = entry.map_err(|error| meter.explain(error))?;
        let size = entry.size();
        match classify(&mut entry, meter)? {
            Kind::Skipped => {
                room.spend_entry()?;
                if size > HEADER_BYTES {
                    return Err(ArchiveError::LongHeader);
                }
                meter.allow(size);
                std::io::copy(&mut entry, &mut std::io::sink()).map_err(|error| meter.explain(error))?;
            }
            Kind::File(path) => {
                if path.len() > room.limits.path_bytes {
                    return Err(LimitExceeded::PathBytes(room.limits.path_bytes).into());
                }
                room.spend_entry()?;
                room.spend_unpacked(size, &path)?;
                meter.allow(size);
                let mut data = Vec::new();
                entry.read_to_end(&mut data).map_err(|error| meter.explain(error))?;
                if (data.len() as u64) < size {
                    return Err(ArchiveError::Truncated);
                }
                files.insert(path, data);
            }
        }
    }
}

enum Kind {
    /// A folder or a header for the whole archive.
    Skipped,
    /// A file, with its path in the chart.
    File(String),
}

fn classify<R: Read>(entry: &mut tar::Entry<'_, R>, meter: &Meter) -> Result<Kind, ArchiveError> {
    const MODE_FOLDER: u32 = 0o40000;
    let kind = entry.header().entry_type();
    let name = entry.path_bytes().into_owned();
    let is_file = kind.is_file() || kind.is_contiguous();
    // Before there was a type for folders, their names ended so.
    let old_folder = entry.header().as_old().linkflag == [0] && name.ends_with(b"/");
    let folder_by_mode = entry.header().mode().is_ok_and(|mode| mode & !0o7777 == MODE_FOLDER);
    if kind.is_dir() || old_folder {
        return if entry.size() == 0 { Ok(Kind::Skipped) } else { Err(ArchiveError::Tar(has_content())) };
    }
    if kind.is_pax_global_extensions() || (is_file && folder_by_mode) {
        return Ok(Kind::Skipped);
    }
    let Ok(name) = String::from_utf8(name) else {
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        return Err(ArchiveError::Path { path, fault: PathFault::Encoding });
    };
    if !is_file || is_sparse(entry, meter)? {
        return Err(ArchiveError::Special(name));
    }
    path::in_chart(&name).map(Kind::File)
}

/// Readers disagree about what follows a folder that states a size.
fn has_content() -> std::io::Error {
    std::io::Error::other("a folder has content")
}

/// Whether the attributes say that only parts of the file are there.
fn is_sparse<R: Read>(entry: &mut tar::Entry<'_, R>, meter: &Meter) -> Result<bool, ArchiveError> {
    let Some(extensions) = entry.pax_extensions().map_err(|error| meter.explain(error))? else {
        return Ok(false);
    };
    for extension in extensions {
        let extension = extension.map_err(|error| meter.explain(error))?;
        if extension.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files so far, in the archive's order, and where each path is.
#[derive(Default)]
struct Unpacked(Files, std::collections::HashMap<String, usize>);

impl Unpacked {
    fn insert(&mut self, path: String, data: Vec<u8>) {
        let data: Arc<[u8]> = data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&data).into();
        match self.1.get(&path) {
            Some(&index) => self.0[index].1 = data,
            None => {
                self.1.insert(path.clone(), self.0.len());
                self.0.push((path, data));
            }
        }
    }
}

/// A path that Helm takes may still be one that no file of a chart has.
fn checked(name: &str, path: String) -> Result<String, ArchiveError> {
    match path_fault(&path) {
        Some(fault) => Err(ArchiveError::Path { path: name.to_owned(), fault }),
        None => Ok(path),
    }
}
