//! Any template text on any data, with Sprig's functions, within small limits: an output or an error.

#![no_main]

#[path = "../../../crates/go-template/tests/support/host.rs"]
mod host;

use std::cell::OnceCell;
use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use go_template::{Executor, Funcs, Limits, List, Map, MissingKey, Options, TemplateSet, Value};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Input<'a> {
    missing_key: MissingKey,
    data: Tree<'a>,
    text: &'a [u8],
}

/// Data for a template.
#[derive(Debug)]
enum Tree<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Special(&'static str),
    List(Vec<Tree<'a>>),
    Map(Vec<(&'static str, Tree<'a>)>),
}

const KEYS: &[&str] = &["a", "b", "c", "s", "n", "l", "m", "x"];
const SPECIAL: &[&str] = &[
    r#"{"$server": "web"}"#,
    r#"{"$nilserver": 1}"#,
    r#"{"$version": 1}"#,
    r#"{"$names": ["p", "q"]}"#,
    r#"{"$settings": {"a": 1}}"#,
    r#"{"$nillist": 1}"#,
    r#"{"$nilmap": 1}"#,
    r#"{"$func": 1}"#,
    r#"{"$uint64": "18446744073709551615"}"#,
    r#"{"$complex": [1, -2]}"#,
    r#"{"$stringmap": {"a": "b"}}"#,
];

impl<'a> Arbitrary<'a> for Input<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let missing_key = *u.choose(&[MissingKey::Default, MissingKey::Zero, MissingKey::Error])?;
        let data = tree(u, 0)?;
        Ok(Input { missing_key, data, text: u.bytes(u.len())? })
    }
}

fn tree<'a>(u: &mut Unstructured<'a>, depth: usize) -> arbitrary::Result<Tree<'a>> {
    let text = |u: &mut Unstructured<'a>| {
        let len = usize::from(u.arbitrary::<u8>()? % 16).min(u.len());
        u.bytes(len)
    };
    Ok(match u.arbitrary::<u8>()? % if depth > 3 { 7 } else { 11 } {
        0 => Tree::Nil,
        1 => Tree::Bool(u.arbitrary()?),
        2 => Tree::Int(u.arbitrary()?),
        3 => Tree::Float(u.arbitrary()?),
        4 => Tree::Text(text(u)?),
        5 => Tree::Bytes(text(u)?),
        6 => Tree::Special(u.choose(SPECIAL)?),
        7 | 8 => {
            let count = u.arbitrary::<u8>()? % 4;
            Tree::List((0..count).map(|_| tree(u, depth + 1)).collect::<Result<_, _>>()?)
        }
        _ => {
            let count = u.arbitrary::<u8>()? % 5;
            let entry = |_| Ok((*u.choose(KEYS)?, tree(u, depth + 1)?));
            Tree::Map((0..count).map(entry).collect::<Result<_, _>>()?)
        }
    })
}

fn value(tree: &Tree<'_>) -> Value {
    match tree {
        Tree::Nil => Value::Nil,
        Tree::Bool(b) => Value::Bool(*b),
        Tree::Int(i) => Value::Int(*i),
        Tree::Float(f) => Value::Float64(*f),
        Tree::Text(text) => Value::string(*text),
        Tree::Bytes(bytes) => Value::Bytes((*bytes).into()),
        Tree::Special(json) => host::value(&serde_json::from_str(json).expect("the special values are JSON")),
        Tree::List(items) => items.iter().map(value).collect::<List>().into(),
        Tree::Map(entries) => entries.iter().map(|(key, item)| (*key, value(item))).collect::<Map>().into(),
    }
}

struct Fixed;

impl sprig::Clock for Fixed {
    fn now(&self) -> (i64, u32) {
        (1_500_000_000, 0)
    }
}

impl sprig::Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (i as u8).wrapping_mul(37).wrapping_add(11);
        }
    }
}

thread_local! {
    static ENGINE: OnceCell<(Funcs, TemplateSet)> = const { OnceCell::new() };
}

fuzz_target!(|input: Input<'_>| {
    ENGINE.with(|engine| {
        let (funcs, set) = engine.get_or_init(|| {
            let mut funcs = sprig::functions(Rc::new(Fixed), Rc::new(Fixed));
            funcs.extend(host::functions());
            let set = TemplateSet::new(funcs.names()).named("t");
            (funcs, set)
        });
        let mut set = set.clone();
        if set.parse("t", input.text).is_err() {
            return;
        }
        let limits = Limits { steps: 20_000, depth: 50, output: 100_000 };
        let options = Options { missing_key: input.missing_key, limits, ..Options::default() };
        let mut out = Vec::new();
        let _ = Executor::new(&set, funcs, options).execute_into("t", value(&input.data), &mut out);
        assert!(out.len() <= 100_000, "{} bytes were written", out.len());
    });
});
