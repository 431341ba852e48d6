//! Readiness beside kstatus and Helm: `cases/readiness.cases` has the objects, `.expected` what these say (`make oracle`).

use std::collections::BTreeSet;

use kube_apply::{Readiness, readiness};
use serde_json::Value;

const CASES: &str = include_str!("cases/readiness.cases");
const EXPECTED: &str = include_str!("cases/readiness.expected");

/// Where we judge otherwise, on purpose: the case, and what we say.
const ON_PURPOSE: [(&str, &str); 11] = [
    // A pod that failed is no success.
    ("Pod that has failed", "Failed"),
    ("Pod that has failed and says nothing", "Failed"),
    // What has ended is not waited for, deleted or not.
    ("Pod that has succeeded and is deleted", "Current"),
    ("Pod that has failed and is deleted", "Failed"),
    // Helm's wait leaves it out, too, before it asks kstatus.
    ("Deployment that is paused", "Current"),
    // An unknown form of the status says nothing of the object.
    ("Pod on a lost node", "InProgress"),
    ("Widget with a status of another form", "Current"),
    ("Widget with conditions of another form", "Current"),
    ("Widget with a condition of another form", "Current"),
    ("Widget with a boolean condition", "Current"),
    ("Widget with an observed generation of another form", "Current"),
];

#[test]
fn objects_are_judged_as_by_kstatus_and_helm() {
    let cases = CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut wrong, mut deviations) = (Vec::new(), BTreeSet::new());
    let mut count = 0;
    for (case, expected) in cases.zip(EXPECTED.lines()) {
        let (name, object) = case.split_once(": ").unwrap();
        let mut columns = expected.split('\t');
        assert_eq!(columns.next(), Some(name), "`make oracle` makes the expected results again");
        let (theirs, told) = (columns.next().unwrap(), columns.next().unwrap());
        let object: Value = go_yaml::from_str(object).unwrap().into();
        let judged = readiness(&object);
        let ours = match &judged {
            Readiness::Ready => "Current",
            Readiness::Progressing(_) => "InProgress",
            Readiness::Failed(_) => "Failed",
        };
        // Whoever waits for an object waits while it is being deleted.
        let theirs = if theirs == "Terminating" { "InProgress" } else { theirs };
        let on_purpose = ON_PURPOSE.iter().find(|(case, _)| *case == name).map(|(_, ours)| *ours);
        if ours != on_purpose.unwrap_or(theirs) {
            wrong.push(format!("{name}: {judged:?} instead of {theirs} ({told})"));
        }
        if ours != theirs {
            deviations.insert(name);
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, EXPECTED.lines().count());
    assert_eq!(deviations, ON_PURPOSE.iter().map(|(name, _)| *name).collect());
}
