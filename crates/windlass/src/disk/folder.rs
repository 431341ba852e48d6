//! A chart's folder: all its files, links being followed as far as they stay inside.
//!
//! Helm follows any link. Here a link's target has to lie in the chart's folder or in the git work tree around it, so that
//! a chart cannot print files of the machine that renders it. What counts is where an opened file really lies: a link that
//! is replaced between a look and the reading changes nothing.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use helm_chart::{Limits, Mode, SourceFile};
use rustix::fs::FileType;

use super::place::{Boundary, real_path};
use super::{FileError, go_text, open, read_open};

/// The most folders inside each other.
const MOST_LEVELS: usize = 128;

/// Why a chart's folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FolderError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("error evaluating symlink {path}: {why}")]
    Dangling { path: PathBuf, why: String },
    #[error(
        "{path} is a symbolic link that leads out of {inside}: a chart's links must stay inside its folder or the git work tree around it; put the file itself there"
    )]
    Outside { path: PathBuf, inside: PathBuf },
    #[error("{0} is a symbolic link to a folder that contains it")]
    Loop(PathBuf),
    #[error("cannot load irregular file {0} as it has file mode type bits set")]
    Irregular(PathBuf),
    #[error("error reading {path}: chart exceeds maximum decompressed size of {most} bytes")]
    TooLarge { path: String, most: usize },
    #[error("{path}: the chart has more than {most} files")]
    TooMany { path: String, most: usize },
    #[error("{0}: folders lie too deep inside each other")]
    TooDeep(PathBuf),
    #[error("{0:?}: a chart's file must have a name in UTF-8")]
    Name(PathBuf),
}

/// A link that was followed.
#[derive(Debug)]
pub(crate) struct Followed {
    /// The link.
    pub(crate) path: PathBuf,
    /// Where it leads.
    pub(crate) target: PathBuf,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// The files, in the order of Helm's walk.
    pub(crate) files: Vec<SourceFile>,
    /// The folders below, as the files' paths.
    pub(crate) folders: Vec<String>,
    /// The links that led to some of them, in the same order.
    pub(crate) links: Vec<Followed>,
}

/// A chart's folder that is open.
pub(crate) struct ChartFolder {
    path: PathBuf,
    opened: File,
    boundary: Boundary,
}

impl ChartFolder {
    /// Opens a folder by its absolute path, which may be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let opened = open(path).map_err(|error| FileError::new("open", path, &error))?;
        let real = real_path(&opened, path).map_err(|error| FileError::new("lstat", path, &error))?;
        Ok(Self { path: path.to_owned(), opened, boundary: Boundary::of(&real) })
    }

    /// Reads one of its files.
    pub(crate) fn file(&self, name: &str, most: u64) -> Result<Vec<u8>, FolderError> {
        let path = self.path.join(name);
        let opened = self.boundary.open(&path)?;
        let metadata = opened.metadata().map_err(|error| FileError::new("stat", &path, &error))?;
        if !metadata.is_dir() && !metadata.is_file() {
            return Err(FolderError::Irregular(path));
        }
        Ok(read_open(opened, &path, most)?)
    }

    /// Reads all files. `ignores` says of a path below the folder, and whether it is a folder, that it is no part of the
    /// chart; such are not read.
    pub(crate) fn read(
        &self,
        limits: &Limits,
        ignores: &dyn Fn(&str, bool) -> bool,
    ) -> Result<Folder, FolderError> {
        let mut walk = Walk {
            boundary: &self.boundary,
            limits,
            ignores,
            bytes_left: limits.total_bytes,
            found: Folder::default(),
            buffer: Buffer::default(),
            above: Vec::new(),
        };
        walk.folder(&self.path, "", &self.opened)?;
        Ok(walk.found)
    }
}

