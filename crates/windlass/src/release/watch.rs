//! `windlass watch releases`: releases as they change.

use std::collections::{BTreeMap, BTreeSet};

use api::release::v1::{Release, WatchResponse};

use super::ask::{self, Operator};
use super::output::{self, Format};
use super::show::{self, Columns};
use super::{ReleaseError, arguments, get};
use crate::command::{Command, Invocation};
use crate::flags::{Flag, Kind, duration};

pub(super) const COMMAND: Command = Command {
    name: "watch",
    object: "releases",
    arguments: "",
    summary: "print releases, and each again as it changes",
    about: "Prints the releases of a namespace, then each one again whenever it changes, until it is stopped or for --timeout. With -o json \
            each message is a line.",
    flags: &[
        &[
            get::ALL_NAMESPACES,
            Flag::new("output", Kind::Text, "table, wide or json; table without it").short('o'),
        ],
        ask::FLAGS,
    ],
    fewest: 0,
    run: |invocation| Ok(run(invocation)?),
};

fn run(invocation: &mut Invocation<'_, '_>) -> Result<(), ReleaseError> {
    let format = Format::of(invocation.flags, &[Format::Table, Format::Wide, Format::Json])?;
    arguments(invocation, 0)?;
    let namespace = get::namespace(invocation);
    let columns = Columns { namespace: namespace.is_empty(), wide: format == Format::Wide };
    let mut operator = Operator::connect(invocation)?;
    // Unlike an answer, the end of a stream is not waited for unless somebody says so.
    let limit = invocation
        .flags
        .text("timeout")
        .and_then(|text| duration(text).ok())
        .filter(|limit| !limit.is_zero());
    let mut screen = Screen::new(columns);
    let console = &mut *invocation.console;
    let mut show = |message: &WatchResponse| match format {
        Format::Json => console.print(&output::print_line(&output::value("WatchResponse", message))),
        _ => console.print(&screen.take(message)),
    };
    operator.follow(&namespace, limit, &mut show)
}

/// What is printed of the messages: the snapshot as a table, then a row for what is another than before.
struct Screen {
    columns: Columns,
    /// The row last seen of each release.
    rows: BTreeMap<(String, String), Vec<String>>,
    /// Rows to be printed.
    fresh: Vec<Vec<String>>,
    /// Those named by the snapshot that is being received.
    named: BTreeSet<(String, String)>,
    /// Once the head is printed.
    widths: Option<Vec<usize>>,
}

impl Screen {
    fn new(columns: Columns) -> Self {
        Self { columns, rows: BTreeMap::new(), fresh: Vec::new(), named: BTreeSet::new(), widths: None }
    }

    /// What a message adds to the screen.
    fn take(&mut self, message: &WatchResponse) -> String {
        for release in &message.releases {
            let key = (release.namespace.clone(), release.name.clone());
            if message.snapshot {
                self.named.insert(key.clone());
            }
            self.changed(key, release);
        }
        for gone in &message.removed {
            self.removed(&(gone.namespace.clone(), gone.name.clone()));
        }
        if message.snapshot && message.snapshot_end {
            let named = std::mem::take(&mut self.named);
            let gone: Vec<_> = self.rows.keys().filter(|key| !named.contains(*key)).cloned().collect();
            gone.iter().for_each(|key| self.removed(key));
        }
        // Columns are as wide as the whole snapshot needs.
        if self.widths.is_none() && message.snapshot && !message.snapshot_end {
            String::new()
        } else {
            self.print()
        }
    }

    fn changed(&mut self, key: (String, String), release: &Release) {
        let row = show::release_row(release, self.columns);
        if self.rows.get(&key) != Some(&row) {
            self.rows.insert(key, row.clone());
            self.fresh.push(row);
        }
    }

    fn removed(&mut self, key: &(String, String)) {
        if self.rows.remove(key).is_some() {
            self.fresh.push(show::removed_row(&key.0, &key.1, self.columns));
        }
    }

    fn print(&mut self) -> String {
        let mut table = show::releases(self.columns);
        self.fresh.drain(..).for_each(|row| table.push(row));
        let first = usize::from(self.widths.is_some());
        let widths = self.widths.get_or_insert_with(|| table.widths());
        table.print_from(first, widths)
    }
}

#[cfg(test)]
mod tests {
    use api::release::v1::ReleaseRef;

    use super::*;

    #[test]
    fn a_row_is_printed_for_what_is_new() {
        let release = |name: &str, status: &str| Release {
            namespace: "dev".into(),
            name: name.into(),
            chart: "podinfo-1".into(),
            revision: 1,
            status: status.into(),
            ..Release::default()
        };
        let snapshot = |releases: Vec<Release>, snapshot_end| WatchResponse {
            snapshot: true,
            snapshot_end,
            releases,
            ..WatchResponse::default()
        };
        let change = |releases: Vec<Release>, removed: &[&str]| WatchResponse {
            releases,
            removed: removed
                .iter()
                .map(|name| ReleaseRef { namespace: "dev".into(), name: (*name).into() })
                .collect(),
            ..WatchResponse::default()
        };
        let mut screen = Screen::new(Columns { namespace: false, wide: false });
        let rows = [
            (snapshot(vec![release("web", "deployed")], false), ""),
            (
                snapshot(vec![release("database", "failed")], true),
                "NAME       CHART       REVISION   STATUS     SUSPENDED   READY     MESSAGE\n\
                 web        podinfo-1   1          deployed   False       Unknown\n\
                 database   podinfo-1   1          failed     False       Unknown\n",
            ),
            (
                change(vec![release("web", "pending-upgrade")], &[]),
                "web        podinfo-1   1          pending-upgrade   False       Unknown\n",
            ),
            (change(vec![release("web", "pending-upgrade")], &["none"]), ""),
            (
                change(vec![], &["web"]),
                "web        -           -          -          -           -         removed\n",
            ),
            // After a break: one that vanished meanwhile, one that is new, one that is as it was.
            (
                snapshot(vec![release("api", "deployed")], false),
                "api        podinfo-1   1          deployed   False       Unknown\n",
            ),
            (
                snapshot(vec![], true),
                "database   -           -          -          -           -         removed\n",
            ),
        ];
        for (message, expected) in rows {
            assert_eq!(screen.take(&message), expected, "{message:?}");
        }
    }
}
