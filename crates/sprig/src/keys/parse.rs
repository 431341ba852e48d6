//! Reading private keys, with the complaints of Go's `crypto/x509`.

use num_bigint::BigUint;
use x509_parser::asn1_rs::{
    Any, BitString, Err as Fault, Error, FromDer, Integer, OctetString, Oid, Sequence,
};

use super::{Curve, DsaKey, EC, ED25519, PrivateKey, RSA, RsaKey};
use crate::pem;
use p256::elliptic_curve::zeroize::Zeroizing;

/// What Go's `encoding/asn1` finds in bytes that are none of its structures.
const NO_STRUCTURE: &str = "asn1: structure error: tags don't match";

type Parsed<'a, T> = Result<(&'a [u8], T), Fault<Error>>;

/// A key in PEM; the complaint begins as Sprig's does.
pub(crate) fn parse_pem(text: &[u8]) -> Result<PrivateKey, String> {
    let (label, der) = pem::decode(text).ok_or("no PEM data in input")?;
    let der = Zeroizing::new(der);
    if label == "PRIVATE KEY" {
        return pkcs8(&der).map_err(|error| format!("decoding PEM as PKCS#8: {error}"));
    }
    let Some(kind) = label.strip_suffix(" PRIVATE KEY") else {
        return Err(format!("no private key data in PEM block of type {label}"));
    };
    match kind {
        "RSA" => pkcs1(&der).map_err(|error| format!("parsing RSA private key from PEM: {error}")),
        "EC" => sec1(&der, None).map_err(|error| format!("parsing EC private key from PEM: {error}")),
        "DSA" => dsa(&der).map_err(|error| format!("parsing DSA private key from PEM: {error}")),
        _ => Err(format!("invalid private key type {label}")),
    }
}

fn integer(input: &[u8]) -> Parsed<'_, BigUint> {
    let (rest, integer) = Integer::from_der(input)?;
    match integer.any().data.first() {
        Some(first) if first & 0x80 != 0 => Err(Fault::Error(Error::BerValueError)),
        _ => Ok((rest, BigUint::from_bytes_be(integer.as_ref()))),
    }
}

/// Integers at the beginning of a sequence.
fn integers<const N: usize>(der: &[u8]) -> Option<([BigUint; N], bool)> {
    let (after, sequence) = Sequence::from_der(der).ok()?;
    let mut rest: &[u8] = &sequence.content;
    let mut numbers = std::array::from_fn(|_| BigUint::ZERO);
    for number in &mut numbers {
        (rest, *number) = integer(rest).ok()?;
    }
    Some((numbers, after.is_empty()))
}

fn pkcs1(der: &[u8]) -> Result<PrivateKey, String> {
    let Some((numbers, alone)) = integers::<6>(der) else {
        return Err(match (ec_parts(der), pkcs8_parts(der)) {
            (Some(_), _) => other_format("ParseECPrivateKey"),
            (None, Some(_)) => other_format("ParsePKCS8PrivateKey"),
            (None, None) => NO_STRUCTURE.to_owned(),
        });
    };
    if !alone {
        return Err("asn1: syntax error: trailing data".to_owned());
    }
    let [version, n, e, d, p, q] = numbers;
    let one = BigUint::from(1u32);
    if version > one {
        return Err("x509: unsupported private key version".to_owned());
    }
    if [&n, &d, &p, &q].iter().any(|number| **number == BigUint::ZERO) {
        return Err("x509: private key contains zero or negative value".to_owned());
    }
    if n.bits() < 1024 {
        return Err(format!(
            "crypto/rsa: {}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)",
            n.bits()
        ));
    }
    let fits = p > one && q > one && &p * &q == n && {
        let product = &e * &d;
        &product % (&p - 1u32) == one && &product % (&q - 1u32) == one
    };
    if version == one || !fits {
        return Err("crypto/rsa: invalid private key".to_owned());
    }
    Ok(PrivateKey::Rsa(Box::new(RsaKey { n, e, d, p, q })))
}

fn dsa(der: &[u8]) -> Result<PrivateKey, String> {
    let ([_, p, q, g, y, x], _) = integers::<6>(der).ok_or(NO_STRUCTURE)?;
    Ok(PrivateKey::Dsa(Box::new(DsaKey { p, q, g, y, x })))
}

fn other_format(function: &str) -> String {
    format!("x509: failed to parse private key (use {function} instead for this key format)")
}

