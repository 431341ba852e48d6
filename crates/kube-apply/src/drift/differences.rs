//! Where a live object is not what an apply would make of it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;

use serde_json::Value;

use super::Pointer;
use super::states::UNOWNED;
use super::value::same;

/// Differences that are kept; more are only counted.
const KEPT: usize = 20;
/// The longest text of a value, in bytes.
const LONGEST: usize = 80;
/// The longest text of a pointer in a message, in bytes.
const LONGEST_POINTER: usize = 256;
/// What tells the items of a list apart, when some are missing on one side.
const KEYS: [&str; 8] = ["name", "key", "mountPath", "containerPort", "port", "ip", "uid", "type"];
/// The annotation in which `kubectl apply` keeps a copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One side of a difference, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// There is no such field.
    Absent,
    /// The value as JSON, cut off with `…` when it is long.
    Value(String),
    /// A value of a Secret, which is shown to nobody.
    Masked,
}

/// A field that is not as it would be after the apply. Prints as `/spec/replicas is 3 instead of 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field, with positions in lists as they are in the live object; an item that is only wanted has its position there.
    pub pointer: Pointer,
    /// What is there.
    pub live: Shown,
    /// What the apply would put there.
    pub wanted: Shown,
}

/// All differences of one object. Prints as a list of them: `/spec/replicas is 3 instead of 1; /spec/paused is true instead of
/// absent; and 4 more`. Written behind the object's name it is a sentence: `Deployment dev/web: …`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first ones, in the order of their names.
    pub first: Vec<Difference>,
    /// How many there are beyond those.
    pub more: usize,
}

impl Differences {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

/// Compares a live object with what a dry-run of an apply answered. Fields for which `ignore` says so are left out with all that
/// lies in them, and so are those that only the API server and controllers write: `status`, and of the metadata `managedFields`,
/// `resourceVersion`, `generation`, `creationTimestamp`, `uid` and the like.
///
/// A field that one side lacks is one difference, with all that lies in it. Lists of the same length are compared item by item;
/// lists of maps of which one is longer, by the items' names.
///
/// Values are bounded in length and number. What a Secret holds is masked: its `data` and `stringData`, and kubectl's copy of them.
pub fn differences(live: &Value, wanted: &Value, ignore: impl Fn(&Pointer) -> bool) -> Differences {
    let is_secret = |object: &Value| {
        let is = |field: &str, text: &str| object.get(field).and_then(Value::as_str) == Some(text);
        is("kind", "Secret") && is("apiVersion", "v1")
    };
    let mut walk = Walk {
        ignore,
        secret: is_secret(live) || is_secret(wanted),
        at: Pointer::default(),
        found: Differences::default(),
    };
    walk.field(Some(live), Some(wanted));
    walk.found
}

struct Walk<I> {
    ignore: I,
    secret: bool,
    at: Pointer,
    found: Differences,
}

impl<I: Fn(&Pointer) -> bool> Walk<I> {
    fn field(&mut self, live: Option<&Value>, wanted: Option<&Value>) {
        if self.is_left_out() {
            return;
        }
        match (live, wanted) {
            (Some(live), Some(wanted)) if same(live, wanted) => {}
            (Some(Value::Object(live)), Some(Value::Object(wanted))) => {
                let names: BTreeSet<_> = live.keys().chain(wanted.keys()).collect();
                for name in names {
                    self.below(name.clone(), live.get(name), wanted.get(name));
                }
            }
            (Some(Value::Array(live)), Some(Value::Array(wanted))) => self.list(live, wanted),
            (None, None) => {}
            (None, Some(only)) | (Some(only), None) if self.is_parted(only) => {
                let is_live = live.is_some();
                for (name, value) in children(only) {
                    let (live, wanted) = if is_live { (Some(value), None) } else { (None, Some(value)) };
                    self.below(name, live, wanted);
                }
            }
            _ => self.report(live, wanted),
        }
    }

    fn below(&mut self, name: String, live: Option<&Value>, wanted: Option<&Value>) {
        self.at.push(name);
        self.field(live, wanted);
        self.at.pop();
    }

    fn list(&mut self, live: &[Value], wanted: &[Value]) {
        if live.len() == wanted.len() {
            for (at, (live, wanted)) in live.iter().zip(wanted).enumerate() {
                self.below(at.to_string(), Some(live), Some(wanted));
            }
            return;
        }
        let Some((live_names, wanted_names)) = names(live, wanted) else {
            return self.report(Some(&Value::Array(live.to_vec())), Some(&Value::Array(wanted.to_vec())));
        };
        let position: HashMap<_, _> = wanted_names.iter().enumerate().map(|(at, name)| (name, at)).collect();
        for (at, name) in live_names.iter().enumerate() {
            let wanted = position.get(name).map(|&at| &wanted[at]);
            self.below(at.to_string(), Some(&live[at]), wanted);
        }
        let known: BTreeSet<_> = live_names.iter().collect();
        for (at, _) in wanted_names.iter().enumerate().filter(|(_, name)| !known.contains(name)) {
            self.below(at.to_string(), None, Some(&wanted[at]));
        }
    }

