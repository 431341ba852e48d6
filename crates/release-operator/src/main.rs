//! The release-operator program.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::main::<release_operator::Args>()
}
