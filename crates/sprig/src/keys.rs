//! Private keys: making, reading and writing them, and signing with them.

mod parse;
mod prime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use ed25519_dalek::Signer as _;
use num_bigint::BigUint;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::elliptic_curve::zeroize::Zeroizing;
use p521::ecdsa::signature::RandomizedSigner as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag, construct_der};

use crate::Random;
use crate::pem;

pub(crate) use parse::parse_pem;

/// Object identifiers: keys, curves, signatures.
pub(crate) const RSA: &[u64] = &[1, 2, 840, 113_549, 1, 1, 1];
pub(crate) const EC: &[u64] = &[1, 2, 840, 10_045, 2, 1];
pub(crate) const ED25519: &[u64] = &[1, 3, 101, 112];
const RSA_SHA256: &[u64] = &[1, 2, 840, 113_549, 1, 1, 11];

/// The exponent of RSA keys made here.
const EXPONENT: u32 = 65_537;

/// A private key.
pub(crate) enum PrivateKey {
    Rsa(Box<RsaKey>),
    Dsa(Box<DsaKey>),
    Ec(Curve, Zeroizing<Vec<u8>>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// An RSA key of two primes.
pub(crate) struct RsaKey {
    n: BigUint,
    e: BigUint,
    d: BigUint,
    p: BigUint,
    q: BigUint,
}

/// A DSA key.
pub(crate) struct DsaKey {
    p: BigUint,
    q: BigUint,
    g: BigUint,
    y: BigUint,
    x: BigUint,
}

/// The curves of ECDSA keys.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

pub(crate) fn oid(components: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(components)
}

/// A generator of its own for each key: what the caller's randomness gives is its seed, so that no search for primes can
/// depend on how good that is.
fn generator(random: &dyn Random) -> ChaCha20Rng {
    let mut seed = Zeroizing::new([0; 32]);
    random.fill(&mut *seed);
    ChaCha20Rng::from_seed(*seed)
}

impl Curve {
    const ALL: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    fn oid(self) -> &'static [u64] {
        match self {
            Curve::P256 => &[1, 2, 840, 10_045, 3, 1, 7],
            Curve::P384 => &[1, 3, 132, 0, 34],
            Curve::P521 => &[1, 3, 132, 0, 35],
        }
    }

    fn signature(self) -> &'static [u64] {
        match self {
            Curve::P256 => &[1, 2, 840, 10_045, 4, 3, 2],
            Curve::P384 => &[1, 2, 840, 10_045, 4, 3, 3],
            Curve::P521 => &[1, 2, 840, 10_045, 4, 3, 4],
        }
    }

    /// Bytes of a secret.
    fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    /// The uncompressed public point; nothing for a secret beyond the order of the curve.
    fn point(self, secret: &[u8]) -> Option<Vec<u8>> {
        let point = match self {
            Curve::P256 => {
                p256::SecretKey::from_slice(secret).ok()?.public_key().to_encoded_point(false).to_bytes()
            }
            Curve::P384 => {
                p384::SecretKey::from_slice(secret).ok()?.public_key().to_encoded_point(false).to_bytes()
            }
            Curve::P521 => {
                p521::SecretKey::from_slice(secret).ok()?.public_key().to_encoded_point(false).to_bytes()
            }
        };
        Some(point.into_vec())
    }

    /// A signature with the hash that goes with the curve: by RFC 6979, but for P-521, which takes a random number.
    fn sign(self, random: &dyn Random, secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        Some(match self {
            Curve::P256 => {
                let key = p256::ecdsa::SigningKey::from_slice(secret).ok()?;
                let signature: p256::ecdsa::Signature = key.try_sign(message).ok()?;
                signature.to_der().as_bytes().to_vec()
            }
            Curve::P384 => {
                let key = p384::ecdsa::SigningKey::from_slice(secret).ok()?;
                let signature: p384::ecdsa::Signature = key.try_sign(message).ok()?;
                signature.to_der().as_bytes().to_vec()
            }
            Curve::P521 => {
                let key = p521::ecdsa::SigningKey::from_slice(secret).ok()?;
                let signature = key.try_sign_with_rng(&mut generator(random), message).ok()?;
                signature.to_der().as_bytes().to_vec()
            }
        })
    }
}

impl PrivateKey {
    /// An RSA key of `bits` bits, which are a multiple of 16.
    pub(crate) fn new_rsa(random: &dyn Random, bits: u64) -> Self {
        let mut rng = generator(random);
        let e = BigUint::from(EXPONENT);
        loop {
            let p = prime::for_rsa(&mut rng, bits / 2, EXPONENT);
            let q = prime::for_rsa(&mut rng, bits / 2, EXPONENT);
            if p == q {
                continue;
            }
            let (p1, q1) = (&p - 1u32, &q - 1u32);
            let order = &p1 * &q1 / prime::gcd(p1, q1);
            let Some(d) = e.modinv(&order) else { continue };
            return PrivateKey::Rsa(Box::new(RsaKey { n: &p * &q, e, d, p, q }));
        }
    }

    /// A DSA key with parameters of its own: 2048 bits over 256.
    pub(crate) fn new_dsa(random: &dyn Random) -> Self {
        let mut rng = generator(random);
        let (p, q) = prime::for_dsa(&mut rng, 2048, 256);
        let power = (&p - 1u32) / &q;
        let mut g = BigUint::ZERO;
        for h in 2u32.. {
            g = BigUint::from(h).modpow(&power, &p);
            if g > BigUint::from(1u32) {
                break;
            }
        }
        let x = prime::below(&mut rng, &q);
        let y = g.modpow(&x, &p);
        PrivateKey::Dsa(Box::new(DsaKey { p, q, g, y, x }))
    }

