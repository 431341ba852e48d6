//! What indentation tells: where lines begin.

use super::{Capture, Head, Scope, Shape, Walker, Wanted};
use crate::index::IndexError;

impl Walker {
    /// A line outside of brackets begins, or the first document does. Says whether what it begins with belongs to what is
    /// captured then.
    pub(super) fn line_begins(&mut self, column: usize, head: Head) -> Result<bool, IndexError> {
        if let Some(Shape::Block(at)) = self.list {
            if column > at {
                return Ok(true);
            }
            self.end_item();
            if column == at && head == Head::Dash {
                self.begin_block_item(column);
                return Ok(true);
            }
            self.list = None;
        }
        match self.capture {
            Capture::Key(_) => return Err(IndexError::NoKey { line: self.buffer_line }),
            Capture::Value(wanted) => {
                let parent = self.block_column();
                let inside = column > parent || (column == parent && head == Head::Dash);
                if !inside {
                    self.end_value(wanted)?;
                } else if self.value_is_open {
                    return Ok(true);
                } else if let Some(belongs) = self.value_begins(wanted, column, head)? {
                    return Ok(belongs);
                }
            }
            Capture::Item | Capture::Nothing => {}
        }
        if let Some(Shape::Block(at)) = self.entries {
            if column >= at {
                return self.key_line(Scope::Entries, column == at, head);
            }
            self.entries = None;
        }
        match self.root {
            Some(Shape::Block(at)) if column < at => Err(IndexError::Indentation { line: self.line }),
            Some(Shape::Block(at)) => self.key_line(Scope::Root, column == at, head),
            Some(Shape::Flow(_)) => Ok(true),
            None => self.root_begins(column, head),
        }
    }

    fn root_begins(&mut self, column: usize, head: Head) -> Result<bool, IndexError> {
        match head {
            Head::Open { map: true, depth } => {
                self.root = Some(Shape::Flow(depth));
                self.expects_key = true;
                Ok(false)
            }
            Head::Open { map: false, .. } | Head::Dash => Err(IndexError::NoMapping),
            Head::Node | Head::Property | Head::Question => {
                self.root = Some(Shape::Block(column));
                self.key_line(Scope::Root, true, head)
            }
        }
    }

    /// A line in one of the two mappings in block style, at the column of its keys or deeper.
    fn key_line(&mut self, scope: Scope, at_key: bool, head: Head) -> Result<bool, IndexError> {
        match head {
            // Inside of a value; a list may stand at the column of its key.
            _ if !at_key => Ok(true),
            Head::Dash => Ok(true),
            Head::Question => Err(IndexError::Question { line: self.line }),
            Head::Node | Head::Property | Head::Open { .. } => {
                self.begin(Capture::Key(scope));
                Ok(true)
            }
        }
    }

    /// A value that matters turns out to begin on a line of its own. None if the line is to be looked at as a key's.
    fn value_begins(
        &mut self,
        wanted: Wanted,
        column: usize,
        head: Head,
    ) -> Result<Option<bool>, IndexError> {
        match (wanted, head) {
            (wanted, Head::Open { map, depth }) => self.value_opens(wanted, map, depth).map(Some),
            (Wanted::Entries, Head::Dash) => Err(IndexError::Entries { line: self.line }),
            (Wanted::Entries, Head::Node | Head::Property | Head::Question) => {
                self.entries = Some(Shape::Block(column));
                self.capture = Capture::Nothing;
                Ok(None)
            }
            (Wanted::Chart, Head::Dash) => {
                self.list = Some(Shape::Block(column));
                self.begin_block_item(column);
                Ok(Some(true))
            }
            (Wanted::Chart | Wanted::ApiVersion, head) => {
                self.value_is_open = head != Head::Property;
                Ok(Some(true))
            }
        }
    }

    fn block_column(&self) -> usize {
        match self.open_scope() {
            Some((_, Shape::Block(column))) => column,
            _ => 0,
        }
    }
}
