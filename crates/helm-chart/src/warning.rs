//! What Helm logs while it makes charts and values.

use std::fmt;

use go_template::unicode::is_print;

use crate::go_text::percent_q;

/// How Helm logs a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningLevel {
    /// `INFO`: most of them, in spite of their text.
    Info,
    /// `WARN`.
    Warn,
}

/// Something that Helm logs and goes on. The text is Helm's.
///
/// `Display` and `Debug` leave out the value that some warnings quote, because values may be secret; only
/// [`Warning::log_line`] has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Warning {
    level: WarningLevel,
    message: String,
    quoted: Option<String>,
    attributes: Vec<(&'static str, String)>,
}

impl Warning {
    /// A warning that is logged as information.
    pub fn info(message: impl Into<String>) -> Self {
        Self { level: WarningLevel::Info, message: message.into(), quoted: None, attributes: Vec::new() }
    }

    /// A warning that is logged as one.
    pub fn warn(message: impl Into<String>) -> Self {
        Self { level: WarningLevel::Warn, ..Self::info(message) }
    }

    /// Adds a value to the message, in parentheses, for those who may see values.
    #[must_use]
    pub fn quoting(self, value: String) -> Self {
        Self { quoted: Some(value), ..self }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// How it is logged.
    pub fn level(&self) -> WarningLevel {
        self.level
    }

    /// The message with the value that it quotes, in parentheses.
    pub fn message(&self) -> String {
        match &self.quoted {
            Some(value) => format!("{} ({value})", self.message),
            None => self.message.clone(),
        }
    }

    /// What it is about, by names as Helm has them: `path`, `chart`, `tag`, `error`.
    pub fn attributes(&self) -> &[(&'static str, String)] {
        &self.attributes
    }

    /// The line that `helm` writes to its standard error, values included:
    /// `level=WARN msg="returned non-bool value" path=a.enabled chart=a`.
    pub fn log_line(&self) -> String {
        let level = match self.level {
            WarningLevel::Info => "INFO",
            WarningLevel::Warn => "WARN",
        };
        let mut line = format!("level={level} msg={}", log_value(&self.message()));
        for (name, value) in &self.attributes {
            line.push_str(&format!(" {name}={}", log_value(value)));
        }
        line
    }
}

/// A value as Go's `slog.TextHandler` writes it.
fn log_value(text: &str) -> String {
    let needs_quotes =
        |c: char| matches!(c, ' ' | '=' | '"') || c.is_control() || c.is_whitespace() || !is_print(c);
    if text.is_empty() || text.chars().any(needs_quotes) { percent_q(text) } else { text.to_owned() }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (index, (name, value)) in self.attributes.iter().enumerate() {
            write!(f, "{}{name}={}", if index == 0 { ": " } else { " " }, log_value(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Warning({self})")
    }
}

impl From<Warning> for String {
    fn from(warning: Warning) -> Self {
        warning.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_shows_no_value_but_in_its_line() {
        let warning = Warning::info("warning: skipped").quoting("s3cret".into());
        assert_eq!(
            (warning.to_string(), format!("{warning:?}")),
            ("warning: skipped".into(), "Warning(warning: skipped)".into())
        );
        assert_eq!(warning.log_line(), "level=INFO msg=\"warning: skipped (s3cret)\"");
        let warning = Warning::warn("odd").with("path", "a.b").with("error", "\"x\" is not a table");
        assert_eq!(warning.log_line(), "level=WARN msg=odd path=a.b error=\"\\\"x\\\" is not a table\"");
        assert_eq!(warning.to_string(), "odd: path=a.b error=\"\\\"x\\\" is not a table\"");
    }
}
