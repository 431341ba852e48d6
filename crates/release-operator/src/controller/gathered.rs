//! Wake-ups that come close together as one.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use tokio_util::time::DelayQueue;

/// Each item `delay` after it came, and only once for all equal ones that come meanwhile: what comes again and again is not put off again
/// and again. After the stream's end, what is left of it.
pub(super) fn gathered<T>(
    items: impl Stream<Item = T> + Send + 'static,
    delay: Duration,
) -> impl Stream<Item = T>
where
    T: Clone + Eq + Hash + Send + 'static,
{
    let gathering =
        Gathering { items: items.fuse().boxed(), waiting: DelayQueue::new(), known: HashSet::new(), delay };
    stream::unfold(gathering, async |mut gathering| Some((gathering.next().await?, gathering)))
}

struct Gathering<T> {
    items: BoxStream<'static, T>,
    waiting: DelayQueue<T>,
    /// Those that wait: as many as there are different items.
    known: HashSet<T>,
    delay: Duration,
}

impl<T: Clone + Eq + Hash> Gathering<T> {
    async fn next(&mut self) -> Option<T> {
        loop {
            tokio::select! {
                Some(due) = self.waiting.next() => {
                    let due = due.into_inner();
                    self.known.remove(&due);
                    return Some(due);
                }
                Some(item) = self.items.next() => {
                    if self.known.insert(item.clone()) {
                        self.waiting.insert(item, self.delay);
                    }
                }
                else => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use tokio::sync::mpsc;
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;

    #[tokio::test]
    async fn equal_items_are_one_after_the_delay_of_the_first() {
        let (sender, items) = mpsc::channel(8);
        let delay = Duration::from_millis(20);
        let mut gathered = std::pin::pin!(gathered(ReceiverStream::new(items), delay));
        let begun = Instant::now();
        for item in ["a", "a", "b"] {
            sender.send(item).await.unwrap();
        }
        let two = BTreeSet::from([gathered.next().await, gathered.next().await]);
        assert_eq!(two, BTreeSet::from([Some("a"), Some("b")]));
        assert!(begun.elapsed() >= delay);
        sender.send("a").await.unwrap();
        drop(sender);
        assert_eq!((gathered.next().await, gathered.next().await), (Some("a"), None));
    }
}
