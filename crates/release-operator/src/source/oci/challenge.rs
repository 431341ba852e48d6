//! `WWW-Authenticate` as registries send it (RFC 7235; RFC 6750 and the distribution specification's token flow).

/// How a registry wants to be told who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token.
    Bearer {
        /// Address of the token server.
        realm: String,
        /// Name of the service that the token is for.
        service: Option<String>,
        /// What the token is for.
        scope: Option<String>,
    },
}

/// Reads one value of the header; none if it is neither of the two.
pub(super) fn parse(header: &str) -> Option<Challenge> {
    let header = header.trim();
    let (scheme, mut rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (None, None, None);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, tail) = read_value(after)?;
        let name = name.trim_matches(|char: char| char == ',' || char.is_whitespace());
        match name.to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value),
            "service" => service = Some(value),
            "scope" => scope = Some(value),
            _ => {}
        }
        rest = tail;
    }
    Some(Challenge::Bearer { realm: realm?, service, scope })
}

/// A value, in quotes or bare, and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        return Some((value.trim().to_owned(), rest));
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, char) in quoted.char_indices() {
        match char {
            _ if escaped => {
                value.push(char);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            _ => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull""#,
                Some("https://auth.example.com/token registry repository:a/b:pull"),
            ),
            (r#"bearer scope="a,b" , Realm = https://x/t,service=s"#, Some("https://x/t s a,b")),
            (r#"Bearer realm="https://x/\"q\"",error="invalid_token""#, Some("https://x/\"q\"  ")),
            (r#"Basic realm="Registry Realm""#, Some("basic")),
            ("BASIC", Some("basic")),
            (r#"Bearer service="x""#, None),
            (r#"Bearer realm="https://x"#, None),
            ("Negotiate", None),
            ("", None),
        ] {
            let shown = parse(header).map(|challenge| match challenge {
                Challenge::Basic => "basic".to_owned(),
                Challenge::Bearer { realm, service, scope } => {
                    format!("{realm} {} {}", service.unwrap_or_default(), scope.unwrap_or_default())
                }
            });
            assert_eq!(shown.as_deref(), expected, "{header}");
        }
    }
}
