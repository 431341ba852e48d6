//! `--show-only`: the documents of some templates.

use helm_chart::path_matches;
use helm_engine::split_documents;

/// The documents whose template's path below its chart fits one of the patterns, pattern by pattern. The error is the
/// first pattern that none fits.
pub(super) fn select<'a>(printed: &'a str, patterns: &'a [String]) -> Result<Vec<&'a str>, &'a str> {
    let documents: Vec<(&str, &str)> =
        split_documents(printed).into_iter().filter_map(|text| Some((source(text)?, text))).collect();
    let mut selected = Vec::new();
    for pattern in patterns {
        let fits = |path: &str| path_matches(pattern, path).unwrap_or(false);
        let before = selected.len();
        selected.extend(documents.iter().filter(|(path, _)| fits(path)).map(|(_, text)| *text));
        if selected.len() == before {
            return Err(pattern);
        }
    }
    Ok(selected)
}

/// What stands behind the first slash of a document's `# Source: ` line.
fn source(document: &str) -> Option<&str> {
    document.match_indices("# Source: ").find_map(|(start, mark)| {
        let (chart, rest) = document[start + mark.len()..].split_once('/')?;
        let path = rest.split('\n').next().unwrap_or_default();
        (!chart.is_empty() && !path.is_empty()).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_documents_in_their_own_order() {
        let printed = "---\n# Source: web/templates/b.yaml\nb: 1\n---\n# Source: web/templates/a.yaml\na: 1\n\
            ---\n# Source: web/charts/db/templates/a.yaml\nc: 1\n---\nno: source\n";
        let firsts = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let selected = select(printed, &patterns).map_err(str::to_owned)?;
            let last_lines = selected.iter().filter_map(|text| text.trim_end().lines().last());
            Ok::<_, String>(last_lines.collect::<Vec<_>>().join(" "))
        };
        let rows: [(&[&str], Result<&str, &str>); 7] = [
            (&["templates/a.yaml"], Ok("a: 1")),
            (&["templates/*.yaml"], Ok("b: 1 a: 1")),
            (&["charts/*/templates/*", "templates/[ab].yaml"], Ok("c: 1 b: 1 a: 1")),
            (&["templates/a.yaml", "templates/a.yaml"], Ok("a: 1 a: 1")),
            (&["templates/a.yaml", "templates/no.yaml"], Err("templates/no.yaml")),
            (&["templates"], Err("templates")),
            (&["templates/["], Err("templates/[")),
        ];
        for (patterns, expected) in rows {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(firsts(patterns), expected, "{patterns:?}");
        }
    }
}
