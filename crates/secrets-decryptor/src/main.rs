//! The secrets-decryptor process.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::main::<secrets_decryptor::Args>()
}
