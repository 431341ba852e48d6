//! Takes the content of Secrets out of what is shown. Pure.
//!
//! A Secret is recognised by its kind wherever it stands: as a document, in a list, inside another object. What cannot be read is not shown
//! either, as nobody can tell what it holds.

use serde_json::{Map, Value};

/// Stands for a value.
const MASK: &str = "***";
/// Stand for a value that both sides have and that differs.
const DIFFERENT: (&str, &str) = ("*** (before)", "*** (after)");
/// The fields of a Secret that hold its content.
const CONTENT: [&str; 2] = ["data", "stringData"];
/// An annotation that repeats the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const UNREADABLE: &str =
    "# This document is not YAML that can be read. It is left out, as it may hold a Secret.\n";

/// A manifest with every Secret masked, for people to read. A document with a Secret in it is printed anew, below its `# Source:` line and
/// without its comments, which may hold values too; all others are left as they are, byte for byte.
pub fn manifest(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for piece in pieces(text) {
        match masked(piece) {
            None => shown.push_str(piece),
            Some(documents) => {
                // Everything Helm puts before a document is its separator and this line.
                let separated = piece.starts_with("---");
                let rest = if separated { piece["---".len()..].trim_start() } else { piece };
                let source = rest.lines().next().filter(|line| line.starts_with("# Source: "));
                shown.push_str(if separated { "---\n" } else { "" });
                shown.extend(source.into_iter().flat_map(|line| [line, "\n"]));
                shown.push_str(&documents);
            }
        }
    }
    shown
}

/// Masks every Secret in an object.
pub fn secrets(value: &mut Value) {
    walk(value, false);
}

/// Masks every Secret in both states of an object, so that values which differ are seen to differ.
pub fn pair(before: &mut Value, after: &mut Value) {
    walk_pair(before, after, false);
}

/// Splits before each line that begins with `---`, as Helm does.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices("\n---").map(|(line_end, _)| line_end + 1);
    let ends: Vec<usize> = starts.chain([text.len()]).collect();
    ends.into_iter().scan(0, |start, end| Some(&text[std::mem::replace(start, end)..end]))
}

/// The documents of a piece printed anew, if one of them has a Secret or cannot be read.
fn masked(piece: &str) -> Option<String> {
    // What follows the dashes is the document's, a gap between them or not.
    let Ok(documents) = go_yaml::documents(piece.strip_prefix("---").unwrap_or(piece)) else {
        return Some(UNREADABLE.to_owned());
    };
    let mut found = false;
    let mut printed = Vec::new();
    for document in documents {
        let value = document.content.and_then(|content| content.to_value());
        let Ok(value) = value else { return Some(UNREADABLE.to_owned()) };
        let mut value = Value::from(value);
        found |= walk(&mut value, false);
        if !value.is_null() {
            // It was read, so that it is not nested too deep to be printed.
            printed.push(yaml(&value).unwrap_or_else(|| UNREADABLE.to_owned()));
        }
    }
    found.then(|| printed.join("---\n"))
}

/// An object as YAML, its keys sorted.
pub(crate) fn yaml(value: &Value) -> Option<String> {
    go_yaml::to_string(&go_yaml::Value::from(value.clone())).ok()
}

/// Masks, and says whether there was a Secret. `listed`: the value is an item of a list of Secrets, which need not repeat its kind.
fn walk(value: &mut Value, listed: bool) -> bool {
    match value {
        Value::Object(map) => {
            let secret = is_secret(map, listed);
            if secret {
                content_fields(map, mask_all);
            }
            let lists = lists_secrets(map);
            let mut found = secret;
            for (key, child) in map.iter_mut().filter(|(key, _)| !(secret && CONTENT.contains(&key.as_str())))
            {
                found |= walk(child, lists && key == "items");
            }
            found
        }
        Value::Array(items) => items.iter_mut().fold(false, |found, item| walk(item, listed) | found),
        _ => false,
    }
}

