//! Answers as text for people. Pure.

use api::release::v1::diff_response::Action;
use api::release::v1::object_change::Change;
use api::release::v1::{
    Condition, DiffResponse, GetReleaseResponse, ObjectChange, ObjectRef, Readiness, Release, Revision,
    TestResponse,
};
use prost_types::Timestamp;

use super::table::{Table, plain};

/// Which columns a table of releases has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// That of the namespace.
    pub(super) namespace: bool,
    /// Those for wide terminals.
    pub(super) wide: bool,
}

/// A table of releases without rows.
pub(super) fn releases(columns: Columns) -> Table {
    let named = [
        ("NAMESPACE", columns.namespace),
        ("NAME", true),
        ("CHART", true),
        ("REVISION", true),
        ("STATUS", true),
    ];
    let wide = ["RELEASE", "SOURCE", "CHANGED"].map(|head| (head, columns.wide));
    let told = ["SUSPENDED", "READY", "MESSAGE"].map(|head| (head, true));
    let all = named.into_iter().chain(wide).chain(told);
    Table::new(&all.filter(|(_, shown)| *shown).map(|(head, _)| head).collect::<Vec<_>>())
}

/// A release as a row of that table.
pub(super) fn release_row(release: &Release, columns: Columns) -> Vec<String> {
    let revision = if release.revision == 0 { "-".to_owned() } else { release.revision.to_string() };
    let ready = condition(release, "Ready");
    let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
    let all = [
        (release.namespace.clone(), columns.namespace),
        (release.name.clone(), true),
        (chart(release), true),
        (revision, true),
        (or_dash(&release.status), true),
        (or_dash(&release.release_name), columns.wide),
        (or_dash(&release.source_revision), columns.wide),
        (time(release.changed_at.as_ref()), columns.wide),
        (boolean(release.suspended).to_owned(), true),
        (readiness(release).to_owned(), true),
        (message, true),
    ];
    all.into_iter().filter(|(_, shown)| *shown).map(|(cell, _)| cell).collect()
}

/// The row of a release that is gone.
pub(super) fn removed_row(namespace: &str, name: &str, columns: Columns) -> Vec<String> {
    let gone = Release { namespace: namespace.to_owned(), name: name.to_owned(), ..Release::default() };
    let mut row = release_row(&gone, columns);
    let named = if columns.namespace { 2 } else { 1 };
    let last = row.len() - 1;
    row[named..last].fill("-".to_owned());
    row[last] = "removed".to_owned();
    row
}

