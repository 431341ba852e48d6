//! The image-scanner process.

fn main() -> std::process::ExitCode {
    service_kit::main::<image_scanner::args::Args>()
}
