//! Private keys and certificates: `genPrivateKey`, `genCA`, `genSelfSignedCert`, `genSignedCert`, their forms with a key, and
//! `buildCustomCert`.

mod x509;

use std::any::Any;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use go_template::{Executor, Func, FuncError, Object, Str, Type, Value};

use crate::args::{Answer, int, str};
use crate::encoding::base64_decode;
use crate::keys::{PrivateKey, parse_pem};
use crate::time::Time;
use crate::{Clock, Entry, Random, pem};
use x509::{Issuer, Request};

const S: Type = Type::String;
const IPS: Type = Type::ANY_LIST;
const CERTIFICATE: Type = Type::Opaque("sprig.certificate");

/// Steps for what takes as long: keys of each kind, and a certificate.
const RSA_2048_STEPS: u64 = 1_000_000;
const RSA_4096_STEPS: u64 = 8_000_000;
const DSA_STEPS: u64 = 4_000_000;
const SMALL_KEY_STEPS: u64 = 10_000;
const CERTIFICATE_STEPS: u64 = 50_000;

/// Bytes of a key and a certificate in PEM, about.
const PEM_BYTES: u64 = 4_096;

/// What certificates are made with.
struct Maker {
    clock: Rc<dyn Clock>,
    random: Rc<dyn Random>,
}

/// Sprig's certificate: PEM texts.
struct Certificate {
    cert: Str,
    key: Str,
}

type Body = fn(&Maker, &mut Executor<'_>, &[Value]) -> Answer;

pub(crate) fn table(clock: &Rc<dyn Clock>, random: &Rc<dyn Random>) -> Vec<Entry> {
    let maker = Rc::new(Maker { clock: clock.clone(), random: random.clone() });
    let func = |params: &'static [Type], body: Body| {
        let maker = maker.clone();
        Func::new(params, move |exec, args| body(&maker, exec, args))
    };
    const INT: Type = Type::Int;
    vec![
        ("genPrivateKey", func(&[S], gen_private_key)),
        ("buildCustomCert", func(&[S, S], |_, exec, args| build_custom_cert(exec, args))),
        ("genCA", func(&[S, INT], |maker, exec, args| maker.authority(exec, args, None))),
        ("genCAWithKey", func(&[S, INT, S], |maker, exec, args| maker.authority(exec, args, Some(2)))),
        (
            "genSelfSignedCert",
            func(&[S, IPS, IPS, INT], |maker, exec, args| maker.self_signed(exec, args, None)),
        ),
        (
            "genSelfSignedCertWithKey",
            func(&[S, IPS, IPS, INT, S], |maker, exec, args| maker.self_signed(exec, args, Some(4))),
        ),
        (
            "genSignedCert",
            func(&[S, IPS, IPS, INT, CERTIFICATE], |maker, exec, args| maker.signed(exec, args, None)),
        ),
        (
            "genSignedCertWithKey",
            func(&[S, IPS, IPS, INT, CERTIFICATE, S], |maker, exec, args| maker.signed(exec, args, Some(5))),
        ),
    ]
}

fn gen_private_key(maker: &Maker, exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let kind = str(args, 0);
    let (steps, make): (u64, fn(&dyn Random) -> PrivateKey) = match kind.as_bytes() {
        b"" | b"rsa" => (RSA_4096_STEPS, |random| PrivateKey::new_rsa(random, 4096)),
        b"dsa" => (DSA_STEPS, PrivateKey::new_dsa),
        b"ecdsa" => (SMALL_KEY_STEPS, PrivateKey::new_ecdsa),
        b"ed25519" => (SMALL_KEY_STEPS, PrivateKey::new_ed25519),
        _ => return Ok(Value::string([b"Unknown type ", &kind[..]].concat())),
    };
    exec.charge(steps)?;
    exec.charge_bytes(PEM_BYTES)?;
    Ok(make(&*maker.random).to_pem().into())
}

fn build_custom_cert(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    exec.charge(CERTIFICATE_STEPS)?;
    let cert = base64_decode(str(args, 0)).map_err(|_| "unable to decode base64 certificate")?;
    let key = base64_decode(str(args, 1)).map_err(|_| "unable to decode base64 private key")?;
    exec.charge_bytes(cert.len() as u64 + key.len() as u64)?;
    let (_, der) = pem::decode(&cert).ok_or("unable to decode certificate")?;
    Issuer::parse(&der).map_err(|error| format!("error parsing certificate: decodedCert.Bytes: {error}"))?;
    parse_pem(&key).map_err(|error| format!("error parsing private key: {error}"))?;
    Ok(Value::object(Certificate { cert: cert.into(), key: key.into() }))
}

impl Maker {
    /// The key in the argument at `given`, or a new one.
    fn key(
        &self,
        exec: &mut Executor<'_>,
        args: &[Value],
        given: Option<usize>,
    ) -> Result<PrivateKey, FuncError> {
        exec.charge(CERTIFICATE_STEPS)?;
        exec.charge_bytes(PEM_BYTES)?;
        match given {
            Some(index) => {
                parse_pem(str(args, index)).map_err(|error| format!("parsing private key: {error}").into())
            }
            None => {
                exec.charge(RSA_2048_STEPS)?;
                Ok(PrivateKey::new_rsa(&*self.random, 2048))
            }
        }
    }

