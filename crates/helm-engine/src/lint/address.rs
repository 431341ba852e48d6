//! What `helm lint` takes for an e-mail address and for a URL: the forms of the Go library that it asks (govalidator).

use std::sync::LazyLock;

use regex::Regex;
use sprig::Url;

/// Letters beyond ASCII that addresses may have.
const WIDE: &str = r"\x{A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF}";

/// Characters of a URL, at most and more than.
const MOST: usize = 2083;
const LEAST: usize = 3;

/// An absolute URL, or what may pass for one: it has a scheme.
pub(super) fn is_request_url(text: &str) -> bool {
    Url::parse_request(text).is_some_and(|url| !url.scheme().is_empty())
}

/// `name@host`, where the host has a dot.
pub(super) fn is_email(text: &str) -> bool {
    static FORM: LazyLock<Regex> = LazyLock::new(|| regex(&email()));
    FORM.is_match(text)
}

/// A URL, with or without scheme.
pub(super) fn is_url(text: &str) -> bool {
    static FORM: LazyLock<Regex> = LazyLock::new(|| regex(&url()));
    if text.len() <= LEAST || text.chars().count() >= MOST || text.starts_with('.') {
        return false;
    }
    let without_scheme = text.contains(':') && !text.contains("://");
    let parsed = if without_scheme { Url::parse(&format!("http://{text}")) } else { Url::parse(text) };
    let Some(parsed) = parsed else { return false };
    let only_word = parsed.host().is_empty() && !parsed.path().is_empty() && !parsed.path().contains(&b'.');
    !parsed.host().starts_with(b".") && !only_word && FORM.is_match(text)
}

fn regex(form: &str) -> Regex {
    Regex::new(form).expect("the form is a regular expression, as its test shows")
}

fn email() -> String {
    let atom = format!("[a-zA-Z0-9!#$%&'*+/=?^_`{{|}}~{WIDE}-]+");
    let blanks = r"(?:(?:[ \t]*\r\n)?[ \t]+)?";
    let character = format!(r"[\x01-\x08\x0B\x0C\x0E-\x1F!\x23-\[\]-\x7F{WIDE}]");
    let pair = format!(r"\([\x01-\x09\x0B-\x7F{WIDE}]");
    // The library's form begins each character anew with a quote.
    let quoted = format!("(?:\"{blanks}(?:{character}|{pair}))*{blanks}\"");
    let (end, inner) = (format!("[a-zA-Z0-9{WIDE}]"), format!("[a-zA-Z0-9._~{WIDE}-]"));
    let (last_end, last_inner) = (format!("[a-zA-Z{WIDE}]"), format!("[a-zA-Z0-9_~{WIDE}-]"));
    format!(
        r"^(?:{atom}(?:\.{atom})*|{quoted})@(?:{end}(?:{inner}*{end})?\.)+{last_end}(?:{last_inner}*{last_end})?\.?$"
    )
}

fn url() -> String {
    let scheme = "(?:ftp|tcp|udp|wss?|https?)://";
    let user = r"[^\t\n\f\r ]+(?::[^\t\n\f\r ]*)?@";
    let octet = "1[0-9][0-9]|2[0-4][0-9]|25[0-5]";
    let ipv4 = format!(
        r"(?:[1-9][0-9]?|1[0-9][0-9]|2[01][0-9]|22[0-3]|24[0-9]|25[0-5])(?:\.(?:[0-9]{{1,2}}|{octet})){{2}}\.(?:[0-9]{{1,2}}|{octet})"
    );
    // That it is an address was found when the URL was taken apart.
    let ipv6 = r"\[[0-9a-fA-F:.]+(?:%[0-9a-zA-Z]+)?\]";
    let before = r"[a-zA-Z0-9][a-zA-Z0-9_-]*[a-zA-Z0-9](?:[.-][a-zA-Z0-9]+)*|www\.|[a-zA-Z0-9]+(?:[-_.]?[a-zA-Z0-9])*[a-zA-Z0-9]\.[a-zA-Z0-9]+";
    let wide = r"a-zA-Z\x{A1}-\x{FFFF}";
    let name = format!(r"(?:{before})?(?:[{wide}0-9]+-?-?)*[{wide}0-9]+(?:\.[{wide}]+)?");
    let end = r"\.?(?::[0-9]{1,5})?(?:[/?#][^\t\n\f\r ]*)?";
    format!("^(?:{scheme})?(?:{user})?(?:{ipv4}|{ipv6}|{name}){end}$")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected results are those of govalidator and Go's `net/url`.
    #[test]
    fn takes_what_the_go_library_takes() {
        let differs = |row: &&str| {
            let columns: Vec<_> = row.split('\t').collect();
            let [kind, text, expected] = columns.as_slice() else { panic!("{row}") };
            let ours = match *kind {
                "email" => is_email(text),
                "url" => is_url(text),
                _ => is_request_url(text),
            };
            ours.to_string() != *expected
        };
        let rows = include_str!("../../tests/lint/addresses.txt");
        assert_eq!(rows.lines().filter(differs).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
