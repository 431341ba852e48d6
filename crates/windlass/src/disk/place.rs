//! Where an open file really lies, and where a chart's files may lie.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{FileError, FolderError};

/// The folders that the links of a chart may lead into.
#[derive(Debug)]
pub(super) struct Boundary {
    /// The chart's own folder.
    chart: PathBuf,
    /// The git work tree that contains it.
    work_tree: Option<PathBuf>,
}

impl Boundary {
    /// The boundary of a chart's folder, whose path has no links. The work tree is the nearest folder from the chart's on
    /// upwards that has an entry `.git`.
    pub(super) fn of(chart: &Path) -> Self {
        let has_git = |folder: &&Path| std::fs::symlink_metadata(folder.join(".git")).is_ok();
        let work_tree = chart.ancestors().find(has_git).map(Path::to_owned);
        Self { chart: chart.to_owned(), work_tree }
    }

    /// Opens what lies inside, whatever links lead there.
    pub(super) fn open(&self, path: &Path) -> Result<File, FolderError> {
        let opened = super::open(path).map_err(|error| FileError::new("open", path, &error))?;
        let real = real_path(&opened, path).map_err(|error| FileError::new("lstat", path, &error))?;
        if self.allows(&real) {
            return Ok(opened);
        }
        let inside = self.work_tree.as_deref().unwrap_or(&self.chart).to_owned();
        Err(FolderError::Outside { path: path.to_owned(), inside })
    }

    /// Opens what lies in a folder that was opened as allowed. What has become a link since is looked at as one.
    pub(super) fn open_in(&self, folder: &File, path: &Path) -> Result<File, FolderError> {
        use rustix::fs::{Mode, OFlags, openat};
        let Some(name) = path.file_name() else { return self.open(path) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match openat(folder, name, flags, Mode::empty()) {
            Ok(opened) => Ok(opened.into()),
            Err(rustix::io::Errno::LOOP) => self.open(path),
            Err(error) => Err(FileError::new("open", path, &error.into()).into()),
        }
    }

    /// Whether a link may lead to this path, which has no links itself. The repository's own data are out of bounds.
    fn allows(&self, real: &Path) -> bool {
        let within = |folder: &Path| {
            let below = real.strip_prefix(folder).ok();
            below.is_some_and(|below| below.components().all(|part| part.as_os_str() != ".git"))
        };
        within(&self.chart) || self.work_tree.as_deref().is_some_and(within)
    }
}

/// The path of what was opened, without links, as the system knows it: whatever the names on the way to it mean by now.
#[cfg(target_os = "linux")]
pub(super) fn real_path(file: &File, opened_as: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match std::fs::read_link(link) {
        Ok(path) => Ok(path),
        // There may be no /proc.
        Err(_) => by_identity(file, opened_as),
    }
}

/// The path of what was opened, without links, as the system knows it.
#[cfg(target_vendor = "apple")]
pub(super) fn real_path(file: &File, _: &Path) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let path = rustix::fs::getpath(file)?;
    Ok(std::ffi::OsString::from_vec(path.into_bytes()).into())
}

/// The path of what was opened, without links.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn real_path(file: &File, opened_as: &Path) -> io::Result<PathBuf> {
    by_identity(file, opened_as)
}

/// Where the name leads by now, if that is what was opened.
#[cfg(not(target_vendor = "apple"))]
fn by_identity(file: &File, opened_as: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let real = std::fs::canonicalize(opened_as)?;
    let (opened, named) = (file.metadata()?, std::fs::symlink_metadata(&real)?);
    if (opened.dev(), opened.ino()) == (named.dev(), named.ino()) {
        Ok(real)
    } else {
        Err(io::Error::other("it was replaced while it was read"))
    }
}
