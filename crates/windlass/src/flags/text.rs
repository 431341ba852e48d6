//! Flags in the help.

use super::Flag;

/// The most characters of a line of the help.
const WIDTH: usize = 110;

/// One flag a line, with what it does.
pub(crate) fn usage(flags: &[Flag]) -> String {
    let shown = || flags.iter().filter(|flag| !flag.about.is_empty() && flag.deprecated.is_empty());
    let head = |flag: &Flag| {
        let short = flag.short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
        let word = flag.kind.word();
        let space = if word.is_empty() { "" } else { " " };
        format!("  {short}--{}{space}{word}", flag.name)
    };
    let column = shown().map(|flag| head(flag).len()).max().unwrap_or(0) + 3;
    let mut lines: Vec<(String, String)> =
        shown().map(|flag| (head(flag), wrapped(flag.about, column))).collect();
    lines.sort_by(|a, b| a.0[6..].cmp(&b.0[6..]));
    lines.iter().map(|(head, about)| format!("{head:column$}{about}\n")).collect()
}

fn wrapped(text: &str, column: usize) -> String {
    let room = WIDTH.saturating_sub(column).max(30);
    let (mut out, mut length) = (String::new(), 0);
    for word in text.split(' ') {
        if length > 0 && length + 1 + word.len() > room {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', column));
            length = 0;
        } else if length > 0 {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += word.len();
    }
    out
}
