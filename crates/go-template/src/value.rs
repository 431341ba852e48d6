//! [`Value`]: what templates compute with.

use std::fmt;
use std::rc::Rc;

use crate::{Func, List, Map, Object, Str, Type};

/// A Go value. Scalars are copied; lists, maps and host objects are shared handles ([`List`], [`Map`]).
///
/// Kinds matter as they do in Go: `Int(5)`, `Int64(5)` and `Float64(5.0)` print alike but are of different
/// types; `eq` refuses to compare an integer with a float, and data read from YAML or JSON holds floats only.
// The tag is a word of its own: a move of a value then copies words, not the bytes between the tag and the payload.
#[derive(Clone, Default)]
#[non_exhaustive]
#[repr(u64)]
pub enum Value {
    /// Untyped nil (a nil `interface {}`), and in results the absence of a value, which prints `<no value>`.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`: literals, `len`, `until`.
    Int(i64),
    /// `int64`: Sprig's arithmetic, `--set`.
    Int64(i64),
    /// `float64`: every number read from YAML or JSON.
    Float64(f64),
    /// The rarer numbers.
    Number(Number),
    /// `complex128`: real and imaginary part, made by literals such as `2i` only.
    Complex128(Rc<(f64, f64)>),
    /// `string`.
    String(Str),
    /// `[]byte`.
    Bytes(Str),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A host object: a Go struct, or a named type with methods.
    Object(Rc<dyn Object>),
    /// A function as a value, for `call`.
    Func(Func),
    /// A nil pointer of the named Go type, such as `*chart.Metadata`.
    NilPointer(&'static str),
}

/// Numbers of Go's rarer types.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Number {
    /// `int8`.
    Int8(i8),
    /// `int16`.
    Int16(i16),
    /// `int32`, Go's `rune`.
    Int32(i32),
    /// `uint`.
    Uint(u64),
    /// `uint8`, Go's `byte`: an element of a string or of bytes.
    Uint8(u8),
    /// `uint16`.
    Uint16(u16),
    /// `uint32`.
    Uint32(u32),
    /// `uint64`.
    Uint64(u64),
    /// `float32`.
    Float32(f32),
}

/// A value by the kinds that comparing and printing care about.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Complex(f64, f64),
    String(&'a Str),
}

impl Value {
    /// A string value.
    pub fn string(s: impl Into<Str>) -> Value {
        Value::String(s.into())
    }

    /// A complex number.
    pub fn complex(re: f64, im: f64) -> Value {
        Value::Complex128(Rc::new((re, im)))
    }

    /// A host object.
    pub fn object(object: impl Object + 'static) -> Value {
        Value::Object(Rc::new(object))
    }

    /// The Go type; `None` for untyped nil.
    pub fn ty(&self) -> Option<Type> {
        Some(match self {
            Value::Nil => return None,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Int64(_) => Type::Int64,
            Value::Float64(_) => Type::Float64,
            Value::Number(n) => n.ty(),
            Value::Complex128(_) => Type::Complex128,
            Value::String(_) => Type::String,
            Value::Bytes(_) => Type::BYTES,
            Value::List(list) => list.ty(),
            Value::Map(map) => map.ty(),
            Value::Object(object) => object.ty(),
            Value::Func(func) => Type::Opaque(func.type_name()),
            Value::NilPointer(name) => Type::Opaque(name),
        })
    }

    /// The name of the Go type, as `%T` prints it: `<nil>` for untyped nil.
    pub fn type_name(&self) -> String {
        self.ty().map_or_else(|| "<nil>".to_owned(), |ty| ty.to_string())
    }

