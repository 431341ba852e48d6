//! The format against Go's own crypto (`testdata/vectors.json`, written by `integration-tests/oracle/cmd/sealing`),
//! and the answers for everything that must not open.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealing::{Keyring, Label, PrivateKey, Scope, SealedItems, SealingKey, UnsealError};
use serde::Deserialize;

const KEY_2048: &str = include_str!("../testdata/rsa-2048.key");
const KEY_4096: &str = include_str!("../testdata/rsa-4096.key");
const CERTIFICATE_2048: &str = include_str!("../testdata/rsa-2048.crt");
const CERTIFICATE_4096: &str = include_str!("../testdata/rsa-4096.crt");

#[derive(Deserialize)]
struct Vector {
    key: String,
    scope: String,
    namespace: String,
    name: String,
    value: String,
    plaintext: String,
    sealed: String,
}

fn key(name: &str) -> SealingKey {
    let (key, certificate) = match name {
        "rsa-2048" => (KEY_2048, CERTIFICATE_2048),
        _ => (KEY_4096, CERTIFICATE_4096),
    };
    SealingKey::from_pem(name, key, certificate).expect("test key")
}

fn both_keys() -> Keyring {
    Keyring::new([key("rsa-2048"), key("rsa-4096")])
}

fn scope(name: &str) -> Scope {
    Scope::ALL.into_iter().find(|scope| scope.to_string() == name).expect("a scope")
}

/// Opens one item; the key that opened it and the value, or the error's text.
fn open(
    keyring: &Keyring,
    sealed: &str,
    scope: Scope,
    namespace: &str,
    name: &str,
) -> Result<(String, Vec<u8>), String> {
    let items = BTreeMap::from([("item".to_owned(), sealed.to_owned())]);
    let request =
        SealedItems { scope, namespace, name, recorded: Some(("dev", "basic-auth")), items: &items };
    let unsealed = keyring.unseal(&request).map_err(|error| error.to_string())?;
    let by = keyring.keys().iter().find(|key| unsealed.keys.contains(&key.fingerprint()));
    Ok((by.expect("a key of the ring").name().to_owned(), unsealed.values["item"].expose().to_vec()))
}

#[test]
fn values_sealed_by_go_open() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../testdata/vectors.json")).expect("vectors");
    assert_eq!(vectors.len(), 18, "2 key sizes, 3 scopes, 3 values");
    let keyring = both_keys();
    for vector in vectors {
        let opened = open(&keyring, &vector.sealed, scope(&vector.scope), &vector.namespace, &vector.name);
        let expected = STANDARD.decode(vector.plaintext).expect("base64");
        assert!(
            opened.as_ref() == Ok(&(vector.key.clone(), expected)),
            "{} {} {}: {:?}",
            vector.key,
            vector.scope,
            vector.value,
            opened.map(|(key, value)| (key, value.len()))
        );
    }
}

#[test]
fn what_is_sealed_opens_again() {
    let large = vec![0xa5; 1 << 20];
    let keyring = both_keys();
    for key in keyring.keys() {
        for scope in Scope::ALL {
            for value in [b"".as_slice(), b"\x00\xff\n", &large] {
                let public = key.certificate().public_key();
                let sealed = public.seal(value, &Label::new(scope, "dev", "basic-auth")).expect("sealed");
                let opened = open(&keyring, &sealed, scope, "dev", "basic-auth").expect("opened");
                assert!(opened == (key.name().to_owned(), value.to_vec()), "{} {scope}", key.name());
            }
        }
    }
}

