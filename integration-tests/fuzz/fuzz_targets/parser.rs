//! Any bytes as a template: it is parsed or refused, and parsed again it is the same.

#![no_main]

use go_template::TemplateSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut set = TemplateSet::new(["include", "tpl", "toYaml"]).named("t");
    let first = set.parse("t", text).map_err(|error| error.to_string());
    let mut names: Vec<String> = set.names().map(str::to_owned).collect();
    // Parsing over itself changes nothing: neither the result nor what is defined.
    let second = set.parse("t", text).map_err(|error| error.to_string());
    assert_eq!(first, second);
    let mut again: Vec<String> = set.names().map(str::to_owned).collect();
    names.sort_unstable();
    again.sort_unstable();
    assert_eq!(names, again);
});
