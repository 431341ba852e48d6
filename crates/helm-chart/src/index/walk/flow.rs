//! What brackets tell.

use super::{Capture, Head, Scope, Shape, Walker, Wanted};
use crate::index::IndexError;
use crate::index::scan::Place;

impl Walker {
    pub(super) fn open(&mut self, place: Place, map: bool, depth: usize) -> Result<bool, IndexError> {
        if place.first {
            return self.line_begins(place.column, Head::Open { map, depth });
        }
        match (self.capture, self.open_scope()) {
            (Capture::Value(wanted), Some((_, scope)))
                if depth == scope.depth() + 1 && !self.value_is_open =>
            {
                self.value_opens(wanted, map, depth)
            }
            _ => Ok(true),
        }
    }

    /// A value that matters turns out to begin with a bracket.
    pub(super) fn value_opens(
        &mut self,
        wanted: Wanted,
        map: bool,
        depth: usize,
    ) -> Result<bool, IndexError> {
        match (wanted, map) {
            (Wanted::Entries, true) => {
                self.entries = Some(Shape::Flow(depth));
                self.expects_key = true;
                self.capture = Capture::Nothing;
                Ok(false)
            }
            (Wanted::Entries, false) => Err(IndexError::Entries { line: self.line }),
            (Wanted::Chart, false) => {
                self.list = Some(Shape::Flow(depth));
                self.begin_item(b"[");
                Ok(false)
            }
            // Not what it should be, which shows when it is read.
            (Wanted::Chart, true) | (Wanted::ApiVersion, _) => {
                self.value_is_open = true;
                Ok(true)
            }
        }
    }

    pub(super) fn comma(&mut self, depth: usize) -> Result<bool, IndexError> {
        if self.list == Some(Shape::Flow(depth)) {
            self.end_item();
            self.begin_item(b"[");
            return Ok(false);
        }
        let Some((_, Shape::Flow(at))) = self.open_scope() else { return Ok(true) };
        if at != depth {
            return Ok(true);
        }
        self.end_member()?;
        self.expects_key = true;
        Ok(false)
    }

    pub(super) fn close(&mut self, depth: usize) -> Result<bool, IndexError> {
        if self.list == Some(Shape::Flow(depth)) {
            self.end_item();
            self.list = None;
            return Ok(false);
        }
        let Some((scope, Shape::Flow(at))) = self.open_scope() else { return Ok(true) };
        if at != depth {
            return Ok(true);
        }
        self.end_member()?;
        match scope {
            Scope::Entries => self.entries = None,
            Scope::Root => self.finished = true,
        }
        self.expects_key = false;
        Ok(false)
    }

    /// A member of a mapping in brackets ends.
    fn end_member(&mut self) -> Result<(), IndexError> {
        if let Capture::Value(wanted) = self.capture {
            self.end_value(wanted)?;
        }
        self.capture = Capture::Nothing;
        Ok(())
    }
}
