//! Out of our types into those of the wire. Values of Helm releases often hold passwords although they should not: what is called like a
//! secret is masked.

use api::release::v1::{Condition, Readiness, Release, Revision, TestResult};
use crds::{FluxHelmRelease, Snapshot};
use helm_release::Hook;
use helm_release::history::Entry;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::Map;

use super::overview::{self, timestamp};

/// What stands for a masked value.
const MASK: &str = "*****";
/// Parts of names whose values are masked.
const SECRET_NAMES: [&str; 7] =
    ["password", "passwd", "secret", "token", "credential", "privatekey", "apikey"];

/// One release, with its newest record where that is known better than by the object's status.
pub(super) fn release(object: &FluxHelmRelease, newest: Option<&helm_release::Release>) -> Release {
    let shown = overview::release(object);
    let Some(newest) = newest else { return shown };
    let metadata = newest.chart.as_ref().map(|chart| &chart.metadata);
    Release {
        chart: newest.chart_label(),
        app_version: metadata.map(|metadata| metadata.app_version.clone()).unwrap_or_default(),
        revision: newest.revision,
        status: newest.info.status.to_string(),
        last_deployed: newest.info.last_deployed.as_ref().map(|time| timestamp(time.timestamp())),
        ..shown
    }
}

/// An object whose release records cannot be read: what its status says, and the fault in place of its readiness.
pub(super) fn unreadable(object: &FluxHelmRelease, message: String) -> Release {
    let mut shown = release(object, None);
    shown.conditions.retain(|condition| condition.r#type != "Ready");
    shown.conditions.insert(
        0,
        Condition {
            r#type: "Ready".to_owned(),
            status: "False".to_owned(),
            // The reconciler's own word for it.
            reason: "RecordsUnusable".to_owned(),
            message,
            last_transition_time: None,
        },
    );
    shown.set_readiness(Readiness::NotReady);
    shown
}

/// A revision of which only the labels can be read; the fault stands for Helm's description.
pub(super) fn unreadable_revision(entry: &Entry, message: String) -> Revision {
    Revision {
        revision: entry.revision,
        status: entry.status.to_string(),
        description: message,
        ..Revision::default()
    }
}

pub(super) fn revision(release: &helm_release::Release) -> Revision {
    let metadata = release.chart.as_ref().map(|chart| &chart.metadata);
    Revision {
        revision: release.revision,
        updated: release.info.last_deployed.as_ref().map(|time| timestamp(time.timestamp())),
        status: release.info.status.to_string(),
        chart: release.chart_label(),
        app_version: metadata.map(|metadata| metadata.app_version.clone()).unwrap_or_default(),
        description: release.info.description.clone(),
        ..Revision::default()
    }
}

/// A revision as the object's status holds it.
pub(super) fn snapshot(snapshot: &Snapshot) -> Revision {
    let test = |test: &crds::TestResult| TestResult {
        name: test.name.clone(),
        phase: test.phase.clone(),
        ..TestResult::default()
    };
    let chart = match snapshot.chart_name.as_str() {
        "" => String::new(),
        name => format!("{name}-{}", snapshot.chart_version),
    };
    Revision {
        revision: u32::try_from(snapshot.revision).unwrap_or(0),
        updated: snapshot.last_deployed.as_ref().map(|time| timestamp(time.0)),
        status: snapshot.status.clone(),
        chart,
        app_version: snapshot.app_version.clone().unwrap_or_default(),
        description: String::new(),
        action: snapshot.action.clone(),
        source_revision: snapshot.source_revision.clone().unwrap_or_default(),
        chart_digest: snapshot.chart_digest.clone().unwrap_or_default(),
        values_digest: snapshot.values_digest.clone().unwrap_or_default(),
        tests: snapshot.tests.iter().map(test).collect(),
    }
}

/// What became of a test.
pub(super) fn test_result(hook: &Hook) -> TestResult {
    let run = &hook.last_run;
    let time =
        |time: &Option<helm_release::RecordTime>| time.as_ref().map(|time| timestamp(time.timestamp()));
    TestResult {
        name: hook.name.clone(),
        phase: run.phase.to_string(),
        started_at: time(&run.started_at),
        completed_at: time(&run.completed_at),
        message: String::new(),
    }
}

/// A message's structure as JSON.
pub(super) fn map(value: Struct) -> Map<String, serde_json::Value> {
    value.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
}

fn json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        // A whole number is meant as one, as fields of the spec take it.
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
            let whole = number as i64;
            whole.into()
        }
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(fields)) => serde_json::Value::Object(map(fields)),
    }
}

/// Values with everything masked that is called like a secret or is in `secrets`, and everything below it.
pub(super) fn masked(
    values: Map<String, serde_json::Value>,
    secrets: &Map<String, serde_json::Value>,
) -> Struct {
    let field = |(name, value): (String, serde_json::Value)| {
        let shown = match (value, secrets.get(&name)) {
            (serde_json::Value::Object(map), Some(serde_json::Value::Object(secrets)))
                if !is_secret(&name) =>
            {
                Value { kind: Some(Kind::StructValue(masked(map, secrets))) }
            }
            (value, secret) => masked_value(value, secret.is_some() || is_secret(&name)),
        };
        (name, shown)
    };
    Struct { fields: values.into_iter().map(field).collect() }
}

/// Values with everything masked.
pub(super) fn all_masked(values: Map<String, serde_json::Value>) -> Struct {
    masked_map(values, true)
}

fn masked_map(values: Map<String, serde_json::Value>, hidden: bool) -> Struct {
    let field = |(name, value): (String, serde_json::Value)| {
        let hidden = hidden || is_secret(&name);
        (name, masked_value(value, hidden))
    };
    Struct { fields: values.into_iter().map(field).collect() }
}

fn is_secret(name: &str) -> bool {
    let folded: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    SECRET_NAMES.iter().any(|secret| folded.contains(secret))
}

/// Texts, numbers and the lists that hold them can be a secret; switches and nothing cannot. The names in a map are kept.
fn masked_value(value: serde_json::Value, hidden: bool) -> Value {
    let mask = || Kind::StringValue(MASK.to_owned());
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(_) | serde_json::Value::String(_) | serde_json::Value::Array(_)
            if hidden =>
        {
            mask()
        }
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(|item| masked_value(item, hidden)).collect(),
        }),
        serde_json::Value::Object(map) => Kind::StructValue(masked_map(map, hidden)),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_called_like_a_secret_is_masked() {
        let values = json!({
            "image": "podinfo:1", "adminPassword": "x", "api-key": 7, "secret": {"enabled": true, "accessToken": "y"},
            "auth": [{"token": "z", "user": "a"}], "secrets": ["a"], "existingSecret": null,
            "passwords": {"admin": "p", "more": [{"user": "q"}]}, "credentials": {"pw": {"text": "r", "on": true}},
        });
        let masked = masked(values.as_object().cloned().unwrap(), &Map::new());
        let text = format!("{masked:?}");
        for secret in ["\"x\"", "7.0", "\"y\"", "\"z\"", "\"p\"", "\"q\"", "\"r\""] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("podinfo:1") && text.contains("\"a\"") && text.contains("BoolValue(true)"));
        assert_eq!(text.matches(MASK).count(), 8);
    }
}