struct Walk<'a> {
    boundary: &'a Boundary,
    limits: &'a Limits,
    ignores: &'a dyn Fn(&str, bool) -> bool,
    bytes_left: usize,
    found: Folder,
    buffer: Buffer,
    /// Device and number of the folders that are being read: a link to one of them never ends.
    above: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, below: &str, opened: &File) -> Result<(), FolderError> {
        let metadata = opened.metadata().map_err(|error| FileError::new("stat", path, &error))?;
        let identity = (metadata.dev(), metadata.ino());
        if self.above.contains(&identity) {
            return Err(FolderError::Loop(path.to_owned()));
        }
        if self.above.len() == MOST_LEVELS {
            return Err(FolderError::TooDeep(path.to_owned()));
        }
        self.above.push(identity);
        for Entry { name, kind } in entries(path, opened)? {
            let path = path.join(&name);
            let name = name.to_str().ok_or_else(|| FolderError::Name(path.clone()))?;
            let below = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            self.entry(opened, &path, below, kind)?;
        }
        self.above.pop();
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &File,
        path: &Path,
        below: String,
        mut kind: FileType,
    ) -> Result<(), FolderError> {
        // Some file systems do not say it in their folders.
        if kind == FileType::Unknown {
            let metadata = std::fs::symlink_metadata(path);
            kind = file_type(&metadata.map_err(|error| FileError::new("lstat", path, &error))?);
        }
        let is_link = kind == FileType::Symlink;
        if is_link {
            let target = std::fs::canonicalize(path).map_err(|error| dangling(path, &error))?;
            kind = file_type(&std::fs::metadata(&target).map_err(|error| dangling(path, &error))?);
            self.found.links.push(Followed { path: path.to_owned(), target });
        }
        // The repository's own data are no part of a chart that lies at its root, ignored or not; no link leads there.
        let own_data = path.file_name().is_some_and(|name| name == ".git") && !is_link;
        if own_data || (self.ignores)(&below, kind == FileType::Directory) {
            return Ok(());
        }
        if !matches!(kind, FileType::Directory | FileType::RegularFile) {
            return Err(FolderError::Irregular(path.to_owned()));
        }
        let opened = if is_link { self.boundary.open(path) } else { self.boundary.open_in(folder, path) }?;
        // It may have become something else since the look at it.
        let metadata = opened.metadata().map_err(|error| FileError::new("stat", path, &error))?;
        if metadata.is_dir() {
            self.found.folders.push(below.clone());
            return self.folder(path, &below, &opened);
        }
        if !metadata.is_file() {
            return Err(FolderError::Irregular(path.to_owned()));
        }
        self.file(path, below, opened, metadata.len())
    }

    fn file(&mut self, path: &Path, below: String, opened: File, size: u64) -> Result<(), FolderError> {
        if self.found.files.len() == self.limits.files {
            return Err(FolderError::TooMany { path: below, most: self.limits.files });
        }
        let too_large = |path| FolderError::TooLarge { path, most: self.limits.total_bytes };
        let room = self.bytes_left;
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= room) else {
            return Err(too_large(below));
        };
        let read = self.buffer.read(&opened, size, room);
        let bytes = read.map_err(|error| FileError::new("read", path, &error))?;
        self.bytes_left = room.checked_sub(bytes.len()).ok_or_else(|| too_large(below.clone()))?;
        self.found.files.push(SourceFile { path: below, mode: Mode::File, bytes: bytes.into() });
        Ok(())
    }
}

/// What one file after the other is read into. A file's bytes are copied from here into a piece of just their size.
#[derive(Default)]
struct Buffer(Vec<u8>);

impl Buffer {
    /// The bytes of a file that is said to have `size` bytes: one more than `most` if it has grown beyond that.
    fn read(&mut self, mut file: &File, size: usize, most: usize) -> io::Result<&[u8]> {
        let mut length = 0;
        // Room for one byte more: nothing comes into it, unless the file has grown.
        let mut wanted = size + 1;
        loop {
            if self.0.len() < wanted {
                self.0.resize(wanted, 0);
            }
            match file.read(&mut self.0[length..wanted]) {
                Ok(0) => return Ok(&self.0[..length]),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if length > most {
                return Ok(&self.0[..length]);
            }
            if length == wanted {
                wanted = (2 * wanted).min(most + 1);
            }
        }
    }
}

/// What a folder says of one thing in it.
struct Entry {
    name: OsString,
    kind: FileType,
}

fn file_type(metadata: &std::fs::Metadata) -> FileType {
    FileType::from_raw_mode(metadata.mode())
}

/// What is in an open folder, sorted by the names' bytes.
fn entries(path: &Path, folder: &File) -> Result<Vec<Entry>, FolderError> {
    let fault = |error: rustix::io::Errno| FileError::new("open", path, &error.into());
    let mut entries = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let name = std::ffi::OsStr::from_bytes(name).to_owned();
            entries.push(Entry { name, kind: entry.file_type() });
        }
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Go's text for a link that leads nowhere: it names the first part of the way that is not there.
fn dangling(path: &Path, error: &std::io::Error) -> FolderError {
    let is_loop = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let why = match std::fs::read_link(path) {
        _ if is_loop => "EvalSymlinks: too many links".to_owned(),
        Ok(target) => {
            let target = path.parent().unwrap_or(path).join(target);
            let target = super::absolute(&target).unwrap_or(target);
            let missing = first_missing(&target).unwrap_or(target);
            format!("lstat {}: {}", missing.display(), go_text(error))
        }
        Err(_) => go_text(error),
    };
    FolderError::Dangling { path: path.to_owned(), why }
}

/// The first of a path's folders, or the path itself, that is not there; a link that leads nowhere counts by its target.
fn first_missing(path: &Path) -> Option<PathBuf> {
    let mut folders: Vec<&Path> = path.ancestors().collect();
    folders.reverse();
    let missing = folders.into_iter().find(|folder| std::fs::metadata(folder).is_err())?;
    let target = std::fs::read_link(missing).ok();
    Some(target.map_or(missing.to_owned(), |target| missing.parent().unwrap_or(missing).join(target)))
}

/// The charts and archives below a chart's `charts/`, in the order of Helm's walk, which follows no links.
pub(crate) fn sub_charts(chart: &Path, limits: &Limits) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect_sub_charts(&chart.join("charts"), &mut found, &mut limits.files.clone(), MOST_LEVELS);
    found
}

fn collect_sub_charts(folder: &Path, found: &mut Vec<PathBuf>, entries_left: &mut usize, levels_left: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).take(*entries_left).collect();
    *entries_left -= entries.len();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == "Chart.yaml" {
            found.push(folder.to_owned());
        } else if name.ends_with(".tgz") || name.ends_with(".tar.gz") {
            found.push(path.clone());
        }
        if levels_left > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_sub_charts(&path, found, entries_left, levels_left - 1);
        }
    }
}
