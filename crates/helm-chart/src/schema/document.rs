//! The documents that a schema can refer to, and places in them.

use std::sync::{LazyLock, OnceLock};

use go_yaml::Value;
use referencing::{Uri, meta, uri};

/// The URL under which Helm keeps values.schema.json.
pub(super) const ROOT: &str = "file:///values.schema.json";

/// A version of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Draft {
    Draft4,
    Draft6,
    Draft7,
    Draft2019,
    /// What a schema without `$schema` is.
    #[default]
    Draft2020,
}

impl Draft {
    pub(super) const ALL: [Self; 5] =
        [Self::Draft4, Self::Draft6, Self::Draft7, Self::Draft2019, Self::Draft2020];

    /// The draft of a meta-schema's URL.
    pub(super) fn of_url(url: &str) -> Option<Self> {
        let (url, fragment) = split(url);
        if !fragment.is_empty() {
            return None;
        }
        let url = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or(url);
        match url {
            "json-schema.org/schema" | "json-schema.org/draft/2020-12/schema" => Some(Self::Draft2020),
            "json-schema.org/draft/2019-09/schema" => Some(Self::Draft2019),
            "json-schema.org/draft-07/schema" => Some(Self::Draft7),
            "json-schema.org/draft-06/schema" => Some(Self::Draft6),
            "json-schema.org/draft-04/schema" => Some(Self::Draft4),
            _ => None,
        }
    }

    /// The URL of its meta-schema.
    pub(super) fn url(self) -> &'static str {
        match self {
            Self::Draft4 => "http://json-schema.org/draft-04/schema",
            Self::Draft6 => "http://json-schema.org/draft-06/schema",
            Self::Draft7 => "http://json-schema.org/draft-07/schema",
            Self::Draft2019 => "https://json-schema.org/draft/2019-09/schema",
            Self::Draft2020 => "https://json-schema.org/draft/2020-12/schema",
        }
    }

    /// The keyword that gives a schema its URL.
    pub(super) fn id_keyword(self) -> &'static str {
        if self == Self::Draft4 { "id" } else { "$id" }
    }

    /// Where subschemas are: the keyword, and how they lie in it.
    pub(super) fn subschemas(self) -> impl Iterator<Item = (&'static str, Lies)> {
        use Lies::{InList, InMap, Itself};
        const PLACES: [(Draft, &str, Lies); 23] = [
            (Draft::Draft4, "definitions", InMap),
            (Draft::Draft4, "not", Itself),
            (Draft::Draft4, "allOf", InList),
            (Draft::Draft4, "anyOf", InList),
            (Draft::Draft4, "oneOf", InList),
            (Draft::Draft4, "properties", InMap),
            (Draft::Draft4, "additionalProperties", Itself),
            (Draft::Draft4, "patternProperties", InMap),
            (Draft::Draft4, "items", Itself),
            (Draft::Draft4, "items", InList),
            (Draft::Draft4, "additionalItems", Itself),
            (Draft::Draft4, "dependencies", InMap),
            (Draft::Draft6, "propertyNames", Itself),
            (Draft::Draft6, "contains", Itself),
            (Draft::Draft7, "if", Itself),
            (Draft::Draft7, "then", Itself),
            (Draft::Draft7, "else", Itself),
            (Draft::Draft2019, "$defs", InMap),
            (Draft::Draft2019, "dependentSchemas", InMap),
            (Draft::Draft2019, "unevaluatedProperties", Itself),
            (Draft::Draft2019, "unevaluatedItems", Itself),
            (Draft::Draft2019, "contentSchema", Itself),
            (Draft::Draft2020, "prefixItems", InList),
        ];
        PLACES.into_iter().filter(move |(since, ..)| *since <= self).map(|(_, keyword, lies)| (keyword, lies))
    }
}

/// How the subschemas of a keyword lie in its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    Itself,
    InList,
    InMap,
}

type Source = LazyLock<std::sync::Arc<serde_json::Value>>;

/// The meta-schemas and their parts by the part of their URL after the host.
static SOURCES: [(&str, &Source); 19] = [
    ("draft-04/schema", &meta::DRAFT4),
    ("draft-06/schema", &meta::DRAFT6),
    ("draft-07/schema", &meta::DRAFT7),
    ("draft/2019-09/schema", &meta::DRAFT201909),
    ("draft/2019-09/meta/applicator", &meta::DRAFT201909_APPLICATOR),
    ("draft/2019-09/meta/content", &meta::DRAFT201909_CONTENT),
    ("draft/2019-09/meta/core", &meta::DRAFT201909_CORE),
    ("draft/2019-09/meta/format", &meta::DRAFT201909_FORMAT),
    ("draft/2019-09/meta/meta-data", &meta::DRAFT201909_META_DATA),
    ("draft/2019-09/meta/validation", &meta::DRAFT201909_VALIDATION),
    ("draft/2020-12/schema", &meta::DRAFT202012),
    ("draft/2020-12/meta/applicator", &meta::DRAFT202012_APPLICATOR),
    ("draft/2020-12/meta/content", &meta::DRAFT202012_CONTENT),
    ("draft/2020-12/meta/core", &meta::DRAFT202012_CORE),
    ("draft/2020-12/meta/format-annotation", &meta::DRAFT202012_FORMAT_ANNOTATION),
    ("draft/2020-12/meta/format-assertion", &meta::DRAFT202012_FORMAT_ASSERTION),
    ("draft/2020-12/meta/meta-data", &meta::DRAFT202012_META_DATA),
    ("draft/2020-12/meta/unevaluated", &meta::DRAFT202012_UNEVALUATED),
    ("draft/2020-12/meta/validation", &meta::DRAFT202012_VALIDATION),
];

