//! The functions of [Sprig](https://masterminds.github.io/sprig/) 3.3 for [`go_template`], with Go's casting rules and
//! error texts.
//!
//! [`functions`] gives the table. Time and randomness come from the caller, as [`Clock`] and [`Random`]; the environment
//! and the name service do too, if a [`Host`] is to have them. Functions whose cost grows with their arguments, or is
//! large to begin with, are charged to the executor's budgets.
//!
//! Invariants: no clock, environment, network or file system; the same arguments, time and random bytes give the same
//! result; no panic on any input. What differs from Sprig is listed in COMPATIBILITY.md.
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
mod certificates;
mod dates;
mod decimal;
mod defaults;
mod dicts;
mod duration;
mod encoding;
mod equal;
mod host;
mod json;
mod keys;
mod layout;
mod lists;
mod marshal;
mod numbers;
mod passwords;
mod paths;
mod pattern;
mod pem;
mod random;
mod regexes;
mod strings;
mod time;
mod types;
mod urls;
mod version;
mod words;

use std::rc::Rc;

use go_template::{Func, Funcs};

pub use equal::deep_equal;
pub use json::charge_read;
pub use marshal::Marshal;
pub use pattern::re2;
pub use urls::Url;
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

/// The process's environment.
pub trait Environment {
    /// The variable of this name, if it is set.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The name service.
pub trait Resolver {
    /// The addresses of a host name, as text; none if it has none or the service does not answer. Called from within an
    /// execution, so it should not wait long.
    fn lookup(&self, name: &str) -> Vec<String>;
}

/// A function of the table and its name.
type Entry = (&'static str, Func);

/// What functions may use of the world outside. Without a port there are no functions that need it: a template that names
/// one does not parse (`function "env" not defined`).
///
/// ```
/// use std::rc::Rc;
///
/// # struct Fixed;
/// # impl sprig::Clock for Fixed {
/// #     fn now(&self) -> (i64, u32) {
/// #         (0, 0)
/// #     }
/// # }
/// # impl sprig::Random for Fixed {
/// #     fn fill(&self, bytes: &mut [u8]) {
/// #         bytes.fill(7);
/// #     }
/// # }
/// struct Process;
/// impl sprig::Environment for Process {
///     fn variable(&self, name: &str) -> Option<String> {
///         std::env::var(name).ok()
///     }
/// }
///
/// let host = sprig::Host::new(Rc::new(Fixed), Rc::new(Fixed));
/// assert!(host.functions().get("env").is_none());
/// let host = host.with_environment(Rc::new(Process));
/// assert!(host.functions().get("env").is_some());
/// ```
#[derive(Clone)]
pub struct Host {
    clock: Rc<dyn Clock>,
    random: Rc<dyn Random>,
    environment: Option<Rc<dyn Environment>>,
    resolver: Option<Rc<dyn Resolver>>,
}

impl Host {
    /// A host that has the time and randomness only.
    pub fn new(clock: Rc<dyn Clock>, random: Rc<dyn Random>) -> Self {
        Host { clock, random, environment: None, resolver: None }
    }

    /// Adds `env` and `expandenv`. Environments hold secrets: give it to templates that may see them all.
    #[must_use]
    pub fn with_environment(mut self, environment: Rc<dyn Environment>) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Adds `getHostByName`.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Rc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// The function table.
    pub fn functions(&self) -> Funcs {
        let mut funcs = Funcs::new();
        let tables = [
            case::table(),
            certificates::table(&self.clock, &self.random),
            dates::table(self.clock.clone()),
            decimal::table(),
            defaults::table(),
            dicts::table(),
            encoding::table(),
            json::table(),
            lists::table(),
            numbers::table(),
            passwords::table(&self.random),
            paths::table(),
            random::table(self.random.clone()),
            regexes::table(),
            strings::table(),
            types::table(),
            urls::table(),
            version::table(),
            words::table(),
            self.environment.clone().map(host::environment).unwrap_or_default(),
            self.resolver.clone().map(|port| host::resolver(port, self.random.clone())).unwrap_or_default(),
        ];
        for (name, func) in tables.into_iter().flatten() {
            let of_interface = RETURNING_INTERFACE.contains(&name);
            funcs.insert(name, if of_interface { func.returning_interface() } else { func });
        }
        funcs
    }
}

/// The functions whose Go result is `interface {}`: a field of a nil among their results is an error that says so.
const RETURNING_INTERFACE: [&str; 20] = [
    "coalesce",
    "concat",
    "deepCopy",
    "default",
    "dig",
    "first",
    "fromJson",
    "get",
    "last",
    "merge",
    "mergeOverwrite",
    "mustDeepCopy",
    "mustFirst",
    "mustFromJson",
    "mustLast",
    "mustMerge",
    "mustMergeOverwrite",
    "mustSlice",
    "slice",
    "ternary",
];

/// The function table of a host that has the time and randomness only: all of Sprig's functions but `env`, `expandenv` and
/// `getHostByName`. Short for [`Host::functions`].
pub fn functions(clock: Rc<dyn Clock>, random: Rc<dyn Random>) -> Funcs {
    Host::new(clock, random).functions()
}
