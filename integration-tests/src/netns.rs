//! A network namespace of its own for one test.
//!
//! Endpoints refuse loopback addresses, so a test whose API server must reach a service through a
//! Service object needs an address that is not one, and yet no other machine may reach it. In a new
//! network namespace with no way out, such an address can stand on the loopback interface.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::unix_user;

/// Tells the test that it runs inside.
const INSIDE: &str = "WINDLASS_TESTBED_NETNS";
/// From the range for benchmarks inside a network (RFC 2544): it leads nowhere.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);

/// Runs the test `name` of the current test binary again, inside a network namespace.
///
/// In the namespace it returns the address to hand to
/// [`TestbedBuilder::address`](crate::TestbedBuilder::address), and the test goes on. Outside it runs the
/// test inside, waits, and returns `None` when that has passed: then the test is done.
///
/// ```no_run
/// # async fn kubeseal_fetches_the_certificate() -> anyhow::Result<()> {
/// use integration_tests::{Testbed, netns};
///
/// let Some(address) = netns::enter("kubeseal_fetches_the_certificate")? else { return Ok(()) };
/// let bed = Testbed::builder().control_plane().address(address).start().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The namespace cannot be made (without root this needs user namespaces), or the test failed inside.
pub fn enter(name: &str) -> anyhow::Result<Option<IpAddr>> {
    let address = IpAddr::V4(ADDRESS);
    if std::env::var_os(INSIDE).is_some() {
        return Ok(Some(address));
    }
    let test = std::env::current_exe().context("cannot tell where this program stands")?;
    let mut command = Command::new("unshare");
    command.arg(if unix_user::is_root() { "--net" } else { "--map-root-user" });
    if !unix_user::is_root() {
        command.arg("--net");
    }
    let script = format!("ip link set lo up && ip address add {ADDRESS}/32 dev lo && exec \"$@\"");
    command.args(["sh", "-c", &script, "sh"]).arg(test).args(["--exact", name, "--nocapture"]);
    command.env(INSIDE, "1").stdin(Stdio::null());
    let status = command.status().context("cannot run unshare (package util-linux)")?;
    ensure!(status.success(), "the test {name} failed inside its network namespace: {status}");
    Ok(None)
}
