//! `WWW-Authenticate: Bearer …` as registries send it (RFC 6750, the distribution specification's token flow).

/// What a registry asks a client to fetch a token with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Address of the token server.
    pub realm: String,
    /// Name of the service the token is for.
    pub service: Option<String>,
    /// What the token is for.
    pub scope: Option<String>,
}

/// Reads the header's value; `None` when it is no Bearer challenge with a realm.
pub(super) fn parse(header: &str) -> Option<Challenge> {
    let (scheme, mut rest) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (None, None, None);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, tail) = value(after)?;
        match name.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value),
            "service" => service = Some(value),
            "scope" => scope = Some(value),
            _ => {}
        }
        rest = tail;
    }
    Some(Challenge { realm: realm?, service, scope })
}

/// A value in quotes or a bare one, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
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
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                Some(("https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull,push")),
            ),
            (r#"bearer  Realm=https://x/t , scope="a\"b", service=s"#, Some(("https://x/t", "s", "a\"b"))),
            (r#"Bearer realm="https://x",error="invalid_token""#, Some(("https://x", "", ""))),
            (r#"Bearer service="x""#, None),
            (r#"Bearer realm="https://x"#, None),
            (r#"Basic realm="x""#, None),
            ("", None),
        ] {
            let answer = parse(header);
            let answer = answer.as_ref().map(|challenge| {
                let text = |part: &Option<String>| part.clone().unwrap_or_default();
                (challenge.realm.clone(), text(&challenge.service), text(&challenge.scope))
            });
            let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
            assert_eq!(answer, expected, "{header}");
        }
    }
}
