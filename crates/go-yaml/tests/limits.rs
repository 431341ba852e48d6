//! Hostile input ends in an error, quickly, and never in a panic.

use go_yaml::limits::{MAX_BYTES, MAX_DEPTH};
use go_yaml::{Emit, ReadError, Sink, Value, WriteError, from_str, json};

#[test]
fn depth_is_bounded() {
    let block = |depth: usize| "- ".repeat(depth) + "x";
    let flow = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for nest in [&block as &dyn Fn(usize) -> String, &flow] {
        let value = from_str(&nest(MAX_DEPTH)).unwrap();
        assert!(go_yaml::to_string(&value).is_ok());
        assert!(json::to_string(&value, json::Style::Pretty).is_ok());
        assert_eq!(from_str(&nest(MAX_DEPTH + 1)), Err(ReadError::TooDeep));
        assert_eq!(from_str(&nest(1_000_000)), Err(ReadError::TooDeep));
    }
    assert!(json::from_str(&flow(MAX_DEPTH)).is_ok());
    assert_eq!(json::from_str(&flow(MAX_DEPTH + 1)), Err(json::JsonError::TooDeep));
    // Depth that only aliases make.
    let chain: String = (1..=MAX_DEPTH).map(|n| format!("k{n}: &a{n} [*a{}]\n", n - 1)).collect();
    let many = "x,".repeat(20_000);
    assert_eq!(from_str(&format!("pad: [{many}]\nk0: &a0 x\n{chain}")), Err(ReadError::TooDeep));
}

/// A value that contains itself.
struct Cycle;

impl Emit for Cycle {
    fn emit<S: Sink>(&self, sink: &mut S) -> Result<(), WriteError> {
        sink.begin_mapping(1)?;
        sink.key("self")?;
        self.emit(sink)
    }
}

#[test]
fn cycles_end() {
    assert_eq!(go_yaml::to_string(&Cycle), Err(WriteError::TooDeep));
    assert_eq!(json::to_string(&Cycle, json::Style::Compact), Err(WriteError::TooDeep));
}

#[test]
fn size_is_bounded() {
    let text = "#".repeat(MAX_BYTES + 1);
    assert_eq!(from_str(&text), Err(ReadError::TooLarge { bytes: MAX_BYTES + 1 }));
    assert_eq!(json::from_str(&text), Err(json::JsonError::TooLarge { bytes: MAX_BYTES + 1 }));
}

#[test]
fn aliases_cannot_multiply_text() {
    let list = "*a,".repeat(1000);
    let text = format!("a: &a {}\nb: [{list}]\n", "x".repeat(100_000));
    assert_eq!(from_str(&text), Err(ReadError::ExcessiveAliasing));
}

#[test]
fn mutilated_texts_do_not_panic() {
    let text = "a: &x {b: [1, 'two', \"th\\x41ree\"], ? c : *x}\n<<: *x\nd: |2-\n   é\n  y\ne: >+\n z\n\n- !!str f\n%YAML 1.1\n---\n...\n";
    for start in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        for end in (start..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let part = &text[start..end];
            for document in go_yaml::documents(part).unwrap() {
                let Ok(content) = document.content else { continue };
                assert!(content.nodes().all(|node| part.get(node.span()).is_some()), "{part:?}");
                if let Ok(value) = content.to_value() {
                    let printed = go_yaml::to_string(&value).unwrap();
                    let again = from_str(&printed).map(Value::with_float_numbers);
                    assert_eq!(again, Ok(value.with_float_numbers()), "{part:?} printed as {printed:?}");
                }
            }
        }
    }
}

#[test]
fn what_go_cannot_read_back_is_refused() {
    let cases = [
        ("a\u{85}b".to_owned(), "yaml: line 1: did not find expected ',' or '}'"),
        ("<".repeat(171), "yaml: did not find expected ',' or '}'"),
        ("a\u{7F}".to_owned(), "yaml: control characters are not allowed"),
    ];
    for (key, error) in cases {
        let value = Value::Map([(key, Value::Null)].into_iter().collect());
        assert_eq!(go_yaml::to_string(&value).map_err(|error| error.to_string()), Err(error.to_owned()));
    }
}
