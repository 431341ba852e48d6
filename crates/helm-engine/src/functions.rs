//! The functions that Helm adds to those of Go and Sprig.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use go_template::{ErrorKind, Func, FuncError, Funcs, Str, Type, Value, quote_bytes};

use crate::data::from_yaml;
use crate::error::refusal;
use crate::release::{Clock, Host, Lookup, Random};
use crate::{duration, toml, yaml};

/// The name of the set of templates, which Go's error texts mention.
pub(crate) const SET_NAME: &str = "gotpl";

/// The most that an `include` of one name may lie inside itself.
const MAX_INCLUDES: usize = 1000;

/// What Go prints for a missing value. Helm takes it out of what templates print.
const NO_VALUE: &str = "<no value>";

/// The functions that [`LoadedChart::render`](crate::LoadedChart::render) gives to templates, for templates outside of charts:
/// Sprig's without `env` and `expandenv`, and `include`, `tpl`, `required`, `fail`, `lookup`, `toYaml` and their like as
/// Helm 4.3 registers them. Unlike a render, which fails, functions that need a clock or randomness that the host does
/// not have see 1970 and zeros.
///
/// ```
/// use go_template::{Executor, Options, TemplateSet, Value};
///
/// let funcs = helm_engine::functions(&helm_engine::Host::default());
/// let mut set = TemplateSet::new(funcs.names());
/// set.parse("a", r#"{{ define "name" }}web{{ end }}{{ include "name" . | quote }}"#)?;
/// let output = Executor::new(&set, &funcs, Options::default()).execute("a", Value::Nil)?;
/// assert_eq!(output.to_str(), r#""web""#);
/// # Ok::<(), go_template::Error>(())
/// ```
pub fn functions(host: &Host) -> Funcs {
    table(host, &Rc::default())
}

/// All functions that templates may call.
pub(crate) fn table(host: &Host, asked: &Rc<Asked>) -> Funcs {
    let world =
        Rc::new(World { clock: host.clock.clone(), random: host.random.clone(), asked: asked.clone() });
    let mut funcs = sprig::functions(world.clone(), world);
    // Templates see nothing of the process that renders them.
    for name in ["env", "expandenv"] {
        funcs.remove(name);
    }
    funcs.extend(yaml::functions());
    funcs.extend(toml::functions());
    funcs.extend(duration::functions());
    funcs.insert("include", include());
    funcs.insert("tpl", tpl());
    funcs.insert("required", required());
    funcs.insert("fail", fail());
    funcs.insert("lookup", lookup(host.lookup.clone()));
    // Helm answers so unless it is told to ask the DNS.
    funcs.insert("getHostByName", Func::new(&[Type::String], |_, _| Ok("".into())));
    funcs
}

/// What templates asked for that the host does not have. Their functions cannot fail, so that the answer they got is thrown
/// away with the render.
#[derive(Default)]
pub(crate) struct Asked(Cell<Option<&'static str>>);

impl Asked {
    /// The first thing that was asked for in vain.
    pub(crate) fn in_vain(&self) -> Option<&'static str> {
        self.0.get()
    }

    fn note(&self, thing: &'static str) {
        self.0.set(self.0.get().or(Some(thing)));
    }
}

/// The host as Sprig asks it.
struct World {
    clock: Option<Clock>,
    random: Option<Random>,
    asked: Rc<Asked>,
}

impl sprig::Clock for World {
    fn now(&self) -> (i64, u32) {
        self.clock.as_ref().map_or_else(
            || {
                self.asked.note("the time");
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
                self.asked.note("randomness");
                bytes.fill(0);
            }
        }
    }
}

/// Takes Go's mark of a missing value out of a text.
pub(crate) fn without_no_value(text: &Str) -> Str {
    let mut marks = memchr::memmem::find_iter(text, NO_VALUE).peekable();
    if marks.peek().is_none() {
        return text.clone();
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut kept = 0;
    for mark in marks {
        clean.extend_from_slice(&text[kept..mark]);
        kept = mark + NO_VALUE.len();
    }
    clean.extend_from_slice(&text[kept..]);
    clean.into()
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
            Ok(output) => Ok(Value::String(without_no_value(&output))),
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

fn required() -> Func {
    Func::new(&[Type::String, Type::Any], |_, args| {
        let missing = match &args[1] {
            Value::Nil => true,
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        if missing {
            let message = args[0].as_str().map(Str::to_str).unwrap_or_default();
            return Err(FuncError::message(refusal(&message)));
        }
        Ok(args[1].clone())
    })
}

fn fail() -> Func {
    Func::new(&[Type::String], |_, args| {
        let message = args[0].as_str().map(Str::to_str).unwrap_or_default();
        Err(FuncError::message(refusal(&message)))
    })
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
