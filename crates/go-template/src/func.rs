//! [`Func`], [`Signature`], [`Funcs`]: functions that templates can call.

use std::collections::HashMap;
use std::rc::Rc;

use crate::{Error, Executor, Type, Value};

/// The parameters of a function or method. The executor checks number and types as Go does, with Go's error texts,
/// before the call.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    params: &'static [Type],
    variadic: bool,
}

impl Signature {
    /// Exactly these parameters.
    pub const fn fixed(params: &'static [Type]) -> Self {
        Signature { params, variadic: false }
    }

    /// These parameters, the last of them any number of times. Wants at least one parameter type.
    pub const fn variadic(params: &'static [Type]) -> Self {
        assert!(!params.is_empty(), "a variadic function has a last parameter");
        Signature { params, variadic: true }
    }

    /// The parameter types.
    pub fn params(&self) -> &'static [Type] {
        self.params
    }

    /// Whether the last parameter repeats.
    pub fn is_variadic(&self) -> bool {
        self.variadic
    }

    /// The number of parameters that must be given.
    pub(crate) fn required(&self) -> usize {
        self.params.len() - usize::from(self.variadic)
    }

    /// The type of the argument at `index`.
    pub(crate) fn param(&self, index: usize) -> Type {
        match self.params.get(index) {
            Some(ty) => *ty,
            // Checked by number before: only variadic functions get here.
            None => self.params.last().copied().unwrap_or(Type::Any),
        }
    }
}

type Body = dyn Fn(&mut Executor<'_>, &[Value]) -> Result<Value, FuncError>;

/// A function: a signature and a body. Cloning shares the body.
///
/// The body receives the [`Executor`], and through it the running set of templates, the budgets and the depth:
/// that is how `include` and `tpl` are written.
///
/// ```
/// use go_template::{Func, Type, Value};
/// let upper = Func::new(&[Type::String], |_, args| {
///     Ok(args[0].as_str().map_or(Value::Nil, |s| s.to_str().to_uppercase().into()))
/// });
/// # let _ = upper;
/// ```
#[derive(Clone)]
pub struct Func(Rc<FuncData>);

#[derive(Clone)]
struct FuncData {
    signature: Signature,
    type_name: &'static str,
    interface_result: bool,
    body: Rc<Body>,
}

impl Func {
    /// A function of exactly these parameters. `Type::Any` takes nil as well ([`Value::Nil`]).
    pub fn new(
        params: &'static [Type],
        body: impl Fn(&mut Executor<'_>, &[Value]) -> Result<Value, FuncError> + 'static,
    ) -> Self {
        Self::with(Signature::fixed(params), Rc::new(body))
    }

    /// A function whose last parameter repeats, from zero times on.
    pub fn variadic(
        params: &'static [Type],
        body: impl Fn(&mut Executor<'_>, &[Value]) -> Result<Value, FuncError> + 'static,
    ) -> Self {
        Self::with(Signature::variadic(params), Rc::new(body))
    }

    fn with(signature: Signature, body: Rc<Body>) -> Self {
        Func(Rc::new(FuncData { signature, type_name: "func()", interface_result: false, body }))
    }

    /// The parameters.
    pub fn signature(&self) -> Signature {
        self.0.signature
    }

    /// The same function with the name of its Go type, for `%T` and error texts; otherwise `func()`.
    #[must_use]
    pub fn typed(mut self, type_name: &'static str) -> Self {
        Rc::make_mut(&mut self.0).type_name = type_name;
        self
    }

    /// The same function, its Go result type being `interface {}`. That shows in error texts only, where the result is
    /// used directly (`f.field`, `g f`), not through a pipeline or parentheses.
    #[must_use]
    pub fn returning_interface(mut self) -> Self {
        Rc::make_mut(&mut self.0).interface_result = true;
        self
    }

    /// The same function to its callers, with another body. That one may run this function's by [`Func::invoke`].
    #[must_use]
    pub fn with_body(
        &self,
        body: impl Fn(&mut Executor<'_>, &[Value]) -> Result<Value, FuncError> + 'static,
    ) -> Self {
        let mut func = self.clone();
        Rc::make_mut(&mut func.0).body = Rc::new(body);
        func
    }

    pub(crate) fn has_interface_result(&self) -> bool {
        self.0.interface_result
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.0.type_name
    }

    /// Calls the body with arguments that fit the signature.
    ///
    /// # Errors
    /// What the body answers.
    pub fn invoke(&self, exec: &mut Executor<'_>, args: &[Value]) -> Result<Value, FuncError> {
        (self.0.body)(exec, args)
    }
}

/// Why a function or method failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FuncError {
    /// A message of the function's own. Becomes `error calling NAME: MESSAGE`.
    #[error("{0}")]
    Message(String),
    /// A template that the function ran (`include`, `tpl`) failed. The template around it fails with
    /// `error calling NAME: ` and this error's text, and keeps this error as its cause. An exhausted budget
    /// passes through unchanged.
    #[error(transparent)]
    Template(#[from] Error),
    /// A failure of the host (such as a `lookup` that could not reach the cluster), kept as the cause.
    #[error(transparent)]
    Host(Box<dyn std::error::Error + Send + Sync>),
}

impl FuncError {
    /// An error of the function's own.
    pub fn message(text: impl Into<String>) -> Self {
        FuncError::Message(text.into())
    }
}

impl From<String> for FuncError {
    fn from(text: String) -> Self {
        FuncError::Message(text)
    }
}

impl From<&str> for FuncError {
    fn from(text: &str) -> Self {
        FuncError::Message(text.to_owned())
    }
}

/// The functions that templates of one run can call, besides Go's built-in ones (which a function of the same
/// name replaces).
#[derive(Clone, Default)]
pub struct Funcs {
    table: HashMap<String, Func>,
    methods: Vec<(&'static str, &'static str, Func)>,
}

impl Funcs {
    /// No functions but the built-in ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers `func` under `name`, in place of an earlier one.
    pub fn insert(&mut self, name: impl Into<String>, func: Func) {
        self.table.insert(name.into(), func);
    }

    /// Removes a function.
    pub fn remove(&mut self, name: &str) -> Option<Func> {
        self.table.remove(name)
    }

    /// The function of this name.
    pub fn get(&self, name: &str) -> Option<&Func> {
        self.table.get(name)
    }

    /// Registers a method of the named map type `ty`, which comes before a key of the same name. The body gets the map as its
    /// first argument; the parameters of `func` are those after it.
    pub fn insert_method(&mut self, ty: &'static str, name: &'static str, func: Func) {
        self.methods.push((ty, name, func));
    }

    /// The method `name` of the named map type `ty`.
    pub(crate) fn method(&self, ty: &str, name: &[u8]) -> Option<&Func> {
        let found = |(of, known, _): &&(&str, &str, Func)| known.as_bytes() == name && *of == ty;
        self.methods.iter().find(found).map(|(_, _, func)| func)
    }

    /// The names, in no order; give them to [`TemplateSet::new`](crate::TemplateSet::new).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }
}

impl Extend<(String, Func)> for Funcs {
    fn extend<I: IntoIterator<Item = (String, Func)>>(&mut self, funcs: I) {
        self.table.extend(funcs);
    }
}
