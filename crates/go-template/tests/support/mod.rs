//! Runs case files and compares with what Go made of them. The forms of case files and of special data values are told
//! in `integration-tests/oracle/cmd/template`, which writes the expected results.

#![expect(clippy::unwrap_used, reason = "a test stops where its files are not what it takes them for")]

mod cases;
mod host;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::{Error, Executor, Funcs, Limits, Options, TemplateSet};
use serde_json::Value as Json;

use self::cases::{Case, parse};
use self::host::{functions as host_functions, value};

/// Checks every case of every `*.cases` file in `folder` against its expected result, with `functions` registered
/// below those that the cases use. Gives the number of cases.
pub(crate) fn check_folder(folder: &Path, functions: impl Fn() -> Funcs) -> usize {
    let mut total = 0;
    let mut failures = String::new();
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cases"))
        .collect();
    files.sort();
    for file in files {
        let cases = parse(&std::fs::read_to_string(&file).unwrap());
        let expected = std::fs::read_to_string(format!("{}.expected.json", file.display())).unwrap();
        let expected: Vec<Json> = serde_json::from_str(&expected).unwrap();
        assert_eq!(cases.len(), expected.len(), "{}: expected results are out of date", file.display());
        for (case, expected) in cases.iter().zip(&expected) {
            assert_eq!(expected["case"], case.name, "{}: expected results are out of date", file.display());
            total += 1;
            let (want, got) = (wanted(expected), outcome(case, functions()));
            if want != got {
                let file = file.file_name().unwrap().display();
                failures.push_str(&format!("\n{file}: {}\n  want {want:?}\n  got  {got:?}\n", case.name));
            }
        }
    }
    let count = failures.matches("\n  want ").count();
    assert!(failures.is_empty(), "{count} of {total} cases differ:\n{failures}");
    total
}

/// Runs cases that were changed at random (bytes deleted, doubled, replaced, or pieces of other cases put in) within
/// small limits: whatever comes out, nothing panics.
pub(crate) fn run_mutations(folder: &Path, functions: impl Fn() -> Funcs, rounds: u64) {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<Case> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "cases"))
        .flat_map(|path| parse(&std::fs::read_to_string(path).unwrap()))
        .collect();
    let mut funcs = functions();
    funcs.extend(host_functions());
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    for _ in 0..rounds {
        let case = &cases[random(cases.len())];
        let mut text = case.text.clone();
        for _ in 0..=random(4) {
            let at = random(text.len());
            match random(4) {
                0 if !text.is_empty() => drop(text.remove(at)),
                1 if !text.is_empty() => text.insert(at, text[at]),
                2 if !text.is_empty() => text[at] = b"{}()|.$\"`-+*\\%0 \xc3\xa9\xff"[random(19)],
                _ => {
                    let other = &cases[random(cases.len())].text;
                    let from = random(other.len());
                    let to = (from + random(20)).min(other.len());
                    text.splice(at..at, other[from..to].iter().copied());
                }
            }
        }
        let mut set = TemplateSet::new(funcs.names()).named("t");
        if set.parse("t", &text).is_ok() {
            let limits = Limits { steps: 20_000, output: 100_000, ..Limits::default() };
            let options = Options { missing_key: case.missing_key, limits, ..Options::default() };
            let data = value(&serde_json::from_str(&case.data).unwrap());
            let _ = Executor::new(&set, &funcs, options).execute("t", data);
        }
    }
}

fn wanted(expected: &Json) -> Result<Vec<u8>, String> {
    if let Some(output) = expected["output"].as_str() {
        return Ok(output.as_bytes().to_vec());
    }
    if let Some(output) = expected["output_base64"].as_str() {
        return Ok(STANDARD.decode(output).unwrap());
    }
    Err(expected["error"].as_str().unwrap().to_owned())
}

fn outcome(case: &Case, mut funcs: Funcs) -> Result<Vec<u8>, String> {
    funcs.extend(host_functions());
    let run = || -> Result<Vec<u8>, Error> {
        let mut set = TemplateSet::new(funcs.names()).named("t");
        set.parse("t", &case.text)?;
        let options = Options { missing_key: case.missing_key, ..Options::default() };
        let data = value(&serde_json::from_str(&case.data).unwrap());
        Ok(Executor::new(&set, &funcs, options).execute("t", data)?.to_vec())
    };
    run().map_err(|error| error.to_string())
}
