//! Drift: whether and where a live object has left what its document states, and how to correct it without touching what is to be
//! left alone. Pure.
//!
//! Three questions, from cheap to exact:
//! * [`states`]: is it certain that applying the document again would change nothing? It needs the live object only, and saves a
//!   request for most objects of a quiet cluster.
//! * [`differences`]: what would the apply change, field by field? `wanted` is the answer of [`crate::Applier::dry_run`], so that
//!   defaults, admission and other managers' fields have had their say, and no rule of the API server is guessed.
//! * [`with_live`]: which document corrects everything but the fields that are to be left alone?

mod differences;
mod live;
mod pointer;
mod states;
mod value;

pub use differences::{Difference, Differences, Shown, differences};
pub use live::with_live;
pub use pointer::{Pointer, PointerError, ignored};
pub use states::{Stated, states};
