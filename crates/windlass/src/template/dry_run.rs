//! `--dry-run`, which says for `template` only whether a cluster is to be asked.

use super::TemplateError;
use crate::console::{Console, Level};
use crate::flags::{Parsed, boolean};

/// Warns of old spellings; refuses all but `client`.
pub(super) fn check(flags: &Parsed, console: &mut Console<'_>) -> Result<(), TemplateError> {
    let value = flags.text("dry-run").unwrap_or("client");
    let invalid = |wanted| TemplateError::DryRun(value.to_owned(), wanted);
    match value {
        "client" => return Ok(()),
        "unset" => {
            let message = "--dry-run is deprecated and should be replaced with '--dry-run=client'";
            console.log(Level::Warn, message, &[]);
            return Ok(());
        }
        "server" => {
            return Err(TemplateError::NotHere {
                flag: "dry-run=server",
                why: "no cluster is asked here; leave it out",
            });
        }
        "none" => return Err(invalid("\"server\" or \"client\"")),
        _ => {}
    }
    match boolean(value) {
        Err(_) => Err(invalid("\"none\", \"server\", or \"client\"")),
        Ok(false) => Err(invalid("\"server\" or \"client\"")),
        Ok(true) => {
            let message = format!(
                "boolean '--dry-run={value}' flag is deprecated and must be replaced with '--dry-run=client'"
            );
            console.log(Level::Warn, &message, &[]);
            Ok(())
        }
    }
}
