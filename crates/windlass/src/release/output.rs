//! `-o`: an answer as a table, or as it is.
//!
//! JSON is protobuf's own mapping of the messages with fields that are empty, as `grpcurl -emit-defaults` prints it, so that a script finds
//! every field; YAML is that JSON as YAML.

use go_yaml::json::{self, Style};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

use super::ReleaseError;
use crate::flags::{Flag, Kind, Parsed};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For people with wide terminals.
    Wide,
    /// Unified diffs, for people and for tools.
    Diff,
    Json,
    Yaml,
}

/// The flag where tables have more columns to show.
pub(super) const WIDE: Flag =
    Flag::new("output", Kind::Text, "table, wide, json or yaml; table without it").short('o');
/// The flag elsewhere.
pub(super) const FLAG: Flag =
    Flag::new("output", Kind::Text, "table, json or yaml; table without it").short('o');

impl Format {
    /// What the flag asks for, among those that are given, the first being the default.
    pub(super) fn of(flags: &Parsed, known: &[Self]) -> Result<Self, ReleaseError> {
        let Some(text) = flags.text("output") else { return Ok(known[0]) };
        let found = known.iter().find(|format| format.word() == text);
        let words: Vec<_> = known.iter().map(|format| format.word()).collect();
        found
            .copied()
            .ok_or_else(|| ReleaseError::Usage(format!("--output {text:?} is none of {}", words.join(", "))))
    }

    fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Diff => "diff",
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }
}

/// A message of the package as a value; `name` is its name there.
pub(super) fn value<M: prost::Message>(name: &str, message: &M) -> go_yaml::Value {
    let pool = DescriptorPool::decode(api::FILE_DESCRIPTOR_SET)
        .expect("the descriptors are those that were built in");
    let descriptor = pool
        .get_message_by_name(&format!("windlass.release.v1.{name}"))
        .expect("the message is one of the package");
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("a message can be read as what it was written as");
    // The one thing that has no JSON is a number that is not finite, in values; charts have none.
    let options = SerializeOptions::new().skip_default_fields(false);
    let json = message.serialize_with_options(serde_json::value::Serializer, &options);
    json.map(go_yaml::Value::from).unwrap_or_default()
}

/// A value as JSON or YAML.
pub(super) fn print(value: &go_yaml::Value, format: Format) -> String {
    // Values from messages are neither nested too deep nor keyed by anything but texts.
    match format {
        Format::Json => json::to_string(value, Style::PrettyRaw).map(|text| text + "\n").unwrap_or_default(),
        _ => go_yaml::to_string(value).unwrap_or_default(),
    }
}

/// A value as JSON on one line.
pub(super) fn print_line(value: &go_yaml::Value) -> String {
    json::to_string(value, Style::CompactRaw).map(|text| text + "\n").unwrap_or_default()
}