/// What each scope lets happen, and the sentence when it does not: sealed as × read as.
#[test]
fn scopes_hold() {
    let keyring = both_keys();
    let public = keyring.keys()[1].certificate().public_key();
    let check = |sealed_as: Scope, read_as: Scope, namespace: &str, name: &str, expected: &str| {
        let sealed = public.seal(b"value", &Label::new(sealed_as, "dev", "basic-auth")).expect("sealed");
        let answer = match open(&keyring, &sealed, read_as, namespace, name) {
            Ok(_) => "opens".to_owned(),
            Err(message) => message,
        };
        let context = format!("{sealed_as} read as {read_as} in {namespace}/{name}: {answer}");
        assert!(answer.contains(expected), "{context}");
        assert!(
            answer == "opens"
                || answer.starts_with(r#"item "item": it was sealed"#)
                || expected.contains("no sealing key"),
            "{context}"
        );
    };
    use Scope::{ClusterWide, NamespaceWide, Strict};
    check(Strict, Strict, "dev", "basic-auth", "opens");
    check(
        Strict,
        Strict,
        "adm",
        "basic-auth",
        "sealed for dev/basic-auth; give this SealedSecret that namespace",
    );
    check(Strict, Strict, "dev", "other", "sealed for dev/basic-auth");
    check(
        Strict,
        NamespaceWide,
        "dev",
        "basic-auth",
        "remove the annotation sealedsecrets.bitnami.com/namespace-wide",
    );
    check(
        Strict,
        ClusterWide,
        "dev",
        "basic-auth",
        "remove the annotation sealedsecrets.bitnami.com/cluster-wide",
    );
    check(
        Strict,
        ClusterWide,
        "stg",
        "other",
        "no sealing key opens it with scope cluster-wide for stg/other",
    );
    check(NamespaceWide, NamespaceWide, "dev", "other", "opens");
    check(NamespaceWide, NamespaceWide, "stg", "basic-auth", "sealed for dev/basic-auth");
    check(
        NamespaceWide,
        Strict,
        "dev",
        "other",
        r#"annotate the SealedSecret with sealedsecrets.bitnami.com/namespace-wide: "true""#,
    );
    check(NamespaceWide, Strict, "stg", "other", "no sealing key opens it with scope strict for stg/other");
    check(ClusterWide, ClusterWide, "stg", "other", "opens");
    check(
        ClusterWide,
        Strict,
        "stg",
        "other",
        r#"annotate the SealedSecret with sealedsecrets.bitnami.com/cluster-wide: "true""#,
    );
    check(ClusterWide, NamespaceWide, "stg", "other", "sealed with scope cluster-wide");
}

#[test]
fn damaged_and_foreign_values_are_told_apart() {
    let keyring = both_keys();
    let label = Label::new(Scope::Strict, "dev", "basic-auth");
    let sealed = key("rsa-2048").certificate().public_key().seal(b"the value", &label).expect("sealed");
    let bytes = STANDARD.decode(&sealed).expect("base64");
    let open = |text: &str| match open(&keyring, text, Scope::Strict, "dev", "basic-auth") {
        Ok((_, value)) => String::from_utf8(value).expect("UTF-8"),
        Err(message) => message,
    };
    let check = |what: &str, text: &str, expected: &str| {
        let answer = open(text);
        assert!(answer.contains(expected), "{what}: {answer}");
        assert!(
            expected == "the value" || !answer.contains("the value"),
            "{what} reveals the value: {answer}"
        );
    };
    let flipped = |index: usize| {
        let mut bytes = bytes.clone();
        bytes[index] ^= 0x10;
        STANDARD.encode(bytes)
    };
    check("as it is", &sealed, "the value");
    check(
        "folded lines",
        &sealed.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\r\n").collect::<String>(),
        "the value",
    );
    check("not base64", "not base64!", "it is not base64");
    check(
        "no padding",
        sealed.trim_end_matches('=').get(..sealed.len() - 3).expect("ASCII"),
        "it is not base64",
    );
    check("empty", "", "never sealed");
    check("one byte", "AQ==", "never sealed");
    check("plain text", &STANDARD.encode("admin"), "never sealed");
    check("short length", &STANDARD.encode([0_u8; 64]), "never sealed");
    check("cut in the wrapped key", &STANDARD.encode(&bytes[..200]), "cut off");
    check(
        "cut after the wrapped key",
        &STANDARD.encode(&bytes[..258]),
        "changed or cut off after it was sealed",
    );
    check(
        "cut in the value",
        &STANDARD.encode(&bytes[..bytes.len() - 1]),
        "changed or cut off after it was sealed",
    );
    check("bit in the length", &flipped(1), "sealed with a key of");
    check("bit in the wrapped key", &flipped(100), "no sealing key opens it");
    check("bit in the value", &flipped(260), "changed or cut off after it was sealed");
    check("bit in the tag", &flipped(bytes.len() - 1), "changed or cut off after it was sealed");

    let only_4096 = Keyring::new([key("rsa-4096")]);
    let items = BTreeMap::from([("item".to_owned(), sealed)]);
    let request = SealedItems {
        scope: Scope::Strict,
        namespace: "dev",
        name: "basic-auth",
        recorded: None,
        items: &items,
    };
    let message =
        |keyring: &Keyring| keyring.unseal(&request).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message(&only_4096).contains("sealed with a key of 2048 bits"), "{}", message(&only_4096));
    assert!(message(&Keyring::default()).contains("no sealing key is loaded"));
}

