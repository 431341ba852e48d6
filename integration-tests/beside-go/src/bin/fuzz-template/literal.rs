//! Random literals, texts and formats.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::random::Random;

const INTS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "7",
    "10",
    "42",
    "80",
    "255",
    "1000",
    "-1",
    "-2",
    "-5",
    "+3",
    "0x1F",
    "0X1f",
    "0b101",
    "0B11",
    "0o17",
    "0O7",
    "017",
    "1_000",
    "0x_ff",
    "0_7",
    "'a'",
    "'\\n'",
    "'é'",
    "'\\u00e9'",
    "'\\x41'",
    "'\\''",
    "'\\\"'",
    "'\\101'",
    "'☃'",
    "'\\U0001F600'",
    "9223372036854775807",
    "-9223372036854775808",
    "1e3",
    "1e18",
    "123456789",
    "00",
    "-0",
    "1000000",
    "128",
    "65536",
    "4294967296",
    "-129",
];
/// Numbers that are none, or too large.
const BAD_NUMBERS: &[&str] = &[
    "08",
    "1__0",
    "1_",
    "'\\ud800'",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "0xFFFFFFFFFFFFFFFF",
    "0x8000000000000000",
    "1e19",
    "0x",
    "0b2",
    "0o8",
    "1a",
    "0b",
    "1e309",
    "0x1p1024",
    "0x1.8",
    "1e",
    "1e+",
    "0x1p",
    "09.5",
    "0b1.1",
    "0o1.5",
    "1p3",
    "1+i",
    "0b1i",
    "0xfi",
    "1+2i+3i",
    "0x1+1i",
    "1e400+1i",
    "1_0+1i",
    "1+2",
    "1+2i+3i",
    "1i2",
    "1e400i",
    "1_0i",
    "0x1e3",
];
const FLOATS: &[&str] = &[
    "0.0",
    "1.0",
    "1.5",
    "2.5",
    "-1.5",
    "+2.5",
    ".5",
    "1.",
    "3.14159",
    "1e6",
    "1e21",
    "1e-7",
    "1E+10",
    "1e100",
    "1e308",
    "1e-400",
    "5e-324",
    "0x1p-2",
    "0x1.8p3",
    "0X.8P1",
    "0x1p1023",
    "0x1.123456789abcp0",
    "1_0.5",
    "1_0e1_0",
    "0.1",
    "100000.0",
    "123456789.0",
    "-0.0",
    "00.5",
    "0.1e1",
    "1.e2",
    "16777217.0",
    "0.30000000000000004",
];
const COMPLEX: &[&str] = &[
    "1i",
    "2.5i",
    "0i",
    "1+2i",
    "1-2i",
    "1.5e3+2e-1i",
    "-1+0i",
    "0x1p1i",
    "010i",
    "+1i",
    "-2i",
    "3+0i",
    "0x1p1+2i",
    "1e3+1i",
];
const STRINGS: &[&str] = &[
    "",
    "a",
    "b",
    "x",
    "abc",
    "Hello World",
    "hello",
    "a b c",
    "1",
    "0",
    "-7",
    "12.5",
    "1e3",
    "true",
    "false",
    "a.b.c",
    "a,b,c",
    "a-b_c d",
    "héllo wörld",
    "☃",
    "日本語",
    "😀",
    "\u{200b}",
    "\u{a0}",
    "\u{ad}",
    "\u{feff}",
    "\u{fffd}",
    "é",
    "ǆ",
    "ß",
    "\n",
    "\t",
    "a\nb",
    "  pad  ",
    "<a href='x'>\"&\"</a>",
    "a=b&c=d",
    "\\",
    "\"",
    "'",
    "`",
    "%d",
    "%",
    "%s %v",
    "{{ . }}",
    "\0",
    "\u{1b}[0m",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "name",
    "Name",
    "a/b/../c",
    "/etc/x.txt",
    "v1.2.3",
    "1.2.3-alpha.1+b",
    "^1.2",
    "2006-01-02",
    "0x1F",
    "010",
    "1_000",
    "[a-z]+",
    "(a)(b)?",
    "aGVsbG8=",
    "{\"a\": [1, 2.5, null]}",
    "[1,2]",
    "key: value",
    "http://u:p@h:80/p?q=1#f",
    "supercalifragilisticexpialidocious",
    "$",
    "$x",
    "/*",
    "*/",
    "-",
    "--",
    "}}",
    "{{",
    "\r\n",
];

