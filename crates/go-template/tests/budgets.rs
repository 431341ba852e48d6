//! Hostile templates end with a budget's error, in bounded time, memory and stack.

#![expect(clippy::unwrap_used, reason = "what a test sets up itself is there")]

use std::cell::Cell;
use std::time::{Duration, Instant};

use go_template::{
    Budget, ErrorKind, Executor, Func, Funcs, Limits, List, Map, Options, TemplateSet, Type, Value,
};

fn functions() -> Funcs {
    let mut funcs = Funcs::new();
    funcs.insert(
        "include",
        Func::new(&[Type::String, Type::Any], |exec, args| {
            let name = args[0].as_str().unwrap().to_str().into_owned();
            Ok(exec.execute(&name, args[1].clone())?.into())
        }),
    );
    funcs.insert(
        "tpl",
        Func::new(&[Type::String, Type::Any], |exec, args| {
            Ok(exec.execute_source("t", args[0].as_str().unwrap(), args[1].clone())?.into())
        }),
    );
    funcs.insert("list", Func::variadic(&[Type::Any], |_, args| Ok(List::new(args.to_vec()).into())));
    funcs
}

/// The budget that ends the template, which runs on a stack of just the size its limits ask for.
fn ends_with(text: &str, limits: Limits) -> Option<Budget> {
    let text = text.to_owned();
    let run = move || {
        let funcs = functions();
        let mut set = TemplateSet::new(funcs.names());
        set.parse("t", &text).unwrap();
        let data: Map = [("self", text.as_str())].into_iter().collect();
        let options = Options { limits, ..Options::default() };
        match Executor::new(&set, &funcs, options).execute("t", data.into()) {
            Ok(_) => None,
            Err(error) => match error.kind() {
                ErrorKind::Budget(budget) => Some(budget),
                other => panic!("{other:?}: {error}"),
            },
        }
    };
    let stack = limits.depth * Limits::STACK_PER_LEVEL + 256 * 1024;
    std::thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap()
}

