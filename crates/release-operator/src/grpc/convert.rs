//! Out of our types into those of the wire. Values of Helm releases often hold passwords although they should not: what is called like a
//! secret is masked.

use api::release::v1::{Condition, Release, Revision};
use crds::FluxHelmRelease;
use helm_release::history::Entry;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use prost_types::{ListValue, Struct, Timestamp, Value, value::Kind};
use serde_json::Map;

use crate::reconcile::validate::release_name;

/// What stands for a masked value.
const MASK: &str = "*****";
/// Parts of names whose values are masked.
const SECRET_NAMES: [&str; 7] =
    ["password", "passwd", "secret", "token", "credential", "privatekey", "apikey"];

pub(super) fn release(object: &FluxHelmRelease, newest: Option<&helm_release::Release>) -> Release {
    let status = object.status.clone().unwrap_or_default();
    let conditions = status.conditions.iter().map(|condition| Condition {
        r#type: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        last_transition_time: Some(timestamp(condition.last_transition_time.0)),
    });
    Release {
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
        release_name: status
            .release_name
            .or_else(|| release_name(object).ok().map(|name| name.to_string()))
            .unwrap_or_default(),
        chart_git_path: object.spec.chart_git_path.clone().unwrap_or_default(),
        chart: newest.map(helm_release::Release::chart_label).unwrap_or_default(),
        revision: newest.map_or(0, |newest| newest.revision),
        status: newest.map(|newest| newest.info.status.to_string()).unwrap_or_default(),
        conditions: conditions.collect(),
        observed: object.metadata.generation.is_some()
            && status.observed_generation == object.metadata.generation,
    }
}

/// An object of which only the metadata can be read.
pub(super) fn undecodable(metadata: &ObjectMeta, error: &str) -> Release {
    Release {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        conditions: vec![Condition {
            r#type: "Ready".to_owned(),
            status: "False".to_owned(),
            reason: "InvalidSpec".to_owned(),
            message: format!("the object cannot be read as a FluxHelmRelease: {error}"),
            last_transition_time: None,
        }],
        ..Release::default()
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
    }
}

/// Values with everything masked that is called like a secret, and everything below it.
pub(super) fn masked(values: Map<String, serde_json::Value>) -> Struct {
    masked_map(values, false)
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

fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
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
        let masked = masked(values.as_object().cloned().unwrap());
        let text = format!("{masked:?}");
        for secret in ["\"x\"", "7.0", "\"y\"", "\"z\"", "\"p\"", "\"q\"", "\"r\""] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("podinfo:1") && text.contains("\"a\"") && text.contains("BoolValue(true)"));
        assert_eq!(text.matches(MASK).count(), 8);
    }
}