    /// A key on the curve P-256.
    pub(crate) fn new_ecdsa(random: &dyn Random) -> Self {
        let secret = p256::SecretKey::random(&mut generator(random));
        PrivateKey::Ec(Curve::P256, Zeroizing::new(secret.to_bytes().to_vec()))
    }

    pub(crate) fn new_ed25519(random: &dyn Random) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        generator(random).fill_bytes(&mut *seed);
        PrivateKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The key as Sprig prints it: PKCS #1, SEC 1, OpenSSL's form of DSA, PKCS #8 for Ed25519.
    pub(crate) fn to_pem(&self) -> String {
        let (label, der) = match self {
            PrivateKey::Rsa(key) => ("RSA PRIVATE KEY", key.to_der()),
            PrivateKey::Dsa(key) => ("DSA PRIVATE KEY", key.to_der()),
            PrivateKey::Ec(curve, secret) => ("EC PRIVATE KEY", ec_der(*curve, secret)),
            PrivateKey::Ed25519(key) => ("PRIVATE KEY", ed25519_der(key)),
        };
        pem::encode(label, der)
    }

    /// The bits of the public key; nothing for DSA, which certificates do not take.
    pub(crate) fn public_bits(&self) -> Option<Vec<u8>> {
        match self {
            PrivateKey::Rsa(key) => Some(construct_der(|writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_biguint(&key.n);
                    writer.next().write_biguint(&key.e);
                });
            })),
            PrivateKey::Dsa(_) => None,
            PrivateKey::Ec(curve, secret) => curve.point(secret),
            PrivateKey::Ed25519(key) => Some(key.verifying_key().to_bytes().to_vec()),
        }
    }

    /// Writes the algorithm of the public key.
    pub(crate) fn write_public_algorithm(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| match self {
            PrivateKey::Rsa(_) => {
                writer.next().write_oid(&oid(RSA));
                writer.next().write_null();
            }
            PrivateKey::Ec(curve, _) => {
                writer.next().write_oid(&oid(EC));
                writer.next().write_oid(&oid(curve.oid()));
            }
            _ => writer.next().write_oid(&oid(ED25519)),
        });
    }

    /// Writes the algorithm of this key's signatures.
    pub(crate) fn write_signature_algorithm(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| match self {
            PrivateKey::Rsa(_) => {
                writer.next().write_oid(&oid(RSA_SHA256));
                writer.next().write_null();
            }
            PrivateKey::Ec(curve, _) => writer.next().write_oid(&oid(curve.signature())),
            _ => writer.next().write_oid(&oid(ED25519)),
        });
    }

    /// Signs `message`. The signature depends on nothing else, but for P-521.
    pub(crate) fn sign(&self, random: &dyn Random, message: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            PrivateKey::Rsa(key) => key.sign(message),
            PrivateKey::Dsa(_) => Err(NO_SIGNER.to_owned()),
            PrivateKey::Ec(curve, secret) => {
                curve.sign(random, secret, message).ok_or_else(|| "invalid private key".to_owned())
            }
            PrivateKey::Ed25519(key) => Ok(key.sign(message).to_bytes().to_vec()),
        }
    }
}

/// What Go says of a DSA key that should sign.
pub(crate) const NO_SIGNER: &str = "x509: certificate private key does not implement crypto.Signer";

impl RsaKey {
    /// PKCS #1.
    fn to_der(&self) -> Vec<u8> {
        let (p1, q1) = (&self.p - 1u32, &self.q - 1u32);
        let inverse = self.q.modinv(&self.p).unwrap_or_default();
        let version = BigUint::ZERO;
        let (dp, dq) = (&self.d % p1, &self.d % q1);
        integers(&[&version, &self.n, &self.e, &self.d, &self.p, &self.q, &dp, &dq, &inverse])
    }

    /// PKCS #1 v1.5 with SHA-256, by a library that takes the same time for all keys.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let der = Zeroizing::new(self.to_der());
        let key = KeyPair::from_der(&der).map_err(|error| format!("crypto/rsa: unusable key: {error}"))?;
        let mut signature = vec![0; key.public_modulus_len()];
        // This kind of signature needs no randomness; the library's interface asks for a source all the same.
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| "crypto/rsa: unusable key".to_owned())?;
        Ok(signature)
    }
}

impl DsaKey {
    /// The form of OpenSSL.
    fn to_der(&self) -> Vec<u8> {
        integers(&[&BigUint::ZERO, &self.p, &self.q, &self.g, &self.y, &self.x])
    }
}

fn integers(numbers: &[&BigUint]) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            for number in numbers {
                writer.next().write_biguint(number);
            }
        });
    })
}

/// SEC 1.
fn ec_der(curve: Curve, secret: &[u8]) -> Vec<u8> {
    let point = curve.point(secret).unwrap_or_default();
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(1);
            writer.next().write_bytes(secret);
            writer.next().write_tagged(Tag::context(0), |writer| writer.write_oid(&oid(curve.oid())));
            writer.next().write_tagged(Tag::context(1), |writer| {
                writer.write_bitvec_bytes(&point, point.len() * 8);
            });
        });
    })
}

/// PKCS #8.
fn ed25519_der(key: &ed25519_dalek::SigningKey) -> Vec<u8> {
    let seed = Zeroizing::new(construct_der(|writer| writer.write_bytes(key.as_bytes())));
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(0);
            writer.next().write_sequence(|writer| writer.next().write_oid(&oid(ED25519)));
            writer.next().write_bytes(&seed);
        });
    })
}
