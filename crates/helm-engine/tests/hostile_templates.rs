//! Templates and manifests that are made to do harm, a test for each class: what they print is bounded, and they end soon
//! with an error that says why.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use helm_chart::{Chart, Limits, Mode as FileMode, SourceFile, Values};
use helm_engine::{
    Budgets, Capabilities, Dns, Host, KubeVersion, LintOptions, LintSource, LoadedChart, Lookup, LookupError,
    Mode, Operation, ReleaseOptions, RenderError, Rendered, lint,
};

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.into(), mode: FileMode::File, bytes: text.as_bytes().into() }
}

fn source(template: &str) -> [SourceFile; 2] {
    [file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), file("templates/a.yaml", template)]
}

fn render(template: &str, host: &Host) -> Result<Rendered, RenderError> {
    let chart = LoadedChart::new(Chart::load(source(template), &Limits::default()).unwrap());
    let release = ReleaseOptions {
        name: "a".into(),
        namespace: "b".into(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::new(KubeVersion::parse("v1.36.0").unwrap(), Vec::new());
    chart.render(&Values::new(), &release, &capabilities, host)
}

/// A host with a clock, bytes that pass for random, and a fraction of the default budgets.
fn host() -> Host {
    let budgets = Budgets { steps: 1_000_000, output: 2 << 20, ..Budgets::default() };
    let state = AtomicU64::new(1);
    let random = move |bytes: &mut [u8]| {
        for byte in bytes {
            let next = state.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.store(next, Ordering::Relaxed);
            *byte = (next >> 56) as u8;
        }
    };
    Host {
        budgets,
        clock: Some(Arc::new(|| (1_700_000_000, 0))),
        random: Some(Arc::new(random)),
        ..Host::default()
    }
}

/// Every template uses up a budget.
fn exhausts(templates: &[&str]) {
    for template in templates {
        let error = render(template, &host()).map(drop).unwrap_err();
        assert!(matches!(error, RenderError::Budget { .. }), "{template}: {error}");
        assert!(error.to_string().len() < 2000, "{template}: {} bytes of error", error.to_string().len());
    }
}

#[test]
fn functions_that_reach_out_are_not_there() {
    for template in [r#"{{ env "PATH" }}"#, r#"{{ expandenv "$PATH" }}"#] {
        let error = render(template, &host()).map(drop).unwrap_err();
        assert!(matches!(error, RenderError::Parse { .. }), "{template}: {error}");
        let in_tpl = format!("{{{{ tpl `{template}` . }}}}");
        let error = render(&in_tpl, &host()).map(drop).unwrap_err();
        assert!(error.to_string().contains("not defined"), "{template}: {error}");
    }
    let rendered = render(r#"a{{ getHostByName "localhost" }}: {{ lookup "v1" "Secret" "" "" }}"#, &host());
    assert!(rendered.unwrap().manifest().ends_with("\na: map[]\n"));
}

/// Counts the questions; answers each with what it was asked.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl Lookup for Asked {
    fn lookup(&self, version: &str, kind: &str, ns: &str, name: &str) -> Result<go_yaml::Value, LookupError> {
        self.0.lock().unwrap().push(format!("{version} {kind} {ns} {name}"));
        Ok(go_yaml::Value::Map([("a".to_owned(), "b".into())].into()))
    }
}

impl Dns for Asked {
    fn addresses(&self, name: &str) -> Vec<String> {
        self.0.lock().unwrap().push(name.to_owned());
        if name == "nowhere" { Vec::new() } else { vec!["192.0.2.1".to_owned()] }
    }
}

#[test]
fn functions_that_reach_out_ask_what_the_host_gives_and_nothing_else() {
    let asked = Arc::new(Asked::default());
    let host = Host { lookup: asked.clone(), dns: Some(asked.clone()), ..host() };
    let template = r#"{{ (lookup "v1" "Pod" "n" "m").a }} {{ getHostByName "web" }}"#;
    let rendered = render(&format!("a: {template}"), &host).unwrap();
    assert!(rendered.manifest().ends_with("a: b 192.0.2.1\n"), "{}", rendered.manifest());
    assert_eq!(*asked.0.lock().unwrap(), ["v1 Pod n m", "web"]);
    let error = render(r#"{{ getHostByName "nowhere" }}"#, &host).map(drop).unwrap_err();
    assert!(error.to_string().ends_with("invalid argument to Intn"), "{error}");
    // While linting nobody is asked.
    asked.0.lock().unwrap().clear();
    let options = LintOptions { host: Host { dns: None, ..host }, ..LintOptions::default() };
    let files = source(r#"{{ lookup "v1" "Pod" "n" "m" }}"#);
    lint(&LintSource { folder: "/c", files: &files, folders: &[] }, &Values::new(), &options);
    assert_eq!(asked.0.lock().unwrap().len(), 0);
}

#[test]
fn a_loop_over_lookups_ends() {
    let asked = Arc::new(Asked::default());
    let host = Host { lookup: asked.clone(), ..host() };
    let error =
        render(r#"{{ range until 100000 }}{{ lookup "v1" "Pod" "n" "m" }}{{ end }}"#, &host).map(drop);
    assert!(matches!(error, Err(RenderError::Budget { .. })), "{error:?}");
    assert!(asked.0.lock().unwrap().len() < 1000);
}

#[test]
fn include_recursion_ends_with_helms_words() {
    let template = r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#;
    let error = render(template, &Host::default()).map(drop).unwrap_err().to_string();
    let end = "rendering template has a nested reference name: a: unable to execute template";
    assert!(error.starts_with("template: c/templates/a.yaml:1:") && error.ends_with(end), "{error}");
    assert_eq!(error.matches("error calling include").count(), 1002);
}

#[test]
fn include_and_tpl_recursion_of_other_kinds_ends() {
    exhausts(&[
        r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ $d := dict "t" "{{ tpl .t . }}" }}{{ tpl $d.t $d }}"#,
        // A thousand deep each, and two at each level.
        r#"{{ define "a" }}{{ if gt . 0 }}{{ include "a" (int (sub . 1)) }}{{ include "a" (int (sub . 1)) }}{{ end }}{{ end }}{{ include "a" 60 }}"#,
        // As deep, of names without end.
        r#"{{ define "a" }}{{ tpl (printf "{{ define %q }}{{ include \"a\" . }}{{ end }}{{ include %q . }}" (toString .) (toString .)) (add1 .) }}{{ end }}{{ include "a" 0 }}"#,
    ]);
}

#[test]
fn endless_loops_end() {
    exhausts(&[
        "{{ range 1000000000 }}{{ end }}",
        "{{ range until 1000000000 }}{{ end }}",
        "{{ range untilStep 0 1000000000 1 }}{{ end }}",
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        "{{ seq 1 1000000000 }}",
        "{{ range $i := 1000000000 }}{{ $x := dict \"a\" $i }}{{ end }}",
        "{{ $l := list 1 }}{{ range until 100000 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ $l := list }}{{ range until 1000000 }}{{ $l = append $l . }}{{ end }}",
        "{{ $d := dict }}{{ range until 10000000 }}{{ $_ := set $d (toString .) . }}{{ end }}",
    ]);
}

#[test]
fn output_bombs_end() {
    exhausts(&[
        r#"{{ repeat 1000000000 "x" }}"#,
        r#"{{ $x := "ab" }}{{ range until 64 }}{{ $x = print $x $x }}{{ end }}{{ $x }}"#,
        r#"{{ $x := repeat 100000 "x" }}{{ range until 100000 }}{{ $x }}{{ end }}"#,
        r#"{{ range until 10000 }}{{ printf "%1000000d" 1 }}{{ end }}"#,
        r#"{{ indent 1000000 (repeat 100000 "\n") }}"#,
        r#"{{ nindent 1000000000 "a" }}"#,
        r#"{{ $x := repeat 1000000 "a" }}{{ range until 1000 }}{{ $x = replace "a" "aaaaaaaaaa" $x }}{{ end }}"#,
        r#"{{ join (repeat 1000000 "x") (until 1000) }}"#,
        r#"{{ $x := repeat 1000000 "x" }}{{ range until 100 }}{{ $x | b64enc | b64enc | b64enc }}{{ end }}"#,
        r#"{{ $x := repeat 1000000 "\"" }}{{ range until 100 }}{{ $x = $x | toJson }}{{ end }}"#,
        r#"{{ wrapWith 1 (repeat 1000000 "x") (repeat 1000000 "x ") }}"#,
        r#"{{ regexReplaceAll "a" (repeat 100000 "a") (repeat 100000 "b") }}"#,
        r#"{{ regexReplaceAllLiteral "" (repeat 100000 "a") (repeat 100000 "b") }}"#,
        r#"{{ replace "" (repeat 100000 "b") (repeat 100000 "a") }}"#,
        r#"{{ printf (repeat 100000 "%[1]s") (repeat 100000 "x") }}"#,
        r#"{{ range until 100000 }}{{ printf "%.100000f" 1.5 }}{{ end }}"#,
        r#"{{ range until 100000 }}{{ html (repeat 100000 "<") }}{{ end }}"#,
        r#"{{ range until 100000 }}{{ $.Release | toYaml | repeat 1000 }}{{ end }}"#,
    ]);
}

#[test]
fn values_that_hold_one_value_many_times_are_charged_for_each() {
    let shared = "{{ $x := list 1 }}{{ range until 100 }}{{ $x = list $x $x }}{{ end }}";
    let shared = format!("{shared}{}", shared.replace("$x", "$y"));
    let tables = r#"{{ $x := dict }}{{ range until 100 }}{{ $x = dict "a" $x "b" $x }}{{ end }}"#;
    let tables = format!("{tables}{}", tables.replace("$x", "$y"));
    let host = Host { budgets: Budgets { steps: 100_000, output: 1 << 20, ..Budgets::default() }, ..host() };
    let calls = [
        "toJson $x",
        "toPrettyJson $x",
        "toRawJson $x",
        "toYaml $x",
        "toYamlPretty $x",
        "mustToYaml $x",
        "print $x",
        r#"printf "%v" $x"#,
        r#"printf "%#v" $x"#,
        "deepCopy $x",
        "deepEqual $x $y",
        "toString $x",
        "quote $x",
        "$x",
        "eq $x $y",
        "has $x (list $y)",
        "html $x",
    ];
    for call in calls {
        for shape in [&shared, &tables] {
            // Whether it is an error or an empty text: it ends.
            let ended = render(&format!("{shape}{{{{ {call} }}}}"), &host).map(drop);
            let text = ended.map_err(|error| error.to_string()).err().unwrap_or_default();
            assert!(text.len() < 2000, "{call}: {} bytes", text.len());
        }
    }
    let merged = format!(
        r#"{tables}{{{{ $_ := merge (dict) $x }}}}{{{{ $_ := mergeOverwrite (dict "a" dict) $x }}}}{{{{ toToml $x }}}}"#
    );
    let _ = render(&merged, &host).map(drop);
}

#[test]
fn costly_functions_are_charged() {
    exhausts(&[
        r#"{{ range until 100000 }}{{ $_ := genPrivateKey "ed25519" }}{{ end }}"#,
        r#"{{ range until 1000 }}{{ $_ := derivePassword 1 "long" "p" "u" "s" }}{{ end }}"#,
        r#"{{ range until 1000 }}{{ $_ := htpasswd "u" "p" }}{{ end }}"#,
        r#"{{ range until 1000 }}{{ $_ := bcrypt "p" }}{{ end }}"#,
        r#"{{ $x := repeat 1000000 "a" }}{{ range until 10000 }}{{ $_ := sha256sum $x }}{{ end }}"#,
        r#"{{ $x := repeat 100000 "a" }}{{ range until 10000 }}{{ $_ := regexFindAll "(a*)*b" $x -1 }}{{ end }}"#,
        r#"{{ randBytes 1000000000 }}"#,
        r#"{{ randAlphaNum 1000000000 }}"#,
        r#"{{ range until 100000 }}{{ $_ := sortAlpha (splitList "a" (repeat 10000 "a")) }}{{ end }}"#,
        r#"{{ range until 100000 }}{{ $_ := deepCopy (dict "a" (until 10000)) }}{{ end }}"#,
    ]);
}

#[test]
fn regexes_are_bounded_in_size() {
    for pattern in ["(((a{1000}){1000}){1000}){1000}", "a{1000000}", r"(\pL{500}){500}"] {
        let template = format!(r#"{{{{ mustRegexMatch "{pattern}" "a" }}}}"#).replace('\\', r"\\");
        let error = render(&template, &host()).map(drop).unwrap_err();
        assert!(error.to_string().len() < 1000, "{error}");
    }
}

/// Nine levels of nine aliases.
fn bomb() -> String {
    let level = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","));
    let levels: String = (1..9).map(level).collect();
    format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{levels}")
}

#[test]
fn yaml_bombs_in_rendered_manifests_are_refused() {
    let error = render(&bomb(), &host()).map(drop).unwrap_err();
    let RenderError::Manifest(error) = error else { panic!("{error}") };
    assert_eq!(error.source.to_string(), "error converting YAML to JSON");
    let cause = std::error::Error::source(&error.source).unwrap().to_string();
    assert_eq!(cause, "yaml: document contains excessive aliasing");
    // And as lint sees it.
    let files = source(&bomb());
    let options = LintOptions { host: host(), ..LintOptions::default() };
    let linted = lint(&LintSource { folder: "/c", files: &files, folders: &[] }, &Values::new(), &options);
    let found = linted.messages.iter().any(|message| message.text.ends_with("excessive aliasing"));
    assert!(found, "{:?}", linted.messages);
}

#[test]
fn yaml_bombs_in_from_yaml_are_refused_and_small_ones_charged() {
    let text = bomb().replace('\n', "\\n");
    let rendered = render(&format!(r#"a: {{{{ (fromYaml "{text}").Error | quote }}}}"#), &host()).unwrap();
    assert!(rendered.manifest().contains("excessive aliasing"), "{}", rendered.manifest());
    // Three levels pass the reader. Many of them do not pass the budget.
    let small: String = bomb().lines().take(3).map(|line| format!("{line}\\n")).collect();
    let rendered = render(&format!(r#"a: {{{{ len (fromYaml "{small}") }}}}"#), &host()).unwrap();
    assert!(rendered.manifest().ends_with("a: 3\n"), "{}", rendered.manifest());
    exhausts(&[&format!(
        r#"{{{{ $l := list }}}}{{{{ range until 10000 }}}}{{{{ $l = append $l (fromYaml "{small}") }}}}{{{{ end }}}}"#
    )]);
}

#[test]
fn deep_documents_are_refused() {
    for text in [format!("{}{}", "[".repeat(5000), "]".repeat(5000)), "- ".repeat(5000)] {
        let error = render(&text, &host()).map(drop).unwrap_err();
        assert!(matches!(error, RenderError::Manifest(_)), "{error}");
    }
    let rendered = render(r#"a: {{ (fromYaml (repeat 5000 "[")).Error | quote }}"#, &host()).unwrap();
    assert!(rendered.manifest().contains("max depth"), "{}", rendered.manifest());
}

#[test]
fn a_huge_number_of_manifests_is_refused() {
    let error = render("{{ range 60000 }}\n---\na: b\n{{ end }}", &Host::default()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "rendering was stopped: the templates print more than 50000 objects");
    assert_eq!(render("{{ range 1000 }}\n---\na: b\n{{ end }}", &host()).unwrap().manifests.len(), 1000);
}

#[test]
fn a_render_deadline_holds_for_templates_and_for_what_they_print() {
    // Time passes by being asked for it.
    let host_until = |questions: usize| {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut host = Host::default();
        let counted = asked.clone();
        host.budgets.interrupt = Some(Arc::new(move || counted.fetch_add(1, Ordering::Relaxed) >= questions));
        (host, asked)
    };
    let (host, asked) = host_until(10);
    let error = render("{{ range 10000000 }}{{ end }}", &host).map(drop).unwrap_err();
    assert!(matches!(error, RenderError::Budget { .. }), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 11);
    // Few steps, many documents.
    let documents = "---\na: b\n".repeat(100);
    let (host, asked) = host_until(50);
    let error = render(&documents, &host).map(drop).unwrap_err();
    assert!(error.to_string().contains("interrupted"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 51);
    assert!(render(&documents, &host_until(1000).0).is_ok());
}

#[test]
fn no_password_is_made_of_nothing() {
    for (call, thing) in [
        ("randAlphaNum 8", "randomness"),
        ("uuidv4", "randomness"),
        (r#"genPrivateKey "ed25519""#, "randomness"),
        (r#"htpasswd "a" "b""#, "randomness"),
        ("now", "the time"),
        (r#"genCA "a" 1"#, "randomness"),
    ] {
        let error = render(&format!("a: {{{{ {call} }}}}"), &Host::default()).map(drop).unwrap_err();
        let RenderError::NotGiven { template, thing: missing } = &error else { panic!("{call}: {error}") };
        assert_eq!((template.as_str(), *missing), ("c/templates/a.yaml", thing), "{call}");
    }
    // Not even where nobody looks at it.
    let thrown_away = render("{{ $_ := randBytes 8 }}", &Host::default()).map(drop);
    assert!(matches!(thrown_away, Err(RenderError::NotGiven { .. })), "{thrown_away:?}");
}

#[test]
fn strict_mode_refuses_what_is_missing() {
    let strict = Host { mode: Mode::Strict, ..host() };
    let error = render("a: {{ .Values.nope }}", &strict).map(drop).unwrap_err();
    assert!(error.to_string().ends_with("map has no entry for key \"nope\""), "{error}");
    let error = render(r#"a: {{ tpl "{{ .Values.nope }}" . }}"#, &strict).map(drop).unwrap_err();
    assert!(error.to_string().contains("map has no entry for key \"nope\""), "{error}");
    assert!(render("a: {{ .Values.nope }}", &host()).is_ok());
}
