//! The variables in scope at a place of a text.

use std::collections::HashMap;

/// Most uses are of one of the last variables declared; those are compared one by one.
const NEAR: usize = 8;

/// Variables with their `$`, the innermost last; `$` itself is always there. Looking for one takes no longer for many of
/// them, so that no text can make it slow.
#[derive(Default)]
pub(super) struct Scope<'t> {
    names: Vec<&'t [u8]>,
    /// How often each is in `names`.
    counts: HashMap<&'t [u8], usize>,
}

impl<'t> Scope<'t> {
    pub(super) fn declare(&mut self, name: &'t [u8]) {
        self.names.push(name);
        *self.counts.entry(name).or_default() += 1;
    }

    pub(super) fn contains(&self, name: &[u8]) -> bool {
        name == b"$"
            || self.names.iter().rev().take(NEAR).any(|near| *near == name)
            || self.counts.contains_key(name)
    }

    /// How many there are, for [`Scope::truncate`].
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Back to so many: the block ends that declared the others.
    pub(super) fn truncate(&mut self, len: usize) {
        for name in self.names.drain(len..) {
            if let Some(count) = self.counts.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn a_variable_is_known_until_its_last_block_ends() {
        let mut scope = Scope::default();
        scope.declare(b"$a");
        let outer = scope.len();
        for _ in 0..20 {
            scope.declare(b"$b");
        }
        scope.declare(b"$a");
        assert!(scope.contains(b"$") && scope.contains(b"$a") && scope.contains(b"$b"));
        assert!(!scope.contains(b"$c"));
        scope.truncate(outer);
        assert!(scope.contains(b"$a") && !scope.contains(b"$b"));
        scope.truncate(0);
        assert!(scope.contains(b"$") && !scope.contains(b"$a"));
    }
}
