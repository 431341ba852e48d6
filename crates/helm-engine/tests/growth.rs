//! No function makes a text that the budget of output does not count: whatever a template feeds back into a function, the
//! text stays below the budget or the budget ends it.

use std::sync::Arc;

use go_template::{Executor, Limits, Options, TemplateSet, Value};
use helm_engine::{Host, functions};

const MOST: u64 = 1 << 16;

/// As many as make a text that doubles exceed the budget many times over, and no memory.
const ROUNDS: usize = 19;

/// What may grow when it is escaped, encoded or quoted.
const SEEDS: [&str; 4] = [r#"\"<&%'é\x00-a.B_c d"#, r"\", "aB cD/?=&", "a\nb\tc: [1, {x: y}]"];

/// The ways in which a text is given back to the function that made it.
const CALLS: [&str; 7] = [
    "NAME $x",
    "NAME $x $x",
    "NAME $x $x $x",
    "NAME 2 $x",
    r#"NAME "%s%q" $x $x"#,
    r#"NAME "a" "aa" $x"#,
    "NAME (list $x $x)",
];

#[test]
fn a_text_fed_back_into_any_function_stays_within_the_budget() {
    let host = Host { clock: Some(Arc::new(|| (1, 0))), ..Host::default() };
    let funcs = functions(&host);
    let builtins = ["html", "js", "urlquery", "print", "println", "printf", "slice", "index"];
    let names: Vec<String> = funcs.names().chain(builtins).map(str::to_owned).collect();
    for name in names {
        for call in CALLS {
            for seed in SEEDS {
                let call = call.replace("NAME", &name);
                let text = format!(
                    "{{{{ $x := . }}}}{{{{ range {ROUNDS} }}}}{{{{ $x = {call} }}}}{{{{ end }}}}{{{{ if kindIs \"string\" $x }}}}{{{{ len $x }}}}{{{{ end }}}}"
                );
                let mut set = TemplateSet::new(funcs.names());
                set.parse("a", text.as_bytes()).expect("the template parses");
                let options = Options {
                    limits: Limits { steps: 20_000, depth: 50, output: MOST },
                    ..Options::default()
                };
                let result = Executor::new(&set, &funcs, options).execute("a", Value::string(seed));
                if let Some(len) = result.ok().and_then(|len| len.to_str().parse::<u64>().ok()) {
                    assert!(len <= MOST, "{call} with {seed:?} made a text of {len} bytes");
                }
            }
        }
    }
}
