//! TOML as Go's BurntSushi/toml prints it, the library behind Helm's `toToml`.
//!
//! That library looks ahead before it writes: what is no table comes first in its table, and a list of tables only
//! is written as `[[name]]`. So the value is gathered into a tree first, unlike for YAML and JSON.

mod tree;

use crate::emit::{Emit, WriteError};
use crate::number::go_float;
use tree::{Item, TreeWriter};

/// Why a value could not be printed as TOML, in the library's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TomlError {
    /// A list holds null, which TOML has no word for. (Of a table, such a member is left out.)
    #[error("toml: cannot encode array with nil element")]
    NullItem,
    /// The value is a list of tables, which needs a name.
    #[error("toml: top-level values must be Go maps or structs")]
    NoName,
    /// The value is null; the library panics with these words.
    #[error("reflect: call of reflect.Value.Type on zero Value")]
    Null,
    /// The value itself could not be shown.
    #[error(transparent)]
    Value(#[from] WriteError),
}

/// Prints `value` as `toml.NewEncoder(…).Encode` of BurntSushi/toml 1.6 does.
///
/// Members of a table are in the order of their bytes, those that are no tables first; tables below the top level are
/// indented by two spaces. A value that is neither table nor list prints as it would behind `key = `.
///
/// # Errors
/// Null in a list, null or a list of tables at the top, or an error of the value: see [`TomlError`].
///
/// ```
/// let value = go_yaml::from_str("{image: {tag: v1}, ports: [{port: 80}], replicas: 2}").unwrap();
/// assert_eq!(
///     go_yaml::toml::to_string(&value).unwrap(),
///     "replicas = 2\n\n[image]\n  tag = \"v1\"\n\n[[ports]]\n  port = 80\n",
/// );
/// ```
pub fn to_string(value: &impl Emit) -> Result<String, TomlError> {
    let mut gathered = TreeWriter::new();
    value.emit(&mut gathered)?;
    let mut encoder = Encoder { out: String::new() };
    match gathered.finish() {
        Item::Null => return Err(TomlError::Null),
        Item::Table(members) => encoder.table(&mut Vec::new(), &members)?,
        item => match shape(&item)? {
            Shape::Tables => return Err(TomlError::NoName),
            _ => encoder.element(&item)?,
        },
    }
    Ok(encoder.out)
}

/// What decides where a member is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Null,
    Table,
    Tables,
    Other,
}

impl Shape {
    fn is_table(self) -> bool {
        matches!(self, Shape::Table | Shape::Tables)
    }
}

fn shape(item: &Item) -> Result<Shape, TomlError> {
    let Item::List(items) = item else {
        return Ok(match item {
            Item::Null => Shape::Null,
            Item::Table(_) => Shape::Table,
            _ => Shape::Other,
        });
    };
    let mut tables = !items.is_empty();
    for item in items {
        match shape(item)? {
            Shape::Null => return Err(TomlError::NullItem),
            shape => tables &= shape == Shape::Table,
        }
    }
    Ok(if tables { Shape::Tables } else { Shape::Other })
}

type Member = (String, Item);

/// Members that are no tables, and those that are.
fn divide(members: &[Member]) -> Result<(Vec<&Member>, Vec<&Member>), TomlError> {
    let (mut plain, mut tables) = (Vec::new(), Vec::new());
    for member in members {
        if shape(&member.1)?.is_table() { tables.push(member) } else { plain.push(member) }
    }
    Ok((plain, tables))
}

struct Encoder {
    out: String,
}

impl Encoder {
    fn indent(&mut self, level: usize) {
        self.out.extend(std::iter::repeat_n("  ", level));
    }

    fn name(&mut self, path: &[&str]) {
        for (index, part) in path.iter().enumerate() {
            if index > 0 {
                self.out.push('.');
            }
            push_key(&mut self.out, part);
        }
    }

    /// The members of the table `path`, below its head.
    fn table<'v>(&mut self, path: &mut Vec<&'v str>, members: &'v [Member]) -> Result<(), TomlError> {
        let (plain, tables) = divide(members)?;
        for (key, item) in plain {
            if matches!(item, Item::Null) {
                continue;
            }
            self.indent(path.len());
            push_key(&mut self.out, key);
            self.out.push_str(" = ");
            self.element(item)?;
            self.out.push('\n');
        }
        for (key, item) in tables {
            path.push(key);
            match item {
                Item::Table(members) => {
                    if path.len() == 1 && !self.out.is_empty() {
                        self.out.push('\n');
                    }
                    self.head(path, "[", "]");
                    self.table(path, members)?;
                }
                Item::List(items) => {
                    for item in items {
                        let Item::Table(members) = item else { continue };
                        if !self.out.is_empty() {
                            self.out.push('\n');
                        }
                        self.head(path, "[[", "]]");
                        self.table(path, members)?;
                    }
                }
                _ => {}
            }
            path.pop();
        }
        Ok(())
    }

    fn head(&mut self, path: &[&str], open: &str, close: &str) {
        self.indent(path.len() - 1);
        self.out.push_str(open);
        self.name(path);
        self.out.push_str(close);
        self.out.push('\n');
    }

    /// A value on the line of its key.
    fn element(&mut self, item: &Item) -> Result<(), TomlError> {
        match item {
            Item::Null => {}
            Item::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Item::Int(number) => self.out.push_str(&number.to_string()),
            Item::Uint(number) => self.out.push_str(&number.to_string()),
            Item::Float(number) => self.out.push_str(&float(*number)),
            Item::Text(text) => push_quoted(&mut self.out, text),
            Item::List(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.out.push_str(if index == 0 { "" } else { ", " });
                    self.element(item)?;
                }
                self.out.push(']');
            }
            Item::Table(members) => self.inline_table(members)?,
        }
        Ok(())
    }

    /// The comma depends on the member's place among all, so that one stays behind where the last ones are null.
    fn inline_table(&mut self, members: &[Member]) -> Result<(), TomlError> {
        let (plain, tables) = divide(members)?;
        self.out.push('{');
        for (group, more) in [(&plain, !tables.is_empty()), (&tables, false)] {
            for (index, (key, item)) in group.iter().enumerate() {
                if matches!(item, Item::Null) {
                    continue;
                }
                push_key(&mut self.out, key);
                self.out.push_str(" = ");
                self.element(item)?;
                if more || index + 1 < group.len() {
                    self.out.push_str(", ");
                }
            }
        }
        self.out.push('}');
        Ok(())
    }
}

fn push_key(out: &mut String, key: &str) {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(bare) { out.push_str(key) } else { push_quoted(out, key) }
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x08' => out.push_str("\\b"),
            '\x0C' => out.push_str("\\f"),
            '\0'..='\x1F' | '\x7F' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A float has a decimal point or an exponent.
fn float(number: f64) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number.is_nan() {
        return format!("{sign}nan");
    }
    if number.is_infinite() {
        return format!("{sign}inf");
    }
    let text = go_float(number);
    if text.contains(['e', '.']) { text } else { text + ".0" }
}
