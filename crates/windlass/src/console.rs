//! Standard output, and a log on standard error in the format of Go's `slog.TextHandler`, which Helm uses.

use std::io::{self, Write};

/// Where a command writes.
pub(crate) struct Console<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    /// Whether lines of level DEBUG are shown.
    pub(crate) debug: bool,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl Console<'_> {
    /// Writes a line of the log. That it cannot be written is no reason to stop.
    pub(crate) fn log(&mut self, level: Level, message: &str, attributes: &[(&str, &str)]) {
        if level == Level::Debug && !self.debug {
            return;
        }
        let mut line = format!("level={} msg={}", level.word(), value(message));
        for (key, text) in attributes {
            line.push_str(&format!(" {key}={}", value(text)));
        }
        self.note(&line);
    }

    /// Writes a line to standard error.
    pub(crate) fn note(&mut self, line: &str) {
        // There is nowhere to report it to.
        let _ = writeln!(self.err, "{line}");
    }

    /// Writes to standard output.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// A value, in quotes if it has to be.
fn value(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '=' || c > '\u{a0}' && !c.is_whitespace();
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    quoted(text)
}

/// A text as Go's `%q` prints it.
pub(crate) fn quoted(text: &str) -> String {
    String::from_utf8_lossy(&go_template::quote_bytes(text.as_bytes(), false)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_like_those_of_slog() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console { out: &mut out, err: &mut err, debug: false };
        console.log(Level::Warn, "this chart is deprecated", &[]);
        console.log(Level::Info, "plain", &[("path", "/a/b"), ("empty", ""), ("text", "a \"b\"\n")]);
        console.log(Level::Debug, "unseen", &[]);
        let expected = "level=WARN msg=\"this chart is deprecated\"\n\
            level=INFO msg=plain path=/a/b empty=\"\" text=\"a \\\"b\\\"\\n\"\n";
        assert_eq!(String::from_utf8_lossy(&err), expected);
    }
}
