//! Any text for `--set` and its kin over values that earlier texts made: values within the limits, or an error.

#![no_main]

use arbitrary::Arbitrary;
use go_yaml::Value;
use helm_chart::{MAX_INDEX, SetKind, Values};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Kind {
    Json,
    Typed,
    Text,
    File,
    Literal,
}

const BASE: &str = "a: 1\nb: {c: {d: x}, l: [1, {k: v}, [y], null]}\nl: [a, 2]\nz: null\n\"\": [1]\n";

/// The levels of `value`; every list within Helm's limit.
fn levels(value: &Value) -> usize {
    match value {
        Value::Seq(items) => {
            assert!(items.len() <= MAX_INDEX + 1, "a list of {} items", items.len());
            1 + items.iter().map(levels).max().unwrap_or(0)
        }
        Value::Map(map) => 1 + map.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

fuzz_target!(|input: (bool, Vec<(Kind, &str)>)| {
    let (with_base, texts) = input;
    let mut values = Values::from_yaml(if with_base { BASE } else { "" }).expect("the base is YAML");
    for (kind, text) in texts.into_iter().take(8) {
        // A list that one brace writes is as long as its text.
        let text = &text[..text.floor_char_boundary(10_000)];
        let result = match kind {
            Kind::Json => values.set(SetKind::Json, text),
            Kind::Typed => values.set(SetKind::Typed, text),
            Kind::Text => values.set(SetKind::Text, text),
            Kind::Literal => values.set(SetKind::Literal, text),
            Kind::File => values.set_file(text, &mut |path| match path.len() % 5 {
                0 => Err("no such file".into()),
                _ => Ok(path.to_owned()),
            }),
        };
        if let Err(error) = result {
            assert!(!error.to_string().is_empty());
            return;
        }
        // What one text makes nests 201 levels at most, in the deepest place of what was there.
        assert!(levels(&values.clone().into()) <= 500);
    }
});
