//! Shell patterns as Go's `filepath.Match` reads them.

/// A pattern that cannot be read: an unclosed `[`, an empty range, or a `\` at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether all of `name` matches `pattern`: `*` and `?` do not match `/`, `[a-z]` and `[^a-z]` match one character,
/// `\` takes the next character as it is.
///
/// # Errors
/// If the pattern is malformed.
pub(crate) fn matches(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    validate(&pattern)?;
    // The position after the last `*` and the place in the name that it was tried at: going back to the last star only
    // keeps this quadratic.
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p == pattern.len() && n == name.len() {
            return Ok(true);
        }
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
            continue;
        }
        if let (true, Some(&character)) = (p < pattern.len(), name.get(n))
            && let Some(next) = match_one(&pattern, p, character)
        {
            (p, n) = (next, n + 1);
            continue;
        }
        match retry {
            Some((after_star, tried)) if name.get(tried).is_some_and(|&skipped| skipped != '/') => {
                retry = Some((after_star, tried + 1));
                (p, n) = (after_star, tried + 1);
            }
            _ => return Ok(false),
        }
    }
}

/// Matches one character against the term at `p`; the position after the term, if it matches.
fn match_one(pattern: &[char], p: usize, character: char) -> Option<usize> {
    match pattern[p] {
        '?' => (character != '/').then_some(p + 1),
        '[' => {
            let (matched, end) = match_class(pattern, p + 1, character).ok()?;
            matched.then_some(end)
        }
        '\\' => (pattern.get(p + 1) == Some(&character)).then_some(p + 2),
        literal => (literal == character).then_some(p + 1),
    }
}

/// Matches a character class whose `[` is just before `p`; whether it matches, and the position after its `]`.
fn match_class(pattern: &[char], mut p: usize, character: char) -> Result<(bool, usize), BadPattern> {
    let negated = pattern.get(p) == Some(&'^');
    p += usize::from(negated);
    let (mut found, mut ranges) = (false, 0);
    loop {
        if pattern.get(p) == Some(&']') && ranges > 0 {
            return Ok((found != negated, p + 1));
        }
        let (low, after) = class_character(pattern, p)?;
        p = after;
        let mut high = low;
        if pattern.get(p) == Some(&'-') {
            (high, p) = class_character(pattern, p + 1)?;
        }
        found |= (low..=high).contains(&character);
        ranges += 1;
    }
}

fn class_character(pattern: &[char], p: usize) -> Result<(char, usize), BadPattern> {
    match (pattern.get(p), pattern.get(p + 1)) {
        (None | Some('-' | ']'), _) | (Some('\\'), None) => Err(BadPattern),
        (Some('\\'), Some(&escaped)) => Ok((escaped, p + 2)),
        (Some(&character), _) => Ok((character, p + 1)),
    }
}

fn validate(pattern: &[char]) -> Result<(), BadPattern> {
    let mut p = 0;
    while p < pattern.len() {
        p = match pattern[p] {
            '[' => match_class(pattern, p + 1, '\0')?.1,
            '\\' if p + 1 == pattern.len() => return Err(BadPattern),
            '\\' => p + 2,
            _ => p + 1,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_like_go() {
        let rows = [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "a/c/b", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("ab[e-g]", "abc", Ok(false)),
            ("a\\*b", "a*b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a?b", "a/b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[]a]", "]", Err(BadPattern)),
            ("[x-]", "x", Err(BadPattern)),
            ("a[", "ab", Err(BadPattern)),
            ("\\", "a", Err(BadPattern)),
            ("*x", "xxx", Ok(true)),
            ("", "", Ok(true)),
            ("templates/.?*", "templates/.DS_Store", Ok(true)),
            ("templates/.?*", "templates/a", Ok(false)),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
