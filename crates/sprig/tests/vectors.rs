//! What Sprig's functions with randomness and time give in Go, made again byte by byte with the same randomness and time.
//! `integration-tests/oracle/cmd/vectors` writes the file.

#![expect(clippy::unwrap_used, reason = "a test stops where its files are not what it takes them for")]

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{NO_PAD, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use go_template::{Executor, Map, Options, TemplateSet};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Midnight UTC 2000-01-01, and the same sixteen bytes over and over.
struct Repeating([u8; 16]);

impl sprig::Clock for Repeating {
    fn now(&self) -> (i64, u32) {
        (946_684_800, 0)
    }
}

impl sprig::Random for Repeating {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, own) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *own;
        }
    }
}

fn run(template: &str, data: &Map, random: [u8; 16]) -> String {
    let port = Rc::new(Repeating(random));
    let funcs = sprig::functions(port.clone(), port);
    let mut set = TemplateSet::new(funcs.names());
    set.parse("t", template).unwrap();
    let output = Executor::new(&set, &funcs, Options::default()).execute("t", data.clone().into());
    output.unwrap_or_else(|error| panic!("{error}")).to_str().into_owned()
}

/// The first PEM block's content, and the text after it.
fn block(text: &str) -> (Vec<u8>, &str) {
    let (first, rest) = text.split_once("-----END CERTIFICATE-----\n").unwrap();
    let body: String = first.lines().skip(1).collect();
    (STANDARD.decode(body).unwrap(), rest)
}

/// The random bytes that went into an output.
fn randomness(template: &str, output: &str) -> [u8; 16] {
    let bytes = if output.starts_with("-----BEGIN CERTIFICATE-----") {
        let (der, _) = block(output);
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let serial = certificate.tbs_certificate.serial.to_bytes_be();
        [vec![0; 16 - serial.len()], serial].concat()
    } else if template.contains("encryptAES") {
        STANDARD.decode(output).unwrap()[..16].to_vec()
    } else {
        let config = NO_PAD.with_decode_allow_trailing_bits(true);
        let config = config.with_decode_padding_mode(DecodePaddingMode::RequireNone);
        let (_, hash) = output.split_once("$2a$10$").unwrap();
        GeneralPurpose::new(&BCRYPT, config).decode(&hash[..22]).unwrap()
    };
    bytes.try_into().unwrap()
}

/// Whether the certificate bears a signature by the key of `issuer`.
fn is_signed_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let algorithm: &dyn VerificationAlgorithm =
        match issuer.public_key().algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => &RSA_PKCS1_2048_8192_SHA256,
            "1.2.840.10045.2.1" => &ECDSA_P256_SHA256_ASN1,
            "1.3.101.112" => &ED25519,
            other => panic!("unknown algorithm {other}"),
        };
    let key = UnparsedPublicKey::new(algorithm, issuer.public_key().subject_public_key.data.as_ref());
    key.verify(certificate.tbs_certificate.as_ref(), certificate.signature_value.data.as_ref()).is_ok()
}

#[test]
fn what_go_made_is_made_again() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/made.json");
    let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let keys: BTreeMap<String, String> = serde_json::from_value(vectors["keys"].clone()).unwrap();
    let data: Map = keys.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    let made = vectors["made"].as_array().unwrap();
    assert!(made.len() > 15, "only {} vectors were found", made.len());
    for vector in made {
        let (template, want) = (vector["template"].as_str().unwrap(), vector["output"].as_str().unwrap());
        let got = run(template, &data, randomness(template, want));
        // ECDSA takes a random number of its own; here it is derived from the key and what is signed.
        if !template.ends_with(".Key }}{{ end }}")
            || !template.contains(".ec")
            || template.contains("(genCAWithKey")
        {
            assert_eq!(got, want, "{template}");
            continue;
        }
        let ((want_der, want_key), (got_der, got_key)) = (block(want), block(&got));
        assert_eq!(got_key, want_key, "{template}");
        let (_, want) = X509Certificate::from_der(&want_der).unwrap();
        let (_, got) = X509Certificate::from_der(&got_der).unwrap();
        assert_eq!(got.tbs_certificate.as_ref(), want.tbs_certificate.as_ref(), "{template}");
        assert!(is_signed_by(&got, &got), "{template}");
    }
}

#[test]
fn made_keys_sign_and_are_read_again() {
    let nothing = Map::new();
    for (kind, label) in [("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY"), ("dsa", "DSA PRIVATE KEY")]
    {
        let template = format!("{{{{ genPrivateKey {kind:?} }}}}");
        let key = run(&template, &nothing, [3; 16]);
        assert!(key.starts_with(&format!("-----BEGIN {label}-----\n")), "{key}");
        assert_ne!(key, run(&template, &nothing, [4; 16]), "{kind}: other randomness, the same key");
        let data: Map = [("key", key.as_str())].into_iter().collect();
        if kind != "dsa" {
            let again = run("{{ (genCAWithKey `ca` 1 .key).Key }}", &data, [3; 16]);
            assert_eq!(again, key, "{kind}");
        }
    }
}

#[test]
fn an_authority_signs_for_a_server() {
    let template = "{{ $ca := genCA `ca` 10 }}{{ $ca.Cert }}{{ (genSignedCert `leaf` nil (list `leaf.svc`) 1 $ca).Cert }}";
    let start = Instant::now();
    let output = run(template, &Map::new(), [9; 16]);
    eprintln!("two keys of 2048 bits: {:?}", start.elapsed());
    let (authority, rest) = block(&output);
    let (leaf, _) = block(rest);
    let (_, authority) = X509Certificate::from_der(&authority).unwrap();
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    assert!(authority.is_ca() && !leaf.is_ca());
    assert_eq!(leaf.issuer(), authority.subject());
    assert_eq!(leaf.validity().not_after.timestamp(), 946_684_800 + 24 * 3600);
    assert!(is_signed_by(&authority, &authority));
    assert!(is_signed_by(&leaf, &authority));
    assert!(!is_signed_by(&authority, &leaf) || authority.public_key() == leaf.public_key());
}
