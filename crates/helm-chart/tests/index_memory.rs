//! What reading a large index takes at most, in a process of its own: one test, so that nothing else counts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fmt::Write as _;

use helm_chart::{IndexReader, VersionConstraint};

const CHARTS: usize = 4000;
const VERSIONS: usize = 50;

/// A chart's part of an index, as `helm repo index` writes it or in JSON: some 15 KB.
fn part(chart: usize, json: bool) -> String {
    let mut out = String::new();
    let name = format!("chart-{chart}");
    if json {
        write!(out, "{}\"{name}\":[", if chart == 0 { "" } else { "," }).unwrap();
    } else {
        writeln!(out, "  {name}:").unwrap();
    }
    for version in 0..VERSIONS {
        let digest = "0123456789abcdef".repeat(4);
        let about = "Deploys what it is named after, \"quoted\" and: folded";
        let (url, created) = (format!("{name}-1.{version}.0.tgz"), "2024-05-11T11:15:00.104313873+02:00");
        if json {
            let comma = if version == 0 { "" } else { "," };
            write!(out, r#"{comma}{{"apiVersion":"v2","appVersion":"1.16.{version}","created":"{created}","description":{about:?},"digest":"{digest}","name":"{name}","urls":["https://charts.example.com/{url}"],"version":"1.{version}.0"}}"#).unwrap();
        } else {
            write!(out, "  - apiVersion: v2\n    appVersion: 1.16.{version}\n    created: \"{created}\"\n    description: '{about}'\n    digest: {digest}\n    name: {name}\n    urls:\n    - https://charts.example.com/{url}\n    version: 1.{version}.0\n").unwrap();
        }
    }
    if json {
        out.push(']');
    }
    out
}

/// The most memory that this process had, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_large_index_is_never_in_memory() {
    for json in [false, true] {
        let before = peak();
        let (begin, end) = match json {
            true => (r#"{"apiVersion":"v1","entries":{"#, r#"},"generated":"2024-05-11T11:15:00Z"}"#),
            false => ("apiVersion: v1\nentries:\n", "generated: \"2024-05-11T11:15:00Z\"\n"),
        };
        let mut reader = IndexReader::new(["chart-77".to_owned(), format!("chart-{}", CHARTS - 1)]);
        let mut bytes = 0;
        let mut feed = |text: &str| {
            bytes += text.len();
            reader.feed(text.as_bytes()).unwrap();
        };
        feed(begin);
        (0..CHARTS).for_each(|chart| feed(&part(chart, json)));
        feed(end);
        let index = reader.finish().unwrap();
        let newest = |chart: &str| {
            let versions = index.get(chart).unwrap().unwrap();
            assert_eq!(versions.newest_first().len(), VERSIONS);
            versions.choose(&VersionConstraint::parse("^1").unwrap()).unwrap().version.clone()
        };
        assert_eq!([newest("chart-77"), newest("chart-3999")], ["1.49.0", "1.49.0"]);
        assert!(bytes > 60 << 20, "{bytes} bytes");
        let more = peak() - before;
        println!("an index of {} MiB took {more} KiB", bytes >> 20);
        assert!(more < 8 << 10, "{more} KiB for {bytes} bytes");
    }
}
