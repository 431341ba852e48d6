//! From the pieces of an index to the texts of the wanted charts' versions.

mod block;
mod flow;

use std::collections::{BTreeMap, BTreeSet};

use go_yaml::Value;

use crate::decode::{as_text, folds_to};

use super::entry::{self, Versions};
use super::scan::{Event, Piece, Place};
use super::{IndexError, MAX_ENTRY, MAX_KEPT, MAX_KEY, MAX_VERSIONS};

/// How a collection is written, and where its members begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// By indentation: the column.
    Block(usize),
    /// In brackets: how many are open.
    Flow(usize),
}

impl Shape {
    /// The brackets around its members.
    fn depth(self) -> usize {
        match self {
            Shape::Block(_) => 0,
            Shape::Flow(depth) => depth,
        }
    }
}

/// The two mappings whose keys matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Root,
    Entries,
}

/// The values that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    ApiVersion,
    Entries,
    Chart,
}

/// What the buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capture {
    Nothing,
    /// A key so far.
    Key(Scope),
    /// What follows such a key so far. It is not known yet whether that is a collection.
    Value(Wanted),
    /// A version so far.
    Item,
}

/// What a line begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Node,
    /// An anchor or a tag: what follows is the node.
    Property,
    Dash,
    Question,
    Open {
        map: bool,
        depth: usize,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Walker {
    names: BTreeSet<String>,
    root: Option<Shape>,
    entries: Option<Shape>,
    /// The list of the present chart's versions.
    list: Option<Shape>,
    /// The present chart.
    chart: String,
    /// Between the brackets of a mapping, where its next key may begin.
    expects_key: bool,
    capture: Capture,
    /// The captured value has begun, and not as a collection whose form is followed: its lines are its own.
    value_is_open: bool,
    buffer: Vec<u8>,
    /// The line where the buffer begins, and the present one.
    buffer_line: usize,
    line: usize,
    found: BTreeMap<String, Versions>,
    kept: usize,
    states_api_version: bool,
    /// Nothing that follows is of interest.
    pub(super) finished: bool,
}

impl Walker {
    pub(super) fn new(names: BTreeSet<String>) -> Self {
        Self {
            names,
            root: None,
            entries: None,
            list: None,
            chart: String::new(),
            expects_key: false,
            capture: Capture::Nothing,
            value_is_open: false,
            buffer: Vec::new(),
            buffer_line: 0,
            line: 0,
            found: BTreeMap::new(),
            kept: 0,
            states_api_version: false,
            finished: false,
        }
    }

    /// The next piece, on this line (from 1).
    pub(super) fn take(&mut self, piece: Piece, bytes: &[u8], line: usize) -> Result<(), IndexError> {
        self.line = line;
        if self.root.is_none() && piece.event != Event::Text && bytes.starts_with(b"<") {
            return Err(IndexError::NoMapping);
        }
        let belongs = match piece.event {
            Event::Text => true,
            Event::Document => self.document()?,
            Event::Colon => self.colon(piece.depth)?,
            Event::Comma => self.comma(piece.depth)?,
            Event::Close => self.close(piece.depth)?,
            Event::Node(place) => self.node(place, piece.depth, Head::Node)?,
            Event::Property(place) => self.node(place, piece.depth, Head::Property)?,
            Event::Dash(place) => self.head(place, Head::Dash)?,
            Event::Question(place) => self.head(place, Head::Question)?,
            Event::Open { map, place } => self.open(place, map, piece.depth)?,
        };
        if belongs && self.capture != Capture::Nothing {
            self.keep(bytes)?;
        }
        Ok(())
    }

    /// What is wrong with one chart takes nothing from the others.
    fn chart_fails(&mut self, error: IndexError) {
        self.capture = Capture::Nothing;
        let versions = self.found.entry(self.chart.clone()).or_default();
        *versions = Versions { fault: Some(error), ..Versions::default() };
    }

    /// The text has ended.
    pub(super) fn finish(mut self) -> Result<BTreeMap<String, Versions>, IndexError> {
        if !self.finished {
            self.end()?;
        }
        if self.root.is_none() {
            return Err(IndexError::Empty);
        }
        if !self.states_api_version {
            return Err(IndexError::NoApiVersion);
        }
        Ok(self.found)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        let most = if matches!(self.capture, Capture::Key(_)) { MAX_KEY } else { MAX_ENTRY };
        let line = self.buffer_line;
        if self.buffer.len() + bytes.len() > most {
            match self.capture {
                Capture::Key(_) => return Err(IndexError::LongKey { line }),
                Capture::Item | Capture::Value(Wanted::Chart) => {
                    self.chart_fails(IndexError::LongEntry { line })
                }
                _ => return Err(IndexError::LongEntry { line }),
            }
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn begin(&mut self, capture: Capture) {
        self.buffer.clear();
        self.buffer_line = self.line;
        self.value_is_open = false;
        self.capture = capture;
    }

    /// A document begins or ends. What follows the first one is nothing to Helm.
    fn document(&mut self) -> Result<bool, IndexError> {
        if self.root.is_some() {
            self.end()?;
            self.finished = true;
        }
        Ok(false)
    }

    fn end(&mut self) -> Result<(), IndexError> {
        match self.capture {
            Capture::Key(_) => Err(IndexError::NoKey { line: self.buffer_line }),
            Capture::Value(wanted) => self.end_value(wanted),
            Capture::Item => {
                self.end_item();
                Ok(())
            }
            Capture::Nothing => Ok(()),
        }
    }

    fn node(&mut self, place: Place, depth: usize, head: Head) -> Result<bool, IndexError> {
        if place.first {
            return self.line_begins(place.column, head);
        }
        self.value_is_open |= head == Head::Node;
        if self.capture == Capture::Nothing
            && self.expects_key
            && let Some((scope, shape)) = self.open_scope()
            && shape == Shape::Flow(depth)
        {
            self.begin(Capture::Key(scope));
        }
        Ok(true)
    }

    fn head(&mut self, place: Place, head: Head) -> Result<bool, IndexError> {
        if place.first { self.line_begins(place.column, head) } else { Ok(true) }
    }

    /// The innermost of the two mappings that is open, unless a list of versions is.
    fn open_scope(&self) -> Option<(Scope, Shape)> {
        let entries = self.entries.map(|shape| (Scope::Entries, shape));
        let root = self.root.map(|shape| (Scope::Root, shape));
        if self.list.is_some() { None } else { entries.or(root) }
    }

    fn colon(&mut self, depth: usize) -> Result<bool, IndexError> {
        match (self.capture, self.open_scope()) {
            (Capture::Key(scope), Some((_, shape))) if shape.depth() == depth => {
                self.expects_key = false;
                self.key_ends(scope)?;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn key_ends(&mut self, scope: Scope) -> Result<(), IndexError> {
        if self.buffer.trim_ascii() == b"<<" {
            return Err(IndexError::Merge { line: self.line });
        }
        let key = read_key(&self.buffer);
        self.capture = Capture::Nothing;
        let Some(key) = key else { return Ok(()) };
        let wanted = match scope {
            Scope::Root if folds_to(&key, "apiVersion") => Wanted::ApiVersion,
            Scope::Root if folds_to(&key, "entries") => Wanted::Entries,
            Scope::Entries if self.names.contains(&key) => {
                // As in Helm: an error in YAML, and in JSON the last one counts.
                let twice = self.found.contains_key(&key) && matches!(self.root, Some(Shape::Block(_)));
                self.chart = key.clone();
                if twice {
                    self.chart_fails(IndexError::Twice { chart: key, line: self.line });
                    return Ok(());
                }
                self.found.insert(key, Versions::default());
                Wanted::Chart
            }
            _ => return Ok(()),
        };
        self.begin(Capture::Value(wanted));
        Ok(())
    }

    /// A value that matters has ended and was no collection in a form that is followed.
    fn end_value(&mut self, wanted: Wanted) -> Result<(), IndexError> {
        self.capture = Capture::Nothing;
        let line = self.buffer_line;
        let value = go_yaml::from_slice(&self.buffer).map_err(|source| IndexError::Yaml { line, source });
        match (wanted, value) {
            (Wanted::ApiVersion, value) => {
                self.states_api_version |= as_text(&value?).is_some_and(|text| !text.is_empty());
            }
            (_, Ok(Value::Null)) => {}
            (Wanted::Entries, value) => return Err(value.err().unwrap_or(IndexError::Entries { line })),
            (Wanted::Chart, value) => {
                let chart = self.chart.clone();
                self.chart_fails(value.err().unwrap_or(IndexError::Chart { chart, line }));
            }
        }
        Ok(())
    }

    /// The item's lines keep their columns.
    fn begin_block_item(&mut self, column: usize) {
        self.begin_item(b"");
        self.buffer.resize(column.min(MAX_ENTRY), b' ');
    }

    fn begin_item(&mut self, opening: &[u8]) {
        let failed = self.found.get(&self.chart).is_some_and(|versions| versions.fault.is_some());
        self.begin(if failed { Capture::Nothing } else { Capture::Item });
        self.buffer.extend_from_slice(opening);
    }

    fn end_item(&mut self) {
        if std::mem::replace(&mut self.capture, Capture::Nothing) != Capture::Item {
            return;
        }
        if matches!(self.list, Some(Shape::Flow(_))) {
            self.buffer.push(b']');
        }
        let (chart, line) = (self.chart.clone(), self.buffer_line);
        let read = match entry::read(&self.buffer) {
            Ok(read) => read,
            Err(source) => return self.chart_fails(IndexError::Entry { chart, line, source }),
        };
        let versions = self.found.entry(chart.clone()).or_default();
        for version in read {
            self.kept += versions.add(version);
        }
        if versions.seen > MAX_VERSIONS {
            self.chart_fails(IndexError::Versions { chart });
        } else if self.kept > MAX_KEPT {
            self.chart_fails(IndexError::Kept { chart });
        }
    }
}

/// The text of a key as the JSON model has it; none if it is no key there.
fn read_key(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if text.starts_with('"')
        && let Ok(Value::String(key)) = go_yaml::json::from_str(text)
    {
        return Some(key);
    }
    let block = go_yaml::from_str(&format!("{text}: 0"));
    // Between brackets it may stand on several lines.
    let value = block.or_else(|_| go_yaml::from_str(&format!("{{? {text} : 0}}"))).ok()?;
    value.as_map()?.keys().next().cloned()
}
