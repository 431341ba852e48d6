//! The one trace that leads from the pushed tag through the commit to the upgrade.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};

use super::Narrator;
use super::stage::{PATIENCE, Stage};
use crate::otlp::Span;
use crate::wait::eventually;

/// The services the trace must lead through.
const LEADS_THROUGH: [&str; 3] = ["image-scanner", "git-syncer", "release-operator"];

pub(super) async fn one_trace(stage: &mut Stage, narrator: &mut dyn Narrator) -> anyhow::Result<()> {
    let commit = stage.image_commit.clone().context("no commit by automation was seen")?;
    let trailer = stage
        .worktree()
        .git(&["show", "--no-patch", "--format=%(trailers:key=Traceparent,valueonly)", &commit])
        .await?;
    let trace =
        trailer.trim().split('-').nth(1).with_context(|| format!("no trailer Traceparent in {commit}"))?;
    eventually(PATIENCE, "the trace to lead through all services", async || {
        let services = stage.bed.otlp().services_of(trace);
        ensure!(LEADS_THROUGH.iter().all(|name| services.contains(*name)), "it leads through {services:?}");
        Ok::<_, anyhow::Error>(())
    })
    .await?;
    let spans = stage.bed.otlp().trace(trace);
    narrator.shows(&drawn(trace, &spans));
    Ok(())
}

/// A trace as a tree: service, span, when it began and how long it took.
fn drawn(trace: &str, spans: &[Span]) -> String {
    let begin = spans.iter().map(|span| span.start).min().unwrap_or_default();
    let known: Vec<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let mut children: BTreeMap<Option<&str>, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        // A parent that was never exported (its process was killed) must not hide its children.
        let parent = span.parent_id.as_deref().filter(|parent| known.contains(parent));
        children.entry(parent).or_default().push(span);
    }
    let mut text = format!("trace {trace}\n");
    let mut waiting: Vec<(usize, &Span)> =
        children.get(&None).into_iter().flatten().rev().map(|span| (0, *span)).collect();
    while let Some((depth, span)) = waiting.pop() {
        let millis = |nanos: u64| nanos as f64 / 1e6;
        let _ = writeln!(
            text,
            "{:<18} {:>9.1} ms {:>8.1} ms  {}{}{}",
            span.service,
            millis(span.start - begin),
            millis(span.end.saturating_sub(span.start)),
            "  ".repeat(depth),
            span.name,
            if span.failed { "  ✗" } else { "" },
        );
        let below = children.get(&Some(span.span_id.as_str()));
        waiting.extend(below.into_iter().flatten().rev().map(|span| (depth + 1, *span)));
    }
    text
}
