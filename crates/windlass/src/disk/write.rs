//! What `--output-dir` writes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use super::{FileError, go_text};

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OutputError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0:?} leads out of the folder that is written to")]
    Path(String),
}

/// Makes the file `name` below `folder` anew, with the folders on the way.
pub(crate) fn create(folder: &str, name: &str, text: &[u8]) -> Result<String, OutputError> {
    write(folder, name, text, OpenOptions::new().write(true).create(true).truncate(true))
}

/// Adds to the file `name` below `folder`.
pub(crate) fn append(folder: &str, name: &str, text: &[u8]) -> Result<String, OutputError> {
    write(folder, name, text, OpenOptions::new().append(true))
}

/// Gives the path that was written, as Helm prints it.
fn write(folder: &str, name: &str, text: &[u8], how: &OpenOptions) -> Result<String, OutputError> {
    if Path::new(name).components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(OutputError::Path(name.to_owned()));
    }
    let full = format!("{folder}/{name}");
    let path = PathBuf::from(&full);
    if let Some(parent) = path.parent() {
        let made = std::fs::create_dir_all(parent);
        made.map_err(|error| FileError::because("mkdir", parent, go_text(&error)))?;
    }
    let mut file = how.open(&path).map_err(|error| FileError::new("open", &path, &error))?;
    file.write_all(text).map_err(|error| FileError::new("write", &path, &error))?;
    Ok(full)
}
