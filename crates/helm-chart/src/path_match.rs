//! Shell patterns as Go's `filepath.Match` reads them.

/// A pattern that cannot be read: an unclosed `[`, an empty range, or a `\` at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Whether all of `name` matches `pattern`: `*` and `?` do not match `/`, `[a-z]` and `[^a-z]` match one character,
/// `\` takes the next character as it is.
///
/// # Errors
/// If the pattern is malformed up to where the name stops matching; what follows is not looked at, as in Go.
pub fn matches(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    'chunks: while !pattern.is_empty() {
        let (after_star, chunk, rest) = next_chunk(pattern);
        pattern = rest;
        if after_star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        // The last chunk has to reach the end of the name.
        let suffices = |left: &[u8]| left.is_empty() || !rest.is_empty();
        // Each chunk takes the first place that it fits, which keeps this quadratic. Go tries every byte.
        for start in 0..=name.len() {
            if let Some(left) = match_chunk(chunk, &name[start..])?.filter(|left| suffices(left)) {
                name = left;
                continue 'chunks;
            }
            if !after_star || name.get(start) == Some(&b'/') {
                break;
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether stars come first, what follows them up to the next star, and the rest.
fn next_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
    let pattern = &pattern[stars..];
    let (mut position, mut in_class) = (0, false);
    while position < pattern.len() {
        match pattern[position] {
            b'\\' => position += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        position += 1;
    }
    let (chunk, rest) = pattern.split_at(position.min(pattern.len()));
    (stars > 0, chunk, rest)
}

/// What is left of the name after the chunk, which has no stars; none if they differ.
fn match_chunk<'a>(mut chunk: &[u8], name: &'a [u8]) -> Result<Option<&'a [u8]>, BadPattern> {
    // None once the match has failed: the chunk is read to its end all the same, for its faults.
    let mut left = Some(name);
    while let [first, rest @ ..] = chunk {
        left = left.filter(|left| !left.is_empty());
        chunk = match first {
            b'[' => {
                let found = left.map(first_character);
                let (matched, rest) = match_class(rest, found.map(|(character, _)| character))?;
                left = left.zip(found).filter(|_| matched).map(|(left, (_, width))| &left[width..]);
                rest
            }
            b'?' => {
                left = left.filter(|left| left[0] != b'/').map(|left| &left[first_character(left).1..]);
                rest
            }
            _ => {
                let (literal, rest) = match (first, rest) {
                    (b'\\', []) => return Err(BadPattern),
                    (b'\\', [escaped, rest @ ..]) => (escaped, rest),
                    _ => (first, rest),
                };
                left = left.and_then(|left| left.strip_prefix(std::slice::from_ref(literal)));
                rest
            }
        };
    }
    Ok(left)
}

/// Matches a class whose `[` is just before `class`; whether it matches, and what follows its `]`.
fn match_class(mut class: &[u8], character: Option<char>) -> Result<(bool, &[u8]), BadPattern> {
    let negated = class.first() == Some(&b'^');
    class = &class[usize::from(negated)..];
    let (mut found, mut ranges) = (false, 0);
    loop {
        if let ([b']', rest @ ..], 1..) = (class, ranges) {
            return Ok((character.is_some() && found != negated, rest));
        }
        let (low, rest) = class_character(class)?;
        let (high, rest) = match rest {
            [b'-', rest @ ..] => class_character(rest)?,
            rest => (low, rest),
        };
        class = rest;
        found |= character.is_some_and(|character| (low..=high).contains(&character));
        ranges += 1;
    }
}

/// A character of a class, and what follows it, which is never nothing.
fn class_character(class: &[u8]) -> Result<(char, &[u8]), BadPattern> {
    let class = match class {
        [] | [b'-' | b']', ..] | [b'\\'] => return Err(BadPattern),
        [b'\\', rest @ ..] => rest,
        class => class,
    };
    let (character, width) = first_character(class);
    let rest = &class[width..];
    if rest.is_empty() { Err(BadPattern) } else { Ok((character, rest)) }
}

/// The first character and its width; a byte within a character is one of its own, as Go has it.
fn first_character(text: &[u8]) -> (char, usize) {
    let width = match text.first() {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    let character = text
        .get(..width)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.chars().next());
    character.map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, width))
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
            ("b*[", "abc", Ok(false)),
            ("a*[", "abc", Err(BadPattern)),
            ("*[^é]", "é", Ok(true)),
            ("?", "é", Ok(true)),
            ("é*", "éa", Ok(true)),
            ("", "", Ok(true)),
            ("templates/.?*", "templates/.DS_Store", Ok(true)),
            ("templates/.?*", "templates/a", Ok(false)),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