    /// Whether some of what lies in the field is ignored and some is not, so that it cannot be told of as one.
    fn is_parted(&mut self, value: &Value) -> bool {
        children(value).any(|(name, value)| {
            self.at.push(name);
            let parted = self.is_left_out() || self.is_parted(value);
            self.at.pop();
            parted
        })
    }

    fn is_left_out(&self) -> bool {
        let written_by_others = match self.at.tokens() {
            [only] => only == "status",
            [metadata, field] => metadata == "metadata" && UNOWNED.contains(&field.as_str()),
            _ => false,
        };
        written_by_others || (self.ignore)(&self.at)
    }

    fn report(&mut self, live: Option<&Value>, wanted: Option<&Value>) {
        if self.found.first.len() == KEPT {
            self.found.more += 1;
            return;
        }
        let shown = |value: Option<&Value>| match value {
            None => Shown::Absent,
            Some(value) if self.is_masked(value) => Shown::Masked,
            Some(value) => Shown::Value(text(value)),
        };
        let difference = Difference { pointer: self.at.clone(), live: shown(live), wanted: shown(wanted) };
        self.found.first.push(difference);
    }

    fn is_masked(&self, value: &Value) -> bool {
        if !self.secret {
            return false;
        }
        match self.at.tokens() {
            [] => true,
            [field, ..] if field == "data" || field == "stringData" => true,
            [metadata, annotations, name] => {
                metadata == "metadata" && annotations == "annotations" && name == LAST_APPLIED
            }
            [metadata, annotations] if metadata == "metadata" && annotations == "annotations" => {
                value.get(LAST_APPLIED).is_some()
            }
            [metadata] if metadata == "metadata" => value.pointer("/annotations").is_some(),
            _ => false,
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = (String, &Value)> + '_> {
    match value {
        Value::Object(fields) => Box::new(fields.iter().map(|(name, value)| (name.clone(), value))),
        Value::Array(items) => Box::new(items.iter().enumerate().map(|(at, value)| (at.to_string(), value))),
        _ => Box::new(std::iter::empty()),
    }
}

/// The names of the items of both lists, if each item of both has one of its own, by the same field.
fn names(live: &[Value], wanted: &[Value]) -> Option<(Vec<String>, Vec<String>)> {
    let by = |items: &[Value], key: &str| -> Option<Vec<String>> {
        let name =
            |item: &Value| item.get(key).filter(|name| !name.is_object() && !name.is_array()).map(text);
        let names: Vec<_> = items.iter().map(name).collect::<Option<_>>()?;
        let distinct: BTreeSet<_> = names.iter().collect();
        (distinct.len() == names.len()).then_some(names)
    };
    KEYS.iter().find_map(|key| Some((by(live, key)?, by(wanted, key)?)))
}

/// A value as JSON, as far as it is shown.
fn text(value: &Value) -> String {
    let mut begin = Begin(Vec::new());
    let is_whole = serde_json::to_writer(&mut begin, value).is_ok();
    let text = String::from_utf8_lossy(&begin.0).into_owned();
    if is_whole { text } else { format!("{}…", text.trim_end_matches('\u{fffd}')) }
}

/// Takes the first bytes and refuses the rest.
struct Begin(Vec<u8>);

impl io::Write for Begin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = LONGEST - self.0.len();
        self.0.extend(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::Error::other("it is long enough")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pointer = self.pointer.to_string();
        if pointer.len() > LONGEST_POINTER {
            pointer.truncate(pointer.floor_char_boundary(LONGEST_POINTER));
            pointer.push('…');
        }
        match (&self.live, &self.wanted) {
            (Shown::Masked, Shown::Masked) => write!(f, "{pointer} has another value, which is not shown"),
            (live, wanted) => write!(f, "{pointer} is {live} instead of {wanted}"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Value(text) => f.write_str(text),
            Self::Masked => f.write_str("a value that is not shown"),
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, difference) in self.first.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{difference}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ignored;
    use super::*;

    fn check(live: &Value, wanted: &Value, rules: &[&str], expected: &str) {
        let rules: Vec<Pointer> = rules.iter().map(|text| text.parse().unwrap()).collect();
        let found = differences(live, wanted, |pointer| ignored(pointer, &rules));
        assert_eq!(found.to_string(), expected, "{live}\n{wanted}");
        assert_eq!(found.is_empty(), expected.is_empty());
    }

    #[test]
    fn each_field_is_told_with_both_values() {
        let object = |spec: Value| json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
        let check = |live: Value, wanted: Value, rules: &[&str], expected: &str| {
            check(&object(live), &object(wanted), rules, expected);
        };
        check(json!({"replicas": 1}), json!({"replicas": 1.0}), &[], "");
        check(json!({"replicas": 3}), json!({"replicas": 1}), &[], "/spec/replicas is 3 instead of 1");
        check(json!({"replicas": 3}), json!({"replicas": 1}), &["/spec/replicas"], "");
        check(json!({"replicas": 3}), json!({"replicas": 1}), &[""], "");
        check(
            json!({"a": "x", "b/c~": [1, {"d": true}]}),
            json!({"b/c~": [1, {"d": null}], "e": {"f": 1, "g": 2}}),
            &[],
            "/spec/a is \"x\" instead of absent; /spec/b~1c~0/1/d is true instead of null; \
             /spec/e is absent instead of {\"f\":1,\"g\":2}",
        );
        // What is absent as a whole is told in parts where a part is ignored.
        check(json!({}), json!({"e": {"f": 1, "g": 2}}), &["/spec/e/f"], "/spec/e/g is absent instead of 2");
        check(json!({}), json!({"e": {"f": 1}}), &["/spec/e/f"], "");
        check(json!({"e": 1}), json!({"e": {"f": 1}}), &["/spec/e/f"], "/spec/e is 1 instead of {\"f\":1}");
    }

    #[test]
    fn items_of_lists_are_told_by_position_or_by_name() {
        let check = |live: Value, wanted: Value, expected: &str| check(&live, &wanted, &[], expected);
        check(json!([1, 2]), json!([2, 1]), "/0 is 1 instead of 2; /1 is 2 instead of 1");
        check(json!([1]), json!([1, 2]), " is [1] instead of [1,2]");
        check(
            json!([{"name": "x", "v": 1}, {"name": "a", "v": 1}]),
            json!([{"name": "a", "v": 2}, {"name": "b"}, {"name": "c"}]),
            "/0 is {\"name\":\"x\",\"v\":1} instead of absent; /1/v is 1 instead of 2; \
             /1 is absent instead of {\"name\":\"b\"}; /2 is absent instead of {\"name\":\"c\"}",
        );
        check(
            json!([{"port": 1}]),
            json!([{"port": 1}, {"port": 1}]),
            " is [{\"port\":1}] instead of [{\"port\":1},{\"port\":1}]",
        );
    }

    #[test]
    fn what_the_api_server_and_controllers_write_is_left_out() {
        let live = json!({"metadata": {"resourceVersion": "1", "generation": 1, "labels": {"a": "b"}}, "status": {"a": 1}});
        let wanted = json!({"metadata": {"resourceVersion": "2", "uid": "1", "managedFields": [], "creationTimestamp": "now"}});
        check(&live, &wanted, &[], "/metadata/labels is {\"a\":\"b\"} instead of absent");
    }

    #[test]
    fn the_values_of_a_secret_are_not_shown() {
        let secret = |data: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"a": data, "b": data},
                "metadata": {"annotations": {LAST_APPLIED: data, "own": data}}})
        };
        let (live, mut wanted) = (secret("hunter1"), secret("hunter2"));
        wanted["data"]["b"].take();
        wanted["stringData"] = json!({"c": "hunter3"});
        let found = differences(&live, &wanted, |pointer| pointer.to_string().ends_with("/own"));
        assert_eq!(
            found.to_string(),
            "/data/a has another value, which is not shown; /data/b has another value, which is not shown; \
             /metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration has another value, which is not shown; \
             /stringData is absent instead of a value that is not shown"
        );
        wanted["metadata"] = json!({});
        wanted["data"].take();
        let found = differences(&live, &wanted, |_| false);
        assert!(!format!("{found} {found:?}").contains("hunter"), "{found:?}");
    }

    #[test]
    fn texts_are_bounded() {
        let long = "ä".repeat(1000);
        let found = differences(&json!({&long: long}), &json!({}), |_| false).to_string();
        assert!(
            found.starts_with("/ää")
                && found.contains("ä… is \"ää")
                && found.ends_with("ä… instead of absent"),
            "{found}"
        );
        assert!(found.len() < 400, "{found}");
        let many: Vec<u32> = (0..1000).collect();
        let more: Vec<u32> = (1..1001).collect();
        let found = differences(&json!(many), &json!(more), |_| false);
        assert_eq!((found.first.len(), found.more), (20, 980));
        assert!(found.to_string().ends_with("/19 is 19 instead of 20; and 980 more"), "{found}");
    }
}
