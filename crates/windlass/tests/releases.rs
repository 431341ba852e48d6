//! The commands about releases: what they ask for, what they print of the answers, and how they end (`releases/cases.txt`).
//!
//! A case is a command line behind `$`; then `>` and each request that is made, what is printed to standard output, `!` and each line of
//! standard error, and the exit code. `WRITE_CASES=1` writes what is printed now; read the difference before it is committed.

#![expect(clippy::unwrap_used, reason = "a test whose data cannot be read fails")]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::rc::Rc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use windlass::{Process, run_in};

#[path = "releases/operator.rs"]
mod operator;

use operator::Operator;

const CASES: &str = "tests/releases/cases.txt";

/// Runs a command line: exit code, standard output, standard error.
fn run(words: &[String], variables: &[(&'static str, String)]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let variables = variables.to_vec();
    let variable = move |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let mut stdin = std::fs::File::open("tests/releases/web.yaml").unwrap();
    let mut process = Process { variable: Rc::new(variable), stdin: &mut stdin };
    let code = run_in(words.to_vec(), &mut process, &mut out, &mut err);
    let code = (0..=255).find(|number| ExitCode::from(*number) == code).unwrap();
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn commands_ask_print_and_end_as_written() {
    let operator = Operator::start(None);
    let url = format!("http://{}", operator.address);
    let variables = [("WINDLASS_RELEASE_OPERATOR_URL", url.clone()), ("HELM_NAMESPACE", "dev".to_owned())];
    let expected = std::fs::read_to_string(CASES).unwrap();
    let mut actual = String::new();
    for line in expected.lines() {
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let (code, out, err) = run(&words(command), &variables);
        writeln!(actual, "$ {command}").unwrap();
        operator.asked().iter().for_each(|request| writeln!(actual, "> {request}").unwrap());
        actual.push_str(&out);
        err.lines().for_each(|line| writeln!(actual, "! {}", line.replace(&url, "{url}")).unwrap());
        writeln!(actual, "exit {code}\n").unwrap();
    }
    assert!(actual.matches("$ ").count() > 50, "only a few cases were read");
    if std::env::var_os("WRITE_CASES").is_some() {
        std::fs::write(CASES, &actual).unwrap();
    }
    let difference = expected.lines().zip(actual.lines()).position(|(a, b)| a != b);
    let place = difference.map(|line| (line + 1, expected.lines().nth(line), actual.lines().nth(line)));
    assert!(expected == actual, "line, expected, actual: {place:?}");
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let operator = Operator::start(None);
    let line = format!(
        "reconcile release never -n dev --timeout 200ms --release-operator http://{}",
        operator.address
    );
    let (code, out, err) = run(&words(&line), &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "Error: release-operator has not answered within 200ms (--timeout); what it was asked to do goes on\n"
    );
    let address = operator.address;
    drop(operator);
    // Nobody listens at a port that was given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    assert_ne!(address, closed);
    let (code, _, err) = run(&words(&format!("get releases --release-operator http://{closed}")), &[]);
    let begin = format!("Error: release-operator cannot be reached at http://{closed}: ");
    assert!(code == 1 && err.starts_with(&begin) && err.contains("Connection refused"), "{err}");
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key for a name.
    fn issue(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

#[test]
fn tls_is_mutual() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let (certificate, key) = ours.issue("release-operator");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(&ours.pem));
    let operator = Operator::start(Some(tls));
    let folder = |of: &Authority, trusted: &Authority| {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = of.issue("windlass");
        for (name, text) in [("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &trusted.pem)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    };
    let (good, unknown, distrusting) = (folder(&ours, &ours), folder(&other, &ours), folder(&ours, &other));
    let empty = tempfile::tempdir().unwrap();
    let named = "--tls-server-name release-operator";
    // Folder, further flags, what standard error contains.
    let rows = [
        (Some(&good), named, ""),
        (Some(&good), "", "certificate not valid for name"),
        (Some(&distrusting), named, "UnknownIssuer"),
        (Some(&unknown), named, "Error: release-operator"),
        (Some(&empty), named, "the TLS files for calling https://"),
    ];
    for (folder, flags, expected) in rows {
        let line = format!("get notes web -n dev --release-operator https://{} {flags}", operator.address);
        let folder = folder.map(|folder| ("WINDLASS_TLS_DIR", folder.path().display().to_string()));
        let (code, out, err) = run(&words(line.trim()), folder.as_slice());
        match expected {
            "" => assert_eq!((code, out.as_str(), err.as_str()), (0, "Go to web.\n", "")),
            text => assert!(code == 1 && out.is_empty() && err.contains(text), "{flags} {folder:?}: {err}"),
        }
    }
}
