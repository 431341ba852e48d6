//! What is wrong with a file.

use go_yaml::ReadError;

/// Why a document, or one object of it, cannot be used. Each names the file, the document (from 1) and the line
/// (from 1) where it can be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file is not UTF-8 text.
    #[error("{file}, line {line}: not UTF-8 text; save the file as UTF-8")]
    NotText {
        /// The file's path.
        file: String,
        /// The line of the first byte at fault.
        line: usize,
    },
    /// The file is too large to be read at all.
    #[error("{file}: too large to be a manifest")]
    TooLarge {
        /// The file's path.
        file: String,
        /// The limit.
        source: ReadError,
    },
    /// The document is not YAML.
    #[error("{file}, document {document}, line {line}: not valid YAML")]
    Yaml {
        /// The file's path.
        file: String,
        /// The document.
        document: usize,
        /// The line, or the document's first if the reader names none.
        line: usize,
        /// What the reader says.
        source: ReadError,
    },
    /// The document, or an item of a list, is not a mapping.
    #[error(
        "{file}, document {document}, line {line}: not a Kubernetes object; it must be a mapping with apiVersion, kind and metadata"
    )]
    NotAnObject {
        /// The file's path.
        file: String,
        /// The document.
        document: usize,
        /// The line.
        line: usize,
    },
    /// A field without which an object has no identity is absent, empty or not a text.
    #[error("{file}, document {document}, line {line}: {field} {fault}")]
    Identity {
        /// The file's path.
        file: String,
        /// The document.
        document: usize,
        /// The line where the object begins.
        line: usize,
        /// `apiVersion`, `kind`, `metadata.name` or `metadata.namespace`.
        field: &'static str,
        /// What is wrong with it and what to do.
        fault: &'static str,
    },
}

impl ManifestError {
    /// The file's path.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            ManifestError::NotText { file, .. }
            | ManifestError::TooLarge { file, .. }
            | ManifestError::Yaml { file, .. }
            | ManifestError::NotAnObject { file, .. }
            | ManifestError::Identity { file, .. } => file,
        }
    }

    /// The document, from 1; `None` when the whole file is meant.
    #[must_use]
    pub fn document(&self) -> Option<usize> {
        match self {
            ManifestError::NotText { .. } | ManifestError::TooLarge { .. } => None,
            ManifestError::Yaml { document, .. }
            | ManifestError::NotAnObject { document, .. }
            | ManifestError::Identity { document, .. } => Some(*document),
        }
    }

    /// The line, from 1; `None` when the whole file is meant.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            ManifestError::TooLarge { .. } => None,
            ManifestError::NotText { line, .. }
            | ManifestError::Yaml { line, .. }
            | ManifestError::NotAnObject { line, .. }
            | ManifestError::Identity { line, .. } => Some(*line),
        }
    }
}
