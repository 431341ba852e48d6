//! What is known of the built-in kinds: which lists strategic merge patches merge by key, and which kinds have no namespace.
//!
//! The table is kustomize's own, read from the OpenAPI document it embeds (of Kubernetes 1.21); `kinds.txt` is made by
//! `integration-tests/oracle/kustomize/cmd/merge-keys`, which says what its lines mean. Kinds and fields that it does not
//! have are patched by the rules of JSON merge patches: lists are replaced.

use std::collections::HashMap;
use std::sync::LazyLock;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("kinds.txt")));

/// How a field is merged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// An object with fields of its own.
    Object(&'static Fields),
    /// A list of objects that are merged by the values of these fields.
    Keyed {
        /// The first is the one that every element has.
        keys: &'static [&'static str],
        /// The form of an element; absent if nothing below it is merged.
        element: Option<&'static Fields>,
    },
    /// A list of plain values that is merged as a set.
    Set,
}

/// The fields of a type on the way to merged lists. Looked up by name, as types may contain each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(HashMap<&'static str, Written>);

impl Fields {
    /// The form of a field; nothing if nothing in it is merged.
    pub(super) fn get(&'static self, name: &str) -> Option<Form> {
        self.0.get(name)?.form()
    }
}

/// A form whose types are named.
#[derive(Debug, Clone)]
enum Written {
    Object(&'static str),
    Keyed(Vec<&'static str>, &'static str),
    Set,
}

impl Written {
    fn read(text: &'static str) -> Self {
        match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            None => Written::Object(text),
            Some(("=", _)) => Written::Set,
            Some((keys, element)) => Written::Keyed(keys.split(',').collect(), element),
        }
    }

    fn form(&'static self) -> Option<Form> {
        match self {
            Written::Object(name) => TABLE.types.get(name).map(Form::Object),
            Written::Keyed(keys, element) => Some(Form::Keyed { keys, element: TABLE.types.get(element) }),
            Written::Set => Some(Form::Set),
        }
    }
}

struct Kind {
    fields: &'static str,
    cluster_scoped: bool,
}

struct Table {
    types: HashMap<&'static str, Fields>,
    /// By `apiVersion` and kind.
    kinds: HashMap<(&'static str, &'static str), Kind>,
}

/// The type of a kind that holds no merged list but those of its metadata.
const PLAIN: &str = "plain";

impl Table {
    fn read(text: &'static str) -> Self {
        let mut table = Table { types: HashMap::new(), kinds: HashMap::new() };
        let metadata = ("metadata", Written::Object("meta.v1.ObjectMeta"));
        table.types.insert(PLAIN, Fields([metadata].into()));
        for line in text.lines() {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("type"), Some(name)) => {
                    let field = |word: &'static str| {
                        word.split_once('=').map(|(name, form)| (name, Written::read(form)))
                    };
                    table.types.insert(name, Fields(words.filter_map(field).collect()));
                }
                (Some("kinds"), Some(api_version)) => {
                    for word in words {
                        let (name, fields) = word.split_once('=').unwrap_or((word, PLAIN));
                        let cluster_scoped = name.starts_with('!');
                        let name = name.trim_start_matches('!');
                        table.kinds.insert((api_version, name), Kind { fields, cluster_scoped });
                    }
                }
                _ => {}
            }
        }
        table
    }
}

/// The fields of a kind; nothing for one that is not built in.
pub(super) fn fields(api_version: &str, kind: &str) -> Option<&'static Fields> {
    TABLE.types.get(TABLE.kinds.get(&(api_version, kind))?.fields)
}

/// The fields of what is not built in.
pub(super) fn no_fields() -> &'static Fields {
    static NONE: LazyLock<Fields> = LazyLock::new(Fields::default);
    &NONE
}

/// Whether objects of the kind are known to have no namespace.
pub(super) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    TABLE.kinds.get(&(api_version, kind)).is_some_and(|kind| kind.cluster_scoped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_table_is_defined() {
        for kind in TABLE.kinds.values() {
            assert!(TABLE.types.contains_key(kind.fields), "{}", kind.fields);
        }
        for fields in TABLE.types.values() {
            for (field, form) in &fields.0 {
                let known = |name: &str| name == "-" || TABLE.types.contains_key(name);
                let defined = match form {
                    Written::Object(name) | Written::Keyed(_, name) => known(name),
                    Written::Set => true,
                };
                assert!(defined, "{field}: {form:?}");
            }
        }
    }
}
