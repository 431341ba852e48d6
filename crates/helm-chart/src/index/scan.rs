//! Where the nodes of a YAML text begin and end, found while the text passes by.
//!
//! Only so much of YAML is understood as it takes to tell structure from text: indentation, brackets, and where scalars
//! begin and end. The rules are those of libyaml's scanner, as in `go-yaml`. JSON is YAML in brackets here. In a text that
//! is no valid YAML something is found as well; who wants to know reads the pieces with `go-yaml`.
//!
//! Invariant: what is kept of the text is its indentation ([`MAX_DEPTH`] numbers), so that the text may be of any size.

use go_yaml::limits::MAX_DEPTH;
use memchr::{memchr, memchr2};

/// How many bytes must be there to tell what the first one means: `---` and what follows it.
const AHEAD: usize = 4;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The next bytes of a text and what they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// How many bytes; none if only the scanner's mind changed.
    pub(super) len: usize,
    /// What begins with the first of them.
    pub(super) event: Event,
    /// How many brackets are open around them. A bracket is inside of itself.
    pub(super) depth: usize,
}

/// What bytes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing: they go on, or are white space or a comment.
    Text,
    /// A scalar or an alias.
    Node(Place),
    /// An anchor or a tag, which a node follows.
    Property(Place),
    /// An item of a list in block style.
    Dash(Place),
    /// A key that is marked by `?`, in block style.
    Question(Place),
    /// `[` or, if `map`, `{`.
    Open { map: bool, place: Place },
    /// `]` or `}`.
    Close,
    /// `,` between brackets.
    Comma,
    /// The `:` after a key.
    Colon,
    /// `---` or `...`.
    Document,
}

/// Where a node begins. Means nothing between brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Spaces before it and, behind a dash, what precedes it on its line.
    pub(super) column: usize,
    /// Whether it is the first on its line.
    pub(super) first: bool,
}

/// Collections nest deeper than `go-yaml` reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the indentation of a line, outside brackets.
    Indentation,
    /// Where a token may begin.
    Token,
    /// In text without quotes.
    Plain,
    /// In `"…"`.
    Double,
    /// In `'…'`.
    Single,
    /// In an anchor, alias or tag.
    Word,
    /// After `|` or `>`.
    Header,
    /// In a line of which nothing more is of interest: a comment, a line of a literal.
    Rest,
}