#[test]
fn every_bad_item_is_listed_and_nothing_is_returned() {
    let keyring = both_keys();
    let label = Label::new(Scope::Strict, "dev", "basic-auth");
    let good = key("rsa-4096").certificate().public_key().seal(b"good", &label).expect("sealed");
    let mut items = BTreeMap::from([("good".to_owned(), good)]);
    let unseal = |items: &BTreeMap<String, String>| {
        let request =
            SealedItems { scope: Scope::Strict, namespace: "dev", name: "basic-auth", recorded: None, items };
        keyring.unseal(&request).map(|unsealed| unsealed.values.len())
    };
    assert_eq!(unseal(&items), Ok(1));
    items.insert("a".into(), "!".into());
    items.insert("z".into(), String::new());
    let Err(UnsealError { items: failures, .. }) = unseal(&items) else { panic!("two items are bad") };
    assert_eq!(failures.iter().map(|failure| failure.key.as_str()).collect::<Vec<_>>(), ["a", "z"]);
    for index in 0..100 {
        items.insert(format!("bad-{index:03}"), "!".into());
    }
    let message = unseal(&items).expect_err("many are bad").to_string();
    assert!(message.ends_with("and 82 more items") && message.len() < 4096, "{message}");
}

#[test]
fn keys_are_read_in_both_forms_and_checked() {
    let pkcs8 = PrivateKey::from_pem(include_str!("../testdata/rsa-4096.pkcs8.key")).expect("PKCS#8");
    let pkcs1 = PrivateKey::from_pem(KEY_4096).expect("PKCS#1");
    assert_eq!(pkcs8.public_key().fingerprint(), pkcs1.public_key().fingerprint());
    assert_eq!(both_keys().current().map(SealingKey::name), Some("rsa-4096"), "the latest start of validity");
    assert_eq!(Keyring::new([key("rsa-2048"), key("rsa-2048")]).keys().len(), 1);

    let message = |key: &str, certificate: &str| {
        let error = SealingKey::from_pem("k", key, certificate).err().expect("refused");
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    };
    assert!(message(KEY_2048, CERTIFICATE_4096).contains("do not belong together"));
    assert!(message("", CERTIFICATE_4096).contains("tls.key cannot be used as a sealing key: it holds no"));
    assert!(message(CERTIFICATE_4096, CERTIFICATE_4096).contains("it holds no unencrypted private key"));
    assert!(message(&KEY_4096.replace("MI", "MA"), CERTIFICATE_4096).contains("not a valid RSA private key"));
    assert!(message(KEY_4096, "nonsense").contains("tls.crt cannot be used"));
}
