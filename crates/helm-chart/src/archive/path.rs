//! The path that an archive's entry has in the chart, by the rules of Helm's loader.

use super::{ArchiveError, checked};

/// Leaves out the top folder; `\` is the separator of names that have one.
pub(super) fn in_chart(name: &str) -> Result<String, ArchiveError> {
    let separator = if name.contains('\\') { '\\' } else { '/' };
    let (top, rest) = name.split_once(separator).unwrap_or((name, ""));
    let path = rest.replace(separator, "/");
    if path.starts_with('/') {
        return Err(ArchiveError::Absolute);
    }
    let path = cleaned(&path);
    if path == "." {
        return Err(ArchiveError::OutsideFolder(name.to_owned()));
    }
    if path.starts_with("..") {
        return Err(ArchiveError::Parent);
    }
    let drive = path.as_bytes();
    if matches!(drive, [letter, b':', b'/', ..] if letter.is_ascii_alphabetic()) {
        return Err(ArchiveError::Drive);
    }
    if top == "Chart.yaml" {
        return Err(ArchiveError::NoFolder);
    }
    checked(name, path)
}

/// Go's `path.Clean` of a relative path.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_folder_is_left_out_and_nothing_leads_out() {
        let rows = [
            ("c/Chart.yaml", "Chart.yaml"),
            ("./Chart.yaml", "Chart.yaml"),
            ("c/./templates//a.yaml", "templates/a.yaml"),
            ("c/templates/../a", "a"),
            ("c\\templates\\a.yaml", "templates/a.yaml"),
            ("c/d\\a", "a"),
            ("c//a", "chart illegally contains absolute paths"),
            ("/a", "a"),
            ("//a", "chart illegally contains absolute paths"),
            ("a", "chart illegally contains content outside the base directory: \"a\""),
            ("c/.", "chart illegally contains content outside the base directory: \"c/.\""),
            ("c/../a", "chart illegally references parent directory"),
            ("c/a/../../b", "chart illegally references parent directory"),
            ("c/..a", "chart illegally references parent directory"),
            ("c/x:/a", "chart contains illegally named files"),
            ("c\\x:\\a", "chart contains illegally named files"),
            ("Chart.yaml/a", "chart yaml not in base directory"),
            ("c/a\nb", "\"c/a\\nb\" is no path of a chart's file"),
        ];
        for (name, expected) in rows {
            let found = in_chart(name).unwrap_or_else(|error| error.to_string());
            assert_eq!(found, expected, "{name:?}");
        }
    }
}
