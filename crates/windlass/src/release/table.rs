//! Tables as kubectl prints them: columns as wide as what is in them, three spaces between, no lines.

/// Between two columns.
const GAP: usize = 3;

/// A table.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|word| (*word).to_owned()).collect()] }
    }

    /// Adds a row. What would break it, or a terminal, is left out.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(|cell| plain(&cell)).collect());
    }

    /// How wide each column is.
    pub(super) fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max();
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }

    /// The rows from `first`, 0 being the head, one a line.
    pub(super) fn print_from(&self, first: usize, widths: &[usize]) -> String {
        self.rows.iter().skip(first).map(|row| line(row, widths)).collect()
    }

    /// Everything, each line behind `indent`.
    pub(super) fn print(&self, indent: &str) -> String {
        let widths = self.widths();
        self.rows.iter().map(|row| format!("{indent}{}", line(row, &widths))).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, cell) in row.iter().enumerate() {
        text.push_str(cell);
        if column + 1 < row.len() {
            let width = widths.get(column).copied().unwrap_or(0);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(length(cell)) + GAP));
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
    text
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

/// A text on one line and without control characters: messages come from charts and clusters, and a terminal obeys them.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if plain.ends_with(' ') => {}
            '\n' | '\t' => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain.truncate(plain.trim_end_matches(' ').len());
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["NAME", "MESSAGE"]);
        table.push(["web".to_owned(), "ready".to_owned()]);
        table.push(["größer".to_owned(), String::new()]);
        table.push(["a\u{1b}[31m".to_owned(), "one\n  two\r\n".to_owned()]);
        assert_eq!(
            table.print("  "),
            "  NAME     MESSAGE\n  web      ready\n  größer\n  a[31m    one   two\n"
        );
        assert_eq!(table.print_from(1, &[4]), "web    ready\ngrößer\na[31m   one   two\n");
    }
}
