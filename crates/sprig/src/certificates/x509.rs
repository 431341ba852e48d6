//! X.509 certificates, byte for byte as Go's `x509.CreateCertificate` makes them of Sprig's template.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};
use yasna::{DERWriter, DERWriterSeq, Tag, TagClass, construct_der};

use crate::Random;
use crate::keys::{NO_SIGNER, PrivateKey, oid};
use crate::layout;
use crate::time::Time;

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const SERVER_AUTH: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 2];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
const AUTHORITY_KEY_ID: &[u64] = &[2, 5, 29, 35];
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];

/// What a certificate is to say.
pub(super) struct Request {
    /// Unsigned, the most significant byte first.
    pub(super) serial: [u8; 16],
    pub(super) name: String,
    pub(super) ips: Vec<IpAddr>,
    pub(super) dns: Vec<String>,
    pub(super) from: Time,
    pub(super) until: Time,
    pub(super) authority: bool,
}

/// What is taken from a signer's certificate.
pub(super) struct Issuer {
    subject: Vec<u8>,
    key_id: Vec<u8>,
    public_bits: Vec<u8>,
}

impl Issuer {
    /// Reads a certificate in DER.
    pub(super) fn parse(der: &[u8]) -> Result<Self, &'static str> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| "x509: malformed certificate")?;
        let mut key_id = Vec::new();
        for extension in certificate.extensions() {
            if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() {
                key_id = id.0.to_vec();
            }
        }
        Ok(Issuer {
            subject: certificate.subject().as_raw().to_vec(),
            key_id,
            public_bits: certificate.public_key().subject_public_key.data.to_vec(),
        })
    }
}

impl Request {
    /// The certificate for `key`, signed by an issuer or by the key itself, in DER.
    pub(super) fn certificate(
        &self,
        key: &PrivateKey,
        issuer: Option<(&Issuer, &PrivateKey)>,
        random: &dyn Random,
    ) -> Result<Vec<u8>, String> {
        let signer = issuer.map_or(key, |(_, signer)| signer);
        if let PrivateKey::Dsa(_) = signer {
            return Err(NO_SIGNER.to_owned());
        }
        let public_bits = key.public_bits().ok_or("x509: unsupported public key type: *dsa.PublicKey")?;
        let subject = construct_der(|writer| write_name(writer, &self.name));
        let mut authority_key_id: &[u8] = &[];
        if let Some((issuer, signer)) = issuer {
            if issuer.subject != subject {
                authority_key_id = &issuer.key_id;
            }
            if signer.public_bits().as_ref() != Some(&issuer.public_bits) {
                return Err("x509: provided PrivateKey doesn't match parent's PublicKey".to_owned());
            }
        }
        if let Some(name) = self.dns.iter().find(|name| !name.is_ascii()) {
            let quoted = go_template::quote_bytes(name.as_bytes(), false);
            let quoted = String::from_utf8_lossy(&quoted);
            return Err(format!("x509: {quoted} cannot be encoded as an IA5String"));
        }
        let (from, until) = (point(&self.from)?, point(&self.until)?);
        let body = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_u8(2));
                writer.next().write_bigint_bytes(&self.serial, true);
                signer.write_signature_algorithm(writer.next());
                writer.next().write_der(issuer.map_or(&subject, |(issuer, _)| &issuer.subject));
                writer.next().write_sequence(|writer| {
                    write_time(writer.next(), &from);
                    write_time(writer.next(), &until);
                });
                writer.next().write_der(&subject);
                writer.next().write_sequence(|writer| {
                    key.write_public_algorithm(writer.next());
                    writer.next().write_bitvec_bytes(&public_bits, public_bits.len() * 8);
                });
                writer.next().write_tagged(Tag::context(3), |writer| {
                    writer.write_sequence(|writer| self.extensions(writer, &public_bits, authority_key_id));
                });
            });
        });
        let signature = signer.sign(random, &body)?;
        Ok(construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&body);
                signer.write_signature_algorithm(writer.next());
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
            });
        }))
    }

    /// The extensions, in Go's order.
    fn extensions(&self, writer: &mut DERWriterSeq<'_>, public_bits: &[u8], authority_key_id: &[u8]) {
        // Digital signature and key encipherment; for an authority also signing certificates.
        let (usage, bits) = if self.authority { (0b1010_0100, 6) } else { (0b1010_0000, 3) };
        extension(writer, KEY_USAGE, true, |writer| writer.write_bitvec_bytes(&[usage], bits));
        extension(writer, EXTENDED_KEY_USAGE, false, |writer| {
            writer.write_sequence(|writer| {
                writer.next().write_oid(&oid(SERVER_AUTH));
                writer.next().write_oid(&oid(CLIENT_AUTH));
            });
        });
        extension(writer, BASIC_CONSTRAINTS, true, |writer| {
            writer.write_sequence(|writer| {
                if self.authority {
                    writer.next().write_bool(true);
                }
            });
        });
        if self.authority {
            // RFC 7093, section 2, method 1.
            let id = &Sha256::digest(public_bits)[..20];
            extension(writer, SUBJECT_KEY_ID, false, |writer| writer.write_bytes(id));
        }
        if !authority_key_id.is_empty() {
            extension(writer, AUTHORITY_KEY_ID, false, |writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_bytes(authority_key_id)
                    });
                });
            });
        }
        if !self.dns.is_empty() || !self.ips.is_empty() {
            // Critical where the subject is empty (RFC 5280, section 4.2.1.6).
            extension(writer, SUBJECT_ALT_NAME, self.name.is_empty(), |writer| {
                writer.write_sequence(|writer| {
                    for name in &self.dns {
                        let tagged = |writer: DERWriter<'_>| writer.write_bytes(name.as_bytes());
                        writer.next().write_tagged_implicit(Tag::context(2), tagged);
                    }
                    for ip in &self.ips {
                        writer.next().write_tagged_implicit(Tag::context(7), |writer| match ip {
                            IpAddr::V4(ip) => writer.write_bytes(&ip.octets()),
                            IpAddr::V6(ip) => writer.write_bytes(&ip.octets()),
                        });
                    }
                });
            });
        }
    }
}

