//! `urlParse` and `urlJoin`, by Go's `net/url`.

use go_template::{Executor, Func, FuncError, Map, Type, Value};

use crate::Entry;
use crate::args::{Answer, made, map, text};

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("urlParse", Func::new(&[Type::String], |_, args| url_parse(&text(args, 0)))),
        ("urlJoin", Func::new(&[Type::ANY_MAP], url_join)),
    ]
}

#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    userinfo: Option<String>,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

fn url_parse(text: &str) -> Answer {
    let url = parse(text).map_err(|problem| {
        let quoted = String::from_utf8_lossy(&go_template::quote_bytes(text.as_bytes(), false)).into_owned();
        FuncError::message(format!("unable to parse url: parse {quoted}: {problem}"))
    })?;
    let hostname = hostname(&url.host);
    let parts = [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", url.userinfo.unwrap_or_default()),
    ];
    Ok(Value::Map(parts.into_iter().collect::<Map>()))
}

fn parse(text: &str) -> Result<Url, String> {
    if text.bytes().any(|b| b < b' ' || b == 0x7F) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let mut url = Url::default();
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    url.fragment = unescape(fragment)?;
    let mut rest = match scheme(rest)? {
        Some((scheme, rest)) => {
            url.scheme = scheme.to_ascii_lowercase();
            rest
        }
        None => rest,
    };
    if let Some((before, query)) = rest.split_once('?') {
        rest = before;
        url.query = query.to_owned();
    }
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_owned();
            return Ok(url);
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let authority = rest.strip_prefix("//").filter(|_| !url.scheme.is_empty() || !rest.starts_with("///"));
    if let Some(after) = authority {
        let end = after.find('/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        rest = path;
        let host = match authority.rsplit_once('@') {
            Some((user, host)) => {
                url.userinfo = Some(user.to_owned());
                host
            }
            None => authority,
        };
        url.host = checked_host(host)?;
    }
    url.path = unescape(rest)?;
    Ok(url)
}

fn scheme(text: &str) -> Result<Option<(&str, &str)>, String> {
    for (i, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if i > 0 => {}
            ':' if i == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok(Some((&text[..i], &text[i + 1..]))),
            _ => return Ok(None),
        }
    }
    Ok(None)
}

fn checked_host(host: &str) -> Result<String, String> {
    let after = if host.starts_with('[') { host.find(']').map_or("", |end| &host[end + 1..]) } else { host };
    if let Some(colon) = after.rfind(':') {
        let port = &after[colon + 1..];
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            let quoted =
                String::from_utf8_lossy(&go_template::quote_bytes(format!(":{port}").as_bytes(), false))
                    .into_owned();
            return Err(format!("invalid port {quoted} after host"));
        }
    }
    if let Some(bad) =
        host.chars().find(|c| matches!(c, ' ' | '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '|' | '}'))
    {
        let quoted = String::from_utf8_lossy(&go_template::quote_bytes(bad.to_string().as_bytes(), false))
            .into_owned();
        return Err(format!("invalid character {quoted} in host name"));
    }
    unescape(host)
}

fn hostname(host: &str) -> String {
    if let Some(end) = host.strip_prefix('[').and_then(|rest| rest.find(']')) {
        return host[1..=end].to_owned();
    }
    match host.rsplit_once(':') {
        Some((name, _)) => name.to_owned(),
        None => host.to_owned(),
    }
}

fn unescape(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => out.push(byte),
            None => {
                let end = (at + 3).min(bytes.len());
                let shown =
                    String::from_utf8_lossy(&go_template::quote_bytes(&bytes[at..end], false)).into_owned();
                return Err(format!("invalid URL escape {shown}"));
            }
        }
        at += 3;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Percent-encodes what may not stand as it is in a path.
fn escape_path(text: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn url_join(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let dict = map(args, 0);
    let part = |name: &str| match dict.get(name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_str().into_owned()),
        Some(Value::Nil) => Err(FuncError::message(crate::args::NIL_DEREFERENCE)),
        Some(other) => Err(FuncError::message(format!(
            "unable to parse {name} key, must be of type string, but {} found",
            other.kind()
        ))),
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (query, opaque, fragment) = (part("query")?, part("opaque")?, part("fragment")?);
    let userinfo = part("userinfo")?;
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            if !host.is_empty() || !path.is_empty() || !userinfo.is_empty() {
                out.push_str("//");
            }
            if !userinfo.is_empty() {
                out.push_str(&userinfo);
                out.push('@');
            }
            out.push_str(&host);
        }
        let path = escape_path(&path, b"");
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        if out.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
            out.push_str("./");
        }
        out.push_str(&path);
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push('?');
        out.push_str(&query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push_str(&escape_path(&fragment, b"?!()*"));
    }
    made(exec, out)
}