/// A literal or folded scalar.
#[derive(Clone, Copy, Debug, Default)]
struct Literal {
    /// Its indentation, if it is known.
    indent: Option<usize>,
    /// The deepest of the empty lines that it begins with.
    deepest: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    /// At the very first byte.
    at_start: bool,
    /// Right as long as a key may stand here.
    column: usize,
    /// No token of this line was seen yet.
    first: bool,
    /// Whether what begins next may be a key.
    key_allowed: bool,
    /// Column of what becomes a key if a colon follows.
    candidate: Option<usize>,
    /// Column of the block collection that we are in; -1 outside any.
    indent: isize,
    indents: Vec<isize>,
    /// Open brackets.
    depth: usize,
    /// The line before ended in plain text, which goes on if this one is indented deeper.
    plain_goes_on: bool,
    /// A `#` is a comment here.
    after_blank: bool,
    literal: Option<Literal>,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self {
            state: State::Indentation,
            at_start: true,
            column: 0,
            first: true,
            key_allowed: true,
            candidate: None,
            indent: -1,
            indents: Vec::new(),
            depth: 0,
            plain_goes_on: false,
            after_blank: true,
            literal: None,
        }
    }

    /// Whether a bracket or a quote is open.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0 || matches!(self.state, State::Double | State::Single)
    }

    /// What `rest`, the text that was not taken yet, begins with; `last` says that no more follows it. None if more is needed.
    pub(super) fn next(&mut self, rest: &[u8], last: bool) -> Result<Option<Piece>, TooDeep> {
        if rest.is_empty() || (rest.len() < AHEAD && !last) {
            return Ok(None);
        }
        if std::mem::take(&mut self.at_start) && rest.starts_with(BYTE_ORDER_MARK) {
            return Ok(Some(self.text(BYTE_ORDER_MARK.len())));
        }
        Ok(Some(match self.state {
            State::Indentation => self.indentation(rest)?,
            State::Token => self.token(rest)?,
            State::Plain => self.plain(rest, last),
            State::Double => self.double(rest),
            State::Single => self.single(rest, last),
            State::Word => self.word(rest),
            State::Header => self.header(rest),
            State::Rest => self.rest_of_line(rest),
        }))
    }

    fn text(&self, len: usize) -> Piece {
        self.piece(len, Event::Text)
    }

    fn piece(&self, len: usize, event: Event) -> Piece {
        Piece { len, event, depth: self.depth }
    }

    fn turn(&mut self, state: State, len: usize) -> Piece {
        self.state = state;
        self.text(len)
    }

    fn indentation(&mut self, rest: &[u8]) -> Result<Piece, TooDeep> {
        let most = self.literal.and_then(|literal| literal.indent);
        let most = most.map_or(usize::MAX, |indent| indent.saturating_sub(self.column));
        let spaces = rest.iter().take(most).take_while(|byte| **byte == b' ').count();
        if spaces > 0 {
            self.column += spaces;
            return Ok(self.text(spaces));
        }
        if is_break(rest[0]) {
            if let Some(literal) = &mut self.literal {
                literal.deepest = literal.deepest.max(self.column);
            }
            self.column = 0;
            return Ok(self.text(1));
        }
        if let Some(literal) = &mut self.literal {
            let least = literal.deepest.max(self.column).max(1).max((self.indent + 1) as usize);
            if self.column >= *literal.indent.get_or_insert(least) {
                return Ok(self.turn(State::Rest, 0));
            }
            self.literal = None;
        }
        self.begin_line(rest)
    }

    /// The first character of a line that is no space.
    fn begin_line(&mut self, rest: &[u8]) -> Result<Piece, TooDeep> {
        if rest[0] == b'\t' {
            return Ok(self.text(1));
        }
        if rest[0] == b'#' || (rest[0] == b'%' && self.column == 0 && self.indent < 0) {
            self.plain_goes_on = false;
            return Ok(self.turn(State::Rest, 1));
        }
        self.first = true;
        self.candidate = None;
        self.after_blank = true;
        if self.column == 0 && (rest.starts_with(b"---") || rest.starts_with(b"...")) && is_gap(rest, 3) {
            self.unroll(-1);
            self.plain_goes_on = false;
            self.state = State::Token;
            self.column = 3;
            self.key_allowed = true;
            return Ok(self.piece(3, Event::Document));
        }
        if std::mem::take(&mut self.plain_goes_on) && self.column as isize > self.indent {
            return Ok(self.turn(State::Plain, 0));
        }
        self.key_allowed = true;
        self.state = State::Token;
        self.token(rest)
    }

    fn token(&mut self, rest: &[u8]) -> Result<Piece, TooDeep> {
        let in_flow = self.depth > 0;
        Ok(match rest[0] {
            b' ' | b'\t' => {
                let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
                self.column += blanks;
                self.text(blanks)
            }
            byte if is_break(byte) => self.end_line(1),
            b'#' => self.turn(State::Rest, 1),
            b'-' if !in_flow && is_gap(rest, 1) => {
                let place = self.begin();
                self.roll(place.column)?;
                self.key_allowed = true;
                self.candidate = None;
                self.column += 1;
                self.piece(1, Event::Dash(place))
            }
            b'?' if in_flow => self.text(1),
            b'?' if is_gap(rest, 1) => {
                let place = self.begin();
                self.roll(place.column)?;
                self.key_allowed = true;
                self.candidate = None;
                self.column += 1;
                self.piece(1, Event::Question(place))
            }
            b':' if in_flow => self.piece(1, Event::Colon),
            b':' if is_gap(rest, 1) => {
                self.roll(self.candidate.unwrap_or(self.column))?;
                self.candidate = None;
                self.key_allowed = false;
                self.first = false;
                self.piece(1, Event::Colon)
            }
            open @ (b'[' | b'{') => {
                let place = self.begin();
                self.depth += 1;
                self.check_depth()?;
                self.piece(1, Event::Open { map: open == b'{', place })
            }
            b']' | b'}' if in_flow => {
                let piece = self.piece(1, Event::Close);
                self.depth -= 1;
                piece
            }
            b',' if in_flow => self.piece(1, Event::Comma),
            b'*' => self.node(State::Word),
            b'&' | b'!' => {
                let place = self.begin();
                self.state = State::Word;
                self.piece(1, Event::Property(place))
            }
            b'|' | b'>' if !in_flow => {
                self.literal = Some(Literal::default());
                self.node(State::Header)
            }
            b'"' => self.node(State::Double),
            b'\'' => self.node(State::Single),
            _ => {
                self.after_blank = false;
                self.node(State::Plain)
            }
        })
    }

    fn node(&mut self, state: State) -> Piece {
        let place = self.begin();
        self.state = state;
        self.piece(1, Event::Node(place))
    }

    /// A token begins here that is no colon.
    fn begin(&mut self) -> Place {
        let place = Place { column: self.column, first: self.first && self.depth == 0 };
        self.first = false;
        self.unroll(self.column as isize);
        if std::mem::take(&mut self.key_allowed) {
            self.candidate = Some(self.column);
        }
        place
    }

    fn plain(&mut self, rest: &[u8], last: bool) -> Piece {
        let in_flow = self.depth > 0;
        for (at, byte) in rest.iter().enumerate() {
            match *byte {
                b' ' | b'\t' => self.after_blank = true,
                byte if is_break(byte) && !in_flow => {
                    self.plain_goes_on = true;
                    return self.end_line(at + 1);
                }
                byte if is_break(byte) => self.after_blank = true,
                b'#' if self.after_blank => return self.turn(State::Token, at),
                b':' if at + 1 == rest.len() && !last => return self.text(at),
                b':' if is_gap(rest, at + 1) => return self.turn(State::Token, at),
                b',' | b'[' | b']' | b'{' | b'}' | b'?' if in_flow => return self.turn(State::Token, at),
                _ => self.after_blank = false,
            }
        }
        self.text(rest.len())
    }

    fn double(&mut self, rest: &[u8]) -> Piece {
        match memchr2(b'"', b'\\', rest) {
            Some(at) if rest[at] == b'"' => self.turn(State::Token, at + 1),
            // What is escaped must be there as well.
            Some(at) if at + 1 == rest.len() => self.text(if at == 0 { 1 } else { at }),
            Some(at) => self.text(at + 2),
            None => self.text(rest.len()),
        }
    }

    fn single(&mut self, rest: &[u8], last: bool) -> Piece {
        match memchr(b'\'', rest) {
            Some(at) if rest.get(at + 1) == Some(&b'\'') => self.text(at + 2),
            Some(at) if at > 0 && at + 1 == rest.len() && !last => self.text(at),
            Some(at) => self.turn(State::Token, at + 1),
            None => self.text(rest.len()),
        }
    }

    fn word(&mut self, rest: &[u8]) -> Piece {
        let in_flow = self.depth > 0;
        let ends = |byte: &u8| {
            is_blank(*byte)
                || is_break(*byte)
                || (in_flow && matches!(*byte, b',' | b'[' | b']' | b'{' | b'}'))
        };
        match rest.iter().position(ends) {
            Some(at) => self.turn(State::Token, at),
            None => self.text(rest.len()),
        }
    }

    fn header(&mut self, rest: &[u8]) -> Piece {
        match rest[0] {
            digit @ b'1'..=b'9' => {
                let indent = self.indent.max(0) as usize + usize::from(digit - b'0');
                self.literal = Some(Literal { indent: Some(indent), deepest: 0 });
                self.text(1)
            }
            b'+' | b'-' => self.text(1),
            _ => self.turn(State::Rest, 0),
        }
    }

    fn rest_of_line(&mut self, rest: &[u8]) -> Piece {
        match memchr2(b'\n', b'\r', rest) {
            Some(at) => self.end_line(at + 1),
            None => self.text(rest.len()),
        }
    }

    fn end_line(&mut self, len: usize) -> Piece {
        self.column = 0;
        self.after_blank = true;
        let state = if self.depth > 0 { State::Token } else { State::Indentation };
        self.turn(state, len)
    }

    /// A block collection begins at `column` if that is deeper than the present one.
    fn roll(&mut self, column: usize) -> Result<(), TooDeep> {
        if self.depth > 0 || self.indent >= column as isize {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column as isize;
        self.check_depth()
    }

    fn unroll(&mut self, column: isize) {
        while self.depth == 0 && self.indent > column {
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn check_depth(&self) -> Result<(), TooDeep> {
        if self.indents.len() + self.depth > MAX_DEPTH { Err(TooDeep) } else { Ok(()) }
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_break(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// A blank, a line break or the end of the text.
fn is_gap(rest: &[u8], at: usize) -> bool {
    rest.get(at).is_none_or(|byte| is_blank(*byte) || is_break(*byte))
}
