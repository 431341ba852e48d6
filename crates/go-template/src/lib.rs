//! Go's `text/template` in Rust: the same output bytes, the same values, the same error texts.
//!
//! * [`TemplateSet`] parses templates once; it is immutable while they run, `Send` and `Sync`.
//! * [`Executor`] runs them, often, within [`Limits`]; functions receive it, so that an `include` or a `tpl` shares
//!   budgets, depth and the set.
//! * [`Value`] is what they compute with: Go's kinds, shared mutable [`List`]s and [`Map`]s, host [`Object`]s.
//! * [`Funcs`] are the functions they call, besides Go's built-in ones.
//!
//! ```
//! use go_template::{Executor, Func, Funcs, Map, Options, TemplateSet, Type};
//!
//! let mut funcs = Funcs::new();
//! funcs.insert(
//!     "upper",
//!     Func::new(&[Type::String], |_, args| {
//!         Ok(args[0].as_str().map_or_else(String::new, |s| s.to_str().to_uppercase()).into())
//!     }),
//! );
//! let mut set = TemplateSet::new(funcs.names());
//! set.parse("hello", "Hello, {{ .name | upper }}{{ if gt .n 1.0 }}s{{ end }}!")?;
//!
//! let data: Map = [("name", "cluster")].into_iter().collect();
//! data.insert("n", 2.0);
//! let mut exec = Executor::new(&set, &funcs, Options::default());
//! assert_eq!(exec.execute("hello", data.into())?.to_str(), "Hello, CLUSTERs!");
//! # Ok::<(), go_template::Error>(())
//! ```
//!
//! Invariants: no clock, no randomness, no environment, no file system; no panic and bounded memory on any input,
//! given bounded [`Limits`] and a stack that fits them; maps are walked in byte order of their keys.

mod builtin;
mod collection;
mod cycles;
mod error;
mod exec;
mod fmt;
mod func;
mod names;
mod object;
mod options;
mod parse;
mod set;
mod text;
mod types;
pub mod unicode;
mod value;

pub use collection::{List, Map};
pub use cycles::Changed;
pub use error::{Budget, Error, ErrorKind, Location};
pub use exec::Executor;
pub use fmt::{FloatFormat, format_float, quote_bytes};
pub use func::{Func, FuncError, Funcs, Signature};
pub use object::Object;
pub use options::{Limits, MissingKey, Options};
pub use parse::{parse_float, parse_int};
pub use set::TemplateSet;
pub use text::Str;
pub use types::Type;
pub use value::{Number, Value};
