//! Any schema, one that is put together of keywords and one that is any text, on any values: a verdict or an error.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use helm_chart::{Chart, Limits, Mode, SourceFile, Values, validate_values};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

#[derive(Debug)]
struct Input {
    schema: String,
    values: Value,
}

const DRAFTS: &[&str] = &[
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];
/// Keywords by what stands after them.
const OF_SCHEMAS: &[&str] = &[
    "not", "if", "then", "else", "items", "additionalItems", "additionalProperties", "contains", "propertyNames",
    "unevaluatedProperties", "unevaluatedItems",
];
const OF_LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const OF_MAPS: &[&str] =
    &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];
const OF_NUMBERS: &[&str] = &[
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems",
    "maxItems", "minProperties", "maxProperties", "minContains", "maxContains",
];
const OF_TEXTS: &[&str] =
    &["$ref", "$dynamicRef", "$recursiveRef", "$id", "id", "$anchor", "$dynamicAnchor", "format", "pattern", "type"];
const TEXTS: &[&str] = &[
    "#", "#/$defs/a", "#/$defs/b", "#/properties/a", "#/allOf/0", "#a", "a", "b", "a.json", "http://x/y", "urn:x",
    "http://json-schema.org/draft-07/schema#", "ipv6", "uri", "date-time", "duration", "email", "^a+$", "(a|b)*c{2}",
    "string", "object", "array", "integer", "#/$defs/a/not", "file:///dev/zero",
];
const NAMES: &[&str] = &["a", "b", "c", "^a", "a/b~c"];

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let values = json!({ "a": value(u, 0)?, "b": value(u, 0)?, "c": value(u, 0)? });
        let schema = if u.ratio(1, 8)? {
            String::from_utf8_lossy(u.bytes(u.len())?).into_owned()
        } else {
            let mut schema = schema(u, 0)?;
            if let (Value::Object(map), true) = (&mut schema, u.arbitrary()?) {
                map.insert("$schema".into(), (*u.choose(DRAFTS)?).into());
            }
            schema.to_string()
        };
        Ok(Input { schema, values })
    }
}

fn value(u: &mut Unstructured<'_>, depth: usize) -> arbitrary::Result<Value> {
    Ok(match u.arbitrary::<u8>()? % if depth > 4 { 6 } else { 9 } {
        0 => Value::Null,
        1 => u.arbitrary::<bool>()?.into(),
        2 => u.arbitrary::<i16>()?.into(),
        3 => json!(u.arbitrary::<f64>()?),
        4 => (*u.choose(TEXTS)?).into(),
        5 => u.arbitrary::<&str>()?.into(),
        6 => (0..u.arbitrary::<u8>()? % 4).map(|_| value(u, depth + 1)).collect::<arbitrary::Result<_>>()?,
        _ => entries(u, |u| value(u, depth + 1))?,
    })
}

fn entries(
    u: &mut Unstructured<'_>,
    mut entry: impl FnMut(&mut Unstructured<'_>) -> arbitrary::Result<Value>,
) -> arbitrary::Result<Value> {
    let mut map = Map::new();
    for _ in 0..u.arbitrary::<u8>()? % 4 {
        map.insert((*u.choose(NAMES)?).into(), entry(u)?);
    }
    Ok(map.into())
}

fn schema(u: &mut Unstructured<'_>, depth: usize) -> arbitrary::Result<Value> {
    if depth > 6 || u.ratio(1, 12)? {
        return Ok(u.arbitrary::<bool>()?.into());
    }
    let mut map = Map::new();
    for _ in 0..u.arbitrary::<u8>()? % 5 {
        let (keyword, value) = match u.arbitrary::<u8>()? % 8 {
            0 => (*u.choose(OF_SCHEMAS)?, schema(u, depth + 1)?),
            1 => {
                let count = 1 + u.arbitrary::<u8>()? % 3;
                let items = (0..count).map(|_| schema(u, depth + 1)).collect::<arbitrary::Result<_>>()?;
                (*u.choose(OF_LISTS)?, Value::Array(items))
            }
            2 | 3 => (*u.choose(OF_MAPS)?, entries(u, |u| schema(u, depth + 1))?),
            4 => (*u.choose(OF_NUMBERS)?, json!(f64::from(u.arbitrary::<i8>()?) / 4.0)),
            5 | 6 => (*u.choose(OF_TEXTS)?, (*u.choose(TEXTS)?).into()),
            _ => (*u.choose(&["enum", "const", "required", "uniqueItems"])?, value(u, depth)?),
        };
        map.insert(keyword.into(), value);
    }
    Ok(map.into())
}

fuzz_target!(|input: Input| {
    let file = |path: &str, text: &str| SourceFile {
        path: path.into(),
        mode: Mode::File,
        bytes: text.as_bytes().into(),
    };
    let files = [
        file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        file("values.schema.json", &input.schema),
    ];
    let chart = Chart::load(files, &Limits::default()).expect("the chart is one");
    let Ok(values) = Values::from_yaml(&input.values.to_string()) else { return };
    if let Err(error) = validate_values(&chart, &values) {
        let [fault] = error.charts() else { panic!("one chart, {} faults", error.charts().len()) };
        assert!(fault.pointers.iter().all(|pointer| pointer.is_empty() || pointer.starts_with('/')));
        assert!(fault.text.is_ascii() || !fault.text.is_empty());
    }
});
