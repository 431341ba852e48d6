//! [`Error`]: why a template could not be parsed or executed.

use std::fmt;

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not a template.
    Parse,
    /// An action failed: a missing field, a wrong type, a function's error.
    Exec,
    /// The template to execute is not in the set, or is incomplete.
    NoTemplate,
    /// A budget of [`Limits`](crate::Limits) is used up.
    Budget(Budget),
}

/// The budgets of [`Limits`](crate::Limits).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Budget {
    /// Evaluation steps.
    Steps,
    /// Nesting of templates, blocks and parentheses, or of a value being printed.
    Depth,
    /// Bytes of output and of strings made by functions.
    Output,
    /// The caller's interrupt, usually a deadline.
    Interrupt,
}

/// An error with its place. `Display` gives Go's text: `template: NAME:LINE: MESSAGE` from parsing,
/// `template: NAME:LINE:COLUMN: executing "TEMPLATE" at <EXPRESSION>: MESSAGE` from execution.
///
/// `source()` is the error of an inner template (of `include` or `tpl`) or of the host; Go's text repeats it, so
/// `Display` does too. A caller that prints chains prints this one alone.
pub struct Error(Box<Inner>);

pub(crate) struct Inner {
    pub(crate) kind: ErrorKind,
    pub(crate) template: String,
    pub(crate) location: Option<Location>,
    pub(crate) context: Option<String>,
    pub(crate) message: String,
    pub(crate) cause: Option<Cause>,
}

/// Where in a template's source an error arose.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Location {
    /// The name of the text that was parsed: a file's, for templates defined inside one.
    pub source_name: String,
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 0; parse errors have none.
    pub column: Option<usize>,
}

#[derive(Debug)]
pub(crate) enum Cause {
    Template(Error),
    Host(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn new(inner: Inner) -> Self {
        Error(Box::new(inner))
    }

    pub(crate) fn parse(source_name: &str, line: usize, message: String) -> Self {
        Self::new(Inner {
            kind: ErrorKind::Parse,
            template: source_name.to_owned(),
            location: Some(Location { source_name: source_name.to_owned(), line, column: None }),
            context: None,
            message,
            cause: None,
        })
    }

    pub(crate) fn no_template(template: &str, message: String) -> Self {
        Self::new(Inner {
            kind: ErrorKind::NoTemplate,
            template: template.to_owned(),
            location: None,
            context: None,
            message,
            cause: None,
        })
    }

    /// What kind of failure this is; of an inner template's failure, `Exec`.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the template that failed.
    pub fn template(&self) -> &str {
        &self.0.template
    }

    /// Where it failed, if it failed in a template's text.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// The expression that failed, as Go prints it between `<` and `>`.
    pub fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }

    /// The message alone, without place. Inner errors' text is part of it.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error of the template that the failed function had run (`include`, `tpl`).
    pub fn inner_template_error(&self) -> Option<&Error> {
        match &self.0.cause {
            Some(Cause::Template(inner)) => Some(inner),
            _ => None,
        }
    }

    /// The innermost template error: itself, or the end of the chain of [`Error::inner_template_error`].
    pub fn root(&self) -> &Error {
        let mut error = self;
        while let Some(inner) = error.inner_template_error() {
            error = inner;
        }
        error
    }

    /// The host error that caused this one, if a function failed with
    /// [`FuncError::Host`](crate::FuncError::Host).
    pub fn host_error(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        match &self.0.cause {
            Some(Cause::Host(host)) => Some(&**host),
            _ => None,
        }
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("template: ")?;
        match &self.location {
            None if self.kind == ErrorKind::NoTemplate && self.template.is_empty() => {}
            None => write!(f, "{}: ", self.template)?,
            Some(location) => write!(f, "{location}: ")?,
        }
        if let Some(context) = &self.context {
            write!(f, "executing {} at <{context}>: ", crate::fmt::quoted(self.template.as_bytes()))?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Some(Cause::Template(inner)) => Some(inner),
            Some(Cause::Host(host)) => Some(&**host),
            None => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source_name, self.line)?;
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}
