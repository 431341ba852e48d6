//! `spec.chartGitPath`, checked.

use std::fmt;

/// A chart's directory relative to the charts path: no empty part, no `.` or `..`, no leading slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChartPath(String);

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChartPath {
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// It begins with a slash.
    #[error("it is absolute; give it relative to the charts path")]
    Absolute,
    /// It has a part `..`.
    #[error("it leaves the charts path by \"..\"")]
    Climbs,
    /// It holds a backslash or a control character.
    #[error("it holds a backslash or a control character")]
    Character,
}

impl ChartPath {
    /// Checks a path; `./podinfo/` is taken as `podinfo`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidChartPath> {
        if text.starts_with('/') {
            return Err(InvalidChartPath::Absolute);
        }
        if text.chars().any(|c| c == '\\' || c.is_control()) {
            return Err(InvalidChartPath::Character);
        }
        let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(InvalidChartPath::Climbs);
        }
        match parts.is_empty() {
            true => Err(InvalidChartPath::Empty),
            false => Ok(Self(parts.join("/"))),
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let rows = [
            ("podinfo", Ok("podinfo")),
            ("./team//podinfo/", Ok("team/podinfo")),
            ("a..b", Ok("a..b")),
            ("", Err(InvalidChartPath::Empty)),
            ("./", Err(InvalidChartPath::Empty)),
            ("/podinfo", Err(InvalidChartPath::Absolute)),
            ("../secrets", Err(InvalidChartPath::Climbs)),
            ("a/../../b", Err(InvalidChartPath::Climbs)),
            ("a\\b", Err(InvalidChartPath::Character)),
            ("a\0", Err(InvalidChartPath::Character)),
        ];
        for (text, expected) in rows {
            assert_eq!(
                ChartPath::parse(text).as_ref().map(ChartPath::as_str),
                expected.as_ref().copied(),
                "{text:?}"
            );
        }
    }
}
