//! `bench-render HELM GO_PROGRAM FOLDER`: compares the `windlass` beside this program with helm, and this engine with Helm's,
//! on charts that it writes into FOLDER. `serve` and `once` are what it starts itself as.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use beside_go::bench::{self, Paths};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match first.as_ref().and_then(|argument| argument.to_str()) {
        Some("serve") => return bench::serve(),
        Some("once") => return bench::once(arguments),
        _ => {}
    }
    let (Some(helm), Some(go), Some(charts)) = (first, arguments.next(), arguments.next()) else {
        bail!("usage: bench-render HELM GO_PROGRAM FOLDER");
    };
    let this = std::env::current_exe().context("cannot tell the path of this program")?;
    let [helm, go, charts] = [helm, go, charts].map(PathBuf::from);
    bench::render(&Paths { windlass: this.with_file_name("windlass"), helm, go, charts })
}
