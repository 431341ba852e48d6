//! `Watch`: a snapshot, then what changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::release::v1::{ReleaseRef, WatchRequest, WatchResponse};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Releases, overview};
use crate::changes::Place;
use crate::context::{Context, Key};
use crate::reconcile::validate::Identity;

/// Releases of a message.
const PART: usize = 500;
/// Bytes of a message.
const BYTES: usize = 3 << 20;
/// Messages that wait for a slow reader; then the stream waits with them.
const WAITING: usize = 4;

pub(super) type Messages = ReceiverStream<Result<WatchResponse, Status>>;

/// Begins a stream. It ends when the reader goes away, or the process stops.
pub(super) fn watch(releases: &Releases, request: WatchRequest) -> Messages {
    let (sender, messages) = mpsc::channel(WAITING);
    let (context, shutdown) = (releases.context.clone(), releases.shutdown.clone());
    tokio::spawn(async move {
        let follow = follow(context, request, &sender);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sender.closed() => {}
            () = follow => {}
        }
    });
    ReceiverStream::new(messages)
}

async fn follow(
    context: Arc<Context>,
    request: WatchRequest,
    sender: &mpsc::Sender<Result<WatchResponse, Status>>,
) {
    let WatchRequest { namespace, resume_token } = request;
    let mut place = context.changes.place(&resume_token);
    loop {
        let (messages, next) = match place.and_then(|place| context.changes.since(place)) {
            Some((keys, next)) => (changed(&context, keys, &namespace, next), next),
            None => {
                let begin = context.changes.end();
                (snapshot(&context, &namespace, begin), begin)
            }
        };
        for message in messages {
            if sender.send(Ok(message)).await.is_err() {
                return;
            }
        }
        place = Some(next);
        if !context.changes.after(next).await {
            return;
        }
    }
}

fn is_of(namespace: &str, key: &Key) -> bool {
    namespace.is_empty() || key.0 == namespace
}

/// All releases, in parts of which there is at least one.
fn snapshot(context: &Context, namespace: &str, place: Place) -> Vec<WatchResponse> {
    let mut all = context.objects.state();
    let key = |object: &Arc<crate::reconcile::validate::Object>| {
        Identity::of(kube::Resource::meta(&**object)).key()
    };
    all.retain(|object| is_of(namespace, &key(object)));
    all.sort_by_cached_key(key);
    let mut parts = parted(all.iter().map(|object| overview::of(object)), context.changes.token(place));
    for part in &mut parts {
        part.snapshot = true;
    }
    if let Some(last) = parts.last_mut() {
        last.snapshot_end = true;
    }
    parts
}

/// The objects that changed, as they are now.
fn changed(context: &Context, keys: BTreeSet<Key>, namespace: &str, place: Place) -> Vec<WatchResponse> {
    let (mut releases, mut removed) = (Vec::new(), Vec::new());
    for key in keys.into_iter().filter(|key| is_of(namespace, key)) {
        let reference = kube::runtime::reflector::ObjectRef::new(&key.1).within(&key.0);
        match context.objects.get(&reference) {
            Some(object) => releases.push(overview::of(&object)),
            None => removed.push(ReleaseRef { namespace: key.0, name: key.1 }),
        }
    }
    if releases.is_empty() && removed.is_empty() {
        return Vec::new();
    }
    let mut parts = parted(releases.into_iter(), context.changes.token(place));
    if let Some(last) = parts.last_mut() {
        last.removed = removed;
    }
    parts
}

/// Messages within the bounds. A reader that stops between two of them is told all of them again.
fn parted(releases: impl Iterator<Item = api::release::v1::Release>, token: String) -> Vec<WatchResponse> {
    let mut parts = vec![WatchResponse::default()];
    let mut bytes = 0;
    for release in releases {
        let size = release.encoded_len();
        let is_full = |part: &WatchResponse| part.releases.len() >= PART || bytes + size > BYTES;
        if parts.last().is_some_and(|part| !part.releases.is_empty() && is_full(part)) {
            parts.push(WatchResponse::default());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.releases.push(release);
        }
    }
    // Only the last one vouches for all before it.
    if let Some(last) = parts.last_mut() {
        last.resume_token = token;
    }
    parts
}
