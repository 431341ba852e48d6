//! The spec of a FluxHelmRelease in a file of manifests. Pure.

use go_yaml::{ReadError, Value};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};

/// Why a file gives no spec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SpecFileError {
    #[error(transparent)]
    File(#[from] crate::disk::FileError),
    #[error("standard input cannot be read")]
    Stdin(#[source] std::io::Error),
    #[error("{0} has more than {MOST} bytes")]
    TooLong(String),
    #[error("{0} is not UTF-8")]
    NotText(String),
    #[error("document {document} of {path} is not YAML")]
    Yaml { path: String, document: usize, source: ReadError },
    #[error("{path} holds no FluxHelmRelease {namespace}/{name}; there are: {}", match others.as_str() { "" => "none", others => others })]
    Absent { path: String, namespace: String, name: String, others: String },
    #[error("{path} holds FluxHelmRelease {namespace}/{name} more than once")]
    Twice { path: String, namespace: String, name: String },
    #[error("FluxHelmRelease {name} in {path} has no spec that is a mapping")]
    NoSpec { path: String, name: String },
}

/// The most bytes of a file.
pub(super) const MOST: u64 = 8 << 20;

/// The spec of that FluxHelmRelease. A document that names no namespace is of any.
pub(super) fn spec(path: &str, text: &str, namespace: &str, name: &str) -> Result<Struct, SpecFileError> {
    let unreadable =
        |document: usize, source| SpecFileError::Yaml { path: path.to_owned(), document, source };
    let (mut found, mut others) = (None, Vec::new());
    for (index, document) in
        go_yaml::documents(text).map_err(|error| unreadable(1, error))?.into_iter().enumerate()
    {
        let value = document.content.and_then(|content| content.to_value());
        let value = value.map_err(|error| unreadable(index + 1, error))?;
        if value.get("kind").and_then(Value::as_str) != Some("FluxHelmRelease") {
            continue;
        }
        let field = |key| value.at(&["metadata", key]).and_then(Value::as_str);
        let (its_namespace, its_name) = (field("namespace"), field("name").unwrap_or_default());
        if its_name != name || its_namespace.is_some_and(|its| its != namespace) {
            others.push(its_namespace.map_or_else(|| its_name.to_owned(), |its| format!("{its}/{its_name}")));
        } else if found.replace(value).is_some() {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            return Err(SpecFileError::Twice { path: path.to_owned(), namespace, name });
        }
    }
    let Some(value) = found else {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        return Err(SpecFileError::Absent {
            path: path.to_owned(),
            namespace,
            name,
            others: others.join(", "),
        });
    };
    match value.get("spec").map(to_wire) {
        Some(Kind::StructValue(spec)) => Ok(spec),
        _ => Err(SpecFileError::NoSpec { path: path.to_owned(), name: name.to_owned() }),
    }
}

fn to_wire(value: &Value) -> Kind {
    let wrap = |value: &Value| prost_types::Value { kind: Some(to_wire(value)) };
    match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Seq(items) => Kind::ListValue(ListValue { values: items.iter().map(wrap).collect() }),
        Value::Map(map) => Kind::StructValue(Struct {
            fields: map.iter().map(|(key, value)| (key.clone(), wrap(value))).collect(),
        }),
        number => Kind::NumberValue(number.as_f64().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::chain;

    fn release(head: &str, spec: &str) -> String {
        format!("kind: FluxHelmRelease\nmetadata: {{{head}}}\nspec: {spec}\n")
    }

    #[test]
    fn a_spec_is_found_by_name() {
        let web = release(
            "name: web, namespace: dev",
            "{chartGitPath: podinfo, values: {n: 1, list: [a, null, true]}}",
        );
        let config = "kind: ConfigMap\nmetadata: {name: web}\nspec: {}\n";
        let check = |text: &str, expected: &str| {
            let actual = match spec("f.yaml", text, "dev", "web") {
                Ok(spec) => format!("{:?}", spec.fields.keys().collect::<Vec<_>>()),
                Err(error) => chain(&error),
            };
            assert_eq!(actual, expected, "{text}");
        };
        check(&web, "[\"chartGitPath\", \"values\"]");
        check(&release("name: web", "{a: 1}"), "[\"a\"]");
        check(
            &format!("{config}---\n{web}---\n{}", release("name: web, namespace: stg", "{}")),
            "[\"chartGitPath\", \"values\"]",
        );
        check(config, "f.yaml holds no FluxHelmRelease dev/web; there are: none");
        check(
            &format!("{}---\n{}", release("name: api", "{}"), release("name: web, namespace: stg", "{}")),
            "f.yaml holds no FluxHelmRelease dev/web; there are: api, stg/web",
        );
        check(&format!("{web}---\n{web}"), "f.yaml holds FluxHelmRelease dev/web more than once");
        check(&release("name: web", "text"), "FluxHelmRelease web in f.yaml has no spec that is a mapping");
        check(
            "a: 1\n---\nb: [\n",
            "document 2 of f.yaml is not YAML: yaml: line 3: did not find expected node content",
        );
    }
}