/// Everything about one release.
pub(super) fn details(answer: &GetReleaseResponse) -> String {
    let release = answer.release.clone().unwrap_or_default();
    let from = match (&release.repository_chart, release.chart_git_path.as_str()) {
        (Some(chart), _) => format!("{} {} of {}", chart.name, chart.version, chart.repository),
        (None, path) => format!("{path} below the charts path"),
    };
    let deployed = match release.revision {
        0 => "none yet".to_owned(),
        revision => format!("{revision} ({})", release.status),
    };
    let failures = release.failures.to_string();
    let shown_ready = if release.observed {
        readiness(&release).to_owned()
    } else {
        format!("{} (of an older generation)", readiness(&release))
    };
    let lines = [
        ("Name", release.name.as_str()),
        ("Namespace", &release.namespace),
        ("Release", &format!("{} in {}", release.release_name, release.release_namespace)),
        ("Chart from", &from),
        ("Chart", &release.chart),
        ("App version", &release.app_version),
        ("Source", &release.source_revision),
        ("Revision", &deployed),
        ("Deployed", &time(release.last_deployed.as_ref())),
        ("Changed", &time(release.changed_at.as_ref())),
        ("Suspended", boolean(release.suspended)),
        ("Deleting", if release.deleting { "True" } else { "" }),
        ("Ready", &shown_ready),
        ("Failures", if release.failures == 0 { "" } else { &failures }),
    ];
    let shown = lines.iter().filter(|(_, text)| !text.is_empty());
    let mut text: String =
        shown.map(|(name, text)| format!("{:14}{}\n", format!("{name}:"), plain(text))).collect();
    if !release.conditions.is_empty() {
        let mut table = Table::new(&["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"]);
        for Condition { r#type, status, reason, message, last_transition_time } in release.conditions {
            table.push([r#type, status, reason, time(last_transition_time.as_ref()), message]);
        }
        text.push_str(&format!("\nConditions:\n{}", table.print("  ")));
    }
    if !answer.history.is_empty() {
        text.push_str(&format!("\nHistory:\n{}", history(&answer.history).print("  ")));
    }
    text
}

/// Revisions, newest first, as a table with the newest last, where helm has it.
pub(super) fn history(revisions: &[Revision]) -> Table {
    let mut table =
        Table::new(&["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "ACTION", "DESCRIPTION"]);
    for revision in revisions.iter().rev() {
        table.push([
            revision.revision.to_string(),
            time(revision.updated.as_ref()),
            or_dash(&revision.status),
            or_dash(&revision.chart),
            or_dash(&revision.app_version),
            or_dash(&revision.action),
            revision.description.clone(),
        ]);
    }
    table
}

/// Results of tests.
pub(super) fn tests(answer: &TestResponse) -> Table {
    let mut table = Table::new(&["TEST", "PHASE", "STARTED", "COMPLETED", "MESSAGE"]);
    for result in &answer.results {
        table.push([
            result.name.clone(),
            or_dash(&result.phase),
            time(result.started_at.as_ref()),
            time(result.completed_at.as_ref()),
            result.message.clone(),
        ]);
    }
    table
}

/// The objects that differ, each with its diff.
pub(super) fn diff(answer: &DiffResponse) -> String {
    let mut text = String::new();
    for object in &answer.objects {
        let what = match object.change() {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
            Change::Unchanged | Change::Unspecified => continue,
        };
        let hook = if object.hook { "hook " } else { "" };
        text.push_str(&format!("{hook}{} {what}\n{}\n", identity(object), object.diff));
    }
    text
}

/// What follows from a diff, in a line.
pub(super) fn diff_summary(answer: &DiffResponse) -> String {
    let count = |change: Change| answer.objects.iter().filter(|object| object.change() == change).count();
    let counts = format!(
        "{} added, {} changed, {} removed, {} unchanged",
        count(Change::Added),
        count(Change::Changed),
        count(Change::Removed),
        count(Change::Unchanged)
    );
    let action = match answer.action() {
        Action::Unspecified => String::new(),
        Action::Nothing => "; nothing would be done".to_owned(),
        Action::Install => format!("; {} would be installed", answer.to_chart),
        Action::Upgrade => format!("; {} would be upgraded to {}", answer.from_chart, answer.to_chart),
    };
    let reason = if answer.reason.is_empty() { String::new() } else { format!(": {}", answer.reason) };
    let cut = if answer.truncated { "; not all of it is shown" } else { "" };
    plain(&format!("{counts}{action}{reason}{cut}"))
}

/// Whether a diff found something.
pub(super) fn differs(answer: &DiffResponse) -> bool {
    let equal = |object: &ObjectChange| matches!(object.change(), Change::Unchanged | Change::Unspecified);
    // What was left out need not be equal.
    answer.truncated || answer.objects.iter().any(|object| !equal(object))
}

/// `namespace/name`, and whether the release is ready, in a sentence.
pub(super) fn outcome(release: &Release) -> String {
    let ready =
        condition(release, "Ready").map(|ready| plain(&ready.message)).filter(|message| !message.is_empty());
    let state = match (release.readiness(), release.suspended) {
        (Readiness::Ready, _) => "is ready",
        (_, true) => "is suspended",
        _ if on_its_way(release) => "is on its way",
        (Readiness::NotReady, _) => "is not ready",
        _ => "is not known to be ready",
    };
    let message = ready.map(|message| format!(": {message}")).unwrap_or_default();
    format!("{} {state}{message}", name(release))
}

/// Whether a look at a release ended where it should: it is ready, or on its way there.
pub(super) fn is_fine(release: &Release) -> bool {
    release.readiness() != Readiness::NotReady || on_its_way(release) || release.suspended
}

pub(super) fn name(release: &Release) -> String {
    format!("{}/{}", release.namespace, release.name)
}

fn on_its_way(release: &Release) -> bool {
    condition(release, "Reconciling").is_some_and(|condition| condition.status == "True")
}

fn condition<'a>(release: &'a Release, kind: &str) -> Option<&'a Condition> {
    release.conditions.iter().find(|condition| condition.r#type == kind)
}

/// The chart that is released, or else the one that is asked for.
fn chart(release: &Release) -> String {
    let asked = release.repository_chart.as_ref().map_or(&release.chart_git_path, |chart| &chart.name);
    or_dash(if release.chart.is_empty() { asked } else { &release.chart })
}

fn readiness(release: &Release) -> &'static str {
    match release.readiness() {
        Readiness::Ready => "True",
        Readiness::NotReady => "False",
        Readiness::Unknown | Readiness::Unspecified => "Unknown",
    }
}

fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

fn identity(change: &ObjectChange) -> String {
    let ObjectRef { kind, namespace, name, .. } = change.object.clone().unwrap_or_default();
    let name = if namespace.is_empty() { name } else { format!("{namespace}/{name}") };
    plain(&format!("{kind} {name}"))
}

/// RFC 3339, to the second.
fn time(time: Option<&Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| Timestamp { nanos: 0, ..*time }.to_string())
}
