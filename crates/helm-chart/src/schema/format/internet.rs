//! Addresses and URLs.

use std::net::Ipv6Addr;

use super::{Complaint, complain, ensure, shown};
use crate::set::atoi;

pub(super) fn ipv4(text: &str) -> Complaint {
    let groups: Vec<&str> = text.split('.').collect();
    ensure(groups.len() == 4, "expected four decimals")?;
    for group in groups {
        ensure(group.len() < 2 || !group.starts_with('0'), "leading zeros")?;
        match atoi(group) {
            Ok(number) => ensure((0..=255).contains(&number), "decimal must be between 0 and 255")?,
            Err(reason) => {
                let group = crate::set::quoted(group);
                return complain(&format!("strconv.Atoi: parsing {group}: {reason}"));
            }
        }
    }
    Ok(())
}

pub(super) fn ipv6(text: &str) -> Complaint {
    ensure(text.contains(':'), "missing colon")?;
    ensure(!text.contains('%'), "zone id is not a part of ipv6 address")?;
    match text.parse::<Ipv6Addr>() {
        Ok(_) => Ok(()),
        Err(_) => complain(&format!("ParseAddr({}): no IPv6 address", crate::set::quoted(text))),
    }
}

pub(super) fn hostname(text: &str) -> Complaint {
    let text = text.strip_suffix('.').unwrap_or(text);
    ensure(text.len() <= 253, "more than 253 characters long")?;
    for label in text.split('.') {
        ensure((1..=63).contains(&label.len()), "label must be 1 to 63 characters long")?;
        ensure(!label.starts_with('-'), "label starts with hyphen")?;
        ensure(!label.ends_with('-'), "label ends with hyphen")?;
        if let Some(wrong) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return complain(&format!("invalid character {}", shown(wrong)));
        }
    }
    Ok(())
}

pub(super) fn email(text: &str) -> Complaint {
    ensure(text.len() <= 254, "more than 255 characters long")?;
    let Some((local, domain)) = text.rsplit_once('@') else { return complain("missing @") };
    ensure(local.len() <= 64, "local part more than 64 characters long")?;
    match local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => ensure(
            !inside.contains(['\\', '"']),
            "backslash and quote are not allowed within quoted local part",
        )?,
        None => {
            ensure(!local.starts_with('.'), "starts with dot")?;
            ensure(!local.ends_with('.'), "ends with dot")?;
            ensure(!local.contains(".."), "consecutive dots")?;
            let fits = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
            if let Some(wrong) = local.chars().find(|c| !fits(*c)) {
                return complain(&format!("invalid character {}", shown(wrong)));
            }
        }
    }
    let of = |what: &str, checked: Complaint| checked.map_err(|why| format!("invalid {what}: {why}"));
    match domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => match address.strip_prefix("IPv6:") {
            Some(address) => of("ipv6 address", ipv6(address)),
            None => of("ipv4 address", ipv4(address)),
        },
        None => of("domain", hostname(domain)),
    }
}

/// What Go's `net/url` takes, with an IPv6 address in brackets.
fn url(text: &str) -> Result<sprig::Url, String> {
    let refused = || format!("parse {}: invalid URL", crate::set::quoted(text));
    let url = sprig::Url::parse(text).ok_or_else(refused)?;
    let host = String::from_utf8_lossy(url.host()).into_owned();
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split(']').next().unwrap_or(rest);
        if address.contains(':') {
            ipv6(address).map_err(|why| format!("invalid ipv6 address: {why}"))?;
        }
    } else if host.matches(':').count() > 1 {
        return Err("ipv6 address not enclosed in brackets".to_owned());
    }
    Ok(url)
}

pub(super) fn uri(text: &str) -> Complaint {
    ensure(!url(text)?.scheme().is_empty(), "relative url")
}

pub(super) fn uri_reference(text: &str) -> Complaint {
    ensure(!text.contains('\\'), "contains \\")?;
    url(text).map(|_| ())
}

pub(super) fn uri_template(text: &str) -> Complaint {
    let url = url(text)?;
    let path = String::from_utf8_lossy(url.path()).into_owned();
    for part in path.split('/') {
        let mut open = false;
        for brace in part.chars().filter(|c| matches!(c, '{' | '}')) {
            ensure((brace == '{') != open, "nested curly braces")?;
            open = !open;
        }
        ensure(!open, "no matching closing brace")?;
    }
    Ok(())
}
