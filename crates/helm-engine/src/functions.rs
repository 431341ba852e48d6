//! The functions that Helm adds to those of Go and Sprig.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use go_template::{ErrorKind, Executor, Func, FuncError, Funcs, Str, Type, Value, quote_bytes};
use helm_chart::Warning;

use crate::data::from_yaml;
use crate::error::refusal;
use crate::release::{Clock, Dns, Host, Lookup, Mode, NoLookup, Random};
use crate::{duration, toml, values, yaml};

/// The name of the set of templates, which Go's error texts mention.
pub(crate) const SET_NAME: &str = "gotpl";

/// The most that an `include` of one name may lie inside itself.
const MAX_INCLUDES: usize = 1000;

/// What Go prints for a missing value. Helm takes it out of what templates print.
const NO_VALUE: &str = "<no value>";

/// The functions that [`LoadedChart::render`](crate::LoadedChart::render) gives to templates, for templates outside of charts:
/// Sprig's without `env` and `expandenv`, and `include`, `tpl`, `required`, `fail`, `lookup`, `toYaml` and their like as
/// Helm 4.3 registers them. A function that needs a clock or randomness fails if the host has none, whatever the template
/// makes of its result: no password is made of zeros.
///
/// ```
/// use go_template::{Executor, Options, TemplateSet, Value};
///
/// let funcs = helm_engine::functions(&helm_engine::Host::default());
/// let mut set = TemplateSet::new(funcs.names());
/// set.parse("a", r#"{{ define "name" }}web{{ end }}{{ include "name" . | quote }}"#)?;
/// let output = Executor::new(&set, &funcs, Options::default()).execute("a", Value::Nil)?;
/// assert_eq!(output.to_str(), r#""web""#);
///
/// set.parse("c", "{{ randAlphaNum 16 }}")?;
/// let error = Executor::new(&set, &funcs, Options::default()).execute("c", Value::Nil).unwrap_err();
/// assert!(error.to_string().ends_with("error calling randAlphaNum: it needs randomness, which this host does not give"));
/// # Ok::<(), go_template::Error>(())
/// ```
pub fn functions(host: &Host) -> Funcs {
    table(host, &Rc::default())
}

/// All functions that templates may call.
pub(crate) fn table(host: &Host, observed: &Rc<Observed>) -> Funcs {
    // The environment is never given: templates see nothing of the process that renders them.
    let mut funcs = sprig_functions(host, observed);
    funcs.extend(yaml::functions());
    funcs.extend(toml::functions());
    funcs.extend(duration::functions());
    values::add_methods(&mut funcs);
    funcs.insert("include", include());
    funcs.insert("tpl", tpl());
    let lint = host.mode == Mode::Lint;
    funcs.insert("required", required(lint.then(|| observed.clone())));
    funcs.insert("fail", fail(lint.then(|| observed.clone())));
    funcs.insert("lookup", lookup(if lint { Arc::new(NoLookup) } else { host.lookup.clone() }));
    if host.dns.is_none() {
        // Helm answers so unless it is told to ask the DNS.
        funcs.insert("getHostByName", Func::new(&[Type::String], |_, _| Ok("".into())));
    }
    funcs
}

/// Sprig's functions, those refusing that need what the host does not give.
fn sprig_functions(host: &Host, observed: &Rc<Observed>) -> Funcs {
    let (clock, random) = (host.clock.clone(), host.random.clone());
    let complete = clock.is_some() && random.is_some();
    let world = Rc::new(World { clock, random, observed: observed.clone() });
    let mut sprig_host = sprig::Host::new(world.clone(), world);
    if let Some(dns) = host.dns.clone() {
        sprig_host = sprig_host.with_resolver(Rc::new(Addresses(dns)));
    }
    let mut funcs = sprig_host.functions();
    if complete {
        return funcs;
    }
    // Sprig's ports cannot fail, so that each answer is looked at before it gets out.
    let names: Vec<String> = funcs.names().map(str::to_owned).collect();
    for name in names {
        let Some(func) = funcs.remove(&name) else { continue };
        let (original, observed) = (func.clone(), observed.clone());
        let checked = func.with_body(move |exec, args| {
            let result = original.invoke(exec, args);
            match observed.just_asked.take() {
                Some(thing) => {
                    Err(FuncError::message(format!("it needs {thing}, which this host does not give")))
                }
                None => result,
            }
        });
        funcs.insert(name, checked);
    }
    funcs
}

/// What is noticed while templates run.
#[derive(Default)]
pub(crate) struct Observed {
    asked_in_vain: Cell<Option<&'static str>>,
    /// The same, of the function that runs.
    just_asked: Cell<Option<&'static str>>,
    warnings: RefCell<Vec<Warning>>,
}

impl Observed {
    /// The first thing that a template asked for and the host does not have.
    pub(crate) fn asked_in_vain(&self) -> Option<&'static str> {
        self.asked_in_vain.get()
    }

    /// What Helm would have warned of.
    pub(crate) fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    fn note(&self, thing: &'static str) {
        self.asked_in_vain.set(self.asked_in_vain.get().or(Some(thing)));
        self.just_asked.set(Some(thing));
    }
}