fn walk_pair(before: &mut Value, after: &mut Value, listed: bool) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let secret = is_secret(before, listed) || is_secret(after, listed);
            let lists = lists_secrets(before) || lists_secrets(after);
            if secret {
                content_pair(before, after);
            }
            let masked = |key: &str| secret && CONTENT.contains(&key);
            for (key, child) in after.iter_mut().filter(|(key, _)| !masked(key)) {
                match before.get_mut(key) {
                    Some(other) => walk_pair(other, child, lists && key == "items"),
                    None => _ = walk(child, lists && key == "items"),
                }
            }
            for (key, child) in before.iter_mut().filter(|(key, _)| !masked(key) && !after.contains_key(*key))
            {
                walk(child, lists && key == "items");
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (before, after) in before.iter_mut().zip(after.iter_mut()) {
                walk_pair(before, after, listed);
            }
            let common = before.len().min(after.len());
            for item in before[common..].iter_mut().chain(&mut after[common..]) {
                walk(item, listed);
            }
        }
        (before, after) => {
            walk(before, listed);
            walk(after, listed);
        }
    }
}

fn is_secret(map: &Map<String, Value>, listed: bool) -> bool {
    listed || map.get("kind").and_then(Value::as_str) == Some("Secret")
}

fn lists_secrets(map: &Map<String, Value>) -> bool {
    map.get("kind").and_then(Value::as_str) == Some("SecretList")
}

/// Calls `mask` for each field of a Secret that repeats or holds its content.
fn content_fields(map: &mut Map<String, Value>, mask: impl Fn(&mut Value)) {
    for field in CONTENT {
        map.get_mut(field).into_iter().for_each(&mask);
    }
    let annotations = map.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    annotations.and_then(|all| all.get_mut(LAST_APPLIED)).into_iter().for_each(mask);
}

/// Masks a Secret's values and keeps their names.
fn mask_all(field: &mut Value) {
    match field {
        Value::Null => {}
        Value::Object(map) => map.values_mut().for_each(|value| *value = MASK.into()),
        other => *other = MASK.into(),
    }
}

