//! What is compared of standard error.

use std::collections::BTreeSet;

/// Begins the report of values that do not fit a schema.
const SCHEMA: &str = "values don't meet the specifications of the schema(s)";

/// Begins the reason why a schema's reference to another document cannot be followed: helm would ask the network.
const REFERENCE: &str = "failing loading \"";

/// The text, without what differs by design: of values that do not fit a schema, the headings and the set of pointers; of a
/// reference that leads out of a schema, the reference.
pub(crate) fn comparable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(SCHEMA) { headings_and_pointers(&text) } else { text.into_owned() }
}

/// A heading ends the pointers before it.
fn headings_and_pointers(text: &str) -> String {
    let mut result = String::new();
    let mut pointers = BTreeSet::new();
    for line in text.lines() {
        if let Some(fault) = line.trim_start().strip_prefix("- at '") {
            // A pointer may hold anything but this.
            pointers.insert(fault.split_once("': ").map_or(fault, |(pointer, _)| pointer));
        } else if !line.starts_with([' ', '-']) {
            flush(&mut pointers, &mut result);
            let reference = line.strip_prefix(REFERENCE).and_then(|rest| rest.split_once("\": "));
            result.push_str(reference.map_or(line, |(reference, _)| reference));
            result.push('\n');
        }
    }
    flush(&mut pointers, &mut result);
    result
}

fn flush(pointers: &mut BTreeSet<&str>, result: &mut String) {
    for pointer in std::mem::take(pointers) {
        result.push_str("- at '");
        result.push_str(pointer);
        result.push_str("'\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_schema_errors_headings_and_pointers_count() {
        let text = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n\
                    - at '/b': got string, want number\n  - at '/a': x\n- at '/b': y\ndb:\n- at '': missing property 'x'\n\n";
        assert_eq!(
            comparable(text.as_bytes()),
            "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n\
             - at '/a'\n- at '/b'\ndb:\n- at ''\n\n"
        );
        assert_eq!(comparable(b"Error: x\n"), "Error: x\n");
        let text = format!("Error: {SCHEMA}:\nweb:\nfailing loading \"http://a/b.json\": it is away\n");
        assert_eq!(comparable(text.as_bytes()), format!("Error: {SCHEMA}:\nweb:\nhttp://a/b.json\n"));
    }
}
