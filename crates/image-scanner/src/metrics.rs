//! What is counted.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

/// The metrics of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Scans that ended, by `result`: `complete` or `failed`.
    pub scans: IntCounterVec,
    /// How long they took.
    pub scan_seconds: Histogram,
    /// Tags read, by `result`: `image`, `unchanged` or `fault`.
    pub tags: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help| IntCounterVec::new(Opts::new(name, help), &["result"]);
        let metrics = Self {
            scans: counter(
                "windlass_image_scans_total",
                "Scans of image repositories that ended, by result.",
            )?,
            scan_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "windlass_image_scan_duration_seconds",
                    "Duration of scans of image repositories.",
                )
                .buckets(prometheus::exponential_buckets(0.01, 3.0, 10)?),
            )?,
            tags: counter("windlass_image_tags_read_total", "Tags whose manifest was asked for, by result.")?,
        };
        registry.register(Box::new(metrics.scans.clone()))?;
        registry.register(Box::new(metrics.scan_seconds.clone()))?;
        registry.register(Box::new(metrics.tags.clone()))?;
        Ok(metrics)
    }
}
