//! Loaded charts, kept by the digest of what they were loaded of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use helm_chart::Chart;

use crate::loaded::LoadedChart;

/// What a [`ChartCache`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// The most charts.
    pub charts: usize,
    /// The most bytes of all charts' files together. Parsed templates come on top, at some ten times their text.
    pub bytes: usize,
}

impl Default for CacheLimits {
    /// 256 charts, 64 MiB.
    fn default() -> Self {
        Self { charts: 256, bytes: 64 << 20 }
    }
}

/// Loaded charts by digest: a chart is parsed once, however many releases are rendered of it. The charts that were not
/// used for the longest time go first; one that is rendered at that moment lives on until it is done.
///
/// ```
/// use helm_chart::{Chart, Limits, Mode, SourceFile};
/// use helm_engine::{CacheLimits, ChartCache, LoadedChart};
///
/// let load = || {
///     let bytes = b"apiVersion: v2\nname: web\nversion: 0.1.0\n".as_slice().into();
///     let chart_yaml = SourceFile { path: "Chart.yaml".into(), mode: Mode::File, bytes };
///     Chart::load([chart_yaml], &Limits::default()).map(LoadedChart::new)
/// };
/// let cache = ChartCache::new(CacheLimits::default());
/// let first = cache.get_or_load("sha256:1", load)?;
/// let second = cache.get_or_load("sha256:1", load)?;
/// assert!(std::sync::Arc::ptr_eq(&first, &second));
/// # Ok::<(), helm_chart::LoadError>(())
/// ```
#[derive(Debug)]
pub struct ChartCache {
    limits: CacheLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: HashMap<String, Kept>,
    bytes: usize,
    /// Counts the uses; the larger number is the later one.
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    chart: Arc<LoadedChart>,
    bytes: usize,
    used: u64,
}

impl ChartCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// The chart of this digest, if it is kept.
    pub fn get(&self, digest: &str) -> Option<Arc<LoadedChart>> {
        self.lock().touch(digest)
    }

    /// The chart of this digest, loaded if it is not kept. Loading holds up nobody; of two that load the same chart at once
    /// both get the one that is done first. A chart too large for the cache is loaded and not kept.
    ///
    /// # Errors
    /// Those of `load`; nothing is kept then.
    pub fn get_or_load<E>(
        &self,
        digest: &str,
        load: impl FnOnce() -> Result<LoadedChart, E>,
    ) -> Result<Arc<LoadedChart>, E> {
        if let Some(chart) = self.get(digest) {
            return Ok(chart);
        }
        let chart = Arc::new(load()?);
        let bytes = size(chart.chart()).saturating_add(digest.len());
        let mut state = self.lock();
        if let Some(other) = state.touch(digest) {
            return Ok(other);
        }
        if bytes <= self.limits.bytes && self.limits.charts > 0 {
            state.make_room(self.limits.charts - 1, self.limits.bytes - bytes);
            state.bytes += bytes;
            let used = state.uses;
            state.kept.insert(digest.to_owned(), Kept { chart: chart.clone(), bytes, used });
        }
        Ok(chart)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn touch(&mut self, digest: &str) -> Option<Arc<LoadedChart>> {
        self.uses += 1;
        let kept = self.kept.get_mut(digest)?;
        kept.used = self.uses;
        Some(kept.chart.clone())
    }

    /// Lets go of charts until there are no more than these.
    fn make_room(&mut self, charts: usize, bytes: usize) {
        while self.kept.len() > charts || self.bytes > bytes {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(digest, _)| digest.clone());
            let Some(gone) = oldest.and_then(|digest| self.kept.remove(&digest)) else { return };
            self.bytes -= gone.bytes;
        }
    }
}

/// Bytes of a chart's files.
fn size(chart: &Chart) -> usize {
    let files = chart.templates.iter().chain(&chart.files).map(|file| file.name.len() + file.data.len());
    let schema = chart.schema.as_ref().map_or(0, |schema| schema.len());
    files.sum::<usize>() + schema + chart.dependencies.iter().map(size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use helm_chart::{Limits, Mode, SourceFile};

    use super::*;

    fn load(bytes: usize) -> Result<LoadedChart, Infallible> {
        let file = |path: &str, bytes: Vec<u8>| SourceFile {
            path: path.into(),
            mode: Mode::File,
            bytes: bytes.into(),
        };
        let chart_yaml = file("Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.0.0\n".to_vec());
        let source = [chart_yaml, file("f", vec![b'x'; bytes])];
        Ok(LoadedChart::new(Chart::load(source, &Limits::default()).unwrap()))
    }

    /// The digests that are left after charts of these sizes were asked for.
    fn left(limits: CacheLimits, asked: &[(&str, usize)]) -> Vec<String> {
        let cache = ChartCache::new(limits);
        for (digest, bytes) in asked {
            let _ = cache.get_or_load(digest, || load(*bytes));
        }
        let state = cache.lock();
        assert_eq!(state.bytes, state.kept.values().map(|kept| kept.bytes).sum::<usize>());
        let mut digests: Vec<_> = state.kept.keys().cloned().collect();
        digests.sort();
        digests
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let two = CacheLimits { charts: 2, bytes: 1000 };
        assert_eq!(left(two, &[("a", 1), ("b", 1), ("c", 1)]), ["b", "c"]);
        assert_eq!(left(two, &[("a", 1), ("b", 1), ("a", 1), ("c", 1)]), ["a", "c"]);
        let small = CacheLimits { charts: 10, bytes: 100 };
        assert_eq!(left(small, &[("a", 40), ("b", 40), ("c", 40)]), ["b", "c"]);
        assert_eq!(left(small, &[("a", 40), ("b", 90)]), ["b"]);
        // Too large: nothing else has to go for it.
        assert_eq!(left(small, &[("a", 40), ("b", 200)]), ["a"]);
        assert_eq!(left(CacheLimits { charts: 0, bytes: 100 }, &[("a", 1)]), Vec::<String>::new());
    }

    #[test]
    fn a_chart_that_does_not_load_is_asked_for_again() {
        let cache = ChartCache::new(CacheLimits::default());
        assert_eq!(cache.get_or_load("a", || Err("no")).unwrap_err(), "no");
        assert!(cache.get("a").is_none());
        assert!(cache.get_or_load("a", || load(1)).is_ok());
    }

    #[test]
    fn many_threads_share_one_chart() {
        let cache = ChartCache::new(CacheLimits::default());
        let charts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| cache.get_or_load("a", || load(1)).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(charts.iter().all(|chart| Arc::ptr_eq(chart, &charts[0])));
    }
}
