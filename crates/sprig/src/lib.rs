//! The functions of [Sprig](https://masterminds.github.io/sprig/) 3.3 for [`go_template`], with Go's casting rules and
//! error texts.
//!
//! [`functions`] gives the table. Time and randomness come from the caller, as [`Clock`] and [`Random`]: nothing in
//! here reads a clock, the environment, or the network. Functions whose cost grows with their arguments are charged to
//! the executor's budgets.
//!
//! ```
//! use std::rc::Rc;
//! use go_template::{Executor, Map, Options, TemplateSet};
//!
//! struct Fixed;
//! impl sprig::Clock for Fixed {
//!     fn now(&self) -> (i64, u32) {
//!         (1_500_000_000, 0)
//!     }
//! }
//! impl sprig::Random for Fixed {
//!     fn fill(&self, bytes: &mut [u8]) {
//!         bytes.fill(7);
//!     }
//! }
//!
//! let funcs = sprig::functions(Rc::new(Fixed), Rc::new(Fixed));
//! let mut set = TemplateSet::new(funcs.names());
//! set.parse("t", r#"{{ .name | default "web" | upper | quote }} {{ now | date "2006-01-02" }}"#)?;
//! let text = Executor::new(&set, &funcs, Options::default()).execute("t", Map::new().into())?;
//! assert_eq!(text.to_str(), r#""WEB" 2017-07-14"#);
//! # Ok::<(), go_template::Error>(())
//! ```

mod args;
mod case;
mod cast;
mod dates;
mod defaults;
mod dicts;
mod encoding;
mod equal;
mod json;
mod layout;
mod lists;
mod numbers;
mod paths;
mod pattern;
mod random;
mod regexes;
mod strings;
mod types;
mod urls;
mod version;
mod words;

use std::rc::Rc;

use go_template::{Func, Funcs};

pub use equal::deep_equal;
pub use version::{Constraint, SemverError, Version};

/// The time, as functions such as `now` see it.
pub trait Clock {
    /// Seconds and nanoseconds since the Unix epoch.
    fn now(&self) -> (i64, u32);
}

/// A source of random bytes, fit for passwords.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// A function of the table and its name.
type Entry = (&'static str, Func);

/// The function table. `env`, `expandenv` and `getHostByName` are not in it: they would read the host's secrets.
pub fn functions(clock: Rc<dyn Clock>, random: Rc<dyn Random>) -> Funcs {
    let mut funcs = Funcs::new();
    let tables = [
        case::table(),
        dates::table(clock),
        defaults::table(),
        dicts::table(),
        encoding::table(),
        json::table(),
        lists::table(),
        numbers::table(),
        paths::table(),
        random::table(random),
        regexes::table(),
        strings::table(),
        types::table(),
        urls::table(),
        version::table(),
        words::table(),
    ];
    for (name, func) in tables.into_iter().flatten() {
        funcs.insert(name, func);
    }
    funcs
}
