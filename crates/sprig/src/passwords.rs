//! Password hashes, derived passwords, and AES: `bcrypt`, `htpasswd`, `derivePassword`, `encryptAES`, `decryptAES`.

use std::rc::Rc;

use aes::Aes256;
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use go_template::{Executor, Func, FuncError, Str, Type, Value};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::args::{Answer, int, made, str};
use crate::encoding::{base64_decode, base64_encode};
use crate::{Entry, Random};

const S: Type = Type::String;

/// Steps for a bcrypt hash of cost 10, and for a derivation by scrypt: about as many as take as long.
const BCRYPT_STEPS: u64 = 500_000;
const SCRYPT_STEPS: u64 = 1_000_000;

const BCRYPT_COST: u32 = 10;
const BLOCK: usize = 16;

pub(crate) fn table(random: &Rc<dyn Random>) -> Vec<Entry> {
    let (for_bcrypt, for_htpasswd, for_aes) = (random.clone(), random.clone(), random.clone());
    vec![
        ("bcrypt", Func::new(&[S], move |exec, a| Ok(bcrypt(exec, &*for_bcrypt, str(a, 0))?.into()))),
        ("htpasswd", Func::new(&[S, S], move |exec, a| htpasswd(exec, &*for_htpasswd, a))),
        ("derivePassword", Func::new(&[Type::Uint32, S, S, S, S], derive_password)),
        ("encryptAES", Func::new(&[S, S], move |exec, a| encrypt(exec, &*for_aes, a))),
        ("decryptAES", Func::new(&[S, S], decrypt)),
    ]
}

fn bcrypt(exec: &mut Executor<'_>, random: &dyn Random, password: &[u8]) -> Result<String, FuncError> {
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned()
        );
    }
    exec.charge(BCRYPT_STEPS)?;
    let mut salt = [0; 16];
    random.fill(&mut salt);
    let hash = bcrypt::hash_with_salt(password, BCRYPT_COST, salt);
    Ok(match hash {
        Ok(hash) => hash.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    })
}

fn htpasswd(exec: &mut Executor<'_>, random: &dyn Random, args: &[Value]) -> Answer {
    let (user, password) = (str(args, 0), str(args, 1));
    if user.contains(&b':') {
        return Ok(Value::string([b"invalid username: ", &user[..]].concat()));
    }
    let hash = bcrypt(exec, random, password)?;
    Ok(Value::string([&user[..], b":", hash.as_bytes()].concat()))
}

/// The templates of a type of password; a letter stands for a class of characters.
fn templates(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The Master Password algorithm, version 3: scrypt of the user, an HMAC of the site, a template.
fn derive_password(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let (kind, password, user, site) = (str(args, 1), str(args, 2), str(args, 3), str(args, 4));
    let Some(templates) = templates(kind) else {
        return Ok(Value::string([b"cannot find password template ", &kind[..]].concat()));
    };
    exec.charge(SCRYPT_STEPS)?;
    let length = |text: &Str| (text.len() as u32).to_be_bytes();
    let salt = [SCOPE, &length(user), user].concat();
    let fixed = "the parameters are scrypt's own";
    let mut key = [0; 64];
    let params = scrypt::Params::new(15, 8, 2, key.len()).expect(fixed);
    scrypt::scrypt(password, &salt, &params, &mut key).expect(fixed);

    let counter = match args.first() {
        Some(Value::Number(go_template::Number::Uint32(counter))) => *counter,
        _ => int(args, 0) as u32,
    };
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    for part in [SCOPE, &length(site), site, &counter.to_be_bytes()] {
        hmac.update(part);
    }
    let seed = hmac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let made = template.bytes().zip(&seed[1..]).map(|(class, byte)| {
        let characters = characters(class);
        characters[usize::from(*byte) % characters.len()]
    });
    Ok(Value::string(made.collect::<Vec<u8>>()))
}

/// Sprig's key: the password, cut or filled with zeros to 32 bytes.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password[..length]);
    key
}

/// AES-256 in CBC mode after a random vector, in base64.
fn encrypt(exec: &mut Executor<'_>, random: &dyn Random, args: &[Value]) -> Answer {
    let (password, text) = (str(args, 0), str(args, 1));
    if text.is_empty() {
        return Ok("".into());
    }
    exec.charge(text.len() as u64 / 4)?;
    exec.charge_bytes(text.len() as u64 * 2)?;
    let mut vector = [0; BLOCK];
    random.fill(&mut vector);
    let cipher = cbc::Encryptor::<Aes256>::new(&aes_key(password).into(), &vector.into());
    let sealed = cipher.encrypt_padded_vec_mut::<Pkcs7>(text);
    made(exec, base64_encode(&[&vector[..], &sealed].concat()))
}

fn decrypt(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let (password, text) = (str(args, 0), str(args, 1));
    if text.is_empty() {
        return Ok("".into());
    }
    exec.charge(text.len() as u64 / 4)?;
    let sealed = base64_decode(text).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
    let Some((vector, sealed)) = sealed.split_first_chunk::<BLOCK>() else {
        let capacity = text.len() / 4 * 3;
        return Err(
            format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {capacity}").into()
        );
    };
    let cipher = cbc::Decryptor::<Aes256>::new(&aes_key(password).into(), vector.into());
    let Ok(mut opened) = cipher.decrypt_padded_vec_mut::<NoPadding>(sealed) else {
        return Err("crypto/cipher: input not full blocks".into());
    };
    let Some(padding) = opened.last().copied() else {
        return Err("runtime error: index out of range [-1]".into());
    };
    // As Sprig does, without a look at the rest of the padding.
    let end = opened.len() as i64 - i64::from(padding);
    if end < 0 {
        return Err(format!("runtime error: slice bounds out of range [:{end}]").into());
    }
    opened.truncate(end as usize);
    made(exec, opened)
}
