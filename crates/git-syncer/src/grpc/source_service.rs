//! `windlass.source.v1.SourceService`.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use api::source::v1::source_service_server::SourceService;
use api::source::v1::{
    FetchRequest, FetchResponse, FileChunk, SourceHeader, WatchRequest, WatchResponse, fetch_response::Part,
};
use futures::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status};

use super::{Edge, convert};
use crate::digest::SourceFile;
use crate::git::Revision;
use crate::sources::Source;
use crate::state::SourceDigests;

/// Bytes of a file in one message; well below gRPC's usual bound of 4 MiB for a message.
const CHUNK_BYTES: usize = 256 * 1024;

type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SourceService for Edge {
    type FetchStream = ResponseStream<FetchResponse>;
    type WatchStream = ResponseStream<WatchResponse>;

    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let FetchRequest { path, revision, known_digest, under_charts_path } = request.into_inner();
        let revision = match revision.as_str() {
            "" => None,
            text => {
                let parsed = text.parse::<Revision>();
                Some(parsed.map_err(|error| Status::invalid_argument(error.to_string()))?)
            }
        };
        let source = self.sources.fetch(&path, under_charts_path, revision.as_ref()).await;
        let (source, hold) = source.map_err(|error| convert::source_status(&error))?;
        // The files stay in memory until the receiver has taken them or gone, and the hold goes with them.
        let messages = stream::iter(messages(source, &known_digest)).map(move |message| {
            let _held = &hold;
            Ok(message)
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let token = request.into_inner().resume_token;
        let sent = self.shared.read(|state| {
            let known = state.sources.iter().find(|(revision, ..)| revision.to_string() == token);
            known.map(|(revision, _, digests)| (revision.clone(), Arc::clone(digests)))
        });
        let states = self.shared.watch();
        let edge = self.clone();
        let messages = stream::unfold((states, sent), move |(mut states, mut sent)| {
            let edge = edge.clone();
            async move {
                loop {
                    let newest = states.borrow_and_update().sources.last().cloned();
                    if let Some((revision, traceparent, digests)) = newest
                        && sent.as_ref().is_none_or(|(before, _)| *before != revision)
                    {
                        let before = sent.as_ref().map(|(_, digests)| &**digests);
                        let message = edge.message(&revision, traceparent, before, &digests);
                        let nothing_new = before.is_some() && message.sources.is_empty();
                        sent = Some((revision, digests));
                        if !nothing_new {
                            return Some((Ok(message), (states, sent)));
                        }
                    }
                    tokio::select! {
                        () = edge.shutdown.cancelled() => return None,
                        changed = states.changed() => if changed.is_err() { return None },
                    }
                }
            }
        });
        Ok(Response::new(messages.boxed()))
    }
}

impl Edge {
    /// What has changed since `before`, or everything.
    fn message(
        &self,
        revision: &Revision,
        traceparent: Option<String>,
        before: Option<&SourceDigests>,
        now: &SourceDigests,
    ) -> WatchResponse {
        let source = |path: &String| {
            convert::source_digest(path, self.sources.chart_path(path), now.digests.get(path))
        };
        WatchResponse {
            resume_token: revision.to_string(),
            snapshot: before.is_none(),
            revision: revision.to_string(),
            sources: changed(before, now).into_iter().map(source).collect(),
            traceparent: traceparent.unwrap_or_default(),
        }
    }
}

/// The paths whose digest differs, in order; all of them when there is no before.
fn changed<'a>(before: Option<&'a SourceDigests>, now: &'a SourceDigests) -> Vec<&'a String> {
    let Some(before) = before else { return now.digests.keys().collect() };
    let paths: BTreeSet<&String> = before.digests.keys().chain(now.digests.keys()).collect();
    paths.into_iter().filter(|path| before.digests.get(*path) != now.digests.get(*path)).collect()
}

/// A source as messages: the header, then each file in pieces.
fn messages(source: Source, known_digest: &str) -> impl Iterator<Item = FetchResponse> + Send + use<> {
    let unchanged = source.digest == known_digest;
    let files = if unchanged { Vec::new() } else { source.files };
    let header = SourceHeader {
        digest: source.digest,
        revision: source.revision.to_string(),
        path: source.path,
        file_count: u32::try_from(files.len()).unwrap_or(u32::MAX),
        unchanged,
    };
    let chunks = files.into_iter().flat_map(chunks_of).map(Part::Chunk);
    std::iter::once(Part::Header(header)).chain(chunks).map(|part| FetchResponse { part: Some(part) })
}

/// The pieces of a file; an empty file is one empty piece.
fn chunks_of(file: SourceFile) -> impl Iterator<Item = FileChunk> + Send {
    let pieces = file.bytes.len().div_ceil(CHUNK_BYTES).max(1);
    (0..pieces).map(move |piece| {
        let end = file.bytes.len().min((piece + 1) * CHUNK_BYTES);
        FileChunk {
            path: file.path.clone(),
            mode: file.mode,
            data: file.bytes[piece * CHUNK_BYTES..end].to_vec(),
            last: piece + 1 == pieces,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_travel_in_bounded_pieces() {
        let check = |size: usize, expected: &[usize]| {
            let file = SourceFile { path: "a".into(), mode: 0o100_644, bytes: vec![7; size] };
            let pieces: Vec<_> = chunks_of(file).collect();
            assert_eq!(pieces.iter().map(|piece| piece.data.len()).collect::<Vec<_>>(), expected);
            let last: Vec<_> = pieces.iter().map(|piece| piece.last).collect();
            assert!(last.iter().rev().skip(1).all(|last| !last) && last.ends_with(&[true]), "{last:?}");
        };
        check(0, &[0]);
        check(1, &[1]);
        check(CHUNK_BYTES, &[CHUNK_BYTES]);
        check(CHUNK_BYTES + 1, &[CHUNK_BYTES, 1]);
    }

    #[test]
    fn a_known_digest_is_answered_by_the_header_alone() {
        let revision: Revision = "main@sha1:0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let files = vec![SourceFile { path: "a".into(), mode: 0o100_644, bytes: vec![1] }];
        let source = Source { path: "charts/a".into(), revision, digest: "sha256:00".into(), files };
        assert_eq!(messages(source.clone(), "sha256:00").count(), 1);
        assert_eq!(messages(source, "sha256:11").count(), 2);
    }

    #[test]
    fn only_differences_are_sent_and_what_is_gone_too() {
        let digests = |pairs: &[(&str, &str)]| SourceDigests {
            digests: pairs.iter().map(|(path, digest)| (path.to_string(), digest.to_string())).collect(),
        };
        let (before, now) =
            (digests(&[("a", "1"), ("b", "1"), ("c", "1")]), digests(&[("a", "1"), ("b", "2"), ("d", "1")]));
        assert_eq!(changed(Some(&before), &now), ["b", "c", "d"]);
        assert_eq!(changed(None, &now), ["a", "b", "d"]);
    }
}
