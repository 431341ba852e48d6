//! Prints the CustomResourceDefinitions as YAML, or writes them to the folder that is given: `print-crds deploy/crds`.

use std::io::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1);
    let mut out = std::io::stdout().lock();
    for file in crds::crd_files() {
        let yaml = file.to_yaml()?;
        match &folder {
            Some(folder) => std::fs::write(Path::new(folder).join(file.name), yaml)?,
            None => write!(out, "---\n{yaml}")?,
        }
    }
    Ok(())
}
