//! The program as a process: what the library's tests cannot see.

use std::io::Write;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_windlass");

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("HOME", "/nonexistent");
    command
}

#[test]
fn a_chart_is_printed_to_standard_output() {
    let output = command(&["template", "demo", "tests/commands/charts/deprecated"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"---\n# Source: deprecated/templates/a.yaml\n"));
    assert_eq!(output.stderr, b"level=WARN msg=\"this chart is deprecated\"\n");
}

#[test]
fn an_error_is_printed_to_standard_error_and_the_code_is_1() {
    let output = command(&["template", "demo", "./none"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b""[..], &b"Error: path \"./none\" not found\n"[..])
    );
}

#[test]
fn environment_and_standard_input_are_the_process_s() {
    let mut command = command(&["template", "demo", "tests/commands/charts/full", "-f", "-"]);
    command.env("HELM_NAMESPACE", "from-environment").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"text: from-input\n").unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(
        output.contains("namespace: from-environment") && output.contains("text: from-input"),
        "{output}"
    );
}

#[test]
fn values_may_come_from_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let mut command =
        command(&["template", "demo", "tests/commands/charts/full", "-f", pipe.to_str().unwrap()]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    std::fs::write(&pipe, "text: from-pipe\n").unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(output.contains("text: from-pipe"), "{output}");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut command = command(&["template", "demo", "tests/commands/charts/full"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

#[test]
fn help_and_version_are_printed() {
    let print = |arguments: &[&str]| {
        let output = command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(print(&["version"]).starts_with(concat!("windlass ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(print(&[]), print(&["--help"]));
    for words in [["help", "template"], ["template", "-h"], ["template", "--help"]] {
        assert!(print(&words).contains("--show-only"), "{words:?}");
    }
    assert!(print(&["lint", "--help"]).contains("--with-subcharts"));
}
