//! Helm's release record, and the rules of a release's history.
//!
//! A release is stored the way Helm 3 and 4 store it: one Secret per revision, holding a JSON record that is gzipped
//! and base64-encoded. A person's `helm history`, `helm get`, `helm rollback` and `helm upgrade` work on records that
//! this crate writes, and this crate reads theirs.
//!
//! Invariants:
//! - No I/O and no clock: the caller lists, reads and writes Secrets and passes the time in.
//! - A field that this crate does not know survives decoding and encoding again.
//! - Decoding is bounded ([`codec::MAX_RECORD_BYTES`]) and so is encoding ([`secret::MAX_SECRET_BYTES`]).
//! - [`history`] never names the deployed revision, or the one that an operation may go back to, for pruning.
//!
//! ```
//! use helm_release::{codec, Release, ReleaseName, Status};
//!
//! let mut release = Release::new(ReleaseName::new("podinfo-dev")?, "dev", 1);
//! release.info.status = Status::Deployed;
//! let data = codec::encode(&release)?;
//! assert_eq!(codec::decode(data.as_bytes())?, release);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod codec;
pub mod history;
mod hook;
mod name;
mod open_enum;
mod record;
pub mod rendered;
pub mod secret;
mod status;
mod time;

pub use history::History;
pub use hook::{Hook, HookDeletePolicy, HookEvent, HookExecution, HookOutputLogPolicy, HookPhase};
pub use name::{InvalidReleaseName, ReleaseName};
pub use record::{ApplyMethod, ChartFile, ChartMetadata, Info, Release, ReleaseChart};
pub use secret::{ReleaseSecret, Stamp};
pub use status::Status;
pub use time::{InvalidTime, RecordTime};