/// The host as Sprig asks it.
struct World {
    clock: Option<Clock>,
    random: Option<Random>,
    observed: Rc<Observed>,
}

impl sprig::Clock for World {
    fn now(&self) -> (i64, u32) {
        self.clock.as_ref().map_or_else(
            || {
                self.observed.note("the time");
                (0, 0)
            },
            |clock| clock(),
        )
    }
}

impl sprig::Random for World {
    fn fill(&self, bytes: &mut [u8]) {
        match &self.random {
            Some(random) => random(bytes),
            None => {
                self.observed.note("randomness");
                bytes.fill(0);
            }
        }
    }
}

/// The name service as Sprig asks it.
struct Addresses(Arc<dyn Dns>);

impl sprig::Resolver for Addresses {
    fn lookup(&self, name: &str) -> Vec<String> {
        self.0.addresses(name)
    }
}

/// Takes Go's mark of a missing value out of a text.
pub(crate) fn without_no_value(text: &[u8]) -> Cow<'_, [u8]> {
    let mut marks = memchr::memmem::find_iter(text, NO_VALUE).peekable();
    if marks.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut kept = 0;
    for mark in marks {
        clean.extend_from_slice(&text[kept..mark]);
        kept = mark + NO_VALUE.len();
    }
    clean.extend_from_slice(&text[kept..]);
    Cow::Owned(clean)
}

fn include() -> Func {
    // How often each name lies inside itself now.
    let running: RefCell<HashMap<Str, Rc<Cell<usize>>>> = RefCell::default();
    Func::new(&[Type::String, Type::Any], move |exec, args| {
        let Value::String(name) = &args[0] else {
            return Err("the name of a template is a string".into());
        };
        let known = running.borrow().get(name).cloned();
        let depth = known.unwrap_or_else(|| running.borrow_mut().entry(name.clone()).or_default().clone());
        if depth.get() > MAX_INCLUDES {
            return Err(FuncError::message(format!(
                "rendering template has a nested reference name: {name}: unable to execute template"
            )));
        }
        depth.set(depth.get() + 1);
        let result = exec.execute(&name.to_str(), args[1].clone());
        depth.set(depth.get() - 1);
        Ok(Value::String(result?))
    })
}

fn tpl() -> Func {
    Func::new(&[Type::String, Type::Any], |exec, args| {
        let text = args[0].as_str().cloned().unwrap_or_default();
        match exec.execute_source(SET_NAME, &text, args[1].clone()) {
            Ok(output) => {
                let clean = match without_no_value(&output) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(clean) => Some(clean.into()),
                };
                Ok(Value::String(clean.unwrap_or(output)))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Budget(_)) => Err(error.into()),
            Err(error) => {
                let quoted = Str::from(quote_bytes(text.as_bytes(), false));
                Err(FuncError::message(match error.kind() {
                    ErrorKind::Parse => format!("cannot parse template {quoted}: {error}"),
                    _ => format!("error during tpl function execution for {quoted}: {error}"),
                }))
            }
        }
    })
}

/// With `observed`, as in lint mode: what is missing is noted, and an empty text.
fn required(observed: Option<Rc<Observed>>) -> Func {
    Func::new(&[Type::String, Type::Any], move |exec, args| {
        let (missing, words) = match &args[1] {
            Value::Nil => (true, "missing required value"),
            Value::String(text) => (text.is_empty(), "missing required values"),
            _ => (false, ""),
        };
        if !missing {
            return Ok(args[1].clone());
        }
        refused(exec, &args[0], observed.as_deref().map(|observed| (observed, Warning::warn(words))))
    })
}

/// With `observed`, as in lint mode: the message is noted.
fn fail(observed: Option<Rc<Observed>>) -> Func {
    Func::new(&[Type::String], move |exec, args| {
        refused(exec, &args[0], observed.as_deref().map(|observed| (observed, Warning::info("funcMap fail"))))
    })
}

/// Warnings of one render that are kept: a loop may make them without end.
const MAX_WARNINGS: usize = 1000;

/// Fails with the chart's message, or in lint mode notes it.
fn refused(
    exec: &mut Executor<'_>,
    message: &Value,
    noted: Option<(&Observed, Warning)>,
) -> Result<Value, FuncError> {
    let message = message.as_str().map(Str::to_str).unwrap_or_default();
    let Some((observed, warning)) = noted else { return Err(FuncError::message(refusal(&message))) };
    exec.charge_bytes(message.len() as u64)?;
    let mut warnings = observed.warnings.borrow_mut();
    if warnings.len() < MAX_WARNINGS {
        warnings.push(warning.with("message", message));
    }
    Ok("".into())
}

fn lookup(port: Arc<dyn Lookup>) -> Func {
    Func::new(&[Type::String, Type::String, Type::String, Type::String], move |exec, args| {
        // A call waits for the cluster: it is dear, so that a loop over it runs out of steps.
        exec.charge(10_000)?;
        let text =
            |index: usize| args[index].as_str().map(|text| text.to_str().into_owned()).unwrap_or_default();
        let found = port.lookup(&text(0), &text(1), &text(2), &text(3)).map_err(FuncError::Host)?;
        Ok(from_yaml(&found))
    })
}
