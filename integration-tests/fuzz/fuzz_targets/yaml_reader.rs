//! Any bytes: every scalar has its place in the text, and what is read prints as a text that reads as the same.
#![no_main]

use go_yaml::{Value, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = go_yaml::from_slice(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert_eq!(go_yaml::from_str(text), whole);
    let _ = json::from_str(text);
    for document in go_yaml::documents(text).expect("the text is short") {
        assert!(text.get(document.span.clone()).is_some());
        let Ok(content) = document.content else { continue };
        for node in content.nodes() {
            let part = text.get(node.span()).expect("a node lies in the text, between characters");
            if let Some((value, go_yaml::ScalarStyle::Plain)) = node.scalar()
                && !part.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
            {
                assert_eq!(part, value);
            }
        }
        if let Ok(value) = content.to_value() {
            round_trip(value);
        }
    }
});

fn round_trip(value: Value) {
    let value = value.with_float_numbers();
    let as_json =
        json::to_string(&value, json::Style::Compact).expect("the reader lets no other numbers through");
    assert_eq!(json::from_str(&as_json).map(Value::with_float_numbers), Ok(value.clone()));
    let Ok(printed) = go_yaml::to_string(&value) else { return };
    // Go's printer folds U+0085, and does not quote the key that merges.
    if as_json.contains('\u{85}') || as_json.contains(r#""\u003c\u003c":"#) {
        return;
    }
    assert_eq!(go_yaml::from_str(&printed).map(Value::with_float_numbers), Ok(value));
}
