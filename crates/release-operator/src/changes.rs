//! Which objects changed, in order: what streams to clients are made of.
//!
//! The log is short and lives in memory. A reader that falls behind it, or comes from another process, begins again with a snapshot; so it is
//! told everything at least once.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::context::Key;

/// Changes remembered.
const REMEMBERED: usize = 4096;

/// The log.
pub struct Changes {
    /// Tells this process from others in tokens.
    process: u64,
    log: Mutex<VecDeque<(u64, Key)>>,
    newest: watch::Sender<u64>,
}

impl Default for Changes {
    fn default() -> Self {
        let newest = watch::Sender::new(0);
        Self { process: rand::random(), log: Mutex::default(), newest }
    }
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u64);

impl Changes {
    /// Notes that an object was changed, made or deleted.
    pub fn push(&self, key: Key) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.newest.borrow() + 1;
        if log.len() >= REMEMBERED {
            log.pop_front();
        }
        log.push_back((number, key));
        self.newest.send_replace(number);
    }

    /// The end of the log.
    pub fn end(&self) -> Place {
        Place(*self.newest.borrow())
    }

    /// A place as an opaque text.
    pub fn token(&self, place: Place) -> String {
        format!("{:016x}{:016x}", self.process, place.0)
    }

    /// The place of a token of this process, if the log still goes back to it.
    pub fn place(&self, token: &str) -> Option<Place> {
        let (process, number) = token.split_at_checked(16).filter(|(_, number)| number.len() == 16)?;
        let number = u64::from_str_radix(number, 16).ok()?;
        let is_ours = u64::from_str_radix(process, 16) == Ok(self.process) && number <= *self.newest.borrow();
        let place = Place(number);
        (is_ours && self.since(place).is_some()).then_some(place)
    }

    /// Waits for something after a place. False when there will never be.
    pub async fn after(&self, place: Place) -> bool {
        self.newest.subscribe().wait_for(|newest| *newest > place.0).await.is_ok()
    }

    /// What changed since a place, each object once, and the end; `None` when the log no longer tells.
    pub fn since(&self, place: Place) -> Option<(BTreeSet<Key>, Place)> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *self.newest.borrow();
        let reaches = log.front().map_or(newest <= place.0, |(first, _)| *first <= place.0 + 1);
        let keys = log.iter().filter(|(number, _)| *number > place.0).map(|(_, key)| key.clone());
        reaches.then(|| (keys.collect(), Place(newest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_told_everything_or_sent_back_to_the_snapshot() {
        let changes = Changes::default();
        let key = |name: &str| ("dev".to_owned(), name.to_owned());
        let begin = changes.end();
        for name in ["a", "b", "a"] {
            changes.push(key(name));
        }
        let (keys, place) = changes.since(begin).unwrap();
        assert_eq!(keys, [key("a"), key("b")].into());
        assert!(changes.since(place).unwrap().0.is_empty());
        let token = changes.token(place);
        assert_eq!(changes.place(&token), Some(place));
        for wrong in ["", "x", &token[..31], &Changes::default().token(place), &format!("{token}0")] {
            assert_eq!(changes.place(wrong), None, "{wrong}");
        }
        for _ in 0..=REMEMBERED {
            changes.push(key("c"));
        }
        assert_eq!(changes.place(&token), None);
        assert!(changes.since(begin).is_none());
    }
}