    /// The name of Go's `reflect.Kind`: `string`, `float64`, `map`, `slice`, `struct`, `ptr`, `func`; `invalid`
    /// for untyped nil.
    pub fn kind(&self) -> &'static str {
        match self.plain() {
            Value::Nil => "invalid",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Int64(_) => "int64",
            Value::Float64(_) => "float64",
            Value::Number(n) => n.kind(),
            Value::Complex128(_) => "complex128",
            Value::String(_) => "string",
            Value::Bytes(_) | Value::List(_) => "slice",
            Value::Map(_) => "map",
            Value::Object(object) if object.is_pointer() => "ptr",
            Value::Object(_) => "struct",
            Value::Func(_) => "func",
            Value::NilPointer(_) => "ptr",
        }
    }

    /// The truth of Go's `if`: false for nil, zero numbers, empty strings, lists and maps; true for structs.
    pub fn truth(&self) -> bool {
        match self {
            Value::Nil | Value::NilPointer(_) => false,
            Value::Bool(b) => *b,
            Value::Int(i) | Value::Int64(i) => *i != 0,
            Value::Float64(f) => *f != 0.0,
            Value::Number(n) => match n.basic() {
                Basic::Int(i) => i != 0,
                Basic::Uint(u) => u != 0,
                Basic::Float(f) => f != 0.0,
                Basic::Bool(_) | Basic::Complex(..) | Basic::String(_) => false,
            },
            Value::Complex128(parts) => **parts != (0.0, 0.0),
            Value::String(s) | Value::Bytes(s) => !s.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Object(object) => match object.data() {
                Some(data) => data.truth(),
                None => true,
            },
            Value::Func(_) => true,
        }
    }

    /// Whether this is nil of whatever type.
    pub fn is_nil(&self) -> bool {
        match self {
            Value::Nil | Value::NilPointer(_) => true,
            Value::List(list) => list.is_nil(),
            Value::Map(map) => map.is_nil(),
            _ => false,
        }
    }

    /// The string, if this is one.
    pub fn as_str(&self) -> Option<&Str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The map, if this is one or a host object over one.
    pub fn as_map(&self) -> Option<Map> {
        match self.plain() {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if this is one or a host object over one.
    pub fn as_list(&self) -> Option<List> {
        match self.plain() {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The collection behind a host object whose Go type is a named map or slice; otherwise the value itself.
    pub fn plain(&self) -> Value {
        match self {
            Value::Object(object) => object.data().unwrap_or_else(|| self.clone()),
            other => other.clone(),
        }
    }

    pub(crate) fn basic(&self) -> Option<Basic<'_>> {
        Some(match self {
            Value::Bool(b) => Basic::Bool(*b),
            Value::Int(i) | Value::Int64(i) => Basic::Int(*i),
            Value::Float64(f) => Basic::Float(*f),
            Value::Number(n) => n.basic(),
            Value::Complex128(parts) => Basic::Complex(parts.0, parts.1),
            Value::String(s) => Basic::String(s),
            _ => return None,
        })
    }
}

impl Number {
    /// The Go type.
    pub fn ty(self) -> Type {
        match self {
            Number::Int8(_) => Type::Int8,
            Number::Int16(_) => Type::Int16,
            Number::Int32(_) => Type::Int32,
            Number::Uint(_) => Type::Uint,
            Number::Uint8(_) => Type::Uint8,
            Number::Uint16(_) => Type::Uint16,
            Number::Uint32(_) => Type::Uint32,
            Number::Uint64(_) => Type::Uint64,
            Number::Float32(_) => Type::Float32,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Number::Int8(_) => "int8",
            Number::Int16(_) => "int16",
            Number::Int32(_) => "int32",
            Number::Uint(_) => "uint",
            Number::Uint8(_) => "uint8",
            Number::Uint16(_) => "uint16",
            Number::Uint32(_) => "uint32",
            Number::Uint64(_) => "uint64",
            Number::Float32(_) => "float32",
        }
    }

    pub(crate) fn basic(self) -> Basic<'static> {
        match self {
            Number::Int8(i) => Basic::Int(i.into()),
            Number::Int16(i) => Basic::Int(i.into()),
            Number::Int32(i) => Basic::Int(i.into()),
            Number::Uint(u) | Number::Uint64(u) => Basic::Uint(u),
            Number::Uint8(u) => Basic::Uint(u.into()),
            Number::Uint16(u) => Basic::Uint(u.into()),
            Number::Uint32(u) => Basic::Uint(u.into()),
            Number::Float32(f) => Basic::Float(f.into()),
        }
    }

    /// The value as a signed integer, if it is of an integer type and fits.
    pub fn as_int(self) -> Option<i64> {
        match self.basic() {
            Basic::Int(i) => Some(i),
            Basic::Uint(u) => i64::try_from(u).ok(),
            _ => None,
        }
    }

    /// The value as a float, if it is real.
    pub fn as_float(self) -> Option<f64> {
        match self.basic() {
            Basic::Int(i) => Some(i as f64),
            Basic::Uint(u) => Some(u as f64),
            Basic::Float(f) => Some(f),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($ty:ty => $make:expr;)*) => {
        $(impl From<$ty> for Value {
            fn from(value: $ty) -> Value {
                $make(value)
            }
        })*
    };
}

from! {
    bool => Value::Bool;
    f64 => Value::Float64;
    &str => Value::string;
    String => Value::string;
    Str => Value::String;
    List => Value::List;
    Map => Value::Map;
    Func => Value::Func;
    Number => Value::Number;
    Rc<dyn Object> => Value::Object;
}

impl fmt::Debug for Value {
    /// Shows the type and size, not the content: values may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::List(list) => list.fmt(f),
            Value::Map(map) => map.fmt(f),
            other => f.write_str(&other.type_name()),
        }
    }
}

// Values are moved and cloned at every step of a template: three words, no more.
const _: () = assert!(size_of::<Value>() <= 24);
