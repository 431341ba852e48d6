//! `windlass get …`: what is known of releases.

use api::release::v1::{
    GetHistoryRequest, GetManifestRequest, GetNotesRequest, GetReleaseRequest, GetValuesRequest,
    ListReleasesRequest, ListReleasesResponse, Readiness, ReleaseOrder,
};

use super::ask::{self, AskError, Operator};
use super::output::{self, Format};
use super::show::{self, Columns};
use super::{ReleaseError, arguments, named, number, revision};
use crate::command::{Command, Invocation};
use crate::flags::{Flag, Kind, Parsed, boolean};
use crate::settings;

/// Releases asked for at a time.
const PAGE: u32 = 1000;
/// Releases, or revisions, listed at the most.
const MOST: usize = 100_000;
/// Revisions asked for at a time.
const HISTORY_PAGE: u32 = 100;

pub(super) const ALL_NAMESPACES: Flag =
    Flag::new("all-namespaces", Kind::Switch, "of all namespaces, whatever --namespace says").short('A');
const REVISION: Flag = Flag::new("revision", Kind::Int, "revision of the release; the newest without it");

pub(super) const RELEASES: Command = Command {
    name: "get",
    object: "releases",
    arguments: "[NAME]",
    summary: "list releases, or tell everything about one",
    about: "Lists the FluxHelmRelease objects of a namespace with their releases, or tells everything about the one that is named.",
    flags: &[RELEASES_FLAGS, ask::FLAGS],
    fewest: 0,
    run: |invocation| Ok(releases(invocation)?),
};

const RELEASES_FLAGS: &[Flag] = &[
    ALL_NAMESPACES,
    Flag::new(
        "ready",
        Kind::OptionalText("true"),
        "only those whose condition Ready is this: true, false, unknown, or several between commas",
    ),
    Flag::new(
        "suspended",
        Kind::Switch,
        "only those that are suspended; with =false only those that are not",
    ),
    Flag::new("chart", Kind::Text, "only those of this chart: its name, or its path below the charts path"),
    Flag::new(
        "status",
        Kind::CommaTexts,
        "only those with this status of Helm's: deployed, failed, pending-upgrade…",
    ),
    Flag::new("name-contains", Kind::Text, "only those whose name contains this text"),
    Flag::new(
        "sort-by",
        Kind::Text,
        "name, changed (newest first) or ready (what is not ready first); name without it",
    ),
    Flag::new("no-headers", Kind::Switch, "leave out the head of the table"),
    output::WIDE,
];

pub(super) const VALUES: Command = Command {
    name: "get",
    object: "values",
    arguments: "NAME",
    summary: "print the values of a release",
    about: "Prints the values that a release was made with. What is called like a secret or comes from one is masked.",
    flags: &[
        &[
            REVISION,
            Flag::new("all", Kind::Switch, "the chart's own values as well").short('a'),
            Flag::new("output", Kind::Text, "yaml or json; yaml without it").short('o'),
        ],
        ask::FLAGS,
    ],
    fewest: 1,
    run: |invocation| Ok(values(invocation)?),
};

pub(super) const MANIFEST: Command = Command {
    name: "get",
    object: "manifest",
    arguments: "NAME",
    summary: "print the objects of a release",
    about: "Prints the objects of a release as they were released. The content of Secrets is masked.",
    flags: &[&[REVISION], ask::FLAGS],
    fewest: 1,
    run: |invocation| Ok(manifest(invocation)?),
};

pub(super) const NOTES: Command = Command {
    name: "get",
    object: "notes",
    arguments: "NAME",
    summary: "print the notes of a release",
    about: "Prints the notes that a release's chart gave.",
    flags: &[&[REVISION], ask::FLAGS],
    fewest: 1,
    run: |invocation| Ok(notes(invocation)?),
};

pub(super) const HISTORY: Command = Command {
    name: "get",
    object: "history",
    arguments: "NAME",
    summary: "list the revisions of a release",
    about: "Lists the revisions of a release, the newest last.",
    flags: &[
        &[Flag::new("max", Kind::Int, "so many of the newest; all without it"), output::FLAG],
        ask::FLAGS,
    ],
    fewest: 1,
    run: |invocation| Ok(history(invocation)?),
};

fn releases(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let flags = invocation.flags;
    let format = Format::of(flags, &[Format::Table, Format::Wide, Format::Json, Format::Yaml])?;
    if !arguments(invocation, 1)?.is_empty() {
        return release(invocation, format);
    }
    let namespace = namespace(invocation);
    let request = list_request(flags, &namespace)?;
    let mut operator = Operator::connect(invocation)?;
    let all = all_pages(&mut operator, request)?;
    let text = match format {
        Format::Table | Format::Wide => {
            let columns = Columns { namespace: namespace.is_empty(), wide: format == Format::Wide };
            if all.releases.is_empty() {
                let place = if namespace.is_empty() {
                    "any namespace".to_owned()
                } else {
                    format!("namespace {namespace}")
                };
                invocation.console.note(&format!("There are no such releases in {place}."));
                return Ok(());
            }
            let mut table = show::releases(columns);
            all.releases.iter().for_each(|release| table.push(show::release_row(release, columns)));
            table.print_from(usize::from(flags.on("no-headers")), &table.widths())
        }
        format => output::print(&output::value("ListReleasesResponse", &all), format),
    };
    Ok(invocation.console.print(&text)?)
}

