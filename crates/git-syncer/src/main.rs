//! git-syncer's process.

fn main() -> std::process::ExitCode {
    service_kit::main::<git_syncer::Args>()
}
