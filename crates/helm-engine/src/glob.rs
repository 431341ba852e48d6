//! Patterns of `.Files.Glob`, as the Go library reads them that Helm uses (gobwas/glob).

/// A pattern: `*` and `?` do not match `/`, `**` matches anything, `[a-c]` or `[abc]` or `[!abc]` one character,
/// `{a,b}` either, `\` takes the next character as it is. Matching takes time linear in pattern times name.
pub(crate) struct Glob {
    program: Vec<Step>,
}

enum Step {
    Literal(char),
    NotSeparator,
    Anything,
    List {
        negated: bool,
        characters: Vec<char>,
    },
    Range {
        negated: bool,
        low: char,
        high: char,
    },
    /// Goes on at both places.
    Fork(usize, usize),
    Jump(usize),
    Matched,
}

impl Glob {
    /// Reads a pattern; nothing if it is malformed.
    pub(crate) fn parse(pattern: &str) -> Option<Self> {
        let mut parser = Parser { characters: pattern.chars().collect(), position: 0, program: Vec::new() };
        parser.sequence(0)?;
        parser.program.push(Step::Matched);
        Some(Self { program: parser.program })
    }

    /// The pattern that matches every name; Helm takes it for a malformed one.
    pub(crate) fn everything() -> Self {
        Self { program: vec![Step::Fork(1, 3), Step::Anything, Step::Jump(0), Step::Matched] }
    }

    /// Whether all of `name` matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut current = self.follow([0]);
        for character in name.chars() {
            let next: Vec<usize> = current
                .into_iter()
                .filter(|&at| self.program[at].takes(character))
                .map(|at| at + 1)
                .collect();
            current = self.follow(next);
        }
        current.iter().any(|&at| matches!(self.program[at], Step::Matched))
    }

    /// The steps that take a character or end the match, reached from `starts`.
    fn follow(&self, starts: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut seen = vec![false; self.program.len()];
        let mut work: Vec<usize> = starts.into_iter().collect();
        let mut reached = Vec::new();
        while let Some(at) = work.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match self.program[at] {
                Step::Fork(first, second) => work.extend([first, second]),
                Step::Jump(to) => work.push(to),
                _ => reached.push(at),
            }
        }
        reached
    }
}

impl Step {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == character,
            Self::NotSeparator => character != '/',
            Self::Anything => true,
            Self::List { negated, characters } => characters.contains(&character) != *negated,
            Self::Range { negated, low, high } => (*low..=*high).contains(&character) != *negated,
            Self::Fork(..) | Self::Jump(_) | Self::Matched => false,
        }
    }
}

/// The deepest `{…}` inside each other.
const MAX_NESTING: usize = 32;

struct Parser {
    characters: Vec<char>,
    position: usize,
    program: Vec<Step>,
}

impl Parser {
    fn next(&mut self) -> Option<char> {
        let character = self.characters.get(self.position).copied();
        self.position += usize::from(character.is_some());
        character
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    /// Reads up to the end, or inside braces up to the `,` or `}` that ends an alternative.
    fn sequence(&mut self, nesting: usize) -> Option<()> {
        while let Some(character) = self.peek() {
            if nesting > 0 && matches!(character, ',' | '}') {
                return Some(());
            }
            self.position += 1;
            match character {
                '*' if self.peek() == Some('*') => {
                    self.position += 1;
                    self.repeat(Step::Anything);
                }
                '*' => self.repeat(Step::NotSeparator),
                '?' => self.program.push(Step::NotSeparator),
                '[' => self.class()?,
                '{' if nesting < MAX_NESTING => self.alternatives(nesting + 1)?,
                '{' => return None,
                '\\' => {
                    let escaped = self.next();
                    self.program.extend(escaped.map(Step::Literal));
                }
                literal => self.program.push(Step::Literal(literal)),
            }
        }
        Some(())
    }

    fn repeat(&mut self, step: Step) {
        let start = self.program.len();
        self.program.extend([Step::Fork(start + 1, start + 3), step, Step::Jump(start)]);
    }

    fn alternatives(&mut self, nesting: usize) -> Option<()> {
        let mut ends = Vec::new();
        loop {
            let fork = self.program.len();
            self.program.push(Step::Fork(fork + 1, 0));
            self.sequence(nesting)?;
            ends.push(self.program.len());
            self.program.push(Step::Jump(0));
            let after = self.program.len();
            // An open brace is closed by the end of the pattern.
            let last = self.next().is_none_or(|character| character == '}');
            self.program[fork] = if last { Step::Jump(fork + 1) } else { Step::Fork(fork + 1, after) };
            if last {
                for end in ends {
                    self.program[end] = Step::Jump(after);
                }
                return Some(());
            }
        }
    }

    /// Reads a class after its `[`: one range, or a list of characters.
    fn class(&mut self) -> Option<()> {
        let negated = self.peek() == Some('!');
        self.position += usize::from(negated);
        let low = self.next()?;
        if self.peek() == Some('-') {
            self.position += 1;
            let high = self.next()?;
            self.program.push(Step::Range { negated, low, high });
            return (self.next()? == ']' && low <= high).then_some(());
        }
        self.position -= 1;
        let mut characters = Vec::new();
        loop {
            match self.next()? {
                ']' => break,
                '\\' => characters.push(self.next()?),
                character => characters.push(character),
            }
        }
        let empty = characters.is_empty();
        self.program.push(Step::List { negated, characters });
        (!empty).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected results are those of gobwas/glob 0.2.3 with `/` as separator.
    #[test]
    fn matches_like_the_go_library() {
        for row in include_str!("../tests/globs.txt").lines() {
            let columns: Vec<_> = row.split('\t').collect();
            let [pattern, name, expected] = columns.as_slice() else { panic!("{row}") };
            let result = match Glob::parse(pattern) {
                Some(glob) => glob.matches(name).to_string(),
                None => "malformed".to_owned(),
            };
            assert_eq!(result, *expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "{a,a*}".repeat(200) + "b";
        assert!(!Glob::parse(&pattern).unwrap().matches(&"a".repeat(400)));
        assert!(Glob::parse(&"{".repeat(1000)).is_none());
    }
}
