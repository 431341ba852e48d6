//! Where the programs of the testbed stand.
//!
//! Those built from Go modules by `make tools` are in a cache outside the tree; the others come from
//! Debian packages and are looked for where those install them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The path of a program that `make tools` builds: `kubectl`, `helm`, `kube-apiserver`, `kwok`, …
///
/// The folder is `$WINDLASS_TOOLS`, else `windlass/tools` under `$XDG_CACHE_HOME`, else under `~/.cache`.
///
/// # Errors
/// The program is not there: the message names the path and `make tools`.
pub fn path(name: &str) -> anyhow::Result<PathBuf> {
    let path = folder()?.join(name);
    if !path.is_file() {
        bail!("{} does not exist: run `make tools`", path.display());
    }
    Ok(path)
}

fn folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = variable("WINDLASS_TOOLS") {
        return Ok(folder);
    }
    let cache = match variable("XDG_CACHE_HOME") {
        Some(cache) => cache,
        None => variable("HOME")
            .context("HOME is not set: set WINDLASS_TOOLS to the folder of the tools")?
            .join(".cache"),
    };
    Ok(cache.join("windlass/tools"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A program of a Debian package: the first of `candidates` that exists.
///
/// # Errors
/// None of them exists: the message names the package, which `make tools` installs.
pub fn debian(package: &str, candidates: &[&str]) -> anyhow::Result<PathBuf> {
    let found = candidates.iter().map(Path::new).find(|path| path.is_file());
    found.map(Path::to_owned).with_context(|| {
        format!("none of {} exists: install the package {package} or run `make tools`", candidates.join(", "))
    })
}

/// A program of PostgreSQL's server package, from the newest version installed.
///
/// # Errors
/// No version of PostgreSQL is installed.
pub fn postgresql(name: &str) -> anyhow::Result<PathBuf> {
    let root = Path::new("/usr/lib/postgresql");
    let versions = std::fs::read_dir(root).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| root.join(version.to_string()).join("bin").join(name).is_file())
        .max();
    let newest = newest.with_context(|| {
        format!(
            "{}/*/bin/{name} does not exist: install the package postgresql or run `make tools`",
            root.display()
        )
    })?;
    Ok(root.join(newest.to_string()).join("bin").join(name))
}

/// A binary of this workspace: a service, or the keeper.
///
/// The folder is `$WINDLASS_BIN`, else the one that this program was built into.
///
/// # Errors
/// It has not been built there.
pub fn service(name: &str) -> anyhow::Result<PathBuf> {
    let folder = match variable("WINDLASS_BIN") {
        Some(folder) => folder,
        None => {
            let own = std::env::current_exe().context("cannot tell where this program stands")?;
            let folder = own.parent().context("a program without a folder")?;
            // Tests stand in `deps`, examples in `examples`, binaries in the folder itself.
            let below = folder.ends_with("deps") || folder.ends_with("examples");
            let folder = if below { folder.parent().unwrap_or(folder) } else { folder };
            folder.to_owned()
        }
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} does not exist", path.display());
    }
    Ok(path)
}
