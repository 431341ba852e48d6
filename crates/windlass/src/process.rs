//! What the process gives to a command: environment, standard input, time, randomness.

use std::ffi::OsString;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use helm_engine::{Clock, Random};

/// Looks up a variable of the environment.
pub type Variables = Rc<dyn Fn(&str) -> Option<OsString>>;

/// The process around a command.
pub struct Process<'a> {
    /// The variables of the environment.
    pub variable: Variables,
    /// Standard input, which `--values -` reads.
    pub stdin: &'a mut dyn Read,
}

impl Process<'_> {
    /// A variable's value, if it is set and text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name)?.into_string().ok()
    }

    /// Everything on standard input, up to a limit.
    pub(crate) fn read_stdin(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut *self.stdin).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The system's clock.
pub(crate) fn clock() -> Clock {
    Arc::new(now)
}

/// Seconds and nanoseconds since 1970.
pub(crate) fn now() -> (i64, u32) {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos()),
        Err(before) => (-i64::try_from(before.duration().as_secs()).unwrap_or(0), 0),
    }
}

/// The system's source of random bytes.
pub(crate) fn random() -> Random {
    Arc::new(|bytes: &mut [u8]| {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    })
}
