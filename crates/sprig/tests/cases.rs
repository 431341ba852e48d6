//! The corpus: templates and data, with what Go's text/template and Sprig make of them.

#[path = "../../go-template/tests/support/mod.rs"]
mod support;

mod ports;

use std::path::Path;

use self::ports::functions;

#[test]
fn output_and_errors_equal_those_of_sprig() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let count = support::check_folder(&folder, functions);
    assert!(count > 2_000, "only {count} cases were found");
}

#[test]
fn mutated_cases_do_not_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    support::run_mutations(&folder, functions, 10_000);
}
