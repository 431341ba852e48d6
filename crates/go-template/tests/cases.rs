//! The corpus: templates and data, with what Go's text/template makes of them.

mod support;

use std::path::Path;

#[test]
fn output_and_errors_equal_those_of_go() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let count = support::check_folder(&folder, go_template::Funcs::new);
    assert!(count > 600, "only {count} cases were found");
}

#[test]
fn mutated_cases_do_not_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    support::run_mutations(&folder, go_template::Funcs::new, 20_000);
}