/// The namespace that is asked for; empty for all.
pub(super) fn namespace(invocation: &Invocation<'_, '_>) -> String {
    match invocation.flags.on(ALL_NAMESPACES.name) {
        true => String::new(),
        false => settings::namespace(invocation.flags, invocation.process),
    }
}

fn list_request(flags: &Parsed, namespace: &str) -> Result<ListReleasesRequest, ReleaseError> {
    let text = |flag: &str| flags.text(flag).unwrap_or_default().to_owned();
    let usage = |flag: &str, text: &str, known: &str| {
        ReleaseError::Usage(format!("--{flag} {text:?} is none of {known}"))
    };
    let readiness = |word: &str| match word {
        "unknown" | "Unknown" => Ok(Readiness::Unknown.into()),
        word => match boolean(word) {
            Ok(true) => Ok(Readiness::Ready.into()),
            Ok(false) => Ok(Readiness::NotReady.into()),
            Err(_) => Err(usage("ready", word, "true, false, unknown")),
        },
    };
    let readiness =
        flags.text("ready").map(|words| words.split(',').map(readiness).collect::<Result<_, _>>());
    let order = match flags.text("sort-by") {
        None | Some("name") => ReleaseOrder::Name,
        Some("changed") => ReleaseOrder::Changed,
        Some("ready") => ReleaseOrder::Readiness,
        Some(other) => return Err(usage("sort-by", other, "name, changed, ready")),
    };
    Ok(ListReleasesRequest {
        namespace: namespace.to_owned(),
        page_size: PAGE,
        page_token: String::new(),
        name_contains: text("name-contains"),
        chart: text("chart"),
        readiness: readiness.transpose()?.unwrap_or_default(),
        statuses: flags.list("status").to_vec(),
        suspended: flags.is_set("suspended").then(|| flags.on("suspended")),
        order: order.into(),
    })
}

/// One page after the other, up to [`MOST`].
fn all_pages(
    operator: &mut Operator,
    mut request: ListReleasesRequest,
) -> Result<ListReleasesResponse, AskError> {
    let mut all = ListReleasesResponse::default();
    loop {
        let page =
            operator.ask(request.clone(), async |client, request| client.list_releases(request).await)?;
        let empty = page.releases.is_empty();
        all.releases.extend(page.releases);
        all.total_count = page.total_count;
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() || empty || all.releases.len() >= MOST {
            return Ok(all);
        }
        request.page_token.clone_from(&all.next_page_token);
    }
}

fn release(invocation: &mut Invocation<'_, '_>, format: Format) -> Result<(), ReleaseError> {
    let (namespace, name) = named(invocation, 1)?;
    let request = GetReleaseRequest { namespace, name };
    let answer = Operator::connect(invocation)?
        .ask(request, async |client, request| client.get_release(request).await)?;
    let text = match format {
        Format::Table | Format::Wide => show::details(&answer),
        format => output::print(&output::value("GetReleaseResponse", &answer), format),
    };
    Ok(invocation.console.print(&text)?)
}

fn values(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let format = Format::of(invocation.flags, &[Format::Yaml, Format::Json])?;
    let (namespace, name) = named(invocation, 1)?;
    let revision = revision(invocation, REVISION.name)?;
    let request = GetValuesRequest { namespace, name, revision, all: invocation.flags.on("all") };
    let answer = Operator::connect(invocation)?
        .ask(request, async |client, request| client.get_values(request).await)?;
    let shown = output::value("GetValuesResponse", &answer);
    let empty = go_yaml::Value::Map(Default::default());
    let text = output::print(shown.get("values").unwrap_or(&empty), format);
    Ok(invocation.console.print(&text)?)
}

fn manifest(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (namespace, name) = named(invocation, 1)?;
    let request = GetManifestRequest { namespace, name, revision: revision(invocation, REVISION.name)? };
    let answer = Operator::connect(invocation)?
        .ask(request, async |client, request| client.get_manifest(request).await)?;
    Ok(invocation.console.print(&answer.manifest)?)
}

fn notes(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let (namespace, name) = named(invocation, 1)?;
    let request = GetNotesRequest { namespace, name, revision: revision(invocation, REVISION.name)? };
    let answer = Operator::connect(invocation)?
        .ask(request, async |client, request| client.get_notes(request).await)?;
    let end = if answer.notes.is_empty() || answer.notes.ends_with('\n') { "" } else { "\n" };
    Ok(invocation.console.print(&(answer.notes + end))?)
}

fn history(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let format = Format::of(invocation.flags, &[Format::Table, Format::Json, Format::Yaml])?;
    let (namespace, name) = named(invocation, 1)?;
    let most = match invocation.flags.text("max") {
        None => MOST,
        Some(text) => (number("--max", text)? as usize).min(MOST),
    };
    let mut operator = Operator::connect(invocation)?;
    let mut request =
        GetHistoryRequest { namespace, name, page_size: HISTORY_PAGE, page_token: String::new() };
    let mut all = operator.ask(request.clone(), async |client, request| client.get_history(request).await)?;
    while all.revisions.len() < most && !all.next_page_token.is_empty() {
        request.page_token.clone_from(&all.next_page_token);
        let page =
            operator.ask(request.clone(), async |client, request| client.get_history(request).await)?;
        if page.revisions.is_empty() {
            break;
        }
        all.revisions.extend(page.revisions);
        all.next_page_token = page.next_page_token;
    }
    all.revisions.truncate(most);
    all.next_page_token.clear();
    let text = match format {
        Format::Table => show::history(&all.revisions).print(""),
        format => output::print(&output::value("GetHistoryResponse", &all), format),
    };
    Ok(invocation.console.print(&text)?)
}
