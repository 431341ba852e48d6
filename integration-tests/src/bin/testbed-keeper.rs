//! `testbed-keeper`: the supervisor of one testbed; see `integration_tests::keeper`.

fn main() -> anyhow::Result<()> {
    integration_tests::keeper::supervise()
}
