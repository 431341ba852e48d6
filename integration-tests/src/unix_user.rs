//! The user a server must run as: PostgreSQL refuses to run as root.

use anyhow::Context;

/// A user and its group, by number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnixUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The login name of the user this process runs as.
pub(crate) fn own_name() -> anyhow::Result<String> {
    let uid = rustix::process::getuid().as_raw();
    passwd()?
        .into_iter()
        .find(|entry| entry.1.uid == uid)
        .map(|entry| entry.0)
        .with_context(|| format!("/etc/passwd has no user with the uid {uid}"))
}

/// True when this process runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The unprivileged user that the `PostgreSQL` package made.
pub(crate) fn postgres() -> anyhow::Result<UnixUser> {
    passwd()?
        .into_iter()
        .find(|entry| entry.0 == "postgres")
        .map(|entry| entry.1)
        .context("there is no user postgres: install the package postgresql or run `make tools`")
}

/// Name, uid and gid of each line of /etc/passwd (passwd(5)); lines of another form are skipped.
fn passwd() -> anyhow::Result<Vec<(String, UnixUser)>> {
    let text = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((name, UnixUser { uid, gid }))
    };
    Ok(text.lines().filter_map(entry).collect())
}
