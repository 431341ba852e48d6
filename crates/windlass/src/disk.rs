//! The file system: charts' folders, files of values, what `--output-dir` writes. Everything that is read has a bound.

mod folder;
mod place;
mod write;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) use folder::{ChartFolder, Folder, FolderError, Followed, sub_charts};
pub(crate) use write::{OutputError, append, create};

/// Why a file cannot be read, as Go's `os` words it.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {path}: {why}")]
pub(crate) struct FileError {
    operation: &'static str,
    path: String,
    why: String,
}

impl FileError {
    fn new(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        Self { operation, path: path.display().to_string(), why: go_text(error) }
    }

    fn because(operation: &'static str, path: &Path, why: impl Into<String>) -> Self {
        Self { operation, path: path.display().to_string(), why: why.into() }
    }
}

/// Reads a file that the user names, following links. A pipe, such as the shell's `<(…)`, is waited for.
pub(crate) fn read_file(path: impl AsRef<Path>, most: u64) -> Result<Vec<u8>, FileError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|error| FileError::new("open", path, &error))?;
    read_open(file, path, most)
}

/// Reads what is open, as far as it has no more bytes than `most`.
fn read_open(file: File, path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let metadata = file.metadata().map_err(|error| FileError::new("stat", path, &error))?;
    if metadata.is_dir() {
        return Err(FileError::because("read", path, "is a directory"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(most)).unwrap_or(0));
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| FileError::new("read", path, &error))?;
    if bytes.len() as u64 > most {
        return Err(FileError::because("read", path, format!("the file has more than {most} bytes")));
    }
    Ok(bytes)
}

/// Whether something is there, and whether it is a folder.
pub(crate) fn is_folder(path: &Path) -> Option<bool> {
    std::fs::metadata(path).ok().map(|metadata| metadata.is_dir())
}

/// Whether something is there.
pub(crate) fn stat(path: impl AsRef<Path>) -> Result<(), FileError> {
    let path = path.as_ref();
    std::fs::metadata(path).map(drop).map_err(|error| FileError::new("stat", path, &error))
}

/// The path from the root, without `.` and `..`, links being kept: Go's `filepath.Abs`.
pub(crate) fn absolute(path: &Path) -> io::Result<std::path::PathBuf> {
    let mut clean = std::path::PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    Ok(clean)
}

/// Opens for reading. What is no plain file does not make it wait.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    std::fs::OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

/// The text that Go has for an error of the system.
pub(crate) fn go_text(error: &io::Error) -> String {
    use rustix::io::Errno;
    let known = [
        (Errno::NOENT, "no such file or directory"),
        (Errno::ACCESS, "permission denied"),
        (Errno::PERM, "operation not permitted"),
        (Errno::NOTDIR, "not a directory"),
        (Errno::ISDIR, "is a directory"),
        (Errno::LOOP, "too many levels of symbolic links"),
        (Errno::NAMETOOLONG, "file name too long"),
        (Errno::EXIST, "file exists"),
        (Errno::NOSPC, "no space left on device"),
        (Errno::ROFS, "read-only file system"),
        (Errno::INVAL, "invalid argument"),
        (Errno::NXIO, "no such device or address"),
    ];
    let number = error.raw_os_error();
    let text = known.iter().find(|(errno, _)| Some(errno.raw_os_error()) == number);
    text.map_or_else(|| error.to_string(), |(_, text)| (*text).to_owned())
}
