//! What a person reads, and the lines that programs read.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "telling a person is what this is for")]

use std::collections::BTreeSet;
use std::time::Duration;

use crate::burst::{Burst, Part, WORKER};
use crate::figures::Figure;
use crate::helm::Helm;
use crate::ours::Ours;
use crate::requests::{Name, Purpose, purpose_of};

/// Says what is measured now, which takes a while.
pub(crate) fn begins(what: &str) {
    eprintln!("… {what}");
}

/// Says why there are no figures.
pub(crate) fn fault(error: &anyhow::Error) {
    eprintln!("bench-releases: {error:#}");
}

/// The lines that programs read.
pub(crate) fn figures(figures: &[Figure]) {
    println!();
    for figure in figures {
        println!("{}", figure.line());
    }
}

/// What helm took for a release.
pub(crate) fn helm(helm: &Helm) {
    println!("\nhelm upgrade --install, {} releases, one after the other", helm.install.releases);
    println!("  {:<34} {:>12} {:>12}", "of one release", "install", "upgrade");
    let row =
        |title: &str, install: f64, upgrade: f64| println!("  {title:<34} {install:>12.1} {upgrade:>12.1}");
    row("time, ms", helm.install.each() * 1e3, helm.upgrade.each() * 1e3);
    let apiserver = |run: &crate::helm::Run| run.apiserver.as_secs_f64() * 1e3 / run.releases as f64;
    row("processor time of kube-apiserver, ms", apiserver(&helm.install), apiserver(&helm.upgrade));
}

/// Peak memory by the number of CustomResourceDefinitions.
pub(crate) fn memory(releases: usize, peaks: &[(usize, u64)]) {
    println!("\nrelease-operator's peak of resident memory, {releases} releases installed and upgraded");
    println!("  {:>24} {:>8}", "CustomResourceDefinitions", "MB");
    for (crds, peak) in peaks {
        println!("  {crds:>24} {:>8.1}", *peak as f64 / 1e6);
    }
}

/// All that was measured with one number of releases.
pub(crate) fn size(releases: usize, crds: usize, ours: Option<&Ours>, floor: Option<&Part>) {
    println!("\n{releases} releases, {crds} CustomResourceDefinitions beside");
    let columns = Columns { ours: ours.map(|ours| &ours.part), floor };
    columns.heading();
    columns.row("time for all, s", 2, |burst, _| Some(burst.wall.as_secs_f64()));
    columns.row("time for one, ms", 1, |burst, part| Some(each(burst.wall.as_secs_f64() * 1e3, part)));
    let names: &[(&str, &str)] = &[
        (WORKER, "release-operator, or the floor"),
        ("kube-apiserver", "kube-apiserver"),
        ("etcd", "etcd"),
        ("kube-controller-manager", "kube-controller-manager"),
        ("this program", "this program, which creates and watches"),
    ];
    println!("  processor time for one, ms");
    for (name, title) in names {
        columns.row(&format!("  {title}"), 2, |burst, part| cpu(burst, part, name));
    }
    println!("  requests for one");
    for purpose in Purpose::ALL {
        columns.requests(purpose);
    }
    let peak =
        |part: Option<&Part>| part.map_or("-".to_owned(), |part| format!("{:.1}", part.peak as f64 / 1e6));
    println!(
        "  {:<46} {:>10} {:>10}",
        "peak of resident memory, MB",
        peak(columns.ours),
        peak(columns.floor)
    );
    if let Some(ours) = ours.filter(|ours| ours.quiet.lasted > Duration::ZERO) {
        quiet(ours);
    }
}

fn quiet(ours: &Ours) {
    let quiet = &ours.quiet;
    let all: u64 = quiet.requests.0.values().sum();
    println!(
        "  {} s in which nothing happened: {} ms of release-operator's processor time, {all} requests",
        quiet.lasted.as_secs(),
        quiet.cpu.as_millis()
    );
    for ((verb, resource), count) in &quiet.requests.0 {
        println!("    {verb} {resource}: {count}");
    }
}

fn each(value: f64, part: &Part) -> f64 {
    value / part.releases as f64
}

fn cpu(burst: &Burst, part: &Part, process: &str) -> Option<f64> {
    let (_, taken) = burst.cpu.iter().find(|(name, _)| *name == process)?;
    Some(each(taken.as_secs_f64() * 1e3, part))
}

/// Install and upgrade of both who work on releases.
struct Columns<'a> {
    ours: Option<&'a Part>,
    floor: Option<&'a Part>,
}

impl Columns<'_> {
    fn heading(&self) {
        println!("  {:<46} {:>31}   {:>31}", "", "install", "upgrade");
        let three = format!("{:>10} {:>10} {:>9}", "ours", "floor", "ratio");
        println!("  {:<46} {three}   {three}", "");
    }

    fn row(&self, title: &str, digits: usize, value: impl Fn(&Burst, &Part) -> Option<f64>) {
        let three = |burst: fn(&Part) -> &Burst| {
            let of = |part: Option<&Part>| part.and_then(|part| value(burst(part), part));
            let (ours, floor) = (of(self.ours), of(self.floor));
            let text = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
            let ratio = ours.zip(floor).filter(|(_, floor)| *floor > 0.0).map(|(ours, floor)| ours / floor);
            let ratio = ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            format!("{:>10} {:>10} {ratio:>9}", text(ours), text(floor))
        };
        println!("  {title:<46} {}   {}", three(|part| &part.install), three(|part| &part.upgrade));
    }

    fn requests(&self, purpose: Purpose) {
        self.row(&format!("  {}", purpose.title()), 2, |burst, part| {
            Some(each(burst.requests.count(purpose) as f64, part))
        });
        let parts = [self.ours, self.floor].into_iter().flatten();
        let bursts = parts.flat_map(|part| [&part.install, &part.upgrade]);
        let names: BTreeSet<&Name> = bursts.flat_map(|burst| burst.requests.0.keys()).collect();
        for name in names.into_iter().filter(|name| purpose_of(name) == purpose) {
            self.row(&format!("    {} {}", name.0, name.1), 2, |burst, part| {
                Some(each(burst.requests.0.get(name).copied().unwrap_or(0) as f64, part))
            });
        }
    }
}
