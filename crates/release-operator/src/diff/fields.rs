//! Where two documents differ.

use serde_json::Value;

/// JSON pointers (RFC 6901) of the topmost values that are not in both documents or not equal, at most `most`, in the order of the keys.
pub(super) fn differing(before: &Value, after: &Value, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    walk(before, after, &mut String::new(), &mut found, most);
    found
}

fn walk(before: &Value, after: &Value, at: &mut String, found: &mut Vec<String>, most: usize) {
    if found.len() >= most || before == after {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let token = key.replace('~', "~0").replace('/', "~1");
                child(before.get(key), after.get(key), &token, at, found, most);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for index in 0..before.len().max(after.len()) {
                child(before.get(index), after.get(index), &index.to_string(), at, found, most);
            }
        }
        _ => found.push(at.clone()),
    }
}

fn child(
    before: Option<&Value>,
    after: Option<&Value>,
    token: &str,
    at: &mut String,
    found: &mut Vec<String>,
    most: usize,
) {
    let length = at.len();
    at.push('/');
    at.push_str(token);
    match (before, after) {
        (Some(before), Some(after)) => walk(before, after, at, found, most),
        _ if found.len() < most => found.push(at.clone()),
        _ => {}
    }
    at.truncate(length);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_name_what_differs() {
        let rows = [
            (json!({}), json!({}), vec![]),
            (json!({"a": 1}), json!({"a": 2}), vec!["/a"]),
            (json!({"a": {"b": 1, "c": 1}}), json!({"a": {"b": 1, "c": 2, "d": 3}}), vec!["/a/c", "/a/d"]),
            (json!({"a": {"b": 1}}), json!({}), vec!["/a"]),
            (json!({"a": {"b": 1}}), json!({"a": [1]}), vec!["/a"]),
            (json!({"a": [1, {"x": 1}, 3]}), json!({"a": [1, {"x": 2}]}), vec!["/a/1/x", "/a/2"]),
            (json!({"a/b": {"~": 1}}), json!({"a/b": {"~": 2}}), vec!["/a~1b/~0"]),
            (json!({"a": null}), json!({}), vec!["/a"]),
            (json!([1, 2, 3, 4]), json!([5, 6, 7, 8]), vec!["/0", "/1", "/2"]),
        ];
        for (before, after, expected) in rows {
            assert_eq!(differing(&before, &after, 3), expected, "{before} {after}");
        }
    }
}
