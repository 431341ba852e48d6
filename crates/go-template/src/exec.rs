//! [`Executor`]: runs templates.

mod budget;
mod call;
mod eval;
mod walk;

pub(crate) use eval::zero;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::builtin::Builtin;
use crate::error::Inner;
use crate::names::Function;
use crate::parse::{self, Command, Expr, Names, Pipe, Pos, TemplateCall, Tree};
use crate::{
    Changed, Error, ErrorKind, Func, FuncError, Funcs, Map, MissingKey, Options, Str, TemplateSet, Value, fmt,
};

/// Parsed texts of [`Executor::execute_source`] are kept, up to this many, and none longer than [`CACHED_LEN`].
const CACHED: usize = 512;
const CACHED_LEN: usize = 16 * 1024;

/// Runs the templates of a set with functions, options and budgets. One executor serves one unit of work (a chart's
/// templates): its [`Limits`](crate::Limits) cover all it runs.
///
/// Functions get `&mut Executor`; a template they run in it counts against the same budgets and nests in the same
/// depth.
pub struct Executor<'a> {
    set: &'a TemplateSet,
    /// Templates that `execute_source` laid over the set, innermost first.
    overlay: Option<Rc<Overlay>>,
    funcs: &'a Funcs,
    options: Options<'a>,
    steps: u64,
    depth: usize,
    written: u64,
    out: Vec<u8>,
    parsed: HashMap<Str, Parsed>,
    /// The names in them.
    names: Names,
    /// The names of the templates that run, outermost first.
    running: Vec<Arc<str>>,
    /// What the functions of the set are here, by their number.
    resolved: Vec<Resolved<'a>>,
    spare: Spare,
    /// The name of the variable `$`.
    dollar: Str,
    /// Dropped last: after all values that the executor holds.
    changed: Changed,
}

/// Text parsed by `execute_source`, with the names it was given.
type Parsed = Vec<(Box<str>, Rc<Vec<Arc<Tree>>>)>;

/// A function of the set, looked for at its first call.
#[derive(Clone, Copy)]
enum Resolved<'a> {
    Unknown,
    Host(&'a Func),
    Builtin(Builtin),
    Missing,
}

/// Emptied vectors, to be filled again: a call needs some and keeps none.
#[derive(Default)]
struct Spare {
    values: Vec<Vec<Value>>,
    slots: Vec<Vec<Slot>>,
    vars: Vec<Vec<(Str, Slot)>>,
    bytes: Vec<Vec<u8>>,
}

/// A longer buffer is given back to the allocator.
const SPARE_BYTES: usize = 1 << 20;

struct Overlay {
    trees: Rc<Vec<Arc<Tree>>>,
    below: Option<Rc<Overlay>>,
}

/// A value together with whether its static type is `interface {}`: an element of a `map[string]interface {}` is, the
/// result of a pipeline is not. Go's error texts and its treatment of nil depend on it: nil held by an interface is an
/// error to look into, an absent value is not.
#[derive(Clone, Default)]
pub(crate) struct Slot {
    pub(crate) value: Value,
    held: Static,
}

/// The static type of a [`Slot`]. A word wide, so that moving a slot moves words.
#[derive(Clone, Copy, Default, PartialEq)]
#[repr(u64)]
enum Static {
    #[default]
    Own,
    Interface,
}

impl Slot {
    pub(crate) fn plain(value: Value) -> Self {
        Slot { value, held: Static::Own }
    }

    /// A value that an `interface {}` holds, or not.
    pub(crate) fn of(value: Value, interface: bool) -> Self {
        Slot { value, held: if interface { Static::Interface } else { Static::Own } }
    }

    pub(crate) fn is_interface(&self) -> bool {
        self.held == Static::Interface
    }

    /// An absent value, Go's zero `reflect.Value`.
    pub(crate) fn absent() -> Self {
        Slot::default()
    }

    /// Whether there is no value at all, not even nil of an interface type.
    pub(crate) fn is_absent(&self) -> bool {
        !self.is_interface() && matches!(self.value, Value::Nil)
    }

    /// The static type's name, for error texts.
    pub(crate) fn type_name(&self) -> String {
        if self.is_interface() { "interface {}".to_owned() } else { self.value.type_name() }
    }
}

/// The node being evaluated, for error texts.
#[derive(Clone, Copy)]
enum At<'t> {
    Nothing,
    Action(Pos, &'t Pipe),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Expr(&'t Expr),
    Template(&'t TemplateCall),
}

/// One running template.
struct Frame<'t> {
    tree: &'t Tree,
    /// Innermost last; the first is `$`.
    vars: Vec<(Str, Slot)>,
    at: At<'t>,
}

