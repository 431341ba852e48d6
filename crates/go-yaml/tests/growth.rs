//! Time grows with the text, not with its square, on every kind of text made to slow a reader or a printer down.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::time::{Duration, Instant};

use go_yaml::{Value, json};

/// Texts of about `size` bytes.
fn texts(size: usize) -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(size / piece.len());
    let numbered =
        |line: &dyn Fn(usize) -> String| (0..size / line(size).len()).map(line).collect::<String>();
    vec![
        ("long plain scalar", fill("word ")),
        ("long plain scalar over lines", fill("word\n  ")),
        ("long quoted scalar", format!("'{}'", fill("it''s "))),
        ("long escaped scalar", format!("\"{}\"", fill("\\x41 "))),
        ("long literal", format!("a: |\n{}", fill("  line\n"))),
        ("long folded", format!("a: >\n{}", fill("  line\n\n"))),
        ("flow brackets", format!("[{}]", fill("[],"))),
        ("flow maps", format!("[{}]", fill("{a: b},"))),
        ("unclosed brackets", fill("[")),
        ("anchors", numbered(&|n| format!("k{n}: &a{n} v\n"))),
        ("anchors and aliases", numbered(&|n| format!("k{n}: &a{n} v\nl{n}: *a{n}\n"))),
        ("equal keys", fill("key: value\n")),
        ("keys", numbered(&|n| format!("key{n}: value\n"))),
        ("keys backwards", numbered(&|n| format!("key{}: value\n", usize::MAX / 2 - n))),
        ("keys of no clear order", numbered(&|n| format!("{}e3: a\n{}.5: b\n{n}: c\n", n * 7 % 1000, n))),
        ("question marks", fill("? ")),
        ("dashes", fill("- ")),
        ("long comment", format!("# {}\na: b\n", fill("x"))),
        ("many comments", fill("# x\n")),
        ("long indentation", format!("{}a: b\n", fill(" "))),
        ("blank lines", format!("a:{}\n  b", fill("\n"))),
        ("candidates for keys", format!("[{}]", fill("a "))),
        ("quoted candidates for keys", format!("[{}]", fill("'a', "))),
        ("candidates without a value", fill("'a' ")),
        ("long key", format!("{}: b", fill("k"))),
        ("long explicit key", format!("? {}\n: b", fill("k "))),
        ("collections as keys", format!("? [{}]\n: b", fill("a, "))),
        ("documents", fill("a: 1\n---\n")),
        ("tags", numbered(&|n| format!("- !x{n} a\n"))),
        ("merges", format!("a: &a {{b: 1}}\n{}", fill("c: {<<: *a}\n"))),
        ("merge of many", format!("a: &a {{b: 1}}\nc: {{<<: [{}]}}\n", fill("*a, "))),
        ("base64", format!("a: !!binary {}", fill("QUJD"))),
        ("underscores", fill("1_")),
        ("digits", fill("1")),
        ("colons", fill("1:")),
    ]
}

fn work(text: &str) -> Duration {
    let start = Instant::now();
    for document in go_yaml::documents(text).unwrap() {
        let _ = document.content.map(|content| content.to_value());
    }
    if let Ok(value) = go_yaml::from_str(text) {
        let _ = go_yaml::to_string(&value);
        let _ = json::to_string(&value, json::Style::Compact).map(|text| json::from_str(&text));
        let _ = go_yaml::toml::to_string(&value);
    }
    start.elapsed()
}

/// Eight times the text may take three times its share: squares would take eight times it.
#[test]
fn time_grows_with_the_text() {
    const SIZE: usize = 8 * 1024;
    const GROWTH: usize = 8;
    // Others use the machine too, so that a single measurement says little; the best of several says enough.
    let best = |text: &str| (0..3).map(|_| work(text)).min().unwrap_or_default();
    for ((name, small), (_, large)) in texts(SIZE).into_iter().zip(texts(SIZE * GROWTH)) {
        let (before, after) = (best(&small), best(&large));
        let allowed = before * (3 * GROWTH as u32) + Duration::from_millis(20);
        assert!(
            after < allowed,
            "{name}: {before:?} for {} bytes, {after:?} for {}",
            small.len(),
            large.len()
        );
    }
}

/// Bombs end with the limit's error.
#[test]
fn bombs_end_in_an_error() {
    let layers = |first: &str, layer: &dyn Fn(usize) -> String| {
        first.to_owned() + &(1..30).map(layer).collect::<String>()
    };
    let cases = [
        (
            layers("k0: &a0 [x,x,x,x,x,x,x,x,x,x]\n", &|n| {
                format!("k{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","))
            }),
            "yaml: document contains excessive aliasing",
        ),
        (
            layers("k0: &a0 {x: 1}\n", &|n| {
                format!("k{n}: &a{n} {{p: *a{0}, q: *a{0}, r: *a{0}, s: *a{0}}}\n", n - 1)
            }),
            "yaml: document contains excessive aliasing",
        ),
        (
            layers("k0: &a0 {x: 1}\n", &|n| {
                format!("k{n}: &a{n} {{<<: [{}]}}\n", vec![format!("*a{}", n - 1); 10].join(","))
            }),
            "yaml: document contains excessive aliasing",
        ),
        (
            format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(1000)),
            "yaml: document contains excessive aliasing",
        ),
        (
            format!("a: &a {}\nb:\n{}", "x".repeat(100_000), "- *a : 1\n".repeat(1000)),
            "yaml: document contains excessive aliasing",
        ),
        ("[".repeat(100_000), "yaml: exceeded max depth of 200"),
        ("{a: ".repeat(100_000), "yaml: exceeded max depth of 200"),
        ("- ".repeat(100_000), "yaml: exceeded max depth of 200"),
        ("? ".repeat(100_000), "yaml: exceeded max depth of 200"),
        ("a: &a [*a]".to_owned(), "yaml: anchor 'a' value contains itself"),
        ("a: &a {<<: *a}".to_owned(), "yaml: anchor 'a' value contains itself"),
        ("-\n".repeat(4_100_000), "yaml: document has more than 4000000 nodes"),
    ];
    for (text, error) in cases {
        let got = go_yaml::from_str(&text).map(|_: Value| ()).map_err(|error| error.to_string());
        assert_eq!(got, Err(error.to_owned()), "{:?}…", &text[..text.len().min(60)]);
    }
}
