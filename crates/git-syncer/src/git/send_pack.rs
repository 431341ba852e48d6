//! A push: git's send-pack, the client of receive-pack, for one commit on top of the fetched tip.
//!
//! gix has the transport and the pack writer, but no push; this is the protocol between them (git's
//! `Documentation/gitprotocol-pack`, "Pushing Data To a Server"). The ref moves by compare-and-swap: the server's advertised
//! value must be the parent, and receive-pack checks the same again under its lock, so of two racing writers one is refused.
//!
//! Not here, because one commit on the tip never needs it: delete, force, tags, push options, several refs, deltas, sha256.

use std::io::{Read as _, Write};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use gix_pack::data::output;
use gix_transport::Service;
use gix_transport::client::blocking_io::{ExtendedBufRead, ReadlineBufRead};
use gix_transport::client::{Capabilities, MessageKind, WriteMode};

use super::error::{Cause, GitError};
use super::process::{self, AnyTransport};
use super::remote::Remote;
use super::{CommitId, object_id};

/// As much of a server's report as is read.
const REPORT_LIMIT: u64 = 256 * 1024;
/// As much of what hooks print as is kept.
const HOOK_TEXT_LIMIT: usize = 2 * 1024;

/// The move of one ref.
pub(super) struct RefUpdate<'a> {
    /// Full name, `refs/heads/…`.
    pub name: &'a str,
    /// Where it must be now.
    pub old: CommitId,
    /// Where it goes.
    pub new: CommitId,
}

/// Pushes `update.new`, whose objects are those that `repository` holds in memory.
pub(super) fn push(
    repository: &gix::Repository,
    remote: &Remote,
    update: &RefUpdate<'_>,
) -> Result<(), GitError> {
    let pack = pack_of_memory(repository)?;
    let (mut transport, mut exchange) = process::open(remote, Service::ReceivePack)?;
    let (advertised, capabilities) =
        advertisement(&mut transport, update.name).map_err(|error| exchange.explain(error))?;
    if advertised != Some(object_id(update.old)) {
        let found = advertised.map_or_else(|| "gone".to_owned(), |id| format!("at {id}"));
        return Err(GitError::NonFastForward {
            detail: format!("{} is {found}, not at {}", update.name, update.old),
        });
    }
    let report =
        send(&mut transport, update, &pack, &capabilities).map_err(|error| exchange.explain(error))?;
    judge(&report, update.name)
}

/// One pack with every object that was written into memory; without deltas, for a commit is a few small objects.
fn pack_of_memory(repository: &gix::Repository) -> Result<Vec<u8>, GitError> {
    let mut with_memory = repository.clone();
    let objects = with_memory.objects.take_object_memory().unwrap_or_default();
    let mut entries = Vec::new();
    for (id, (kind, data)) in objects.iter() {
        let data = gix::objs::Data::new(data, *kind, gix::hash::Kind::Sha1);
        let count = output::Count::from_data(*id, None);
        let entry = output::Entry::from_data(&count, &data, Default::default());
        entries.push(entry.map_err(|error| GitError::Corrupt(error.into()))?);
    }
    let count = u32::try_from(entries.len()).map_err(|error| GitError::Corrupt(error.into()))?;
    let mut pack = Vec::new();
    let input = std::iter::once(Ok(entries));
    let version = gix_pack::data::Version::V2;
    for written in
        output::bytes::FromEntriesIter::new(input, &mut pack, count, version, gix::hash::Kind::Sha1)
    {
        written.map_err(|error| GitError::Corrupt(error.into()))?;
    }
    Ok(pack)
}

/// Reads the server's refs and finds the one to move.
fn advertisement(
    transport: &mut AnyTransport,
    name: &str,
) -> Result<(Option<gix::ObjectId>, Capabilities), Cause> {
    let answer = transport.handshake(Service::ReceivePack, &[])?;
    let mut found = None;
    if let Some(mut refs) = answer.refs {
        let mut line = String::new();
        while refs.readline_str(&mut line)? > 0 {
            if let Some((id, advertised)) = line.trim_end().split_once(' ')
                && advertised == name
            {
                found = Some(gix::ObjectId::from_hex(id.as_bytes())?);
            }
            line.clear();
        }
    }
    Ok((found, answer.capabilities))
}

/// What the server answered to a push.
#[derive(Debug, Default)]
struct Report {
    /// `unpack …`, `ok …`, `ng …`.
    lines: Vec<String>,
    /// What its hooks printed.
    hook_text: String,
}

