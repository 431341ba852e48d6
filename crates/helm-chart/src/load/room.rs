//! How much a chart's archives may still unpack to.

use crate::limits::{LimitExceeded, Limits};
use crate::warning::Warning;

/// What may still be unpacked: all archives of a chart share one limit.
pub(crate) struct Room<'a> {
    pub(crate) limits: &'a Limits,
    left: usize,
    entries: usize,
    /// What came out of archives so far, whether it was kept or not.
    pub(crate) inflated: u64,
    /// What Helm logs while it loads.
    pub(crate) warnings: Vec<Warning>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, left: limits.total_bytes, entries: limits.files, inflated: 0, warnings: Vec::new() }
    }

    /// One more entry of an archive, be it a file or not.
    pub(crate) fn spend_entry(&mut self) -> Result<(), LimitExceeded> {
        self.entries = self.entries.checked_sub(1).ok_or(LimitExceeded::Files(self.limits.files))?;
        Ok(())
    }

    /// A file of so many bytes is about to be unpacked.
    pub(crate) fn spend_unpacked(&mut self, size: u64, path: &str) -> Result<(), LimitExceeded> {
        let left = usize::try_from(size).ok().and_then(|size| self.left.checked_sub(size));
        self.left =
            left.filter(|left| *left > 0).ok_or(LimitExceeded::UnpackedBytes(self.limits.total_bytes))?;
        if size > self.limits.file_bytes as u64 {
            return Err(LimitExceeded::FileBytes { path: path.to_owned(), most: self.limits.file_bytes });
        }
        Ok(())
    }
}
