//! The functions, host objects and data values of the cases, as `integration-tests/oracle/cmd/template` has them in Go.

use std::any::Any;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::unicode::is_print;
use go_template::{Executor, Func, FuncError, List, Map, Number, Object, Signature, Str, Type, Value};
use serde_json::Value as Json;

type Answer = Result<Value, FuncError>;

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(i) | Value::Int64(i) => *i,
        other => panic!("not an integer: {other:?}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_str().into_owned()
}

fn bytes(value: &Value) -> &[u8] {
    value.as_str().unwrap()
}

/// Go's `strings.ToUpper`: each character by itself, each invalid byte as U+FFFD.
fn upper(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut upper = c.to_uppercase();
            out.push(match (c, upper.len()) {
                // Rust may know characters that are newer than Go's tables.
                (_, 1) => upper.next().filter(|upper| is_print(c) && is_print(*upper)).unwrap_or(c),
                // Letters with an iota below: one title-case letter in Go's tables, two capitals in full.
                ('\u{1f80}'..='\u{1faf}', _) => char::from_u32(u32::from(c) | 8).unwrap(),
                ('\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}', _) => char::from_u32(u32::from(c) + 9).unwrap(),
                _ => c,
            });
        }
        out.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    out
}

/// The functions that the cases use besides the built-in ones.
pub(crate) fn functions() -> Vec<(String, Func)> {
    let concat = |exec: &mut Executor<'_>, args: &[Value]| -> Answer {
        exec.charge_bytes(args.iter().map(|arg| bytes(arg).len() as u64).sum())?;
        Ok(Value::string(args.iter().flat_map(bytes).copied().collect::<Vec<u8>>()))
    };
    let half = |_: &mut Executor<'_>, args: &[Value]| -> Answer {
        let Value::Float64(f) = args[0] else { panic!("not a float") };
        Ok(Value::Float64(f / 2.0))
    };
    let table = [
        (
            "t_add",
            Func::new(&[Type::Int, Type::Int], |_, a| Ok(Value::Int(int(&a[0]).wrapping_add(int(&a[1]))))),
        ),
        (
            "t_add64",
            Func::new(&[Type::Int64, Type::Int64], |_, a| {
                Ok(Value::Int64(int(&a[0]).wrapping_add(int(&a[1]))))
            }),
        ),
        ("t_half", Func::new(&[Type::Float64], half)),
        ("t_not", Func::new(&[Type::Bool], |_, a| Ok(Value::Bool(!a[0].truth())))),
        ("t_uint", Func::new(&[Type::Uint], |_, a| Ok(a[0].clone()))),
        ("t_upper", Func::new(&[Type::String], |_, a| Ok(upper(bytes(&a[0])).into()))),
        ("t_concat", Func::variadic(&[Type::String], concat)),
        (
            "t_pair",
            Func::variadic(&[Type::String, Type::Any], |exec, a| {
                let rest = exec.sprint(&a[1..])?;
                Ok(Value::string([bytes(&a[0]), &rest].concat()))
            }),
        ),
        ("t_fail", Func::new(&[Type::String], |_, a| Err(FuncError::message(text(&a[0]))))),
        ("t_nil", Func::new(&[], |_, _| Ok(Value::Nil)).returning_interface()),
        ("t_any", Func::new(&[Type::Any], |_, a| Ok(a[0].clone())).returning_interface()),
        ("t_keys", Func::new(&[Type::ANY_MAP], |_, a| Ok(Value::Int(a[0].as_map().unwrap().len() as i64)))),
        (
            "t_items",
            Func::new(&[Type::ANY_LIST], |_, a| Ok(Value::Int(a[0].as_list().unwrap().len() as i64))),
        ),
        (
            "t_names",
            Func::new(&[Type::STRING_LIST], |_, a| Ok(Value::Int(a[0].as_list().unwrap().len() as i64))),
        ),
        ("t_complex", Func::new(&[Type::Complex128], |_, a| Ok(a[0].clone()))),
        ("t_f32", Func::new(&[Type::Float32], |_, a| Ok(a[0].clone()))),
        ("t_i8", Func::new(&[Type::Int8], |_, a| Ok(a[0].clone()))),
        ("t_u8", Func::new(&[Type::Uint8], |_, a| Ok(a[0].clone()))),
        (
            "t_bytes",
            Func::new(&[Type::BYTES], |_, a| match &a[0] {
                Value::Bytes(bytes) => Ok(Value::String(bytes.clone())),
                _ => Ok("".into()),
            }),
        ),
        (
            "t_strmap",
            Func::new(&[Type::STRING_MAP], |_, a| Ok(Value::Int(a[0].as_map().unwrap().len() as i64))),
        ),
        ("t_server", Func::new(&[Type::Opaque("*main.server")], |_, a| Ok(Value::Bool(a[0].is_nil())))),
        (
            "t_apply",
            Func::new(&[Type::Opaque("func(int, string) string")], |exec, a| match &a[0] {
                Value::Func(func) => func.invoke(exec, &[Value::Int(2), "x".into()]),
                _ => Err("runtime error: invalid memory address or nil pointer dereference".into()),
            }),
        ),
        (
            "t_joiner",
            Func::new(&[], |_, _| {
                let join = Func::variadic(&[Type::String], |exec, a| {
                    let joined = a.iter().map(bytes).collect::<Vec<_>>().join(&b'+');
                    exec.charge_bytes(joined.len() as u64)?;
                    Ok(Value::string(joined))
                });
                Ok(Value::Func(join.typed("func(...string) string")))
            }),
        ),
        ("t_func", Func::new(&[], |_, _| Ok(Value::Func(repeat())))),
        (
            "t_include",
            Func::new(&[Type::String, Type::Any], |exec, a| {
                Ok(exec.execute(&text(&a[0]), a[1].clone())?.into())
            }),
        ),
        (
            "t_tpl",
            Func::new(&[Type::String, Type::Any], |exec, a| {
                Ok(exec.execute_source("t", a[0].as_str().unwrap(), a[1].clone())?.into())
            }),
        ),
    ];
    table.into_iter().map(|(name, func)| (name.to_owned(), func)).collect()
}