fn send(
    transport: &mut AnyTransport,
    update: &RefUpdate<'_>,
    pack: &[u8],
    capabilities: &Capabilities,
) -> Result<Report, Cause> {
    let sideband = capabilities.contains("side-band-64k");
    let wanted = ["report-status", "side-band-64k", "ofs-delta"];
    let wanted: Vec<_> = wanted.into_iter().filter(|name| capabilities.contains(name)).collect();
    let agent = concat!("agent=windlass/", env!("CARGO_PKG_VERSION"));
    let command = format!("{} {} {}\0 {} {agent}", update.old, update.new, update.name, wanted.join(" "));

    let request = transport.request(WriteMode::Binary, MessageKind::Flush, false)?;
    let (mut writer, mut reader) = request.into_parts();
    write!(writer, "{:04x}{command}0000", command.len() + 4)?;
    writer.write_all(pack)?;
    writer.flush()?;
    service_kit::failpoint!("git.inside-push");
    // The server begins to answer when the request has ended; over HTTP that is when the writer goes.
    drop(writer);
    if sideband { read_sideband(&mut *reader) } else { read_plain(&mut *reader) }
}

/// With side-band-64k the report's pkt-lines are nested in band 1; band 2 is what hooks print.
fn read_sideband<'a>(reader: &mut (dyn ExtendedBufRead<'a> + 'a)) -> Result<Report, Cause> {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&printed);
    reader.set_progress_handler(Some(Box::new(move |_is_error, text: &[u8]| {
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        if sink.len() + text.len() <= HOOK_TEXT_LIMIT {
            sink.extend_from_slice(text);
            sink.push(b'\n');
        }
        ControlFlow::Continue(())
    })));
    let mut nested = Vec::new();
    (&mut *reader).take(REPORT_LIMIT).read_to_end(&mut nested)?;
    let hook_text =
        String::from_utf8_lossy(&printed.lock().unwrap_or_else(PoisonError::into_inner)).trim().to_owned();
    Ok(Report { lines: pkt_lines(&nested), hook_text })
}

fn read_plain<'a>(reader: &mut (dyn ExtendedBufRead<'a> + 'a)) -> Result<Report, Cause> {
    let mut report = Report::default();
    while let Some(line) = reader.readline() {
        if let Some(text) = line??.as_slice() {
            report.lines.push(String::from_utf8_lossy(text).trim_end().to_owned());
        }
    }
    Ok(report)
}

/// The texts of pkt-lines up to a flush or the first malformed one.
fn pkt_lines(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some((head, _)) = bytes.split_first_chunk::<4>() {
        let length = std::str::from_utf8(head).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(text) = length.filter(|length| *length > 4).and_then(|length| bytes.get(4..length)) else {
            break;
        };
        lines.push(String::from_utf8_lossy(text).trim_end().to_owned());
        bytes = &bytes[text.len() + 4..];
    }
    lines
}

/// What the report means. An `ng` whose reason is git's own about the ref's old value is a lost race; any other is a refusal.
fn judge(report: &Report, name: &str) -> Result<(), GitError> {
    let refused = |reason: &str| {
        let separator = if report.hook_text.is_empty() { "" } else { ": " };
        GitError::Rejected { reason: format!("{reason}{separator}{}", report.hook_text) }
    };
    match report.lines.first().map(String::as_str) {
        Some("unpack ok") => {}
        Some(other) => return Err(refused(other)),
        None => {
            return Err(GitError::Protocol {
                detail: report.hook_text.clone(),
                source: "the server sent no report".into(),
            });
        }
    }
    if report.lines.iter().any(|line| line.strip_prefix("ok ") == Some(name)) {
        return Ok(());
    }
    let reason = report.lines.iter().find_map(|line| line.strip_prefix("ng ")?.strip_prefix(name));
    let reason = reason.map_or("the server did not confirm the ref", str::trim);
    let race = [
        "failed to update ref",
        "cannot lock ref",
        "incorrect old value",
        "fetch first",
        "non-fast-forward",
        "failed to lock",
    ];
    if race.iter().any(|text| reason.contains(text)) {
        return Err(GitError::NonFastForward { detail: reason.to_owned() });
    }
    Err(refused(reason))
}

#[cfg(test)]
#[path = "send_pack_tests.rs"]
mod tests;