/// A text, often a short plain one.
pub(crate) fn text(random: &mut Random) -> String {
    match random.below(10) {
        0 => format!("{}{}", random.pick(STRINGS), random.pick(STRINGS)),
        1 => (0..random.below(8)).map(|_| char::from(b'a' + random.below(26) as u8)).collect(),
        2 => (0..random.below(5)).filter_map(|_| char::from_u32(code_point(random))).collect(),
        _ => random.word(STRINGS).to_owned(),
    }
}

fn code_point(random: &mut Random) -> u32 {
    let bound = *random.pick(&[0x80, 0x250, 0x800, 0x3000, 0x10000, 0x2_0000, 0x11_0000]);
    random.below(bound) as u32
}

/// Bytes that are not UTF-8, as base64.
pub(crate) fn odd_bytes(random: &mut Random) -> String {
    let mut bytes = text(random).into_bytes();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        bytes.insert(at, *random.pick(&[0xff, 0xc3, 0xe2, 0x80, 0xed, 0xf4, 0xc0, 0x98]));
    }
    STANDARD.encode(bytes)
}

pub(crate) fn int(random: &mut Random) -> String {
    match random.below(100) {
        0..70 => random.below(6).to_string(),
        70..99 => random.word(INTS).to_owned(),
        _ => random.word(BAD_NUMBERS).to_owned(),
    }
}

pub(crate) fn float(random: &mut Random) -> String {
    if random.chance(20) {
        let bits = f64::from_bits(random.next());
        if bits.is_finite() {
            return format!("{bits:e}");
        }
    }
    random.word(FLOATS).to_owned()
}

pub(crate) fn complex(random: &mut Random) -> String {
    random.word(COMPLEX).to_owned()
}

/// A string literal.
pub(crate) fn string(random: &mut Random) -> String {
    let value = text(random);
    if random.chance(15) && !value.contains(['`', '\0']) {
        return format!("`{value}`");
    }
    if random.chance(4) {
        let escape = random.word(&[
            r"\z",
            r"\x4",
            r"\xff",
            r"\xc3\xa9",
            r"\u12",
            r"\ud800",
            r"\U00110000",
            r"\400",
            r"\377",
            r"\0",
            r"\'",
            r"\a\b\f\v",
            r"\x00",
        ]);
        return format!("\"{escape}\"");
    }
    quoted(&value)
}

/// `value` as a literal in double quotes.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\0' => out.push_str("\\x00"),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A format for `printf`, and the number of arguments it wants, more or less.
pub(crate) fn format(random: &mut Random) -> (String, usize) {
    let mut out = String::new();
    let mut wanted = 0;
    for _ in 0..=random.below(3) {
        if random.chance(20) {
            out.push_str(&text(random));
        }
        wanted += directive(random, &mut out);
        if random.chance(30) {
            out.push_str(random.word(&[" ", "|", ",", "%%", "é"]));
        }
    }
    (out, wanted)
}

fn directive(random: &mut Random, out: &mut String) -> usize {
    let mut wanted = 1;
    out.push('%');
    while random.chance(35) {
        out.push(*random.pick(&['#', '0', '+', '-', ' ']));
    }
    if random.chance(4) {
        out.push_str(random.word(&[
            "[1]",
            "[2]",
            "[3]",
            "[0]",
            "[9]",
            "[x]",
            "[",
            "[]",
            "[-1]",
            "[1",
            "[99999999]",
        ]));
    }
    if random.chance(30) {
        out.push_str(random.word(&["1", "2", "5", "8", "12", "20", "40", "0", "1000001", "007"]));
    } else if random.chance(4) {
        out.push('*');
        wanted += 1;
    }
    if random.chance(25) {
        out.push('.');
        if random.chance(4) {
            out.push('*');
            wanted += 1;
        } else {
            out.push_str(random.word(&["", "0", "1", "2", "3", "6", "10", "17", "30", "-1", "1000001"]));
        }
    }
    if random.chance(4) {
        out.push_str(random.word(&["[1]", "[2]", "[3]", "[0]", "[9]", "[x]", "[", "[2]*", "[1].3"]));
    }
    if random.chance(97) {
        out.push(*random.pick(&[
            'v', 'v', 'v', 'd', 'd', 's', 's', 'q', 'q', 'x', 'X', 'T', 't', 'b', 'o', 'O', 'c', 'U', 'e',
            'E', 'f', 'F', 'g', 'G', 'w', 'z', '!', 'é', '%', 'i', 'u', 'j',
        ]));
    }
    wanted
}