impl<'a> Executor<'a> {
    /// An executor of the set's templates with fresh budgets.
    pub fn new(set: &'a TemplateSet, funcs: &'a Funcs, options: Options<'a>) -> Self {
        Executor {
            set,
            overlay: None,
            funcs,
            options,
            steps: 0,
            depth: 0,
            written: 0,
            out: Vec::new(),
            parsed: HashMap::new(),
            names: Names::default(),
            running: Vec::new(),
            resolved: vec![Resolved::Unknown; set.functions().len()],
            spare: Spare::default(),
            dollar: Str::from("$"),
            changed: Changed::default(),
        }
    }

    /// Runs the template `name` with `data` as dot and `$`, and gives its output. From within a function this is
    /// `include`: it runs one level deeper in the same set, overlays included.
    ///
    /// # Errors
    /// [`ErrorKind::NoTemplate`], [`ErrorKind::Exec`] and [`ErrorKind::Budget`], with Go's text; see
    /// [`Executor::execute_into`] to keep what was written before the error.
    pub fn execute(&mut self, name: &str, data: Value) -> Result<Str, Error> {
        let tree = self.found(name)?;
        self.run(&tree, data)
    }

    /// Like [`Executor::execute`], appending to `out`, which after an error holds the output up to it.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub fn execute_into(&mut self, name: &str, data: Value, out: &mut Vec<u8>) -> Result<(), Error> {
        let tree = self.found(name)?;
        self.run_into(&tree, data, out)
    }

    /// Parses `text` as the template `name` over the set and runs it: `tpl`. Its definitions are visible to it and to
    /// all that runs inside it, in place of those of the set; afterwards they are gone. Nothing is copied, and a text
    /// seen before is not parsed again.
    ///
    /// # Errors
    /// [`ErrorKind::Parse`] for the text; otherwise as [`Executor::execute`].
    pub fn execute_source(&mut self, name: &str, text: &Str, data: Value) -> Result<Str, Error> {
        let trees = self.parse_source(name, text)?;
        let Some(root) = trees.iter().find(|tree| *tree.name == *name).cloned() else {
            return Err(Error::no_template(
                name,
                format!("{} is an incomplete or empty template", fmt::quoted(name.as_bytes())),
            ));
        };
        let below = self.overlay.take();
        self.overlay = Some(Rc::new(Overlay { trees, below: below.clone() }));
        let result = self.run(&root, data);
        self.overlay = below;
        result
    }

    /// Whether the template `name` can be called now.
    pub fn has_template(&self, name: &str) -> bool {
        self.lookup(name).is_some()
    }

    /// The name of the template that runs (the innermost one), for messages; empty outside of a run.
    pub fn template_name(&self) -> &str {
        self.running.last().map_or("", |name| name)
    }

    /// How deep templates are nested now: 1 in a template run from outside.
    pub fn template_depth(&self) -> usize {
        self.running.len()
    }

    /// Sets an entry of a map that templates hold already, in place and for every alias: Sprig's `set`. Unlike
    /// [`Map::insert`] it remembers that the map may contain itself now, and would never be freed.
    pub fn set(&mut self, map: &Map, key: impl Into<Str>, value: impl Into<Value>) {
        let value = value.into();
        self.changed.note(map, &value);
        map.insert(key, value);
    }

    /// Ends the work. What it gives frees the maps that functions made contain themselves; keep it until the data of the
    /// templates is dropped. (Dropping the executor frees those that do not hang on that data.)
    pub fn finish(mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    fn parse_source(&mut self, name: &str, text: &Str) -> Result<Rc<Vec<Arc<Tree>>>, Error> {
        let known =
            self.parsed.get(text).and_then(|parsed| parsed.iter().find(|(known, _)| **known == *name));
        if let Some((_, trees)) = known {
            return Ok(trees.clone());
        }
        self.charge(1 + text.len() as u64 / 16).map_err(|error| self.unplaced(error))?;
        let trees = parse::parse(name, text.clone().into(), self.set.functions(), &mut self.names)?;
        let trees = Rc::new(trees.into_iter().map(Arc::new).collect::<Vec<_>>());
        if self.parsed.len() < CACHED && text.len() <= CACHED_LEN {
            self.parsed.entry(text.clone()).or_default().push((name.into(), trees.clone()));
        }
        Ok(trees)
    }

    fn lookup(&self, name: &str) -> Option<Arc<Tree>> {
        let mut layer = self.overlay.as_ref();
        let mut empty = None;
        while let Some(overlay) = layer {
            match overlay.trees.iter().find(|tree| *tree.name == *name) {
                // An empty definition replaces nothing.
                Some(tree) if tree.empty => empty = Some(tree.clone()),
                Some(tree) => return Some(tree.clone()),
                None => {}
            }
            layer = overlay.below.as_ref();
        }
        self.set.get(name).cloned().or(empty)
    }

    fn found(&self, name: &str) -> Result<Arc<Tree>, Error> {
        self.lookup(name).ok_or_else(|| {
            let quoted = |name: &str| fmt::quoted(name.as_bytes());
            let root = quoted(self.set.name());
            let message = format!("no template {} associated with template {root}", quoted(name));
            Error::no_template("", message)
        })
    }

    fn run(&mut self, tree: &Tree, data: Value) -> Result<Str, Error> {
        let mut out = self.spare.bytes.pop().unwrap_or_default();
        let result = self.run_into(tree, data, &mut out).map(|()| Str::from(&out[..]));
        self.spare.keep_bytes(out);
        result
    }

    fn run_into(&mut self, tree: &Tree, data: Value, out: &mut Vec<u8>) -> Result<(), Error> {
        std::mem::swap(&mut self.out, out);
        let result = self.run_tree(tree, Slot::plain(data));
        std::mem::swap(&mut self.out, out);
        result
    }

    fn run_tree(&mut self, tree: &Tree, data: Slot) -> Result<(), Error> {
        let mut vars = self.spare.vars.pop().unwrap_or_default();
        vars.push((self.dollar.clone(), data.clone()));
        let mut frame = Frame { tree, vars, at: At::Nothing };
        self.enter(&frame)?;
        self.running.push(tree.name.clone());
        let result = self.walk(&mut frame, &data, &tree.root);
        self.running.pop();
        self.leave();
        frame.vars.clear();
        self.spare.vars.push(frame.vars);
        result.map(|_| ())
    }

    fn resolve(&mut self, function: &Function) -> Resolved<'a> {
        let index = function.index();
        if let Resolved::Unknown = self.resolved[index] {
            self.resolved[index] = match (self.funcs.get(function.name()), Builtin::ALL.get(index)) {
                (Some(func), _) => Resolved::Host(func),
                (None, Some(builtin)) => Resolved::Builtin(*builtin),
                (None, None) => Resolved::Missing,
            };
        }
        self.resolved[index]
    }

    fn missing_key(&self) -> MissingKey {
        self.options.missing_key
    }
}

