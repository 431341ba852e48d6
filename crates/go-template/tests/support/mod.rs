//! Runs case files and compares with what Go made of them. The forms of case files and of special data values are told
//! in `integration-tests/oracle/cmd/template`, which writes the expected results.

#![expect(clippy::unwrap_used, reason = "a test stops where its files are not what it takes them for")]

use std::any::Any;
use std::path::Path;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use go_template::{
    Error, Executor, Func, FuncError, Funcs, Limits, List, Map, MissingKey, Number, Object, Options,
    Signature, Str, TemplateSet, Type, Value,
};
use serde_json::Value as Json;

/// One case, as read from its file.
struct Case {
    name: String,
    text: String,
    data: String,
    missing_key: MissingKey,
}

/// Checks every case of every `*.cases` file in `folder` against its expected result, with `functions` registered
/// below those that the cases use. Gives the number of cases.
pub(crate) fn check_folder(folder: &Path, functions: impl Fn() -> Funcs) -> usize {
    let mut total = 0;
    let mut failures = String::new();
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cases"))
        .collect();
    files.sort();
    for file in files {
        let cases = parse(&std::fs::read_to_string(&file).unwrap());
        let expected = std::fs::read_to_string(format!("{}.expected.json", file.display())).unwrap();
        let expected: Vec<Json> = serde_json::from_str(&expected).unwrap();
        assert_eq!(cases.len(), expected.len(), "{}: expected results are out of date", file.display());
        for (case, expected) in cases.iter().zip(&expected) {
            assert_eq!(expected["case"], case.name, "{}: expected results are out of date", file.display());
            total += 1;
            let (want, got) = (wanted(expected), outcome(case, functions()));
            if want != got {
                let file = file.file_name().unwrap().display();
                failures.push_str(&format!("\n{file}: {}\n  want {want:?}\n  got  {got:?}\n", case.name));
            }
        }
    }
    let count = failures.matches("\n  want ").count();
    assert!(failures.is_empty(), "{count} of {total} cases differ:\n{failures}");
    total
}

/// Runs cases that were changed at random (bytes deleted, doubled, replaced, or pieces of other cases put in) within
/// small limits: whatever comes out, nothing panics.
pub(crate) fn run_mutations(folder: &Path, functions: impl Fn() -> Funcs, rounds: u64) {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<Case> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "cases"))
        .flat_map(|path| parse(&std::fs::read_to_string(path).unwrap()))
        .collect();
    let mut funcs = functions();
    funcs.extend(self::functions());
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    for _ in 0..rounds {
        let case = &cases[random(cases.len())];
        let mut text = case.text.clone().into_bytes();
        for _ in 0..=random(4) {
            let at = random(text.len());
            match random(4) {
                0 if !text.is_empty() => drop(text.remove(at)),
                1 if !text.is_empty() => text.insert(at, text[at]),
                2 if !text.is_empty() => text[at] = b"{}()|.$\"`-+*\\%0 \xc3\xa9\xff"[random(19)],
                _ => {
                    let other = cases[random(cases.len())].text.as_bytes();
                    let from = random(other.len());
                    let to = (from + random(20)).min(other.len());
                    text.splice(at..at, other[from..to].iter().copied());
                }
            }
        }
        let mut set = TemplateSet::new(funcs.names()).named("t");
        if set.parse("t", &text).is_ok() {
            let limits = Limits { steps: 20_000, output: 100_000, ..Limits::default() };
            let options = Options { missing_key: case.missing_key, limits, ..Options::default() };
            let data = value(&serde_json::from_str(&case.data).unwrap());
            let _ = Executor::new(&set, &funcs, options).execute("t", data);
        }
    }
}

fn wanted(expected: &Json) -> Result<Vec<u8>, String> {
    if let Some(output) = expected["output"].as_str() {
        return Ok(output.as_bytes().to_vec());
    }
    if let Some(output) = expected["output_base64"].as_str() {
        return Ok(STANDARD.decode(output).unwrap());
    }
    Err(expected["error"].as_str().unwrap().to_owned())
}