fn content_pair(before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
    let whole = (before.clone(), after.clone());
    content_fields(before, mask_all);
    content_fields(after, mask_all);
    for field in CONTENT {
        let (Some(was), Some(is)) = (whole.0.get(field), whole.1.get(field)) else { continue };
        let (Some(before), Some(after)) = (before.get_mut(field), after.get_mut(field)) else { continue };
        match (was, is, before, after) {
            (Value::Object(was), Value::Object(is), Value::Object(before), Value::Object(after)) => {
                let differ = is.iter().filter(|(key, value)| was.get(*key).is_some_and(|was| was != *value));
                for (key, _) in differ {
                    before.insert(key.clone(), DIFFERENT.0.into());
                    after.insert(key.clone(), DIFFERENT.1.into());
                }
            }
            (was, is, before, after) if was != is && before == after => {
                (*before, *after) = (DIFFERENT.0.into(), DIFFERENT.1.into());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = manifest(text);
        assert_eq!(shown, expected, "of {text:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn secrets_are_masked_and_everything_else_is_left() {
        let plain = "---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind:   ConfigMap # of secrets\ndata: {b: 'x',\n  a: y}\n";
        let secret = |body: &str| format!("---\n# Source: c/templates/s.yaml\nkind: Secret\n{body}");
        let masked = "---\n# Source: c/templates/s.yaml\n";
        check("", "");
        check(plain, plain);
        check(&plain["---\n".len()..], &plain["---\n".len()..]);
        check(
            &format!(
                "{plain}{}{plain}",
                secret("# hunter0\nstringData:\n  b: hunter1\n  a: \"\"\ndata: {k: aHVudGVyMg==}\n")
            ),
            &format!(
                "{plain}{masked}data:\n  k: '***'\nkind: Secret\nstringData:\n  a: '***'\n  b: '***'\n{plain}"
            ),
        );
        check(&secret("data:\n"), &format!("{masked}data: null\nkind: Secret\n"));
        check(&secret("data: hunter\n"), &format!("{masked}data: '***'\nkind: Secret\n"));
        check(&secret("data: [{a: hunter}]\n"), &format!("{masked}data: '***'\nkind: Secret\n"));
        // By whatever way it is written.
        check(
            &secret("x: &all {a: hunter}\nstringData: {<<: *all, b: c}\n")
                .replace("x: &all {a: hunter}", "x: &all {z: v}"),
            &format!("{masked}kind: Secret\nstringData:\n  b: '***'\n  z: '***'\nx:\n  z: v\n"),
        );
        check(
            "--- {\"kind\": \"Secr\\x65t\", \"data\": {\"a\": \"hunter\"}}\n",
            "---\ndata:\n  a: '***'\nkind: Secret\n",
        );
        check(
            "kind: List\nitems:\n- {kind: Secret, data: {a: hunter}}\n",
            "items:\n- data:\n    a: '***'\n  kind: Secret\nkind: List\n",
        );
        check(
            "kind: SecretList\nitems: [{data: {a: hunter}}]\n",
            "items:\n- data:\n    a: '***'\nkind: SecretList\n",
        );
        check(
            "kind: Template\nspec: {object: {kind: Secret, data: {a: hunter}}}\n",
            "kind: Template\nspec:\n  object:\n    data:\n      a: '***'\n    kind: Secret\n",
        );
        check(
            &secret(&format!("metadata: {{annotations: {{{LAST_APPLIED}: hunter, a: b}}}}\n")),
            &format!(
                "{masked}kind: Secret\nmetadata:\n  annotations:\n    a: b\n    {LAST_APPLIED}: '***'\n"
            ),
        );
        // Helm splits at every line that begins with dashes, and at nothing else.
        check(
            "kind: ConfigMap\n---kind: Secret\ndata: {a: hunter}\n",
            "kind: ConfigMap\n---\ndata:\n  a: '***'\nkind: Secret\n",
        );
        check("kind: A\n...\nkind: Secret\ndata: {a: hunter}\n", UNREADABLE);
        check(&secret("data: {a: hunter\n"), &format!("{masked}{UNREADABLE}"));
        check("a: 1\n---\nkind: [hunter\n---\nb: 2\n", &format!("a: 1\n---\n{UNREADABLE}---\nb: 2\n"));
    }

    #[test]
    fn values_that_differ_are_seen_to_differ() {
        let secret = |data: Value| json!({"kind": "Secret", "data": data});
        let rows = [
            (json!({"a": "1"}), json!({"a": "1"}), json!({"a": "***"}), json!({"a": "***"})),
            (json!({"a": "1"}), json!({"a": "2"}), json!({"a": "*** (before)"}), json!({"a": "*** (after)"})),
            (json!({"a": "1"}), json!({"b": "1"}), json!({"a": "***"}), json!({"b": "***"})),
            (json!("1"), json!("2"), json!("*** (before)"), json!("*** (after)")),
            (json!("1"), json!({"a": "2"}), json!("***"), json!({"a": "***"})),
            (Value::Null, json!({"a": "2"}), Value::Null, json!({"a": "***"})),
        ];
        for (before, after, expected_before, expected_after) in rows {
            let wrap: [fn(Value) -> Value; 4] = [
                |secret| secret,
                |secret| json!({"kind": "List", "items": [{"kind": "ConfigMap"}, secret]}),
                |secret| json!({"kind": "SecretList", "items": [{"data": secret["data"]}]}),
                |secret| json!({"spec": {"object": secret}}),
            ];
            for wrap in wrap {
                let (mut a, mut b) = (wrap(secret(before.clone())), wrap(secret(after.clone())));
                pair(&mut a, &mut b);
                assert_eq!(a, wrap(secret(expected_before.clone())));
                assert_eq!(b, wrap(secret(expected_after.clone())));
            }
        }
    }

    #[test]
    fn what_only_one_side_has_is_masked_too() {
        let secret = || json!({"kind": "Secret", "data": {"a": "hunter"}});
        let rows = [
            (json!({"x": secret()}), json!({"y": secret()})),
            (json!([secret()]), json!([secret(), secret()])),
            (json!([secret(), secret()]), json!([])),
            (json!({"x": secret()}), json!({"x": "text"})),
            (json!({"x": {"kind": "ConfigMap", "data": {"a": "b"}}}), json!({"x": secret()})),
        ];
        for (before, after) in rows {
            for (mut a, mut b) in [(before.clone(), after.clone()), (after, before)] {
                pair(&mut a, &mut b);
                assert!(!a.to_string().contains("hunter") && !b.to_string().contains("hunter"), "{a} {b}");
            }
        }
    }
}