fn repeat() -> Func {
    let repeat = |exec: &mut Executor<'_>, args: &[Value]| -> Answer {
        let count = usize::try_from(int(&args[0])).map_err(|_| "strings: negative Repeat count")?;
        let text = bytes(&args[1]);
        exec.charge_bytes((text.len() as u64).saturating_mul(count as u64))?;
        Ok(Value::string(text.repeat(count)))
    };
    Func::new(&[Type::Int, Type::String], repeat).typed("func(int, string) string")
}

/// The host object of the cases.
struct Server {
    name: Str,
    port: i64,
    tags: List,
    next: Option<Rc<Server>>,
    any: Value,
}

impl Object for Server {
    fn ty(&self) -> Type {
        Type::Opaque("*main.server")
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Name" => self.name.clone().into(),
            "Port" => Value::Int(self.port),
            "Tags" => self.tags.clone().into(),
            "Next" => match &self.next {
                Some(next) => Value::Object(next.clone()),
                None => Value::NilPointer("*main.server"),
            },
            "Any" => self.any.clone(),
            _ => return None,
        })
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        ["Name", "Port", "Tags", "Next", "Any"].map(|name| (name, self.field(name).unwrap())).into()
    }

    fn has_interface_field(&self, name: &str) -> bool {
        name == "Any"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "Greet" | "Fail" => Signature::fixed(&[Type::String]),
            "Sum" => Signature::variadic(&[Type::Int]),
            _ => return None,
        })
    }

    fn call(&self, _: &mut Executor<'_>, name: &str, args: &[Value]) -> Answer {
        match name {
            "Greet" => Ok(format!("{} greets {}", self.name, text(&args[0])).into()),
            "Sum" => Ok(Value::Int(args.iter().map(int).fold(0, i64::wrapping_add))),
            _ => Err(text(&args[0]).into()),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A host object with a text of its own.
struct Version;

impl Object for Version {
    fn ty(&self) -> Type {
        Type::Opaque("main.version")
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|field| field.0 == name).map(|field| field.1)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Major", Value::Int(1)), ("Minor", Value::Int(31))]
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "String").then_some(Signature::fixed(&[]))
    }

    fn call(&self, _: &mut Executor<'_>, _: &str, _: &[Value]) -> Answer {
        Ok("v1.31".into())
    }

    fn display(&self) -> Option<String> {
        Some("v1.31".to_owned())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A named slice and a named map with a method each.
struct Collection(Value);

impl Object for Collection {
    fn ty(&self) -> Type {
        match self.0 {
            Value::Map(_) => Type::Named("main.settings", &Type::ANY_MAP),
            _ => Type::Named("main.names", &Type::STRING_LIST),
        }
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn data(&self) -> Option<Value> {
        Some(self.0.clone())
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match (&self.0, name) {
            (Value::Map(_), "Size") => Some(Signature::fixed(&[])),
            (Value::List(_), "Has") => Some(Signature::fixed(&[Type::String])),
            _ => None,
        }
    }

    fn call(&self, _: &mut Executor<'_>, _: &str, args: &[Value]) -> Answer {
        Ok(match &self.0 {
            Value::List(list) => Value::Bool(list.items().iter().any(|item| text(item) == text(&args[0]))),
            map => Value::Int(map.as_map().unwrap().len() as i64),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// JSON data as values; an object with a single key that begins with `$` is a special one.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Float64(n.as_f64().unwrap()),
        Json::String(s) => s.as_str().into(),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(object) => match object.iter().next() {
            Some((key, arg)) if object.len() == 1 && key.starts_with('$') => special(key, arg),
            _ => Value::Map(object.iter().map(|(key, item)| (key.as_str(), value(item))).collect()),
        },
    }
}

fn special(key: &str, arg: &Json) -> Value {
    let number = arg.as_f64().unwrap_or(0.0);
    let str = arg.as_str().unwrap_or("");
    let strings = || {
        let items = arg.as_array().unwrap();
        List::of_strings(items.iter().map(|item| item.as_str().unwrap()))
    };
    // Integers are given as numbers or, where these would be rounded, as text.
    let signed: i64 = str.parse().unwrap_or(number as i64);
    let unsigned: u64 = str.parse().unwrap_or(number as u64);
    match key {
        "$int" => Value::Int(signed),
        "$int64" => Value::Int64(signed),
        "$int8" => Value::Number(Number::Int8(signed as i8)),
        "$int16" => Value::Number(Number::Int16(signed as i16)),
        "$int32" => Value::Number(Number::Int32(signed as i32)),
        "$uint" => Value::Number(Number::Uint(unsigned)),
        "$uint8" => Value::Number(Number::Uint8(unsigned as u8)),
        "$uint16" => Value::Number(Number::Uint16(unsigned as u16)),
        "$uint32" => Value::Number(Number::Uint32(unsigned as u32)),
        "$uint64" => Value::Number(Number::Uint64(unsigned)),
        "$float" => Value::Float64(match str {
            "NaN" => f64::NAN,
            "Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            _ => -0.0,
        }),
        "$complex" => Value::complex(arg[0].as_f64().unwrap(), arg[1].as_f64().unwrap()),
        "$func" => Value::Func(repeat()),
        "$intmap" => {
            let map = Map::typed(Type::Map(&Type::Int));
            for (key, item) in arg.as_object().unwrap() {
                map.insert(key.as_str(), Value::Int(item.as_i64().unwrap()));
            }
            map.into()
        }
        "$lists" => {
            let lists = arg.as_array().unwrap().iter().map(value).collect();
            List::typed(Type::List(&Type::ANY_LIST), lists).into()
        }
        "$maps" => {
            let maps = arg.as_array().unwrap().iter().map(value).collect();
            List::typed(Type::List(&Type::ANY_MAP), maps).into()
        }
        "$float32" => Value::Number(Number::Float32(number as f32)),
        "$bytes" => Value::Bytes(str.into()),
        "$base64" => Value::String(Str::from(STANDARD.decode(str).unwrap())),
        "$strings" => strings().into(),
        "$ints" => {
            let items = arg.as_array().unwrap().iter().map(|item| Value::Int(item.as_i64().unwrap()));
            List::typed(Type::List(&Type::Int), items.collect()).into()
        }
        "$stringmap" => {
            let entries = arg.as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap()));
            Map::of_strings(entries).into()
        }
        "$nillist" => List::nil(Type::ANY_LIST).into(),
        "$nilmap" => Map::nil(Type::ANY_MAP).into(),
        "$nilserver" => Value::NilPointer("*main.server"),
        "$server" => {
            let nil = List::nil(Type::STRING_LIST);
            let any: Map = [("k", "v")].into_iter().collect();
            let next = Server { name: "next".into(), port: 0, tags: nil, next: None, any: any.into() };
            Value::object(Server {
                name: str.into(),
                port: 80,
                tags: List::of_strings(["a", "b"]),
                next: Some(Rc::new(next)),
                any: Value::Nil,
            })
        }
        "$version" => Value::object(Version),
        "$names" => Value::object(Collection(strings().into())),
        "$settings" => Value::object(Collection(value(arg))),
        other => panic!("unknown special value {other}"),
    }
}
