//! What is dear ends with the budget's error before it is done.

mod ports;

use std::time::{Duration, Instant};

use go_template::{Budget, ErrorKind, Executor, Limits, Map, Options, TemplateSet};

use self::ports::functions;

/// Templates that want much, with the budget that ends them under small limits.
const DEAR: &[(&str, Budget)] = &[
    (r#"{{ repeat 1000000000 "x" }}"#, Budget::Output),
    (r#"{{ repeat 1000000000 .long }}"#, Budget::Output),
    (r#"{{ until 300000000 }}"#, Budget::Steps),
    (r#"{{ until -1000000000 }}"#, Budget::Steps),
    (r#"{{ untilStep 0 9223372036854775807 1 }}"#, Budget::Steps),
    (r#"{{ untilStep 9223372036854775807 -9223372036854775808 -3 }}"#, Budget::Steps),
    (r#"{{ seq 1000000000 }}"#, Budget::Steps),
    (r#"{{ seq 9223372036854775806 }}"#, Budget::Steps),
    (r#"{{ seq 1 2 1000000000 }}"#, Budget::Steps),
    (r#"{{ indent 1000000000 "x" }}"#, Budget::Output),
    (r#"{{ nindent 1000000000 "x" }}"#, Budget::Output),
    (r#"{{ indent 9223372036854775807 "x\ny" }}"#, Budget::Output),
    (r#"{{ range until 100 }}{{ $.long | indent 900 | quote }}{{ end }}"#, Budget::Output),
    (r#"{{ wrapWith 1 .long .long }}"#, Budget::Output),
    (r#"{{ replace "" .long .long }}"#, Budget::Output),
    (r#"{{ replace "x" .long .long }}"#, Budget::Output),
    (r#"{{ join .long (splitList "" .long) }}"#, Budget::Output),
    (r#"{{ regexReplaceAll "" .long .long }}"#, Budget::Output),
    (r#"{{ regexReplaceAllLiteral "x" .long .long }}"#, Budget::Output),
    (r#"{{ range until 100 }}{{ regexFindAll "" $.long -1 }}{{ end }}"#, Budget::Output),
    (r#"{{ range until 100 }}{{ $_ := regexSplit "" $.long -1 }}{{ end }}"#, Budget::Output),
    (
        r#"{{ range $i := until 10000 }}{{ $_ := regexMatch (print "a{" $i "}") "a" }}{{ end }}"#,
        Budget::Steps,
    ),
    (r#"{{ range until 10000 }}{{ $_ := regexMatch "(x+x+)+y" $.long }}{{ end }}"#, Budget::Steps),
    (r#"{{ randAlphaNum 1000000000 }}"#, Budget::Output),
    (r#"{{ randAlpha 1000000000 }}"#, Budget::Output),
    (r#"{{ randAscii 1000000000 }}"#, Budget::Output),
    (r#"{{ randNumeric 1000000000 }}"#, Budget::Output),
    (r#"{{ randBytes 9223372036854775807 }}"#, Budget::Output),
    (r#"{{ range until 10000 }}{{ $_ := shuffle $.long }}{{ end }}"#, Budget::Steps),
    (r#"{{ bcrypt "x" }}"#, Budget::Steps),
    (r#"{{ htpasswd "u" "p" }}"#, Budget::Steps),
    (r#"{{ derivePassword 1 "long" "p" "u" "s" }}"#, Budget::Steps),
    (r#"{{ genPrivateKey "rsa" }}"#, Budget::Steps),
    (r#"{{ genPrivateKey "" }}"#, Budget::Steps),
    (r#"{{ genPrivateKey "dsa" }}"#, Budget::Steps),
    (r#"{{ range until 100 }}{{ $_ := genPrivateKey "ecdsa" }}{{ end }}"#, Budget::Steps),
    (r#"{{ range until 100 }}{{ $_ := genPrivateKey "ed25519" }}{{ end }}"#, Budget::Steps),
    (r#"{{ genCA "ca" 1 }}"#, Budget::Steps),
    (r#"{{ genSelfSignedCert "cn" nil nil 1 }}"#, Budget::Steps),
    (r#"{{ range until 100 }}{{ $_ := genCAWithKey "ca" 1 $.key }}{{ end }}"#, Budget::Steps),
    (
        r#"{{ range until 100 }}{{ $_ := genSelfSignedCertWithKey "ca" nil nil 1 $.key }}{{ end }}"#,
        Budget::Steps,
    ),
    (r#"{{ $ca := genCAWithKey "ca" 1 .key }}{{ genSignedCert "cn" nil nil 1 $ca }}"#, Budget::Steps),
    (
        r#"{{ $c := genCAWithKey "ca" 1 .key }}{{ range until 10 }}{{ $_ := buildCustomCert (b64enc $c.Cert) (b64enc $c.Key) }}{{ end }}"#,
        Budget::Steps,
    ),
    (r#"{{ range until 100 }}{{ $_ := encryptAES "k" $.long }}{{ end }}"#, Budget::Output),
    (r#"{{ range until 10000 }}{{ $_ := b64enc $.long | b64dec | sha512sum }}{{ end }}"#, Budget::Output),
    (r#"{{ range until 10000 }}{{ $_ := toJson $.long }}{{ end }}"#, Budget::Output),
    (
        r#"{{ $l := splitList "" .long }}{{ range until 100 }}{{ $_ := uniq $l }}{{ $_ = concat $l $l }}{{ end }}"#,
        Budget::Steps,
    ),
    (
        r#"{{ $l := until 1000 }}{{ range until 100 }}{{ $_ := without $l 1 2 3 4 5 6 7 8 9 }}{{ end }}"#,
        Budget::Steps,
    ),
    (r#"{{ $x := "1.1" }}{{ range until 30000 }}{{ $x = mulf $x 1.0 1.0 1.0 }}{{ end }}"#, Budget::Steps),
    (r#"{{ range until 30000 }}{{ $_ := semverCompare ">=1.2" "1.3" }}{{ end }}"#, Budget::Steps),
    (r#"{{ range until 30000 }}{{ $_ := urlParse "http://h" }}{{ end }}"#, Budget::Steps),
    (
        r#"{{ $d := dict }}{{ range $i := until 200 }}{{ $_ := set $d (toString $i) $i }}{{ end }}{{ range until 1000 }}{{ $_ := deepCopy $d | merge $d }}{{ end }}"#,
        Budget::Steps,
    ),
];

#[test]
fn dear_functions_end_with_the_budget() {
    let funcs = functions();
    let key = {
        let mut set = TemplateSet::new(funcs.names());
        set.parse("t", r#"{{ genPrivateKey "ed25519" }}"#).unwrap();
        Executor::new(&set, &funcs, Options::default()).execute("t", Map::new().into()).unwrap()
    };
    let data: Map =
        [("long", "x".repeat(4000).into()), ("key", go_template::Value::String(key))].into_iter().collect();
    for (template, budget) in DEAR {
        let mut set = TemplateSet::new(funcs.names());
        set.parse("t", template).unwrap();
        let limits = Limits { steps: 300_000, output: 1_000_000, ..Limits::default() };
        let options = Options { limits, ..Options::default() };
        let start = Instant::now();
        let result = Executor::new(&set, &funcs, options).execute("t", data.clone().into());
        let error = result.err().unwrap_or_else(|| panic!("{template}: not ended"));
        assert_eq!(error.kind(), ErrorKind::Budget(*budget), "{template}: {error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{template} took {:?}", start.elapsed());
    }
}

/// Calls on one long text, which the budgets let pass.
const ON_A_LONG_TEXT: &[&str] = &[
    "upper",
    "lower",
    "title",
    "untitle",
    "trim",
    "nospace",
    "swapcase",
    "snakecase",
    "kebabcase",
    "camelcase",
    "initials",
    "quote",
    "squote",
    "cat",
    "b64enc",
    "b64dec",
    "b32enc",
    "b32dec",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "adler32sum",
    "toJson",
    "toPrettyJson",
    "fromJson",
    "atoi",
    "int64",
    "float64",
    "toDecimal",
    "toString",
    "base",
    "dir",
    "clean",
    "ext",
    "osBase",
    "urlParse",
    "semver",
    "duration",
    "regexQuoteMeta",
    "abbrev 5",
    "abbrevboth 5 10",
    "trunc 70000",
    "trunc -70000",
    "substr 1 70000",
    "wrap 80",
    "wrapWith 5 \"-\"",
    "indent 2",
    "replace \"x\" \"y\"",
    "splitList \"a\"",
    "split \"a\"",
    "splitn \"a\" 5",
    "trimAll \"x \"",
    "trimPrefix \"x\"",
    "contains \"zz\"",
    "regexMatch \"x+$\"",
    "regexFind \"x+z\"",
    "toDate \"2006-01-02\"",
    "semverCompare \"^1\"",
    "default \"x\"",
    "sha256sum | trunc 8",
];

#[test]
fn the_time_for_a_text_grows_with_its_length_only() {
    let funcs = functions();
    let texts =
        ["x", "Xy", "x ", " ", "-", "a.-", "\u{fffd}", "é", "日本", "1", "A1", "\"", "%", "../", "[{"];
    for piece in texts {
        let invalid = [piece.as_bytes(), b"\xff"].concat();
        for piece in [piece.as_bytes(), &invalid] {
            let text = go_template::Str::from(piece.repeat(100_000 / piece.len()));
            let data: Map = [("text", go_template::Value::String(text))].into_iter().collect();
            for call in ON_A_LONG_TEXT {
                let mut set = TemplateSet::new(funcs.names());
                set.parse("t", format!("{{{{ $_ := .text | {call} }}}}")).unwrap();
                let start = Instant::now();
                // Whether it takes the text is another matter.
                let _ = Executor::new(&set, &funcs, Options::default()).execute("t", data.clone().into());
                let taken = start.elapsed();
                let shown = String::from_utf8_lossy(piece);
                assert!(taken < Duration::from_secs(3), "{call} took {taken:?} on many {shown:?}");
            }
        }
    }
}
