//! The corpus: templates and data, with what Go's text/template and Sprig make of them.

#[path = "../../go-template/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::rc::Rc;

/// A fixed time, and bytes that differ from each other.
struct Fixed;

impl sprig::Clock for Fixed {
    fn now(&self) -> (i64, u32) {
        (1_500_000_000, 0)
    }
}

impl sprig::Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (i as u8).wrapping_mul(37).wrapping_add(11);
        }
    }
}

#[test]
fn output_and_errors_equal_those_of_sprig() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let count = support::check_folder(&folder, || sprig::functions(Rc::new(Fixed), Rc::new(Fixed)));
    assert!(count > 200, "only {count} cases were found");
}

#[test]
fn mutated_cases_do_not_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    support::run_mutations(&folder, || sprig::functions(Rc::new(Fixed), Rc::new(Fixed)), 20_000);
}
