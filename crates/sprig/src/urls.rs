//! `urlParse` and `urlJoin`, by Go's `net/url`.

mod escape;

use go_template::{Executor, Func, FuncError, Map, Str, Type, Value, quote_bytes};

use self::escape::{Mode, escape, unescape};
use crate::Entry;
use crate::args::{Answer, NIL_DEREFERENCE, made, map, str};
use crate::strings::find;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("urlParse", Func::new(&[Type::String], url_parse)),
        ("urlJoin", Func::new(&[Type::ANY_MAP], url_join)),
    ]
}

/// A URL, taken apart as Go's `net/url` does.
///
/// ```
/// use sprig::Url;
/// let url = Url::parse("HTTPS://web.example:8080/a%20b#c").unwrap();
/// assert_eq!((url.scheme(), url.host(), url.path()), ("https", &b"web.example:8080"[..], &b"/a b"[..]));
/// assert!(Url::parse("http://a b").is_none());
/// assert!(Url::parse("a/b").is_some() && Url::parse_request("a/b").is_none());
/// ```
#[derive(Debug, Default)]
pub struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    userinfo: Option<Vec<u8>>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

impl Url {
    /// `url.Parse`; none if Go refuses the text.
    pub fn parse(text: &str) -> Option<Self> {
        parse(text.as_bytes()).ok()
    }

    /// `url.ParseRequestURI`: an absolute URL or an absolute path, in which `#` begins no fragment.
    pub fn parse_request(text: &str) -> Option<Self> {
        parse_before_fragment(text.as_bytes(), true).ok()
    }

    /// In lower case; empty if there is none.
    pub fn scheme(&self) -> &str {
        std::str::from_utf8(&self.scheme).unwrap_or_default()
    }

    /// With its port.
    pub fn host(&self) -> &[u8] {
        &self.host
    }

    /// Decoded.
    pub fn path(&self) -> &[u8] {
        &self.path
    }
}

/// Go's `%q`.
fn quoted(text: &[u8]) -> String {
    String::from_utf8_lossy(&quote_bytes(text, false)).into_owned()
}

/// The text before and after the first byte like this.
fn cut(text: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == byte) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

fn url_parse(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let text = str(args, 0);
    exec.charge(16 + text.len() as u64 / 16)?;
    exec.charge_bytes(text.len() as u64)?;
    let url = parse(text).map_err(|problem| FuncError::message(format!("unable to parse url: {problem}")))?;
    let hostname = hostname(&url.host).to_vec();
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
    Ok(Value::Map(parts.into_iter().map(|(name, part)| (name, Str::from(part))).collect::<Map>()))
}

/// `url.Parse`, with its complaints.
fn parse(text: &[u8]) -> Result<Url, String> {
    let (before, fragment) = cut(text, b'#');
    let mut url = parse_before_fragment(before, false)
        .map_err(|problem| format!("parse {}: {problem}", quoted(before)))?;
    if let Some(fragment) = fragment {
        let fragment = unescape(fragment, Mode::Fragment);
        url.fragment = fragment.map_err(|problem| format!("parse {}: {problem}", quoted(text)))?;
    }
    Ok(url)
}

