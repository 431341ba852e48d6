//! The form of case files, told in `integration-tests/oracle/cmd/template`.

use go_template::MissingKey;

/// One case, as read from its file.
#[derive(Clone)]
pub(crate) struct Case {
    /// What names it in the expected results.
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
    /// JSON, for `host::value`.
    pub(crate) data: String,
    pub(crate) missing_key: MissingKey,
}

/// The cases of a file.
pub(crate) fn parse(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut data = "null".to_owned();
    let mut missing_key = MissingKey::Default;
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n').chain(["==="]) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let begins = matches!(word, ">" | "%>" | "===" | "data" | "missingkey");
        match open.take() {
            Some((name, mut body)) if !begins => {
                body.push(line);
                open = Some((name, body));
                continue;
            }
            Some((name, body)) => {
                let text = body.join("\n").into_bytes();
                cases.push(Case { name, text, data: data.clone(), missing_key });
            }
            None => {}
        }
        match word {
            ">" | "%>" => cases.push(Case {
                name: rest.to_owned(),
                text: if word == ">" { rest.as_bytes().to_vec() } else { unescape(rest) },
                data: data.clone(),
                missing_key,
            }),
            "===" => open = Some((rest.to_owned(), Vec::new())),
            "data" => data = rest.to_owned(),
            "missingkey" => {
                missing_key = match rest {
                    "default" => MissingKey::Default,
                    "zero" => MissingKey::Zero,
                    "error" => MissingKey::Error,
                    other => panic!("unknown option {other}"),
                };
            }
            _ => {}
        }
    }
    cases
}

/// Each `%XX` as the byte of that number.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut parts = text.split('%');
    out.extend_from_slice(parts.next().unwrap_or("").as_bytes());
    for part in parts {
        let (number, rest) = part.split_at_checked(2).unwrap_or_else(|| panic!("not an escape: %{part}"));
        out.push(u8::from_str_radix(number, 16).unwrap_or_else(|_| panic!("not an escape: %{number}")));
        out.extend_from_slice(rest.as_bytes());
    }
    out
}
