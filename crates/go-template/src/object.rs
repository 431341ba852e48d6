//! [`Object`]: Go structs and named types with methods, given by the host.

use std::any::Any;

use crate::{Executor, FuncError, Signature, Type, Value};

/// A host object. It stands for a Go struct (fields and methods), or for a named map or slice type with methods
/// such as Helm's `Files` ([`Object::data`] gives the collection behind it).
///
/// ```
/// use go_template::{Executor, FuncError, Object, Signature, Type, Value};
///
/// struct Version(&'static str);
///
/// impl Object for Version {
///     fn ty(&self) -> Type {
///         Type::Opaque("common.KubeVersion")
///     }
///     fn field(&self, name: &str) -> Option<Value> {
///         (name == "Version").then(|| self.0.into())
///     }
///     fn method(&self, name: &str) -> Option<Signature> {
///         (name == "String").then_some(Signature::fixed(&[]))
///     }
///     fn call(&self, _: &mut Executor<'_>, _: &str, _: &[Value]) -> Result<Value, FuncError> {
///         Ok(self.0.into())
///     }
///     fn display(&self) -> Option<String> {
///         Some(self.0.to_owned())
///     }
///     fn as_any(&self) -> &dyn std::any::Any {
///         self
///     }
/// }
/// ```
pub trait Object {
    /// The Go type, for `%T` and error texts: `Type::Opaque("common.KubeVersion")` for a struct, with a leading `*`
    /// for a pointer to one, [`Type::Named`] when there is [`Object::data`].
    fn ty(&self) -> Type;

    /// Whether the Go value is a pointer to a struct.
    fn is_pointer(&self) -> bool {
        matches!(self.ty(), Type::Opaque(name) if name.starts_with('*'))
    }

    /// The exported field of this name.
    fn field(&self, name: &str) -> Option<Value>;

    /// Whether the field's static type is `interface {}`: then a field of nil in it is an error that says so
    /// (`nil pointer evaluating interface {}.x`) and other wrong fields are said to be of that type.
    fn has_interface_field(&self, _name: &str) -> bool {
        false
    }

    /// The parameters of the method of this name, if there is one. Methods come before fields and keys.
    fn method(&self, _name: &str) -> Option<Signature> {
        None
    }

    /// Calls the method `name` with arguments that fit its [`Signature`].
    ///
    /// # Errors
    /// What the method answers; the template stops with `error calling NAME: …`.
    fn call(&self, _exec: &mut Executor<'_>, name: &str, _args: &[Value]) -> Result<Value, FuncError> {
        Err(FuncError::message(format!("no method {name}")))
    }

    /// The list or map behind a named collection type: what `range`, `len`, `index`, fields and `if` see.
    fn data(&self) -> Option<Value> {
        None
    }

    /// The fields of a struct in order, for printing with `%v` (`{a b}`) and `%+v` (`{A:a B:b}`).
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// The text of Go's `String()` or `Error()` method, if the type has one; printing uses it.
    fn display(&self) -> Option<String> {
        None
    }

    /// The text that Go's `encoding/json` writes as a string for the type, if it has a `MarshalJSON` or `MarshalText` method
    /// that gives one (a time, a version).
    fn json_text(&self) -> Option<String> {
        None
    }

    /// The fields of a struct as `encoding/json` names them; those of [`Object::fields`] unless the type has tags.
    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        self.fields()
    }

    /// For host functions that need their own type back.
    fn as_any(&self) -> &dyn Any;
}
