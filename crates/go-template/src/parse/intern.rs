//! The names in a text, most of which occur again and again.

use crate::Str;

const PLACES: usize = 64;

/// The last names seen, so that equal ones share their bytes. Bounded: of two names with the same place the later one
/// stays, so that no text can make it slow.
pub(super) struct Names([Option<Str>; PLACES]);

impl Default for Names {
    fn default() -> Self {
        Names([const { None }; PLACES])
    }
}

impl Names {
    /// `name` as a string.
    pub(super) fn shared(&mut self, name: &[u8]) -> Str {
        let place = &mut self.0[place(name)];
        match place {
            Some(known) if **known == *name => known.clone(),
            _ => place.insert(Str::from(name)).clone(),
        }
    }
}

/// Names of one text differ in length, at their beginning, or at their end.
fn place(name: &[u8]) -> usize {
    let byte = |at: usize| name.get(at).copied().map_or(0, usize::from);
    let mixed = name.len() + byte(1) * 3 + byte(name.len() / 2) * 7 + byte(name.len().wrapping_sub(1)) * 13;
    mixed % PLACES
}
