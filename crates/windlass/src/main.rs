//! The program `windlass`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    windlass::run(arguments, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
}
