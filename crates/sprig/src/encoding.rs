//! Base64, base32, and checksums.

use go_template::{Func, Str, Type};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::Entry;
use crate::args::{made, str};

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("b64enc", bytes_func(|bytes| base64_encode(bytes).into_bytes())),
        ("b64dec", bytes_func(|bytes| decoded(base64_decode(bytes), "base64"))),
        ("b32enc", bytes_func(|bytes| base32_encode(bytes).into_bytes())),
        ("b32dec", bytes_func(|bytes| decoded(base32_decode(bytes), "base32"))),
        ("sha1sum", bytes_func(|bytes| hex::encode(Sha1::digest(bytes)).into_bytes())),
        ("sha256sum", bytes_func(|bytes| hex::encode(Sha256::digest(bytes)).into_bytes())),
        ("sha512sum", bytes_func(|bytes| hex::encode(Sha512::digest(bytes)).into_bytes())),
        ("adler32sum", bytes_func(|bytes| adler32(bytes).to_string().into_bytes())),
    ]
}

fn bytes_func(body: fn(&[u8]) -> Vec<u8>) -> Func {
    Func::new(&[Type::String], move |exec, args| {
        let input = str(args, 0);
        exec.charge(input.len() as u64 / 16)?;
        made(exec, Str::from(body(input)))
    })
}

/// Sprig gives the error's text in place of the result.
fn decoded(result: Result<Vec<u8>, usize>, name: &str) -> Vec<u8> {
    result.unwrap_or_else(|at| format!("illegal {name} data at input byte {at}").into_bytes())
}

fn encode(bytes: &[u8], alphabet: &[u8], bits: u32, group: usize) -> String {
    let mask = (1u32 << bits) - 1;
    let mut out = String::with_capacity(bytes.len() * 8 / bits as usize + group);
    let (mut buffer, mut held) = (0u32, 0u32);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        held += 8;
        while held >= bits {
            held -= bits;
            out.push(char::from(alphabet[(buffer >> held & mask) as usize]));
        }
        buffer &= (1 << held) - 1;
    }
    if held > 0 {
        out.push(char::from(alphabet[(buffer << (bits - held) & mask) as usize]));
    }
    while !out.len().is_multiple_of(group) {
        out.push('=');
    }
    out
}

pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    encode(bytes, STANDARD, 6, 4)
}

fn base32_encode(bytes: &[u8]) -> String {
    encode(bytes, BASE32, 5, 8)
}

/// Go's decoder: line ends are skipped; the error is where Go says it is.
pub(crate) fn base64_decode(input: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(input.len() * 3 / 4);
    let mut bytes = input.iter().copied().enumerate().filter(|(_, b)| !matches!(b, b'\r' | b'\n'));
    loop {
        let (mut quantum, mut count) = (0u32, 0);
        let mut padded = false;
        while count < 4 {
            let Some((at, byte)) = bytes.next() else {
                if count == 0 {
                    return Ok(out);
                }
                return Err(input.len() - count);
            };
            if let Some(value) = STANDARD.iter().position(|b| *b == byte) {
                quantum = quantum << 6 | value as u32;
                count += 1;
                continue;
            }
            if byte != b'=' || count < 2 {
                return Err(at);
            }
            if count == 2 {
                match bytes.next() {
                    None => return Err(input.len()),
                    Some((_, b'=')) => {}
                    Some((at, _)) => return Err(at - 1),
                }
            }
            padded = true;
            break;
        }
        let whole = quantum << (6 * (4 - count));
        out.extend_from_slice(&whole.to_be_bytes()[1..count]);
        if padded {
            return match bytes.next() {
                Some((at, _)) => Err(at),
                None => Ok(out),
            };
        }
    }
}

fn base32_decode(input: &[u8]) -> Result<Vec<u8>, usize> {
    let input: Vec<u8> = input.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let len = input.len();
    let mut out = Vec::with_capacity(len * 5 / 8);
    let mut at = 0;
    while at < len {
        let (mut group, mut count) = (0u64, 0usize);
        let mut ended = false;
        while count < 8 {
            let Some(&byte) = input.get(at) else {
                return Err(at - count);
            };
            at += 1;
            let left = len - at;
            if byte == b'=' && count >= 2 && left < 8 {
                if left + count < 7 {
                    return Err(len);
                }
                for k in 0..7 - count {
                    if left > k && input[at + k] != b'=' {
                        return Err(at + k - 1);
                    }
                }
                if matches!(count, 1 | 3 | 6) {
                    return Err(at - 1);
                }
                ended = true;
                break;
            }
            let Some(value) = BASE32.iter().position(|b| *b == byte) else {
                return Err(at - 1);
            };
            group = group << 5 | value as u64;
            count += 1;
        }
        let whole = group << (5 * (8 - count));
        out.extend_from_slice(&whole.to_be_bytes()[3..3 + count * 5 / 8]);
        if ended {
            break;
        }
    }
    Ok(out)
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % MODULUS;
        b = (b + a) % MODULUS;
    }
    b << 16 | a
}