impl Spare {
    fn keep_values(&mut self, mut values: Vec<Value>) {
        values.clear();
        self.values.push(values);
    }

    fn keep_slots(&mut self, mut slots: Vec<Slot>) {
        slots.clear();
        self.slots.push(slots);
    }

    fn keep_bytes(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= SPARE_BYTES {
            bytes.clear();
            self.bytes.push(bytes);
        }
    }
}

impl Frame<'_> {
    /// An error at the current node.
    fn error(&self, message: impl Into<String>) -> Error {
        self.error_of(ErrorKind::Exec, message.into(), None)
    }

    fn error_of(&self, kind: ErrorKind, message: String, cause: Option<crate::error::Cause>) -> Error {
        let (pos, context) = match self.at {
            At::Nothing => (Pos::new(0), String::new()),
            At::Action(pos, pipe) => (pos, format!("{{{{{pipe}}}}}")),
            At::Pipe(pipe) => (pipe.pos, pipe.to_string()),
            At::Command(command) => (command.pos, command.to_string()),
            At::Expr(expr) => (expr.pos, expr.to_string()),
            At::Template(call) => (call.pos, call.to_string()),
        };
        Error::new(Inner {
            kind,
            template: self.tree.name.to_string(),
            location: Some(self.tree.location(pos)),
            context: Some(context),
            message,
            cause,
        })
    }

    /// The error of a function or method that failed.
    fn call_error(&self, name: &str, error: FuncError) -> Error {
        use crate::error::Cause;
        match error {
            FuncError::Template(inner) if matches!(inner.kind(), ErrorKind::Budget(_)) => {
                if inner.location().is_some() {
                    return inner;
                }
                self.error_of(inner.kind(), inner.message().to_owned(), None)
            }
            FuncError::Template(inner) => {
                let message = format!("error calling {name}: {inner}");
                self.error_of(ErrorKind::Exec, message, Some(Cause::Template(inner)))
            }
            FuncError::Host(host) => {
                let message = format!("error calling {name}: {host}");
                self.error_of(ErrorKind::Exec, message, Some(Cause::Host(host)))
            }
            FuncError::Message(message) => self.error(format!("error calling {name}: {message}")),
        }
    }
}
