//! Random inputs.

use std::fs;
use std::path::Path;

use crate::go::Request;

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'t, T: ?Sized>(&mut self, items: &[&'t T]) -> &'t T {
        items[self.below(items.len())]
    }
}

/// Pieces that mean something to a YAML scanner, for insertion anywhere.
const TOKENS: &[&str] = &[
    "\n",
    "\n  ",
    "\n- ",
    " ",
    "  ",
    "\t",
    ": ",
    ":",
    "- ",
    "-",
    "? ",
    "?",
    ",",
    "[",
    "]",
    "{",
    "}",
    "#",
    " #",
    "&a ",
    "*a",
    "&b ",
    "*b",
    "!",
    "!!str ",
    "!!int ",
    "!!binary ",
    "!!float ",
    "!!null ",
    "!!bool ",
    "!!map ",
    "!!seq ",
    "!!set ",
    "!!merge ",
    "!x ",
    "!<tag:yaml.org,2002:int> ",
    "|",
    ">",
    "|-\n",
    "|+\n",
    ">2\n",
    "'",
    "''",
    "\"",
    "\\",
    "\\n",
    "\\x41",
    "\\u00e9",
    "%",
    "@",
    "`",
    "---\n",
    "\n---",
    "\n...\n",
    "...",
    "--- ",
    "%YAML 1.1\n---\n",
    "%TAG !e! tag:e,2000:\n---\n",
    "<<: ",
    "<<: *a",
    "<<",
    "~",
    "null",
    "y",
    "on",
    "0x1F",
    "0o17",
    "017",
    "1_0",
    "1e3",
    ".inf",
    "-.inf",
    ".nan",
    "1.5",
    "12:30",
    "2001-01-01",
    "=",
    "\r\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\u{FEFF}",
    "\u{7F}",
    "é",
    "日本",
    "🎉",
    "\u{A0}",
    "\0",
    "\u{1}",
    "a",
    "b: c",
    "key: value\n",
    "x y",
    "1",
    "-1",
    "+",
    "!e!x ",
    "\\\n",
    "\\U0001F389",
];

const SCALARS: &[&str] = &[
    "a",
    "b",
    "key",
    "web",
    "nginx:1.25",
    "8080",
    "-1",
    "0",
    "1.5",
    "1e3",
    "0777",
    "0o7",
    "0b11",
    "0x1f",
    "1_000",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "true",
    "False",
    "NULL",
    "~",
    "",
    "''",
    "\"\"",
    "'it''s'",
    "\"a\\tb\"",
    "\"\\u00e9\\n\"",
    "a b",
    "a:b",
    "a#b",
    "http://x.y/z?q=1",
    "2001-01-01",
    "12:30:45",
    ".5",
    "5.",
    "+1",
    "-.inf",
    "!!str 1",
    "!!int \"3\"",
    "!!float 1",
    "!!binary aGk=",
    "!x y",
    "é",
    "日本 語",
    "🎉",
    "*a",
    "*b",
    "<<",
    "=",
    "--flag",
    "-x",
    "a?",
    "a,b",
    "{{ .x }}",
    "18446744073709551615",
    "1e400",
    "9223372036854775808",
    "0.1e-7",
    "08",
    "1__2",
    "|x",
    ">y",
    "@z",
    "%w",
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen",
];

/// Characters and words for values.
const STRINGS: &[&str] = &[
    "a",
    "b",
    "z",
    "A",
    "Z",
    "0",
    "1",
    "9",
    "10",
    "_",
    "-",
    ".",
    "/",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r",
    ":",
    ": ",
    "#",
    " #",
    "'",
    "\"",
    "\\",
    ",",
    "[",
    "]",
    "{",
    "}",
    "&",
    "*",
    "!",
    "|",
    ">",
    "%",
    "@",
    "`",
    "?",
    "? ",
    "- ",
    "---",
    "...",
    "yes",
    "y",
    "no",
    "true",
    "null",
    "~",
    "0x1",
    "017",
    "1e3",
    "1_0",
    ".5",
    ".inf",
    "12:30",
    "2001-01-01",
    "<",
    "é",
    "ß",
    "日",
    "🎉",
    "\u{85}",
    "\u{A0}",
    "\u{2028}",
    "\u{FEFF}",
    "\u{7F}",
    "\u{1}",
    "\0",
    "\u{E000}",
    "\u{FFFE}",
    "word",
    "lorem ipsum",
    "=",
    "<<",
    "+",
    "٣",
    "ª",
    "ⅷ",
    "\u{345}",
    "²",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "10",
    "1000000",
    "0.1",
    "-0.5",
    "1.5e10",
    "1e21",
    "1e20",
    "123456789012",
    "9007199254740993",
    "-0",
    "1e-7",
    "0.000001",
    "3.14",
    "18446744073709551615",
    "1e300",
    "5e-324",
    "1E2",
    "100000000000000000000000",
];

