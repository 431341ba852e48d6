//! The table of decisions.

use helm_release::history::Entry;

use super::*;

/// What the words of a row say.
///
/// `1:superseded 2:deployed` are the records, `helm` says that the newest is not ours. Of the newest: `chart`, `values`, `options` (differ),
/// `old` (older than the limit), `back:1` (rolls back to 1), `remedy` (after a failure), `purged` (by us), `waiting`, `undoes` (the asked inputs are those of our last revision), `due` and
/// `untrue` (tests to be run, and failed). Of the asked inputs: `failed:2` and `since:60` (failures, seconds). Of the object: `retries:2`,
/// `rollback`, `uninstall` (remediation), `undo` (drift mode correct). Of a person: `retry`, `to:1`, `test`.
#[derive(Default)]
struct Row {
    entries: Vec<Entry>,
    newest: Newest,
    attempts: Attempts,
    retries: Option<Retries>,
    remediation: Option<Remediation>,
    undo: bool,
    asked: Asked,
}

impl Row {
    fn read(text: &str) -> Self {
        let mut row = Self::default();
        row.newest.maker = Maker::Us;
        for word in text.split_whitespace() {
            match word.split_once(':') {
                Some((name, value)) => row.pair(name, value),
                None => row.word(word),
            }
        }
        row
    }

    fn pair(&mut self, name: &str, value: &str) {
        let number = || value.parse().unwrap();
        match name {
            "back" => self.newest.rolls_back_to = number(),
            "failed" => self.attempts.failures = number(),
            "since" => self.attempts.since = Duration::from_secs(u64::from(number())),
            "retries" => self.retries = Some(Retries::AtMost(number())),
            "to" => self.asked = Asked::Rollback(number()),
            revision => {
                let revision = revision.parse().unwrap();
                self.entries.push(Entry { revision, status: Status::from(value) });
            }
        }
    }

    fn word(&mut self, word: &str) {
        match word {
            "helm" => self.newest.maker = Maker::Others,
            "chart" => self.newest.difference.chart = true,
            "values" => self.newest.difference.values = true,
            "options" => self.newest.difference.options = true,
            "old" => self.newest.age = FOREIGN_OPERATION,
            "purged" => self.newest.is_purged_here = true,
            "remedy" => self.newest.is_remediation = true,
            "waiting" => self.newest.is_waiting = true,
            "undoes" => self.newest.undoes_ours = true,
            "due" => self.newest.tests = Tests::Due,
            "untrue" => self.newest.tests = Tests::Failed,
            "rollback" => self.remediation = Some(Remediation::Rollback),
            "uninstall" => self.remediation = Some(Remediation::Uninstall),
            "forever" => self.retries = Some(Retries::Always),
            "undo" => self.undo = true,
            "retry" => self.asked = Asked::Retry,
            "test" => self.asked = Asked::Test,
            other => panic!("{other}"),
        }
    }

    fn decision(self) -> String {
        let retries = self.retries.unwrap_or(Retries::AtMost(5));
        let remediation = self.remediation.unwrap_or(Remediation::None);
        let policy = Policy {
            install: retries,
            failed_install: remediation,
            upgrade: retries,
            failed_upgrade: remediation,
            undo: self.undo,
        };
        let history = self.entries.into_iter().collect();
        let (newest, attempts, asked) = (self.newest, self.attempts, self.asked);
        shown(decide(&Facts { history: &history, newest, attempts, policy, asked }))
    }
}

fn shown(decision: Decision) -> String {
    let abandons = |abandoned: Option<u32>| abandoned.map_or(String::new(), |n| format!(" abandoning {n}"));
    match decision {
        Decision::Install { revision, reason, abandoned } => {
            format!("install {revision} {reason:?}{}", abandons(abandoned))
        }
        Decision::Upgrade { revision, reason, abandoned } => {
            format!("upgrade {revision} {reason:?}{}", abandons(abandoned))
        }
        Decision::Rollback { revision, to, is_remediation: true } => {
            format!("take back by {revision} to {to}")
        }
        Decision::Rollback { revision, to, is_remediation: false } => {
            format!("roll back by {revision} to {to}")
        }
        Decision::Uninstall => "uninstall".to_owned(),
        Decision::Resume { revision } => format!("resume {revision}"),
        Decision::Cancel { revision } => format!("cancel {revision}"),
        Decision::Tidy { revisions } => format!("tidy {revisions:?}"),
        Decision::Test { revision } => format!("test {revision}"),
        Decision::Nothing => "nothing".to_owned(),
        Decision::Leave { revision, rolled_back_to: 0 } => format!("leave {revision}"),
        Decision::Leave { revision, rolled_back_to } => format!("leave {revision}, back at {rolled_back_to}"),
        Decision::Backoff { left, .. } => format!("again in {} s", left.as_secs()),
        Decision::Stalled { revision } => format!("stalled {revision}"),
        Decision::Wait { revision, .. } => format!("wait for {revision}"),
    }
}

