//! A host that is always the same.

use std::cell::Cell;
use std::rc::Rc;

use go_template::Funcs;

/// A fixed time, and bytes that differ from each other and from one call to the next.
#[derive(Default)]
pub(crate) struct Fixed(Cell<u8>);

impl sprig::Clock for Fixed {
    fn now(&self) -> (i64, u32) {
        (1_500_000_000, 0)
    }
}

impl sprig::Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0.set(self.0.get().wrapping_mul(5).wrapping_add(37));
            *byte = self.0.get();
        }
    }
}

/// The function table of that host.
pub(crate) fn functions() -> Funcs {
    sprig::functions(Rc::new(Fixed::default()), Rc::new(Fixed::default()))
}
