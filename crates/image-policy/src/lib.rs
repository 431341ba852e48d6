//! Which image a workload runs, which tags its policy admits, and which of them it should run next.
//!
//! The crate is pure: image references and patterns come in as text, registry knowledge comes in as
//! [`Candidate`]s, and [`choose`] answers. Its rules are those of Flux v1, with one addition that never gives
//! way: an image is never replaced by one that is older, or whose age compared to it is unknown, so that a
//! registry that answers half its tags can delay an update but cannot take one back.
//!
//! ```
//! use image_policy::{Candidate, Created, Current, Decision, ImageRef, TagPattern, choose};
//!
//! let image: ImageRef = "stefanprodan/podinfo:dev-kb9lm91e".parse()?;
//! let pattern: TagPattern = "glob:dev-*".parse()?;
//! let known = [
//!     Candidate { tag: "dev-kb9lm91e".parse()?, created: Created::from_unix_nanos(1_000) },
//!     Candidate { tag: "dev-9ij63o4c".parse()?, created: Created::from_unix_nanos(2_000) },
//!     Candidate { tag: "stg-00000000".parse()?, created: Created::from_unix_nanos(9_000) },
//! ];
//! let current = Current { item: "dev:fluxhelmrelease/podinfo-dev", image: &image, created: known[0].created };
//! let Decision::Update(update) = choose(&pattern, current, &known) else { panic!() };
//! assert_eq!(image.with_tag(update.tag).to_string(), "stefanprodan/podinfo:dev-9ij63o4c");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod choose;
mod created;
mod pattern;
mod reference;

pub use choose::{Candidate, Current, Decision, Hold, Update, Why, choose};
pub use created::Created;
pub use pattern::{PatternError, TagPattern};
pub use reference::{Digest, ImageRef, ParseError, Repository, Tag};