#[test]
fn decisions() {
    let rows = [
        // Nothing there.
        ("", "install 1 NotInstalled"),
        ("retry", "install 1 NotInstalled"),
        ("helm", "install 1 NotInstalled"),
        ("chart values", "install 1 NotInstalled"),
        ("to:3", "install 1 NotInstalled"),
        ("test", "install 1 NotInstalled"),
        // Nothing there any more, or nothing that could be rendered.
        ("failed:1", "again in 15 s"),
        ("failed:1 since:14", "again in 1 s"),
        ("failed:1 since:15", "install 1 NotInstalled"),
        ("failed:2 since:15", "again in 15 s"),
        ("failed:6", "stalled 0"),
        ("failed:6 retry", "install 1 NotInstalled"),
        ("failed:6 forever", "again in 480 s"),
        // Deployed by us.
        ("1:deployed", "nothing"),
        ("1:deployed old", "nothing"),
        ("1:deployed retry", "nothing"),
        ("1:deployed undo", "nothing"),
        ("1:deployed chart", "upgrade 2 Chart"),
        ("1:deployed values", "upgrade 2 Values"),
        ("1:deployed options", "upgrade 2 Options"),
        ("1:deployed chart values", "upgrade 2 ChartAndValues"),
        ("1:deployed chart options", "upgrade 2 Chart"),
        ("1:deployed values retry", "upgrade 2 Values"),
        ("1:superseded 2:deployed", "nothing"),
        ("1:superseded 2:deployed chart", "upgrade 3 Chart"),
        ("9:superseded 10:deployed values", "upgrade 11 Values"),
        ("3:deployed 2:failed 1:superseded", "nothing"),
        // Deployed, and the new inputs could not be rendered.
        ("1:deployed values failed:1", "again in 15 s"),
        ("1:deployed values failed:1 since:20", "upgrade 2 Retry"),
        ("1:deployed values failed:6", "stalled 1"),
        ("1:deployed values failed:6 retry", "upgrade 2 Asked"),
        // Deployed by helm, or by us for another object.
        ("1:deployed helm", "nothing"),
        ("1:deployed helm values", "upgrade 2 Values"),
        ("1:deployed helm options", "upgrade 2 Options"),
        ("1:deployed helm chart values", "upgrade 2 ChartAndValues"),
        // Changed by helm under our hands.
        ("1:superseded 2:deployed helm undoes", "nothing"),
        ("1:superseded 2:deployed helm values undoes", "leave 2"),
        ("1:superseded 2:deployed helm values undoes undo", "upgrade 3 Undo"),
        ("1:superseded 2:deployed helm values undoes retry", "upgrade 3 Asked"),
        ("1:superseded 2:superseded 3:deployed helm values undoes back:1", "leave 3, back at 1"),
        ("1:superseded 2:superseded 3:deployed helm chart undoes back:1 undo", "upgrade 4 Undo"),
        // It came back to what is asked for.
        ("1:superseded 2:superseded 3:deployed helm undoes back:1", "nothing"),
        // The object was changed since: what helm did is over.
        ("1:superseded 2:superseded 3:deployed helm chart back:1", "upgrade 4 Chart"),
        ("1:superseded 2:failed helm values undoes", "leave 2"),
        ("1:superseded 2:failed helm values undoes undo", "upgrade 3 Undo"),
        // Cut off between marking the old one and the new one, by us or by helm.
        ("1:deployed 2:deployed", "tidy [1]"),
        ("1:deployed 2:deployed 3:deployed", "tidy [1, 2]"),
        ("1:deployed 2:deployed helm", "tidy [1]"),
        ("1:deployed 2:deployed values", "upgrade 3 Values"),
        ("1:superseded", "upgrade 2 NotDeployed"),
        ("1:superseded values", "upgrade 2 NotDeployed"),
        ("1:superseded 2:superseded", "upgrade 3 NotDeployed"),
        // Our own operation was cut off: the same revision again, whatever is asked for by now.
        ("1:pending-install", "resume 1"),
        ("1:pending-install values", "resume 1"),
        ("1:pending-install chart old", "resume 1"),
        ("1:deployed 2:pending-upgrade", "resume 2"),
        ("1:deployed 2:pending-upgrade retry", "resume 2"),
        ("1:deployed 2:pending-upgrade to:1", "resume 2"),
        ("1:superseded 2:pending-upgrade", "resume 2"),
        ("1:superseded 2:failed 3:pending-upgrade chart", "resume 3"),
        ("1:failed 2:pending-install", "resume 2"),
        ("1:deployed 2:failed 3:pending-rollback back:1", "resume 3"),
        ("1:deployed 2:failed 3:pending-rollback back:1 values waiting", "resume 3"),
        // It waits, and other inputs are asked for.
        ("1:pending-install waiting", "resume 1"),
        ("1:pending-install waiting values", "cancel 1"),
        ("1:deployed 2:pending-upgrade waiting chart", "cancel 2"),
        ("1:deployed 2:pending-upgrade waiting options", "cancel 2"),
        // Somebody else's operation.
        ("1:pending-install helm", "wait for 1"),
        ("1:pending-install helm retry", "wait for 1"),
        ("1:deployed 2:pending-upgrade helm", "wait for 2"),
        ("1:deployed 2:pending-upgrade helm values", "wait for 2"),
        ("1:deployed 2:pending-rollback helm", "wait for 2"),
        ("1:superseded 2:uninstalling helm", "wait for 2"),
        // It died.
        ("1:pending-install helm old", "install 2 NotDeployed abandoning 1"),
        ("1:deployed 2:pending-upgrade helm old", "upgrade 3 NotDeployed abandoning 2"),
        ("1:deployed 2:pending-upgrade helm old values", "upgrade 3 NotDeployed abandoning 2"),
        ("1:superseded 2:pending-rollback helm old", "upgrade 3 NotDeployed abandoning 2"),
        ("1:superseded 2:uninstalling helm old", "install 3 NotDeployed abandoning 2"),
        ("1:uninstalling helm old", "install 2 NotDeployed abandoning 1"),
        // Failed, and tried again with growing delays.
        ("1:failed", "install 2 Retry"),
        ("1:failed failed:1", "again in 15 s"),
        ("1:failed failed:1 since:15", "install 2 Retry"),
        ("1:failed 2:failed failed:2 since:15", "again in 15 s"),
        ("1:failed failed:5", "again in 240 s"),
        ("1:failed failed:6", "stalled 1"),
        ("1:failed failed:1 retries:0", "stalled 1"),
        ("1:failed failed:20 forever", "again in 600 s"),
        ("1:failed failed:6 retry", "install 2 Asked"),
        ("1:failed helm", "install 2 Retry"),
        ("1:failed values", "install 2 Values"),
        ("1:failed chart", "install 2 Chart"),
        ("1:failed chart values retry", "install 2 ChartAndValues"),
        ("1:failed values failed:1", "again in 15 s"),
        ("1:failed 2:failed values", "install 3 Values"),
        ("1:deployed 2:failed failed:1", "again in 15 s"),
        ("1:deployed 2:failed failed:3 retries:2", "stalled 2"),
        ("1:deployed 2:failed failed:3 retries:2 retry", "upgrade 3 Asked"),
        ("1:deployed 2:failed failed:1 since:15", "upgrade 3 Retry"),
        ("1:deployed 2:failed values", "upgrade 3 Values"),
        ("1:deployed 2:failed chart values", "upgrade 3 ChartAndValues"),
        ("1:superseded 2:failed chart", "upgrade 3 Chart"),
        // Failed, and taken back.
        ("1:failed failed:1 rollback", "again in 15 s"),
        ("1:failed failed:1 uninstall", "uninstall"),
        ("1:failed failed:1 uninstall helm", "again in 15 s"),
        ("1:failed failed:1 uninstall values", "again in 15 s"),
        ("1:uninstalling purged", "uninstall"),
        ("1:uninstalling purged values", "uninstall"),
        ("1:uninstalling", "wait for 1"),
        ("1:uninstalling old", "install 2 NotDeployed abandoning 1"),
        ("1:deployed 2:failed failed:1 rollback", "take back by 3 to 1"),
        ("1:deployed 2:failed failed:1 rollback retry", "upgrade 3 Asked"),
        ("1:superseded 2:deployed 3:failed 4:failed failed:2 rollback", "take back by 5 to 2"),
        ("1:deployed 2:failed failed:1 uninstall", "uninstall"),
        ("1:deployed 2:failed values rollback", "upgrade 3 Values"),
        // After that, the asked inputs are tried again, or not.
        ("1:superseded 2:failed 3:deployed remedy undoes back:1 values failed:1 rollback", "again in 15 s"),
        (
            "1:superseded 2:failed 3:deployed remedy undoes back:1 values failed:1 since:15 rollback",
            "upgrade 4 Retry",
        ),
        (
            "1:superseded 2:failed 3:deployed remedy undoes back:1 values failed:2 retries:1 rollback",
            "stalled 3",
        ),
        (
            "1:superseded 2:failed 3:deployed remedy undoes back:1 values failed:9 retry rollback",
            "upgrade 4 Asked",
        ),
        ("1:superseded 2:failed 3:deployed remedy undoes back:1 failed:1 rollback", "nothing"),
        ("1:superseded 2:failed 3:deployed remedy undoes back:1 values", "upgrade 4 Values"),
        ("1:superseded 2:failed 3:deployed remedy back:1 chart", "upgrade 4 Chart"),
        // The rollback failed.
        ("1:deployed 2:failed 3:failed back:1 values failed:1 rollback", "again in 15 s"),
        ("1:deployed 2:failed 3:failed back:1 values failed:9 rollback", "stalled 3"),
        // A person goes back.
        ("1:superseded 2:deployed to:1", "roll back by 3 to 1"),
        ("1:superseded 2:failed to:1", "roll back by 3 to 1"),
        ("1:superseded 2:superseded 3:deployed undoes back:1 values", "leave 3, back at 1"),
        ("1:superseded 2:failed 3:deployed undoes back:1 values failed:1", "leave 3, back at 1"),
        ("1:superseded 2:superseded 3:deployed back:1 chart", "upgrade 4 Chart"),
        ("1:superseded 2:superseded 3:deployed undoes back:1 values undo", "upgrade 4 Undo"),
        // Tests.
        ("1:deployed due", "test 1"),
        ("1:deployed test", "test 1"),
        ("1:superseded 2:superseded 3:deployed undoes back:1 values test", "test 3"),
        ("1:superseded 2:failed 3:deployed remedy undoes back:1 values failed:1 rollback test", "test 3"),
        ("1:superseded 2:failed 3:deployed remedy undoes back:1 values failed:9 rollback test", "test 3"),
        ("1:deployed values test", "upgrade 2 Values"),
        ("1:deployed due values", "upgrade 2 Values"),
        ("1:deployed untrue", "nothing"),
        ("1:deployed untrue retry", "test 1"),
        ("1:deployed untrue uninstall", "uninstall"),
        ("1:superseded 2:deployed untrue failed:1 rollback", "take back by 3 to 1"),
        ("1:superseded 2:deployed untrue helm rollback", "nothing"),
        // Uninstalled with its history kept (helm uninstall --keep-history).
        ("1:uninstalled helm", "install 2 NotDeployed"),
        ("1:superseded 2:uninstalled", "install 3 NotDeployed"),
        ("1:superseded 2:uninstalled values", "install 3 NotDeployed"),
        ("1:superseded 2:uninstalled 3:failed values", "install 4 Values"),
        ("1:uninstalled 2:superseded 3:failed values", "upgrade 4 Values"),
        // What Helm has not invented yet.
        ("1:unknown", "install 2 NotDeployed"),
        ("1:deployed 2:resting helm", "upgrade 3 NotDeployed"),
    ];
    assert!(rows.len() >= 80);
    let faults: Vec<_> = rows
        .iter()
        .map(|(text, expected)| (text, expected, Row::read(text).decision()))
        .filter(|(_, expected, actual)| expected != &actual)
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn delays_double_up_to_the_longest() {
    let delays: Vec<_> = [1, 2, 3, 6, 7, 99].map(|failures| retry_delay(failures).as_secs()).to_vec();
    assert_eq!(delays, [15, 30, 60, 480, 600, 600]);
}
