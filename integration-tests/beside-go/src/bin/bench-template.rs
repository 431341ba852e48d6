//! `bench-template GO_PROGRAM`: compares this engine with Go's; `bench-template serve`: is one of the two compared.

use std::path::Path;

use anyhow::bail;
use beside_go::bench;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1) {
        Some(argument) if argument == "serve" => bench::serve(),
        Some(go_program) => bench::run(Path::new(&go_program)),
        None => bail!("usage: bench-template GO_PROGRAM"),
    }
}
