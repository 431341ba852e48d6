//! What Kubernetes takes for an object's name, by its kind.

use crate::lint::quoted;

/// What Kubernetes says of a name that it refuses.
pub(super) fn problem(kind: &str, name: &str) -> Option<String> {
    let mut faults = match kind.to_lowercase().as_str() {
        "service" => dns_1035_label(name),
        "namespace" => dns_1123_label(name),
        "certificatesigningrequest" => Vec::new(),
        "role" | "clusterrole" | "rolebinding" | "clusterrolebinding" => path_segment(name),
        _ => subdomain(name),
    };
    let shown = quoted(name);
    for fault in &mut faults {
        *fault = format!("metadata.name: Invalid value: {shown}: {fault}");
    }
    let faults = match faults.as_slice() {
        [] => return None,
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    Some(format!("object name does not conform to Kubernetes naming requirements: {shown}: {faults}"))
}

/// Bytes of a label and of a subdomain, at most.
const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;

const LABEL_1123: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

fn too_long(name: &str, most: usize) -> Option<String> {
    (name.len() > most).then(|| format!("must be no more than {most} characters"))
}

fn dns_1035_label(name: &str) -> Vec<String> {
    let fits = is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase());
    let form = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    let form = (!fits).then(|| form.to_owned());
    too_long(name, LABEL).into_iter().chain(form).collect()
}

fn dns_1123_label(name: &str) -> Vec<String> {
    let form = if is_label(name) {
        None
    } else if name.split('.').all(is_label) {
        Some("must not contain dots".to_owned())
    } else {
        Some(format!(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL_1123}')"
        ))
    };
    too_long(name, LABEL).into_iter().chain(form).collect()
}

fn subdomain(name: &str) -> Vec<String> {
    let form = (!name.split('.').all(is_label)).then(|| {
        format!(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{LABEL_1123}(\\.{LABEL_1123})*')"
        )
    });
    too_long(name, SUBDOMAIN).into_iter().chain(form).collect()
}

fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|part| name.contains(**part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}

/// Lower-case letters, digits and, inside, hyphens.
fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner)
}