#[test]
fn each_budget_ends_what_exceeds_it() {
    let small = Limits { steps: 100_000, depth: 1000, output: 100_000 };
    let rows = [
        (r#"{{ range 1000000000000 }}{{ end }}"#, Budget::Steps),
        (
            r#"{{ range 1000 }}{{ range 1000 }}{{ range 1000 }}xxxxxxxxxxxxxxxxxxxx{{ end }}{{ end }}{{ end }}"#,
            Budget::Output,
        ),
        (r#"{{ printf "%999999d" 1 }}"#, Budget::Output),
        (r#"{{ range 1000 }}{{ $x := printf "%9999d" 1 }}{{ end }}"#, Budget::Output),
        (r#"{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}"#, Budget::Depth),
        (r#"{{ define "r" }}{{ include "r" . }}{{ end }}{{ include "r" . }}"#, Budget::Depth),
        (
            r#"{{ define "a" }}{{ if 1 }}{{ with (include "b" .) }}{{ end }}{{ end }}{{ end }}{{ define "b" }}{{ range 1 }}{{ template "a" $ }}{{ end }}{{ end }}{{ template "a" . }}"#,
            Budget::Depth,
        ),
        (r#"{{ tpl .self . }}"#, Budget::Depth),
        (r#"{{ $x := list 1 }}{{ range 500 }}{{ $x = list $x }}{{ end }}{{ $x }}"#, Budget::Depth),
        (r#"{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}"#, Budget::Output),
        (
            r#"{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ printf "%d" $x }}"#,
            Budget::Output,
        ),
    ];
    for (text, budget) in rows {
        assert_eq!(ends_with(text, small), Some(budget), "{text}");
    }
}

/// A bomb: how its text is made, and the budgets that may end it.
struct Bomb {
    text: String,
    ends: &'static [Option<Budget>],
}

/// Templates whose work, depth or text grows much faster than they do. None of them may need more than its budgets allow:
/// not in steps, not in bytes, not on the stack.
fn bombs() -> Vec<Bomb> {
    const OUTPUT: &[Option<Budget>] = &[Some(Budget::Output)];
    const STEPS: &[Option<Budget>] = &[Some(Budget::Steps)];
    const DEPTH: &[Option<Budget>] = &[Some(Budget::Depth)];
    const ENDS: &[Option<Budget>] = &[None];
    let doubled =
        |by: &str| format!(r#"{{{{ $x := "<x>" }}}}{{{{ range 80 }}}}{{{{ $x = {by} }}}}{{{{ end }}}}"#);
    let mut bombs: Vec<(String, &'static [Option<Budget>])> = vec![
        (doubled(r#"printf "%s%s" $x $x"#), OUTPUT),
        (doubled(r#"printf "%[1]s%[1]q" $x"#), OUTPUT),
        (doubled(r#"printf "%x" $x"#), OUTPUT),
        (doubled(r#"print $x $x"#), OUTPUT),
        (doubled(r#"println $x $x"#), OUTPUT),
        (doubled(r#"html $x $x"#), OUTPUT),
        (doubled(r#"js $x $x"#), OUTPUT),
        (doubled(r#"urlquery $x $x"#), OUTPUT),
        (r#"{{ $x := "\\" }}{{ range 80 }}{{ $x = js $x }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ $x := "&" }}{{ range 100000 }}{{ $x = html $x }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ $x := "%" }}{{ range 100000 }}{{ $x = urlquery $x }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ define "a" }}{{ template "a" js . }}{{ end }}{{ template "a" "\\" }}"#.to_owned(), OUTPUT),
        (doubled(r#"tpl "{{ . }}{{ . }}" $x"#), OUTPUT),
        (doubled(r#"list $x $x"#) + "{{ $x }}", OUTPUT),
        (doubled(r#"list $x $x"#) + r#"{{ printf "%#v" $x }}"#, OUTPUT),
        (doubled(r#"list $x $x"#) + r#"{{ printf "%500d" $x }}"#, OUTPUT),
        (doubled(r#"list $x $x"#) + "{{ eq $x $x }}", OUTPUT),
        (doubled(r#"list $x $x"#) + "{{ range $x }}{{ range . }}{{ range . }}{{ . }}{{ end }}{{ end }}{{ end }}", OUTPUT),
        (r#"{{ range 100000000 }}{{ $x := printf "%1000000d" 1 }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ range 100000000 }}{{ $x := printf "%-1000000s" "" }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ range 100000000 }}{{ $x := printf "%.1000000f" 1.5 }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ range 100000000 }}{{ $x := printf "%*d" 1000000 1 }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ range 100000000 }}{{ $x := printf "%.1000000U" 1 }}{{ end }}"#.to_owned(), OUTPUT),
        (r#"{{ printf "%1000000[1]d" 1 | printf "%[1]s%[1]s" | printf "%[1]s%[1]s" | len }}"#.to_owned(), OUTPUT),
        ("{{ range 9223372036854775807 }}{{ end }}".to_owned(), STEPS),
        ("{{ range $i := 9223372036854775807 }}{{ continue }}{{ end }}".to_owned(), STEPS),
        ("{{ range 100000 }}{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}{{ end }}".to_owned(), STEPS),
        (r#"{{ range 1000000000 }}{{ $x := index $.self 0 }}{{ end }}"#.to_owned(), STEPS),
        (r#"{{ define "a" }}{{ template "b" . }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ if 1 }}{{ template "c" . }}{{ template "c" . }}{{ end }}{{ end }}{{ define "c" }}{{ range 3 }}{{ template "a" $ }}{{ end }}{{ end }}{{ template "a" . }}"#.to_owned(), DEPTH),
        (r#"{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ template "a" . }}"#.to_owned(), DEPTH),
        (r#"{{ block "a" . }}{{ with $x := include "a" . }}{{ end }}{{ end }}"#.to_owned(), DEPTH),
        (r#"{{ tpl "{{ tpl .self . }}" . }}"#.to_owned(), DEPTH),
        // Long, not deep: these are as large as their text.
        (format!("{{{{ 1{} }}}}", " | print".repeat(5000)), ENDS),
        (format!("{{{{ print{} | len }}}}", " 1".repeat(20_000)), ENDS),
        (format!("{{{{ and{} }}}}", " 1".repeat(20_000)), ENDS),
        ((0..5000).map(|i| format!(r#"{{{{ define "t{i}" }}}}{{{{ end }}}}"#)).collect(), ENDS),
        ((0..5000).map(|i| format!("{{{{ $x{i} := {i} }}}}")).collect(), ENDS),
        (format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}".repeat(100)), ENDS),
        ("{{/* x */}}".repeat(20_000), ENDS),
        ("{{ .nope }}".repeat(20_000), OUTPUT),
        (format!("{{{{ .nope{} }}}}", ".x".repeat(20_000)), ENDS),
    ];
    // A tree of templates, each calling the next twice: as many calls as two to their number.
    let tree = (0..60).map(|i| {
        let next = i + 1;
        format!(r#"{{{{ define "t{i}" }}}}{{{{ template "t{next}" . }}}}{{{{ template "t{next}" . }}}}{{{{ end }}}}"#)
    });
    bombs.push((tree.collect::<String>() + r#"{{ define "t60" }}{{ end }}{{ template "t0" . }}"#, STEPS));
    bombs.into_iter().map(|(text, ends)| Bomb { text, ends }).collect()
}

#[test]
fn bombs_end_within_their_budgets() {
    let limits = Limits { steps: 300_000, depth: 120, output: 150_000 };
    for bomb in bombs() {
        let shown: String = bomb.text.chars().take(120).collect();
        let began = Instant::now();
        let end = ends_with(&bomb.text, limits);
        assert!(bomb.ends.contains(&end), "{end:?}: {shown}");
        // Each takes milliseconds; without its budget, years.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}: {shown}", began.elapsed());
    }
    // What the whole process has ever held, where the system tells.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    assert!(peak.is_none_or(|peak: u64| peak < 256 << 10), "{peak:?} kB of memory were used");
}

#[test]
fn values_nested_deeper_than_the_stack_are_dropped() {
    let limits = Limits { steps: 10_000_000, depth: 10, output: 1000 };
    assert_eq!(ends_with(r#"{{ $x := list 1 }}{{ range 200000 }}{{ $x = list $x }}{{ end }}"#, limits), None);
}

#[test]
fn a_map_that_contains_itself_does_not_print_for_ever() {
    let funcs = functions();
    let mut set = TemplateSet::new(funcs.names());
    set.parse("t", "{{ . }}").unwrap();
    let map = Map::new();
    map.insert("self", map.clone());
    let error = Executor::new(&set, &funcs, Options::default()).execute("t", map.clone().into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget(Budget::Depth));
    map.remove("self");
}

#[test]
fn deeply_nested_source_is_refused() {
    for (open, close) in [("{{ if 1 }}", "{{ end }}"), ("{{ with 1 }}", "{{ end }}")] {
        let text = format!("{}{}", open.repeat(5000), close.repeat(5000));
        let error = TemplateSet::default().parse("t", text).unwrap_err();
        assert_eq!(error.message(), "max expression depth exceeded");
    }
    let text = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(TemplateSet::default().parse("t", text).unwrap_err().kind(), ErrorKind::Parse);
}

#[test]
fn the_interrupt_ends_a_run() {
    let asked = Cell::new(0);
    let interrupt = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let funcs = functions();
    let mut set = TemplateSet::new(funcs.names());
    set.parse("t", "{{ range 100000000 }}{{ end }}").unwrap();
    let options = Options { interrupt: Some(&interrupt), ..Options::default() };
    let error = Executor::new(&set, &funcs, options).execute("t", Value::Nil).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget(Budget::Interrupt));
    assert_eq!(asked.get(), 4);
}

#[test]
fn budgets_span_the_executions_of_one_executor() {
    let funcs = functions();
    let mut set = TemplateSet::new(funcs.names());
    set.parse("t", "0123456789").unwrap();
    let limits = Limits { output: 25, ..Limits::default() };
    let mut exec = Executor::new(&set, &funcs, Options { limits, ..Options::default() });
    assert!(exec.execute("t", Value::Nil).is_ok() && exec.execute("t", Value::Nil).is_ok());
    let error = exec.execute("t", Value::Nil).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget(Budget::Output));
}

#[test]
fn parsed_sets_move_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<TemplateSet>();
    shared::<go_template::Error>();
}

#[test]
fn errors_keep_their_inner_template_error() {
    let funcs = functions();
    let mut set = TemplateSet::new(funcs.names());
    set.parse("a.yaml", "{{ define \"x\" }}\n  {{ .a.b }}{{ end }}").unwrap();
    set.parse("b.yaml", "{{ include \"x\" . }}").unwrap();
    let data: Map = [("a", 1.0)].into_iter().collect();
    let error = Executor::new(&set, &funcs, Options::default()).execute("b.yaml", data.into()).unwrap_err();
    let inner = error.root();
    assert_eq!((error.template(), inner.template()), ("b.yaml", "x"));
    let location = inner.location().unwrap();
    assert_eq!((location.source_name.as_str(), location.line, location.column), ("a.yaml", 2, Some(7)));
    assert_eq!(inner.message(), "can't evaluate field b in type interface {}");
    assert_eq!(error.message(), format!("error calling include: {inner}"));
}
