//! Random strings and numbers, from the caller's [`Random`].

use std::rc::Rc;

use go_template::{Executor, Func, FuncError, Type, Value};

use crate::args::{int, made, text};
use crate::encoding::base64_encode;
use crate::{Entry, Random};

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

pub(crate) fn table(random: Rc<dyn Random>) -> Vec<Entry> {
    let alphanumeric = [LETTERS, DIGITS].concat();
    let ascii: String = (' '..='~').collect();
    let characters = |alphabet: &str| {
        let (alphabet, random) = (alphabet.as_bytes().to_vec(), random.clone());
        Func::new(&[Type::Int], move |exec, args| {
            let count = charged(exec, int(args, 0))?;
            let text = (0..count).map(|_| alphabet[below(&*random, alphabet.len() as u64) as usize]);
            Ok(Value::string(text.collect::<Vec<u8>>()))
        })
    };
    let (uuids, ints, bytes, shuffles) = (random.clone(), random.clone(), random.clone(), random.clone());
    vec![
        ("randAlphaNum", characters(&alphanumeric)),
        ("randAlpha", characters(LETTERS)),
        ("randNumeric", characters(DIGITS)),
        ("randAscii", characters(&ascii)),
        ("uuidv4", Func::new(&[], move |_, _| Ok(uuid(&*uuids).into()))),
        ("randInt", Func::new(&[Type::Int, Type::Int], move |_, args| rand_int(&*ints, args))),
        (
            "randBytes",
            Func::new(&[Type::Int], move |exec, args| {
                if int(args, 0) < 0 {
                    return Err("runtime error: makeslice: len out of range".into());
                }
                let mut buffer = vec![0; charged(exec, int(args, 0))?];
                bytes.fill(&mut buffer);
                made(exec, base64_encode(&buffer))
            }),
        ),
        (
            "shuffle",
            Func::new(&[Type::String], move |exec, args| {
                let mut chars: Vec<char> = text(args, 0).chars().collect();
                exec.charge(chars.len() as u64)?;
                for i in (1..chars.len()).rev() {
                    chars.swap(i, below(&*shuffles, i as u64 + 1) as usize);
                }
                Ok(chars.into_iter().collect::<String>().into())
            }),
        ),
    ]
}

/// A length, charged to the budgets; nothing for a negative one.
fn charged(exec: &mut Executor<'_>, count: i64) -> Result<usize, FuncError> {
    let count = u64::try_from(count).unwrap_or(0);
    exec.charge_bytes(count)?;
    exec.charge(count)?;
    Ok(count as usize)
}

/// Uniform below `bound`, which is not zero.
pub(crate) fn below(random: &dyn Random, bound: u64) -> u64 {
    // Values from the incomplete last stretch would favour small results.
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let value = u64::from_le_bytes(bytes);
        if value < limit {
            return value % bound;
        }
    }
}

fn rand_int(random: &dyn Random, args: &[Value]) -> Result<Value, FuncError> {
    let (min, max) = (int(args, 0), int(args, 1));
    if max <= min {
        return Err("invalid argument to Intn".into());
    }
    Ok(Value::Int(min.wrapping_add(below(random, max.abs_diff(min)) as i64)))
}

fn uuid(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    // RFC 9562: version 4, variant 10.
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
