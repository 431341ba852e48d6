//! Version ranges as charts write them (`^1.2`, `>=1.2 <2 || 3.x`, `1.2 - 1.4`).

use sprig::{Constraint, Version};

/// Whether `version` lies in `range`; false if either cannot be read, as Helm has it.
///
/// ```
/// assert!(helm_chart::is_compatible_range(">=1.25.0-0 <2", "v1.36.0"));
/// assert!(!helm_chart::is_compatible_range("~1.2", "1.3.0"));
/// ```
pub fn is_compatible_range(range: &str, version: &str) -> bool {
    match (Constraint::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.allows(&version),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected results are those of Masterminds/semver 3.5.
    #[test]
    fn ranges_hold_the_versions_that_helm_says() {
        let rows = include_str!("../tests/semver_ranges.txt");
        let differs = |row: &&str| {
            let mut columns = row.split('\t');
            let mut column = || columns.next().unwrap();
            let (range, version, expected) = (column(), column(), column());
            is_compatible_range(range, version).to_string() != expected
        };
        assert_eq!(rows.lines().filter(differs).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