fn extension(writer: &mut DERWriterSeq<'_>, id: &[u64], critical: bool, content: impl FnOnce(DERWriter<'_>)) {
    let content = construct_der(content);
    writer.next().write_sequence(|writer| {
        writer.next().write_oid(&oid(id));
        if critical {
            writer.next().write_bool(true);
        }
        writer.next().write_bytes(&content);
    });
}

fn universal(tag_number: u64) -> Tag {
    Tag { tag_class: TagClass::Universal, tag_number }
}

/// A name of one part, or of none.
fn write_name(writer: DERWriter<'_>, name: &str) {
    let printable = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b' ' | b'\'' | b'(' | b')' | b'+'..=b'/' | b':' | b'=' | b'?')
    };
    writer.write_sequence(|writer| {
        if name.is_empty() {
            return;
        }
        writer.next().write_set(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&oid(COMMON_NAME));
                if name.bytes().all(printable) {
                    let content = |writer: DERWriter<'_>| writer.write_bytes(name.as_bytes());
                    writer.next().write_tagged_implicit(universal(19), content);
                } else {
                    writer.next().write_utf8_string(name);
                }
            });
        });
    });
}

/// A time as ASN.1 has it: two digits of the year from 1950 to 2049, otherwise four.
fn point(time: &Time) -> Result<(bool, String), String> {
    match time.civil().year {
        1950..2050 => Ok((true, layout::format(time, "060102150405Z"))),
        0..=9999 => Ok((false, layout::format(time, "20060102150405Z"))),
        _ => Err("asn1: cannot represent time as GeneralizedTime".to_owned()),
    }
}

fn write_time(writer: DERWriter<'_>, (short, text): &(bool, String)) {
    // UTCTime and GeneralizedTime.
    writer.write_tagged_implicit(universal(if *short { 23 } else { 24 }), |writer| {
        writer.write_bytes(text.as_bytes())
    });
}
