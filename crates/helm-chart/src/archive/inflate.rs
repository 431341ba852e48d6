//! The decompressed bytes of an archive, metered.

use std::cell::Cell;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::ArchiveError;
use crate::limits::{LimitExceeded, Limits};

/// So much may come out of an archive whatever its ratio.
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Refuses what does not begin as a gzip stream does.
pub(super) fn check_header(archive: &[u8]) -> Result<(), ArchiveError> {
    const HEADER: usize = 10;
    match archive {
        [] => Err(ArchiveError::NoBytes),
        short if short.len() < HEADER => Err(ArchiveError::Truncated),
        [0x1f, 0x8b, 8, ..] => Ok(()),
        _ => Err(ArchiveError::NotGzip),
    }
}

/// What may be read, and what went wrong. The reader of tar files only hands on errors of I/O.
pub(super) struct Meter {
    allowed: Cell<u64>,
    inflated: Cell<u64>,
    most_by_ratio: u64,
    most: u64,
    limits: Limits,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Good,
    Ended,
    Gzip,
    Ratio,
    Total,
    Header,
}

impl Meter {
    /// For an archive of so many bytes, after so many came out of the chart's other archives.
    pub(super) fn new(compressed: usize, before: u64, limits: &Limits) -> Self {
        let by_ratio = (compressed as u64).saturating_mul(limits.ratio as u64);
        // Headers and padding of so many entries come on top.
        let headers = (limits.files as u64).saturating_mul(4096);
        Self {
            allowed: Cell::new(0),
            inflated: Cell::new(0),
            most_by_ratio: by_ratio.max(RATIO_FREE_BYTES),
            most: (limits.total_bytes as u64)
                .saturating_add(headers)
                .saturating_add(RATIO_FREE_BYTES)
                .saturating_sub(before),
            limits: *limits,
            state: Cell::new(State::Good),
        }
    }

    /// How many bytes came out.
    pub(super) fn inflated(&self) -> u64 {
        self.inflated.get()
    }

    /// Lets so many bytes through, besides an entry's header and padding.
    pub(super) fn allow(&self, bytes: u64) {
        self.allowed.set(bytes.saturating_add(4096));
    }

    /// The reason for an error of the reader.
    pub(super) fn explain(&self, error: io::Error) -> ArchiveError {
        match self.state.get() {
            State::Good => ArchiveError::Tar(error),
            State::Ended => ArchiveError::Truncated,
            State::Gzip => ArchiveError::Gzip(error),
            State::Ratio => LimitExceeded::Ratio(self.limits.ratio).into(),
            State::Total => LimitExceeded::UnpackedBytes(self.limits.total_bytes).into(),
            State::Header => ArchiveError::LongHeader,
        }
    }

    fn fail(&self, state: State) -> io::Error {
        self.state.set(state);
        io::Error::other("a limit is exceeded")
    }
}

pub(super) struct Inflated<'a> {
    gzip: MultiGzDecoder<&'a [u8]>,
    meter: &'a Meter,
}

impl<'a> Inflated<'a> {
    pub(super) fn new(archive: &'a [u8], meter: &'a Meter) -> Self {
        Self { gzip: MultiGzDecoder::new(archive), meter }
    }

    /// After the zeros that end a tar file there are either more zeros or there is no second block at all.
    pub(super) fn expect_end(&mut self) -> Result<(), ArchiveError> {
        self.meter.allow(0);
        let mut block = [0; 512];
        let mut filled = 0;
        while filled < block.len() {
            match self.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(()),
                Ok(0) => return Err(ArchiveError::Truncated),
                Ok(read) => filled += read,
                Err(error) => return Err(self.meter.explain(error)),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(ArchiveError::Tar(io::Error::other("zero block and then non-zero block")))
        }
    }
}

impl Read for Inflated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let meter = self.meter;
        if buffer.is_empty() {
            return Ok(0);
        }
        if meter.allowed.get() == 0 {
            return Err(meter.fail(State::Header));
        }
        let most = meter.most.min(meter.most_by_ratio);
        if meter.inflated.get() >= most {
            return Err(meter.fail(if most == meter.most { State::Total } else { State::Ratio }));
        }
        let most = meter.allowed.get().min(most - meter.inflated.get());
        let length = usize::try_from(most).map_or(buffer.len(), |most| most.min(buffer.len()));
        let read = self.gzip.read(&mut buffer[..length]).inspect_err(|error| {
            let ended = error.kind() == io::ErrorKind::UnexpectedEof;
            meter.state.set(if ended { State::Ended } else { State::Gzip });
        })?;
        if read == 0 {
            meter.state.set(State::Ended);
        }
        meter.allowed.set(meter.allowed.get() - read as u64);
        meter.inflated.set(meter.inflated.get() + read as u64);
        Ok(read)
    }
}