fn outcome(case: &Case, mut funcs: Funcs) -> Result<Vec<u8>, String> {
    funcs.extend(functions());
    let run = || -> Result<Vec<u8>, Error> {
        let mut set = TemplateSet::new(funcs.names()).named("t");
        set.parse("t", &case.text)?;
        let options = Options { missing_key: case.missing_key, ..Options::default() };
        let data = value(&serde_json::from_str(&case.data).unwrap());
        Ok(Executor::new(&set, &funcs, options).execute("t", data)?.to_vec())
    };
    run().map_err(|error| error.to_string())
}

fn parse(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut data = "null".to_owned();
    let mut missing_key = MissingKey::Default;
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n').chain(["==="]) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let begins = matches!(word, ">" | "===" | "data" | "missingkey");
        match open.take() {
            Some((name, mut body)) if !begins => {
                body.push(line);
                open = Some((name, body));
                continue;
            }
            Some((name, body)) => {
                cases.push(Case { name, text: body.join("\n"), data: data.clone(), missing_key });
            }
            None => {}
        }
        match word {
            ">" => cases.push(Case {
                name: rest.to_owned(),
                text: rest.to_owned(),
                data: data.clone(),
                missing_key,
            }),
            "===" => open = Some((rest.to_owned(), Vec::new())),
            "data" => data = rest.to_owned(),
            "missingkey" => {
                missing_key = match rest {
                    "default" => MissingKey::Default,
                    "zero" => MissingKey::Zero,
                    "error" => MissingKey::Error,
                    other => panic!("unknown option {other}"),
                };
            }
            _ => {}
        }
    }
    cases
}

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

fn functions() -> Vec<(String, Func)> {
    let concat = |_: &mut Executor<'_>, args: &[Value]| -> Answer {
        Ok(args.iter().map(text).collect::<String>().into())
    };
    let half = |_: &mut Executor<'_>, args: &[Value]| -> Answer {
        let Value::Float64(f) = args[0] else { panic!("not a float") };
        Ok(Value::Float64(f / 2.0))
    };
    let table = [
        ("t_add", Func::new(&[Type::Int, Type::Int], |_, a| Ok(Value::Int(int(&a[0]) + int(&a[1]))))),
        ("t_add64", Func::new(&[Type::Int64, Type::Int64], |_, a| Ok(Value::Int64(int(&a[0]) + int(&a[1]))))),
        ("t_half", Func::new(&[Type::Float64], half)),
        ("t_not", Func::new(&[Type::Bool], |_, a| Ok(Value::Bool(!a[0].truth())))),
        ("t_uint", Func::new(&[Type::Uint], |_, a| Ok(a[0].clone()))),
        ("t_upper", Func::new(&[Type::String], |_, a| Ok(text(&a[0]).to_uppercase().into()))),
        ("t_concat", Func::variadic(&[Type::String], concat)),
        (
            "t_pair",
            Func::variadic(&[Type::String, Type::Any], |exec, a| {
                let rest = exec.sprint(&a[1..])?;
                Ok(format!("{}{rest}", text(&a[0])).into())
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
    Func::new(&[Type::Int, Type::String], |_, a| Ok(text(&a[1]).repeat(int(&a[0]) as usize).into()))
        .typed("func(int, string) string")
}

/// The host object of the cases.
struct Server {
    name: &'static str,
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
            "Name" => self.name.into(),
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
            "Sum" => Ok(Value::Int(args.iter().map(int).sum())),
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
fn value(json: &Json) -> Value {
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
    match key {
        "$int" => Value::Int(number as i64),
        "$int64" => Value::Int64(number as i64),
        "$int8" => Value::Number(Number::Int8(number as i8)),
        "$int32" => Value::Number(Number::Int32(number as i32)),
        "$uint" => Value::Number(Number::Uint(number as u64)),
        "$uint8" => Value::Number(Number::Uint8(number as u8)),
        "$uint64" => Value::Number(Number::Uint64(number as u64)),
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
            let next = Server { name: "next", port: 0, tags: nil, next: None, any: any.into() };
            Value::object(Server {
                name: Box::leak(str.to_owned().into_boxed_str()),
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
