//! The charts that are rendered, written out of what lies in `beside-go/charts`.
//!
//! A folder there holds `chart`, whose files become those of the chart, and `names`, files of words. A path with `{LIST}` in it
//! stands for one file for each word of `names/LIST`; `{LIST}` in its text is that word. In every text, the lines between
//! `%each LIST%` and `%end%` come again for each word of the list, and those between `%repeat N%` and `%end%` so many
//! times, with `%n%` for the number.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::chart_files;

/// The words of each list.
type Names = BTreeMap<String, Vec<String>>;

/// Writes a chart's files below `target`, in place of what is there, and answers its folder.
pub(super) fn write(name: &str, target: &Path) -> anyhow::Result<PathBuf> {
    let source: PathBuf = [env!("CARGO_MANIFEST_DIR"), "charts", name].iter().collect();
    let target = target.join(name);
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("cannot remove {}", target.display()))?;
    }
    let mut names = Names::new();
    let lists = source.join("names");
    chart_files::walk(&lists, &lists, &mut |list, words| {
        let words = String::from_utf8(words)?;
        names.insert(list, words.split_whitespace().map(str::to_owned).collect());
        Ok(())
    })?;
    let chart = source.join("chart");
    chart_files::walk(&chart, &chart, &mut |path, text| {
        let text = String::from_utf8(text).with_context(|| format!("{path} is not UTF-8"))?;
        put(&target, &path, &text, &names).with_context(|| format!("cannot make files of {path}"))
    })?;
    Ok(target)
}

fn put(target: &Path, path: &str, text: &str, names: &Names) -> anyhow::Result<()> {
    if let Some((list, words)) = names.iter().find(|(list, _)| path.contains(&place(list))) {
        return words.iter().try_for_each(|word| {
            put(target, &path.replace(&place(list), word), &text.replace(&place(list), word), names)
        });
    }
    let mut out = String::with_capacity(text.len());
    let lines: Vec<&str> = text.split('\n').collect();
    expand(&lines, names, &mut out)?;
    // Each line got a line end, the last one's is one too many.
    out.pop();
    let path = target.join(path);
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    Ok(fs::write(&path, out)?)
}

fn place(list: &str) -> String {
    format!("{{{list}}}")
}

fn expand(lines: &[&str], names: &Names, out: &mut String) -> anyhow::Result<()> {
    let mut rest = lines;
    while let [line, after @ ..] = rest {
        let Some((word, argument)) = directive(line) else {
            out.push_str(line);
            out.push('\n');
            rest = after;
            continue;
        };
        let end = block_end(after).with_context(|| format!("{line} has no end"))?;
        let body = after[..end].join("\n");
        for (from, to) in replacements(word, argument, names)? {
            let text = body.replace(&from, &to);
            let lines: Vec<&str> = text.split('\n').collect();
            expand(&lines, names, out)?;
        }
        rest = &after[end + 1..];
    }
    Ok(())
}

/// What each turn of a block replaces by what.
fn replacements(word: &str, argument: &str, names: &Names) -> anyhow::Result<Vec<(String, String)>> {
    match word {
        "each" => {
            let words = names.get(argument).with_context(|| format!("there is no list {argument}"))?;
            Ok(words.iter().map(|word| (place(argument), word.clone())).collect())
        }
        "repeat" => {
            let times: u32 = argument.parse()?;
            Ok((1..=times).map(|number| ("%n%".to_owned(), number.to_string())).collect())
        }
        other => bail!("unknown directive {other}"),
    }
}

/// The two words of a line such as `%each parts%`.
fn directive(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('%')?.strip_suffix('%')?.split_once(' ')
}

/// Where the block ends whose first line was read.
fn block_end(lines: &[&str]) -> Option<usize> {
    let mut depth = 1;
    lines.iter().position(|line| {
        if directive(line).is_some() {
            depth += 1;
        } else if *line == "%end%" {
            depth -= 1;
        }
        depth == 0
    })
}