    /// What a certificate says: name, addresses, time, a random serial number.
    fn request(&self, name: String, ips: Vec<IpAddr>, dns: Vec<String>, days: i64) -> Request {
        let (seconds, nanos) = self.clock.now();
        let now = Time::unix(seconds, nanos);
        let mut serial = [0; 16];
        self.random.fill(&mut serial);
        const DAY: i64 = 24 * 3600 * 1_000_000_000;
        let until = now.plus(days.wrapping_mul(DAY));
        Request { serial, name, ips, dns, from: now, until, authority: false }
    }

    fn authority(&self, exec: &mut Executor<'_>, args: &[Value], given: Option<usize>) -> Answer {
        let key = self.key(exec, args, given)?;
        let mut request = self.request(name(args)?, Vec::new(), Vec::new(), int(args, 1));
        request.authority = true;
        made(self, &request, &key, None)
    }

    fn self_signed(&self, exec: &mut Executor<'_>, args: &[Value], given: Option<usize>) -> Answer {
        let given = given.map(|index| self.key(exec, args, Some(index))).transpose()?;
        let (ips, dns) = (addresses(exec, &args[1])?, names(exec, &args[2])?);
        let key = given.map_or_else(|| self.key(exec, args, None), Ok)?;
        made(self, &self.request(name(args)?, ips, dns, int(args, 3)), &key, None)
    }

    fn signed(&self, exec: &mut Executor<'_>, args: &[Value], given: Option<usize>) -> Answer {
        let given = given.map(|index| self.key(exec, args, Some(index))).transpose()?;
        let authority = match &args[4] {
            Value::Object(object) => object.as_any().downcast_ref::<Certificate>(),
            _ => None,
        };
        let authority = authority.ok_or("unable to decode certificate")?;
        let (_, der) = pem::decode(&authority.cert).ok_or("unable to decode certificate")?;
        let issuer = Issuer::parse(&der)
            .map_err(|error| format!("error parsing certificate: decodedSignerCert.Bytes: {error}"))?;
        let signer =
            parse_pem(&authority.key).map_err(|error| format!("error parsing private key: {error}"))?;
        let (ips, dns) = (addresses(exec, &args[1])?, names(exec, &args[2])?);
        let key = given.map_or_else(|| self.key(exec, args, None), Ok)?;
        made(self, &self.request(name(args)?, ips, dns, int(args, 3)), &key, Some((&issuer, &signer)))
    }
}

fn made(
    maker: &Maker,
    request: &Request,
    key: &PrivateKey,
    issuer: Option<(&Issuer, &PrivateKey)>,
) -> Answer {
    let der = request
        .certificate(key, issuer, &*maker.random)
        .map_err(|error| format!("error creating certificate: {error}"))?;
    let cert = Str::from(pem::encode("CERTIFICATE", der));
    Ok(Value::object(Certificate { cert, key: key.to_pem().into() }))
}

/// The subject's name.
fn name(args: &[Value]) -> Result<String, FuncError> {
    let name = str(args, 0).as_utf8().ok_or("error creating certificate: asn1: string not valid UTF-8")?;
    Ok(name.to_owned())
}

/// The texts of a list, or Sprig's complaint about an item that is none.
fn texts(exec: &mut Executor<'_>, list: &Value, complaint: &str) -> Result<Vec<String>, FuncError> {
    let items = list.as_list().map_or_else(Vec::new, |list| list.to_vec());
    exec.charge(items.len() as u64 * 16)?;
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match &item {
            Value::String(text) => {
                exec.charge_bytes(text.len() as u64)?;
                texts.push(text.to_str().into_owned());
            }
            other => {
                let shown = match other {
                    Value::Nil => "<nil>".into(),
                    other => exec.sprint(std::slice::from_ref(other))?,
                };
                return Err(format!("{complaint}: {shown} is not a string").into());
            }
        }
    }
    Ok(texts)
}

fn addresses(exec: &mut Executor<'_>, list: &Value) -> Result<Vec<IpAddr>, FuncError> {
    let texts = texts(exec, list, "error parsing ip")?;
    let parsed = texts.iter().map(|text| {
        let address =
            text.parse::<IpAddr>().map_err(|_| FuncError::message(format!("error parsing ip: {text}")))?;
        Ok(match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(Ipv6Addr::from(v6.octets())), IpAddr::V4),
            v4 => v4,
        })
    });
    parsed.collect()
}

fn names(exec: &mut Executor<'_>, list: &Value) -> Result<Vec<String>, FuncError> {
    texts(exec, list, "error processing alternate dns name")
}

impl Object for Certificate {
    fn ty(&self) -> Type {
        CERTIFICATE
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.cert.clone().into()),
            "Key" => Some(self.key.clone().into()),
            _ => None,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Cert", self.cert.clone().into()), ("Key", self.key.clone().into())]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
