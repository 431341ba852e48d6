//! Any bytes as the inside of an action, between text and trim markers: whatever the lexer makes of them, an error tells
//! a line that the text has.

#![no_main]

use go_template::TemplateSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|inside: &[u8]| {
    for (before, after) in [(&b"a\n{{ "[..], &b" }}\nb"[..]), (b"{{- ", b" -}}"), (b"{{/*", b"*/}}"), (b"{{ if (", b") }}{{ end }}")] {
        let text = [before, inside, after].concat();
        let mut set = TemplateSet::new(["include", "tpl", "toYaml"]);
        if let Err(error) = set.parse("t", &text) {
            let line = error.location().expect("a parse error has a place").line;
            let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
            assert!((1..=lines).contains(&line), "line {line} of {lines}: {error}");
        }
    }
});
