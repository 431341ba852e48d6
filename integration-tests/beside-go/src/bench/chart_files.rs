//! A chart's files from its folder.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use helm_chart::{Mode, SourceFile};

/// Every file below the folder.
pub(super) fn read(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    walk(root, root, &mut |path, bytes| {
        files.push(SourceFile { path, mode: Mode::File, bytes: bytes.into() });
        Ok(())
    })?;
    Ok(files)
}

/// Gives each file below `folder` to `visit`, with its path below `root`.
pub(super) fn walk(
    root: &Path,
    folder: &Path,
    visit: &mut dyn FnMut(String, Vec<u8>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, visit)?;
        } else {
            let name = path.strip_prefix(root)?.to_str().context("a path is text")?.to_owned();
            visit(name, fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)?;
        }
    }
    Ok(())
}