/// The case files.
pub(crate) struct Corpus {
    texts: Vec<String>,
    values: Vec<String>,
}

impl Corpus {
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let (mut texts, mut values) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy().into_owned();
            let text = if name.ends_with(".expected.json") { continue } else { fs::read_to_string(&path)? };
            if name.ends_with(".yaml.txt") {
                texts.extend(text.split("### ").filter_map(|part| Some(part.split_once('\n')?.1.to_owned())));
            } else if name.ends_with(".jsonl") {
                values.extend(text.lines().map(str::to_owned));
            } else if name.ends_with(".scalars") {
                texts.extend(text.lines().map(|line| format!("k: {line}\n{line}: v\n")));
            }
        }
        Ok(Corpus { texts, values })
    }

    /// Byte order marks stand at the start only: later ones, depending on where go-yaml's buffer ends, make it drop
    /// characters at the start of lines (see go-yaml's COMPATIBILITY.md).
    pub(crate) fn request(&self, random: &mut Random) -> Request {
        const MARK: &[u8] = "\u{FEFF}".as_bytes();
        loop {
            match self.any_request(random) {
                Request::Yaml(bytes) if bytes.windows(3).skip(1).any(|three| three == MARK) => {}
                request => return request,
            }
        }
    }

    fn any_request(&self, random: &mut Random) -> Request {
        match random.below(12) {
            0..4 => {
                let text = self.texts[random.below(self.texts.len())].clone();
                Request::Yaml(self.mutated(random, text))
            }
            4..6 => {
                let mut text = String::new();
                block(random, 0, 0, &mut text);
                Request::Yaml(self.mutated(random, text))
            }
            6 => {
                let text: String = (0..random.below(12)).map(|_| random.pick(TOKENS)).collect();
                Request::Yaml(text.into_bytes())
            }
            7 => Request::Json(self.mutated_json(random)),
            8 => Request::Value(self.values[random.below(self.values.len())].clone()),
            _ => {
                let mut text = String::new();
                value(random, 0, &mut text);
                Request::Value(text)
            }
        }
    }

    fn mutated(&self, random: &mut Random, text: String) -> Vec<u8> {
        let mut bytes = text.into_bytes();
        for _ in 0..random.below(5) {
            let at = random.below(bytes.len() + 1);
            match random.below(9) {
                0..4 => insert(&mut bytes, at, random.pick(TOKENS).as_bytes()),
                4 | 5 => {
                    let end = (at + 1 + random.below(6)).min(bytes.len());
                    bytes.drain(at..end);
                }
                6 => {
                    let other = self.texts[random.below(self.texts.len())].as_bytes();
                    let from = random.below(other.len() + 1);
                    let end = (from + random.below(30)).min(other.len());
                    insert(&mut bytes, at, &other[from..end]);
                }
                7 => {
                    let end = (at + random.below(30)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    insert(&mut bytes, at, &copy);
                }
                _ => insert(&mut bytes, at, random.pick(SCALARS).as_bytes()),
            }
        }
        if random.one_in(200) {
            let at = random.below(bytes.len() + 1);
            let byte = random.next() as u8;
            insert(&mut bytes, at, &[byte]);
        }
        bytes
    }

    fn mutated_json(&self, random: &mut Random) -> String {
        let mut text = String::new();
        if random.one_in(2) {
            value(random, 0, &mut text);
        } else {
            text.push_str(&self.values[random.below(self.values.len())]);
        }
        for _ in 0..random.below(4) {
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let Some(at) = starts.get(random.below(starts.len())).copied() else { break };
            if random.one_in(2) {
                text.remove(at);
            } else {
                let piece = [
                    "\"", "\\", "\\u00", "\\ud83c", "{", "}", "[", "]", ",", ":", "1", "-", "e", ".", "0",
                    "t", "nul", " ", "\n", "\u{1}", "é", "false", "\\q", "'", "\u{85}",
                ];
                text.insert_str(at, random.pick(&piece));
            }
        }
        text
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let tail = bytes.split_off(at);
    bytes.extend_from_slice(piece);
    bytes.extend(tail);
}

fn properties(random: &mut Random, out: &mut String) {
    if random.one_in(8) {
        out.push_str(random.pick(&["&a ", "&b ", "!!map ", "!!seq ", "!!str ", "!x ", "! ", "&a !!str "]));
    }
}

/// A node in block style, after `key:` or `-` or at the start.
fn block(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    let kind = if depth > 3 { 5 } else { random.below(9) };
    match kind {
        0..3 => {
            if depth > 0 {
                properties(random, out);
                out.push('\n');
            }
            for _ in 0..1 + random.below(4) {
                out.push_str(&pad);
                match random.below(14) {
                    0 => out.push_str("<<: *a"),
                    1 => out.push_str("? "),
                    2 => out.push_str(random.pick(&[
                        "<<: [*a, *b]",
                        "<<: {c: 1}",
                        "'<<': x",
                        "*a : x",
                        "? [a]\n: b",
                        "# note",
                    ])),
                    _ => {
                        out.push_str(random.pick(SCALARS));
                        out.push_str(": ");
                        let deeper = indent + 1 + random.below(3);
                        block(random, deeper, depth + 1, out);
                    }
                }
                if !out.ends_with('\n') {
                    out.push('\n');
                }
            }
        }
        3 | 4 => {
            if depth > 0 {
                properties(random, out);
                out.push('\n');
            }
            for _ in 0..1 + random.below(4) {
                out.push_str(&pad);
                out.push_str("- ");
                block(random, indent + 2, depth + 1, out);
                if !out.ends_with('\n') {
                    out.push('\n');
                }
            }
        }
        5 | 6 => {
            properties(random, out);
            out.push_str(random.pick(SCALARS));
            if random.one_in(8) {
                out.push_str(random.pick(&[" # note", "\n\n", "#x", " ", "\t", "\n# note\n"]));
            }
        }
        7 => flow(random, depth, out),
        _ => {
            out.push_str(random.pick(&["|", "|-", "|+", ">", ">-", ">+", "|2", ">1-"]));
            out.push('\n');
            for _ in 0..random.below(5) {
                out.push_str(&pad);
                out.push_str(random.pick(&["  ", "  ", "   ", "", " ", "\t"]));
                out.push_str(random.pick(&["one", "two # x", "", "- a", "key: v", " deep", "é", "\t"]));
                out.push('\n');
            }
        }
    }
}

fn flow(random: &mut Random, depth: usize, out: &mut String) {
    properties(random, out);
    match if depth > 4 { 2 } else { random.below(4) } {
        0 => {
            out.push('[');
            for _ in 0..random.below(4) {
                flow(random, depth + 1, out);
                out.push_str(random.pick(&[", ", ",", " , ", ",\n ", ": ", ":"]));
            }
            out.push(']');
        }
        1 => {
            out.push('{');
            for _ in 0..random.below(4) {
                if random.one_in(6) {
                    out.push_str(random.pick(&["<<: *a, ", "? ", "\"k\":", "*a : ", ": "]));
                }
                out.push_str(random.pick(SCALARS));
                out.push_str(random.pick(&[": ", ":", " : ", ""]));
                flow(random, depth + 1, out);
                out.push_str(random.pick(&[", ", ",", "\n, "]));
            }
            out.push('}');
        }
        _ => out.push_str(random.pick(SCALARS)),
    }
}

/// A JSON value.
fn value(random: &mut Random, depth: usize, out: &mut String) {
    match random.below(if depth > 4 { 5 } else { 9 }) {
        0 => out.push_str(random.pick(&["null", "true", "false"])),
        1 => out.push_str(random.pick(NUMBERS)),
        2..5 => string(random, out),
        5 | 6 => {
            out.push('[');
            for index in 0..random.below(5) {
                if index > 0 {
                    out.push(',');
                }
                value(random, depth + 1, out);
            }
            out.push(']');
        }
        _ => {
            out.push('{');
            for index in 0..random.below(6) {
                if index > 0 {
                    out.push(',');
                }
                string(random, out);
                out.push(':');
                value(random, depth + 1, out);
            }
            out.push('}');
        }
    }
}

fn string(random: &mut Random, out: &mut String) {
    let words = match random.below(12) {
        0 => 0,
        1..6 => 1,
        6..9 => 2 + random.below(4),
        9 | 10 => random.below(12),
        _ => 20 + random.below(60),
    };
    let spaced = random.one_in(2);
    let mut text = String::new();
    for _ in 0..words {
        text.push_str(if words > 15 && random.one_in(2) { "word" } else { random.pick(STRINGS) });
        if spaced {
            text.push(' ');
        }
    }
    if spaced && random.one_in(2) {
        text.truncate(text.trim_end().len());
    }
    out.push_str(&serde_json::Value::from(text).to_string());
}