/// The same as values, in the same order.
static BUILT_IN: [OnceLock<Value>; SOURCES.len()] = [const { OnceLock::new() }; SOURCES.len()];

/// The early meta-schemas were changed after their publication; Helm's validator has other versions of them.
fn as_in_helm(draft: Draft, mut document: Value) -> Value {
    let Value::Map(root) = &mut document else { return document };
    let Some(Value::Map(properties)) = root.get_mut("properties") else { return document };
    if let Some(Value::Map(keyword)) = properties.get_mut("enum") {
        keyword.insert("minItems".to_owned(), Value::Int(1));
        keyword.insert("uniqueItems".to_owned(), Value::Bool(true));
    }
    let text = |format: Option<&str>| {
        let format = format.map(|format| ("format".to_owned(), Value::from(format)));
        Value::Map([("type".to_owned(), Value::from("string"))].into_iter().chain(format).collect())
    };
    match draft {
        Draft::Draft4 => {
            properties.insert("$ref".to_owned(), text(None));
            properties.insert("$schema".to_owned(), text(Some("uri")));
        }
        Draft::Draft6 => {
            properties.remove("examples");
            if let Some(Value::Map(keyword)) = properties.get_mut("patternProperties") {
                keyword.remove("propertyNames");
            }
        }
        _ => {}
    }
    document
}

/// What an unresolved URN is in Helm: a schema that takes everything.
static ANYTHING: Value = Value::Bool(true);

/// A document that is not the schema itself; none if it would have to be fetched.
pub(super) fn built_in(url: &str) -> Option<&'static Value> {
    if url.starts_with("urn:") {
        return Some(&ANYTHING);
    }
    let path = host_path(url)?;
    let path = if path == "schema" { "draft/2020-12/schema" } else { path };
    let at = SOURCES.iter().position(|(known, _)| *known == path)?;
    Some(BUILT_IN[at].get_or_init(|| {
        let document = Value::from(serde_json::Value::clone(SOURCES[at].1));
        match Draft::of_url(url) {
            Some(draft) => as_in_helm(draft, document),
            None => document,
        }
    }))
}

/// Whether the document is a meta-schema, which needs no check of its own.
pub(super) fn is_meta(url: &str) -> bool {
    host_path(url).is_some()
}

fn host_path(url: &str) -> Option<&str> {
    url.strip_prefix("http://json-schema.org/").or_else(|| url.strip_prefix("https://json-schema.org/"))
}

/// A URL and its fragment, which is still encoded.
pub(super) fn split(url: &str) -> (&str, &str) {
    url.split_once('#').unwrap_or((url, ""))
}

/// `reference` against `base`: the URL, and the decoded fragment.
pub(super) fn join(base: &str, reference: &str) -> Result<(String, String), String> {
    let fault = |cause: &dyn std::fmt::Display| format!("error in parsing {reference:?}: {cause}");
    let (target, fragment) = split(reference);
    let fragment = percent_decoded(fragment)
        .map_err(|escape| fault(&format_args!("invalid URL escape {}", crate::set::quoted(escape))))?;
    if target.is_empty() {
        return Ok((base.to_owned(), fragment));
    }
    let base = Uri::parse(base).map_err(|error| fault(&error))?;
    let resolved = uri::resolve_against(&base, target).map_err(|error| fault(&error))?;
    Ok((resolved.as_str().to_owned(), fragment))
}

/// `url.PathUnescape`; a `%` that is not followed by two digits is the error.
pub(super) fn percent_decoded(text: &str) -> Result<String, &str> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let mut decoded = *byte;
        if *byte == b'%' {
            let digits = (digit(text.as_bytes().get(at + 1)), digit(text.as_bytes().get(at + 2)));
            let (Some(high), Some(low)) = digits else {
                let end = (at + 3).min(text.len());
                return Err(&text[at..text.floor_char_boundary(end)]);
            };
            decoded = u8::try_from(high * 16 + low).unwrap_or(decoded);
            at += 2;
        }
        bytes.push(decoded);
        at += 1;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A place as Go prints it: `url#/pointer`, encoded.
pub(super) fn location(url: &str, pointer: &str) -> String {
    let mut out = format!("{url}#");
    for byte in pointer.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b'=' | b':' | b'@' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A token of a JSON pointer.
pub(super) fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// The value at a JSON pointer. A list's index may be written as Go's `Atoi` takes it.
pub(super) fn lookup<'v>(document: &'v Value, pointer: &str) -> Option<&'v Value> {
    pointer.split('/').skip(1).try_fold(document, |value, token| {
        let token = unescaped(token)?;
        match value {
            Value::Map(map) => map.get(&token),
            Value::Seq(items) => items.get(usize::try_from(crate::set::atoi(&token).ok()?).ok()?),
            _ => None,
        }
    })
}

fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match part.as_bytes().first()? {
            b'0' => ('~', &part[1..]),
            b'1' => ('/', &part[1..]),
            _ => return None,
        };
        out.push(sign);
        out.push_str(rest);
    }
    Some(out)
}
