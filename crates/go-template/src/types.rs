//! Go's types, as far as templates can tell them apart.

use std::fmt;

/// The Go type of a [`Value`](crate::Value), of a collection's elements, or of a function's parameter.
///
/// `Display` gives the name that Go's `%T` and error texts use: `interface {}`, `[]interface {}`,
/// `map[string]interface {}`, `*chart.Metadata`.
///
/// ```
/// use go_template::Type;
/// assert_eq!(Type::ANY_MAP.to_string(), "map[string]interface {}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Type {
    /// `interface {}`: any value, nil included.
    Any,
    /// `bool`.
    Bool,
    /// `string`.
    String,
    /// `int`, 64 bits wide.
    Int,
    /// `int8`.
    Int8,
    /// `int16`.
    Int16,
    /// `int32` (Go's `rune`).
    Int32,
    /// `int64`.
    Int64,
    /// `uint`, 64 bits wide.
    Uint,
    /// `uint8` (Go's `byte`).
    Uint8,
    /// `uint16`.
    Uint16,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
    /// `float32`.
    Float32,
    /// `float64`.
    Float64,
    /// `complex128`.
    Complex128,
    /// `[]T`.
    List(&'static Type),
    /// `map[string]T`.
    Map(&'static Type),
    /// A named type with an underlying one, such as Helm's `common.Values` over a map.
    Named(&'static str, &'static Type),
    /// A host type known by its Go name only (a struct, a pointer, a function).
    Opaque(&'static str),
}

impl Type {
    /// `[]interface {}`.
    pub const ANY_LIST: Type = Type::List(&Type::Any);
    /// `[]string`.
    pub const STRING_LIST: Type = Type::List(&Type::String);
    /// `[]uint8`, Go's `[]byte`.
    pub const BYTES: Type = Type::List(&Type::Uint8);
    /// `map[string]interface {}`.
    pub const ANY_MAP: Type = Type::Map(&Type::Any);
    /// `map[string]string`.
    pub const STRING_MAP: Type = Type::Map(&Type::String);

    /// The type without its name: the underlying type of a named one, otherwise itself.
    pub fn underlying(self) -> Type {
        match self {
            Type::Named(_, under) => under.underlying(),
            other => other,
        }
    }

    /// The element type of a list or map type.
    pub fn elem(self) -> Option<Type> {
        match self.underlying() {
            Type::List(elem) | Type::Map(elem) => Some(*elem),
            _ => None,
        }
    }

    /// Whether a value of type `self` may be passed where `to` is wanted (Go's assignability: the same type,
    /// anything to `interface {}`, or equal underlying types when one of the two has no name).
    pub fn assignable_to(self, to: Type) -> bool {
        to == Type::Any || self == to || {
            let named = |t| matches!(t, Type::Named(..));
            // Only literal types (lists, maps) lose their name silently; a named string is not a string.
            let literal = matches!(self.underlying(), Type::List(_) | Type::Map(_));
            literal && self.underlying() == to.underlying() && !(named(self) && named(to))
        }
    }

    /// Whether nil can be passed for this type.
    pub fn nillable(self) -> bool {
        match self.underlying() {
            Type::Any | Type::List(_) | Type::Map(_) => true,
            Type::Opaque(name) => name.starts_with('*') || name.starts_with("func("),
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Type::Any => "interface {}",
            Type::Bool => "bool",
            Type::String => "string",
            Type::Int => "int",
            Type::Int8 => "int8",
            Type::Int16 => "int16",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::Uint => "uint",
            Type::Uint8 => "uint8",
            Type::Uint16 => "uint16",
            Type::Uint32 => "uint32",
            Type::Uint64 => "uint64",
            Type::Float32 => "float32",
            Type::Float64 => "float64",
            Type::Complex128 => "complex128",
            Type::List(elem) => return write!(f, "[]{elem}"),
            Type::Map(elem) => return write!(f, "map[string]{elem}"),
            Type::Named(name, _) | Type::Opaque(name) => name,
        };
        f.write_str(name)
    }
}
