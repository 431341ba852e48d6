//! Reading what a live object says of itself. What does not have the usual form is taken for absent.

use serde_json::Value;

/// One of `status.conditions`.
#[derive(Debug)]
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    pub(super) fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// Its message or reason, for a person; `otherwise` when it has neither.
    pub(super) fn told(&self, otherwise: &str) -> String {
        let texts = [self.message, self.reason, otherwise];
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    }
}

/// The conditions in their order.
pub(super) fn conditions(live: &Value) -> impl Iterator<Item = Condition<'_>> {
    let all = live.pointer("/status/conditions").and_then(Value::as_array);
    all.into_iter().flatten().map(|condition| {
        let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
        Condition {
            kind: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
        }
    })
}

/// A whole number.
pub(super) fn integer(live: &Value, pointer: &str) -> Option<i64> {
    live.pointer(pointer).and_then(Value::as_i64)
}

/// A count of the status, which controllers leave out when it is 0.
pub(super) fn count(live: &Value, field: &str) -> i64 {
    live.get("status").and_then(|status| status.get(field)).and_then(Value::as_i64).unwrap_or(0)
}

/// A text.
pub(super) fn string<'a>(live: &'a Value, pointer: &str) -> Option<&'a str> {
    live.pointer(pointer).and_then(Value::as_str)
}