/// Version, secret and curve of a SEC 1 key.
fn ec_parts(der: &[u8]) -> Option<(BigUint, Vec<u8>, Option<Oid<'static>>)> {
    let (_, sequence) = Sequence::from_der(der).ok()?;
    let (rest, version) = integer(&sequence.content).ok()?;
    let (mut rest, secret) = OctetString::from_der(rest).ok()?;
    let mut curve = None;
    while !rest.is_empty() {
        let (after, field) = Any::from_der(rest).ok()?;
        match field.tag().0 {
            0 => curve = Some(Oid::from_der(field.data).ok()?.1.to_owned()),
            1 => drop(BitString::from_der(field.data).ok()?),
            _ => return None,
        }
        rest = after;
    }
    Some((version, secret.as_ref().to_vec(), curve))
}

fn sec1(der: &[u8], outer: Option<Oid<'_>>) -> Result<PrivateKey, String> {
    let Some((version, secret, inner)) = ec_parts(der) else {
        return Err(match (pkcs8_parts(der), integers::<6>(der)) {
            (Some(_), _) => other_format("ParsePKCS8PrivateKey"),
            (None, Some(_)) => other_format("ParsePKCS1PrivateKey"),
            (None, None) => format!("x509: failed to parse EC private key: {NO_STRUCTURE}"),
        });
    };
    let secret = Zeroizing::new(secret);
    if version != BigUint::from(1u32) {
        return Err(format!("x509: unknown EC private key version {version}"));
    }
    let named = outer.map(|oid| oid.to_owned()).or(inner);
    let known = |curve: &Curve| named.as_ref().is_some_and(|oid| same(oid, curve.oid()));
    let curve = Curve::ALL.into_iter().find(known).ok_or("x509: unknown elliptic curve")?;
    // Zeros at the beginning may be left out, or be too many.
    let start = secret.iter().position(|byte| *byte != 0).unwrap_or(secret.len());
    let significant = &secret[start..];
    if significant.len() > curve.size() {
        return Err("x509: invalid private key length".to_owned());
    }
    let mut padded = Zeroizing::new(vec![0; curve.size() - significant.len()]);
    padded.extend_from_slice(significant);
    if curve.point(&padded).is_none() {
        return Err("ecdsa: invalid private key".to_owned());
    }
    Ok(PrivateKey::Ec(curve, padded))
}

fn same(oid: &Oid<'_>, components: &[u64]) -> bool {
    oid.iter().is_some_and(|parts| parts.eq(components.iter().copied()))
}

/// Algorithm, its parameters, and the key inside.
fn pkcs8_parts(der: &[u8]) -> Option<(Oid<'static>, Vec<u8>, Vec<u8>)> {
    let (_, sequence) = Sequence::from_der(der).ok()?;
    let (rest, _) = integer(&sequence.content).ok()?;
    let (rest, algorithm) = Sequence::from_der(rest).ok()?;
    let (parameters, oid) = Oid::from_der(&algorithm.content).ok()?;
    let (_, key) = OctetString::from_der(rest).ok()?;
    Some((oid.to_owned(), parameters.to_vec(), key.as_ref().to_vec()))
}

fn pkcs8(der: &[u8]) -> Result<PrivateKey, String> {
    let Some((algorithm, parameters, key)) = pkcs8_parts(der) else {
        return Err(match (ec_parts(der), integers::<6>(der)) {
            (Some(_), _) => other_format("ParseECPrivateKey"),
            (None, Some(_)) => other_format("ParsePKCS1PrivateKey"),
            (None, None) => NO_STRUCTURE.to_owned(),
        });
    };
    let key = Zeroizing::new(key);
    if same(&algorithm, RSA) {
        pkcs1(&key)
            .map_err(|error| format!("x509: failed to parse RSA private key embedded in PKCS#8: {error}"))
    } else if same(&algorithm, EC) {
        let curve = Oid::from_der(&parameters).ok().map(|(_, oid)| oid);
        sec1(&key, curve)
            .map_err(|error| format!("x509: failed to parse EC private key embedded in PKCS#8: {error}"))
    } else if same(&algorithm, ED25519) {
        if !parameters.is_empty() {
            return Err("x509: invalid Ed25519 private key parameters".to_owned());
        }
        let (_, seed) = OctetString::from_der(&key)
            .map_err(|_| format!("x509: invalid Ed25519 private key: {NO_STRUCTURE}"))?;
        let seed: &[u8] = seed.as_ref();
        let seed: &[u8; 32] = seed
            .try_into()
            .map_err(|_| format!("x509: invalid Ed25519 private key length: {}", seed.len()))?;
        Ok(PrivateKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))))
    } else {
        Err(format!("x509: PKCS#8 wrapping contained private key with unknown algorithm: {algorithm}"))
    }
}
