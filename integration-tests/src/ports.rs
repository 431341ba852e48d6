//! Free loopback ports.
//!
//! They are taken below the kernel's range for outgoing connections, so that a connection of some
//! program cannot take one between this look and the server's bind. What another process may still
//! take in that moment is met by starting the server again with another port (see `server`), and a
//! server counts as ready only when the port is its own: another's answer must not pass for its.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};
use std::sync::Mutex;

use anyhow::bail;
use rand::Rng;

const RANGE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 1_000;

/// Ports handed out by this process: two testbeds in one test binary never get the same one.
static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that is free at `address` now and was not handed out in this process before.
///
/// # Errors
/// None was found, or `address` is not one of this machine.
pub(crate) fn free(address: IpAddr) -> anyhow::Result<u16> {
    let mut handed_out = HANDED_OUT.lock().expect("no code panics while it holds this lock");
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let port = rand::rng().random_range(RANGE);
        if handed_out.contains(&port) {
            continue;
        }
        match TcpListener::bind((address, port)) {
            Ok(_) => {
                handed_out.insert(port);
                return Ok(port);
            }
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => bail!("no free port at {address}: {error}"),
        None => bail!("every port of {RANGE:?} was handed out already"),
    }
}

/// True when the process listens on the TCP port: when one of its sockets (`/proc/PID/fd`) is a
/// listening one of that port (`/proc/PID/net/tcp`, proc(5)).
pub(crate) fn is_held_by(pid: u32, port: u16) -> bool {
    let sockets: Vec<String> = ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|table| table.lines().filter_map(|line| listening(line, port)).collect::<Vec<_>>())
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
}

/// The inode of a line of the kernel's table when it is a socket that listens (state 0A) on the port.
fn listening(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let listens_on = u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok()?;
    (*state == "0A" && listens_on == port).then(|| inode.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::LOOPBACK;

    #[test]
    fn a_port_is_held_by_the_process_that_listens_on_it() {
        let port = free(LOOPBACK).unwrap();
        assert!(!is_held_by(std::process::id(), port));
        let listener = TcpListener::bind((LOOPBACK, port)).unwrap();
        assert!(is_held_by(std::process::id(), port));
        assert!(!is_held_by(std::os::unix::process::parent_id(), port));
        drop(listener);
        assert!(!is_held_by(std::process::id(), port));
    }
}
