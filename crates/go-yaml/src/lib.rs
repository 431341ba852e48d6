//! YAML and JSON as the Go programs around Kubernetes (kubectl, Helm, Flux) read and print them.
//!
//! Those programs share one library, `sigs.k8s.io/yaml`: text is read by the go-yaml v2 rules (YAML 1.1
//! resolution), turned into the JSON model, and printed back by the go-yaml v2 printer. A byte that differs
//! changes checksums over rendered manifests and so restarts pods, hence this crate follows that library byte
//! by byte, quirks included, and its expected results come from the library itself
//! (`tests/cases`, made by the Go program in `integration-tests/oracle`).
//!
//! - [`from_str`] and [`documents`] read; [`parse`] gives the [`Document`] tree with byte spans, for editors.
//! - [`to_string`] prints YAML, [`json`] reads and prints JSON, [`toml`] prints TOML.
//! - [`Emit`] and [`Sink`] let another value type be printed without being converted first.
//!
//! Invariants: no input panics; memory and time are bounded by the constants in [`limits`]; spans are byte
//! offsets into the text that was given.
//!
//! ```
//! let value = go_yaml::from_str("on: 0777\n")?;
//! assert_eq!(go_yaml::to_string(&value).unwrap(), "\"true\": 511\n");
//! # Ok::<(), go_yaml::ReadError>(())
//! ```

mod chars;
mod decode;
mod dump;
mod emit;
mod error;
pub mod json;
pub mod limits;
mod node;
pub mod number;
mod order;
mod parser;
mod resolve;
mod scanner;
mod stream;
mod timestamp;
pub mod toml;
mod value;

pub use emit::{Emit, Sink, WriteError, YamlWriter, emit_entries, sort_entries, to_string};
pub use error::ReadError;
pub use node::{Document, Node, NodeKind, NodeRef, ScalarStyle};
pub use order::natural_cmp;
pub use resolve::is_plain_string;
pub use stream::{StreamDocument, documents};
pub use value::Value;

/// Reads the first document of `text`; what follows it is not looked at (as `yaml.Unmarshal` does).
///
/// An empty text, or one of comments only, is [`Value::Null`].
///
/// # Errors
/// The text is not YAML, does not fit the JSON model, or exceeds a limit: see [`ReadError`].
///
/// ```
/// let value = go_yaml::from_str("base: &base {a: 1}\nb: {<<: *base, c: yes}\n")?;
/// assert_eq!(value.at(&["b", "c"]).and_then(go_yaml::Value::as_bool), Some(true));
///
/// let error = go_yaml::from_str("image: {{ .Values.image }}").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "yaml: invalid map key: map[interface {}]interface {}{\".Values.image\":interface {}(nil)}",
/// );
/// # Ok::<(), go_yaml::ReadError>(())
/// ```
pub fn from_str(text: &str) -> Result<Value, ReadError> {
    parse(text)?.to_value()
}

/// Like [`from_str`], for bytes that may not be UTF-8.
///
/// # Errors
/// As [`from_str`]; bytes that are not UTF-8 are [`ReadError::Syntax`]. UTF-16 is not supported.
pub fn from_slice(bytes: &[u8]) -> Result<Value, ReadError> {
    let (text, fault) = chars::text_and_fault(bytes);
    parser::first_document(text, fault)?.to_value()
}

/// Reads the first document of `text` as a tree of nodes with byte spans.
///
/// # Errors
/// The text is not YAML or exceeds a limit. What only the JSON model forbids shows in [`Document::to_value`].
///
/// ```
/// let text = "image: &tag 'web:1' # pinned\n";
/// let document = go_yaml::parse(text)?;
/// let image = document.root().get("image").unwrap();
/// assert_eq!(&text[image.span()], "'web:1'");
/// assert_eq!(image.as_str(), Some("web:1"));
/// # Ok::<(), go_yaml::ReadError>(())
/// ```
pub fn parse(text: &str) -> Result<Document<'_>, ReadError> {
    parser::first_document(text, chars::control_fault(text))
}

/// The examples of the README, which are tested with the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
