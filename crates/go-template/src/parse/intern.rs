//! The names in the texts of a set, most of which occur again and again.

use std::fmt;

use crate::Str;

const PLACES: usize = 256;

/// The last names seen, so that equal ones share their bytes. Bounded: of two names with the same place the later one
/// stays, so that no text can make it slow.
#[derive(Clone)]
pub(crate) struct Names(Box<[Option<Str>; PLACES]>);

impl Default for Names {
    fn default() -> Self {
        Names(Box::new([const { None }; PLACES]))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().flatten()).finish()
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

#[cfg(test)]
mod tests {
    use super::{Names, place};

    #[test]
    fn equal_names_share_their_bytes_and_others_do_not() {
        let mut names = Names::default();
        let first = names.shared(b"Values");
        assert_eq!(first.as_ptr(), names.shared(b"Values").as_ptr());
        // Another name of the same place takes it over.
        let letters = || (b'a'..=b'z').map(char::from);
        let mut others = letters().flat_map(|a| letters().map(move |b| format!("x{a}{b}")));
        let other = others.find(|name| place(name.as_bytes()) == place(b"Values"));
        let other = other.expect("so many names fill all places");
        assert_eq!(names.shared(other.as_bytes()), *other.as_str());
        assert_eq!(names.shared(b"Values"), *"Values");
        assert_eq!(first, *"Values");
    }
}