fn parse_before_fragment(text: &[u8], request: bool) -> Result<Url, String> {
    if text.iter().any(|b| *b < b' ' || *b == 0x7F) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if request && text.is_empty() {
        return Err("empty url".to_owned());
    }
    let mut url = Url::default();
    if text == b"*" {
        url.path = text.to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (mut rest, query) = cut(rest, b'?');
    url.query = query.unwrap_or_default().to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if request {
            return Err("invalid URI for request".to_owned());
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let has_authority = !url.scheme.is_empty() || !request && !rest.starts_with(b"///");
    let authority = rest.strip_prefix(b"//").filter(|_| has_authority);
    if let Some(after) = authority {
        let end = after.iter().position(|b| *b == b'/').unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        rest = path;
        (url.userinfo, url.host) = parse_authority(&url.scheme, authority)?;
    }
    url.path = unescape(rest, Mode::Path)?;
    Ok(url)
}

/// The scheme and what follows its colon; no scheme if there is none.
fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (i, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..i], &text[i + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

type Authority = (Option<Vec<u8>>, Vec<u8>);

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<Authority, String> {
    let Some(at) = authority.iter().rposition(|b| *b == b'@') else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let host = parse_host(scheme, &authority[at + 1..])?;
    let userinfo = &authority[..at];
    if !userinfo.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b)) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    // As it is shown again: decoded and encoded.
    let (user, password) = cut(userinfo, b':');
    let mut shown = escape(&unescape(user, Mode::UserPassword)?, Mode::UserPassword);
    if let Some(password) = password {
        shown.push(b':');
        shown.extend(escape(&unescape(password, Mode::UserPassword)?, Mode::UserPassword));
    }
    Ok((Some(shown), host))
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, String> {
    let checked = |port: &[u8]| {
        if is_optional_port(port) { Ok(()) } else { Err(format!("invalid port {} after host", quoted(port))) }
    };
    match host.iter().rposition(|b| *b == b'[') {
        Some(0) => {
            let end = host.iter().rposition(|b| *b == b']').ok_or("missing ']' in host")?;
            let (name, port) = (&host[1..end], &host[end + 1..]);
            checked(port)?;
            let port = unescape(port, Mode::Host)?;
            let mut plain;
            match find(name, b"%25") {
                Some(zone) => {
                    plain = unescape(&name[..zone], Mode::Host)?;
                    plain.extend(unescape(&name[zone..], Mode::Zone)?);
                }
                None => plain = unescape(name, Mode::Host)?,
            }
            check_ipv6(&plain)?;
            Ok([b"[", &plain[..], b"]", &port].concat())
        }
        Some(_) => Err("invalid IP-literal".to_owned()),
        None => {
            if let Some(first) = host.iter().position(|b| *b == b':') {
                // Lists of hosts with ports are let through for schemes other than the web's.
                let strict = matches!(scheme, b"http" | b"https");
                let last = host.iter().rposition(|b| *b == b':').unwrap_or(first);
                checked(&host[if strict { first } else { last }..])?;
            }
            unescape(host, Mode::Host)
        }
    }
}

/// Between brackets there are IPv6 addresses only, with a zone perhaps.
fn check_ipv6(host: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(host);
    let (address, zone) = text.split_once('%').unwrap_or((&text, "zone"));
    if address.parse::<std::net::Ipv4Addr>().is_ok() && !text.contains('%') {
        return Err("invalid IP-literal".to_owned());
    }
    if address.parse::<std::net::Ipv6Addr>().is_err() || zone.is_empty() {
        return Err(format!("invalid host: ParseAddr({}): unable to parse IP", quoted(host)));
    }
    Ok(())
}

fn is_optional_port(port: &[u8]) -> bool {
    port.is_empty() || port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit)
}

/// The host without port and brackets.
fn hostname(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|b| *b == b':').filter(|colon| is_optional_port(&host[*colon..]));
    let host = &host[..colon.unwrap_or(host.len())];
    host.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(host)
}

fn url_join(exec: &mut Executor<'_>, args: &[Value]) -> Answer {
    let dict = map(args, 0);
    let part = |name: &str| match dict.get(name) {
        None => Ok(Str::default()),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Nil) => Err(FuncError::message(NIL_DEREFERENCE)),
        Some(other) => Err(FuncError::message(format!(
            "unable to parse {name} key, must be of type string, but {} found",
            other.kind()
        ))),
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (query, opaque, fragment) = (part("query")?, part("opaque")?, part("fragment")?);
    let userinfo = part("userinfo")?;
    let userinfo = match userinfo.is_empty() {
        true => None,
        false => {
            let url = [b"proto://", &userinfo[..], b"@host"].concat();
            let url =
                parse(&url).map_err(|problem| format!("unable to parse userinfo in dict: {problem}"))?;
            url.userinfo
        }
    };
    let mut out = Vec::new();
    if !scheme.is_empty() {
        out.extend_from_slice(&scheme);
        out.push(b':');
    }
    if opaque.is_empty() {
        if !host.is_empty() || userinfo.is_some() || !scheme.is_empty() && !path.is_empty() {
            out.extend_from_slice(b"//");
        }
        if let Some(userinfo) = userinfo {
            out.extend(userinfo);
            out.push(b'@');
        }
        out.extend(escape(&host, Mode::Host));
        let path = if *path == *b"*" { path.to_vec() } else { escape(&path, Mode::Path) };
        if !path.is_empty() && path[0] != b'/' && !host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    } else {
        out.extend_from_slice(&opaque);
    }
    if !query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(&query);
    }
    if !fragment.is_empty() {
        out.push(b'#');
        out.extend(escape(&fragment, Mode::Fragment));
    }
    made(exec, out)
}
