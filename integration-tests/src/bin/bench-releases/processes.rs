//! What processes take, as the kernel counts it (proc(5)).

use std::time::Duration;

use anyhow::{Context as _, ensure};
use integration_tests::Testbed;

/// `USER_HZ`, in which the kernel tells times to programs, whatever its own clock.
const TICKS: u64 = 100;

/// The process of a server of the testbed.
///
/// # Errors
/// The testbed has none of that name.
pub(crate) fn server(bed: &Testbed, name: &str) -> anyhow::Result<u32> {
    let server = bed.servers().find(|server| server.name() == name);
    Ok(server.with_context(|| format!("the testbed has no {name}"))?.pid())
}

/// Processor time, user and system, of all threads of a process that runs.
///
/// # Errors
/// There is no such process.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let ticks = ticks(&read(pid, "stat")?).with_context(|| format!("/proc/{pid}/stat has no times"))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// The most memory that was resident of a process that runs, in bytes.
///
/// # Errors
/// There is no such process.
pub(crate) fn peak(pid: u32) -> anyhow::Result<u64> {
    let status = read(pid, "status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse::<u64>().ok());
    let peak = peak.with_context(|| format!("/proc/{pid}/status tells no VmHWM: the process has ended"))?;
    ensure!(peak > 0, "process {pid} has no memory");
    Ok(peak * 1024)
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("cannot read /proc/{pid}/{file}"))
}

/// `utime` and `stime` of a `stat` file, its fields 14 and 15. The second one is a name, which may hold anything, in parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_behind_any_name() {
        let stat = "7 (a ) (b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
        let own = std::process::id();
        assert!(peak(own).unwrap() > 100_000);
        assert!(cpu(own).is_ok());
    }
}
