//! Random data for templates: a tree of JSON, with the paths in it by kind.

use serde_json::{Map, Value as Json, json};

use crate::literal;
use crate::random::Random;

/// What an expression should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Str,
    Int,
    Float,
    Bool,
    List,
    Map,
    Func,
    Any,
}

pub(crate) struct Data {
    /// One line of JSON; the special values are told in `oracle/cmd/template`.
    pub(crate) json: String,
    /// Fields from dot, such as `.a.b`, with the kind of what is there.
    pub(crate) paths: Vec<(String, Kind)>,
}

const KEYS: &[&str] =
    &["a", "b", "c", "d", "e", "f", "g", "h", "n", "s", "l", "m", "x", "Name", "B_1", "é", "k-1"];
const INT_TYPES: &[&str] = &[
    "$int", "$int", "$int", "$int", "$int", "$int", "$int", "$int", "$int", "$int", "$int64", "$int64",
    "$int8", "$int16", "$int32", "$uint", "$uint8", "$uint16", "$uint32", "$uint64",
];

pub(crate) fn data(random: &mut Random) -> Data {
    let hosts = random.chance(20);
    let mut builder = Builder { random, paths: Vec::new(), hosts };
    let json = if builder.random.chance(4) { builder.value("", 2).0 } else { builder.map("", 0) };
    Data { json: json.to_string(), paths: builder.paths }
}

struct Builder<'r> {
    random: &'r mut Random,
    paths: Vec<(String, Kind)>,
    /// With pointers and functions, which Go prints as addresses.
    hosts: bool,
}

impl Builder<'_> {
    fn map(&mut self, path: &str, depth: usize) -> Json {
        let count = if depth == 0 { 6 + self.random.below(8) } else { self.random.below(5) };
        let mut object = Map::new();
        for _ in 0..count {
            let key = *self.random.pick(KEYS);
            if object.contains_key(key) {
                continue;
            }
            let at = format!("{path}.{key}");
            let (item, kind) = self.value(&at, depth + 1);
            object.insert(key.to_owned(), item);
            // A key with a dash is reached by `index` only.
            if !at.contains('-') {
                self.paths.push((at, kind));
            }
        }
        Json::Object(object)
    }

    fn value(&mut self, path: &str, depth: usize) -> (Json, Kind) {
        let deep = depth > 3;
        match self.random.below(if deep { 60 } else { 100 }) {
            0..12 => (literal::text(self.random).into(), Kind::Str),
            12..15 => (json!({"$base64": literal::odd_bytes(self.random)}), Kind::Str),
            15..17 => (Json::Null, Kind::Any),
            17..27 => (json!({*self.random.pick(INT_TYPES): integer(self.random)}), Kind::Int),
            27..38 => (
                json!(*self.random.pick(&[
                    0.0,
                    1.0,
                    2.0,
                    3.0,
                    10.0,
                    80.0,
                    1e6,
                    123456789.0,
                    -5.0,
                    0.5,
                    1.25e-7,
                    1e21
                ])),
                Kind::Float,
            ),
            38..40 => {
                (json!({"$float32": *self.random.pick(&[0.0, 0.1, 1.5, 1e10, 16777217.0])}), Kind::Float)
            }
            40..42 => (json!({"$float": *self.random.pick(&["NaN", "Inf", "-Inf", "-0"])}), Kind::Float),
            42..43 => (
                json!({"$complex": [*self.random.pick(&[0.0, 1.0, -2.5]), *self.random.pick(&[0.0, 3.0, -0.5])]}),
                Kind::Any,
            ),
            43..50 => (self.random.chance(50).into(), Kind::Bool),
            50..53 => (json!({"$bytes": literal::text(self.random)}), Kind::List),
            53..54 => (json!({"$nillist": 1}), Kind::List),
            54..55 => (json!({"$nilmap": 1}), Kind::Map),
            55..56 => (json!({"$nilserver": 1}), Kind::Any),
            56..58 if self.hosts => (json!({"$func": 1}), Kind::Func),
            56..60 => (json!({"$version": 1}), Kind::Any),
            60..66 if self.hosts => {
                for (field, kind) in [
                    (".Name", Kind::Str),
                    (".Port", Kind::Int),
                    (".Tags", Kind::List),
                    (".Next", Kind::Any),
                    (".Any", Kind::Any),
                ] {
                    self.paths.push((format!("{path}{field}"), kind));
                }
                (json!({"$server": literal::text(self.random)}), Kind::Any)
            }
            66..69 => (json!({"$strings": strings(self.random)}), Kind::List),
            69..71 => (json!({"$names": strings(self.random)}), Kind::List),
            71..73 => {
                let items: Vec<i64> =
                    (0..self.random.below(4)).map(|_| self.random.below(300) as i64 - 100).collect();
                (json!({"$ints": items}), Kind::List)
            }
            73..75 => (json!({"$settings": self.map(path, depth + 1)}), Kind::Map),
            75..77 => {
                let object: Map<String, Json> = (0..self.random.below(4))
                    .map(|_| ((*self.random.pick(KEYS)).to_owned(), literal::text(self.random).into()))
                    .collect();
                self.paths.extend(
                    object
                        .keys()
                        .filter(|key| !key.contains('-'))
                        .map(|key| (format!("{path}.{key}"), Kind::Str)),
                );
                (json!({"$stringmap": object}), Kind::Map)
            }
            77..78 => (json!({"$intmap": {"a": 1, "b": self.random.below(9)}}), Kind::Map),
            78..79 => (json!({"$lists": [self.list(depth), self.list(depth)]}), Kind::List),
            79..80 => (json!({"$maps": [self.map("-", depth + 2), {}]}), Kind::List),
            80..89 => (self.list(depth), Kind::List),
            _ => (self.map(path, depth), Kind::Map),
        }
    }

    fn list(&mut self, depth: usize) -> Json {
        // Paths do not lead into lists.
        let known = self.paths.len();
        let alike = self.random.chance(40).then(|| self.random.next());
        let items = (0..self.random.below(5)).map(|i| {
            let Some(seed) = alike else { return self.value("", depth + 1).0 };
            let mut same = Random::new(seed);
            let _ = same.below(i + 2);
            Builder { random: &mut same, paths: Vec::new(), hosts: self.hosts }.value("", depth + 1).0
        });
        let items = items.collect();
        self.paths.truncate(known);
        items
    }
}

fn strings(random: &mut Random) -> Vec<String> {
    (0..random.below(4)).map(|_| literal::text(random)).collect()
}

fn integer(random: &mut Random) -> Json {
    match random.below(20) {
        0 => "9223372036854775807".into(),
        1 => "-9223372036854775808".into(),
        2 => "9007199254740993".into(),
        3 => 128.into(),
        4 => 255.into(),
        5 => 0x263a.into(),
        _ => random.below(7).into(),
    }
}
