//! Step: the condition `Synced` and an Event (client required; what to write is pure).

use crds::{SealedSecret, SealedSecretCondition, SealedSecretStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource as _};
use serde_json::json;
use service_kit::chain;
use thiserror::Error;

use super::{Context, Watched};
use crate::FIELD_MANAGER;

/// The one condition of a SealedSecret, as the original has it.
const SYNCED: &str = "Synced";

/// The status could not be written.
#[derive(Debug, Error)]
#[error("the status could not be written")]
pub(crate) struct ReportError(#[source] kube::Error);

/// What to say about an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    synced: bool,
    reason: &'static str,
    message: String,
}

impl Report {
    pub(super) fn synced(items: usize) -> Self {
        let plural = if items == 1 { "" } else { "s" };
        Self {
            synced: true,
            reason: "Unsealed",
            message: format!("the Secret holds {items} unsealed item{plural}"),
        }
    }

    pub(super) fn failed(reason: &'static str, message: String) -> Self {
        Self { synced: false, reason, message }
    }
}

/// Writes the status if it says something new, and then an Event.
pub(super) async fn write(object: &Watched, report: &Report, context: &Context) -> Result<(), ReportError> {
    let metadata = object.meta();
    let previous = object.0.as_ref().ok().and_then(|object| object.status.as_ref());
    let Some(status) = status(report, previous, metadata.generation, Timestamp::now()) else { return Ok(()) };
    if !report.synced {
        tracing::warn!(reason = report.reason, "{}", report.message);
    }
    let name = metadata.name.clone().unwrap_or_default();
    let namespace = metadata.namespace.clone().unwrap_or_default();
    let api: Api<SealedSecret> = Api::namespaced(context.client.clone(), &namespace);
    // The uid keeps a status of the object that was from getting onto its successor of the same name.
    let patch = json!({
        "apiVersion": SealedSecret::api_version(&()),
        "kind": SealedSecret::kind(&()),
        "metadata": {"name": name, "namespace": namespace, "uid": metadata.uid},
        "status": status,
    });
    let written =
        api.patch_status(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(patch)).await;
    match written {
        Ok(_) => {}
        // The object is gone: nobody is left to tell.
        Err(kube::Error::Api(answer)) if answer.is_not_found() => return Ok(()),
        Err(error) => return Err(ReportError(error)),
    }
    let event = Event {
        type_: if report.synced { EventType::Normal } else { EventType::Warning },
        reason: report.reason.to_owned(),
        note: Some(report.message.chars().take(1000).collect()),
        action: "Unseal".to_owned(),
        secondary: None,
    };
    // The status has said it already; an Event that is lost is no reason to do anything again.
    if let Err(error) = context.recorder.publish(&event, &object.object_ref(&())).await {
        tracing::debug!("the Event could not be written: {}", chain(&error));
    }
    Ok(())
}

/// The status to write, or `None` when it says all this already.
fn status(
    report: &Report,
    previous: Option<&SealedSecretStatus>,
    generation: Option<i64>,
    now: Timestamp,
) -> Option<SealedSecretStatus> {
    let state = if report.synced { "True" } else { "False" };
    let before =
        previous.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == SYNCED));
    let unchanged = before.is_some_and(|before| {
        before.status == state
            && before.reason.as_deref() == Some(report.reason)
            && before.message.as_deref() == Some(report.message.as_str())
            && before.observed_generation == generation
    });
    if unchanged && previous.and_then(|status| status.observed_generation) == generation {
        return None;
    }
    let since =
        before.filter(|before| before.status == state).and_then(|before| before.last_transition_time.clone());
    Some(SealedSecretStatus {
        observed_generation: generation,
        conditions: vec![SealedSecretCondition {
            type_: SYNCED.to_owned(),
            status: state.to_owned(),
            observed_generation: generation,
            reason: Some(report.reason.to_owned()),
            message: Some(report.message.clone()),
            last_update_time: Some(Time(now)),
            last_transition_time: since.or(Some(Time(now))),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    /// Writes one report after the other and checks (written?, seconds of update and transition).
    #[test]
    fn a_status_is_written_when_it_says_something_new() {
        let mut current: Option<SealedSecretStatus> = None;
        let mut check = |second: i64, report: Report, generation: i64, expected: Option<(i64, i64)>| {
            let written = status(&report, current.as_ref(), Some(generation), at(second));
            let seconds =
                |time: &Option<Time>| time.as_ref().map(|time| time.0.as_second()).unwrap_or_default();
            let times = written.as_ref().map(|status| {
                let condition = &status.conditions[0];
                (seconds(&condition.last_update_time), seconds(&condition.last_transition_time))
            });
            assert_eq!(times, expected, "at {second}");
            if written.is_some() {
                current = written;
            }
        };
        let failed = |message: &str| Report::failed("UnsealFailed", message.to_owned());
        check(1, failed("one"), 1, Some((1, 1)));
        check(2, failed("one"), 1, None);
        check(3, failed("another"), 1, Some((3, 1)));
        check(4, Report::synced(2), 2, Some((4, 4)));
        check(5, Report::synced(2), 2, None);
        check(6, Report::synced(2), 3, Some((6, 4)));
        check(7, failed("again"), 3, Some((7, 7)));
    }
}
