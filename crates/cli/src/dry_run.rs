//! `--dry-run`: what would be counted under which route, without posting anything.

use std::collections::HashMap;

use serde::Serialize;
use tally_model::route_of_target;
use tokio::runtime::Handle;

use crate::args::ImportArgs;
use crate::block::Block;
use crate::error::Error;
use crate::line::Line;
use crate::logs::Logs;
use crate::part::{EXAMPLES_MAX, Recipe, UnreadableLine, printable, rfc3339};
use crate::summary::{show, with_commas};

/// Most (method, route) pairs that are told apart; the requests of further ones are counted together.
const ROUTES_MAX: usize = 10_000;
/// Rows of the table.
const ROWS_MAX: usize = 50;
/// Widest route in the table, in characters.
const ROUTE_WIDTH_MAX: usize = 60;

/// What the logs hold.
#[derive(Default, Serialize)]
struct Preview {
    lines: u64,
    unreadable: u64,
    /// Requests of routes beyond [`ROUTES_MAX`].
    other_requests: u64,
    /// The earliest and latest time, shifted, in RFC 3339.
    from: Option<String>,
    to: Option<String>,
    shift_seconds: i64,
    routes: Vec<Row>,
    unreadable_examples: Vec<UnreadableLine>,
    #[serde(skip)]
    seen: HashMap<(String, String), (u64, String)>,
    #[serde(skip)]
    times: Option<(i64, i64)>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    requests: u64,
    method: String,
    route: String,
    /// A target as logged that became this route, preferably one that differs from it.
    example: String,
}

/// Reads all logs and prints the routes with the most requests.
///
/// # Errors
/// When a log cannot be read.
pub(crate) async fn dry_run(args: &ImportArgs, logs: Logs, recipe: Recipe) -> Result<(), Error> {
    let runtime = Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let mut preview = Preview { shift_seconds: recipe.shift.seconds(), ..Preview::default() };
        let take = |_, block: Block| {
            preview.add(&recipe, &block);
            true
        };
        logs.read(&runtime, |_| (), take).map(|()| preview)
    });
    let mut preview = read.await.map_err(|error| Error::Internal(error.to_string()))??;
    preview.sort();
    let json = || serde_json::to_string(&preview).map_err(|error| Error::Internal(error.to_string()));
    show(&if args.json { json()? } else { preview.text() });
    Ok(())
}

impl Preview {
    fn add(&mut self, recipe: &Recipe, block: &Block) {
        for (number, text) in (block.first_line..).zip(block.lines()) {
            self.lines += 1;
            match Line::parse(text) {
                Ok(line) => self.count(recipe, &line),
                Err(reason) => {
                    self.unreadable += 1;
                    if self.unreadable_examples.len() < EXAMPLES_MAX {
                        let (reason, text) = (reason.to_string(), printable(text));
                        self.unreadable_examples.push(UnreadableLine { line: number, reason, text });
                    }
                }
            }
        }
    }

    fn count(&mut self, recipe: &Recipe, line: &Line<'_>) {
        let at = line.unix_seconds;
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
        let route = route_of_target(line.method, line.target, recipe.keep_ids);
        let key = (line.method.to_owned(), route.into_owned());
        let room = self.seen.len() < ROUTES_MAX;
        if let Some((requests, example)) = self.seen.get_mut(&key) {
            *requests += 1;
            if *example == key.1 {
                *example = printable(line.target);
            }
        } else if room {
            self.seen.insert(key, (1, printable(line.target)));
        } else {
            self.other_requests += 1;
        }
    }

    fn sort(&mut self) {
        let seen = std::mem::take(&mut self.seen).into_iter();
        self.routes =
            seen.map(|((method, route), (requests, example))| Row { requests, method, route, example }).collect();
        let key = |row: &Row| (std::cmp::Reverse(row.requests), row.route.clone(), row.method.clone());
        self.routes.sort_by_cached_key(key);
        let shifted = |at| rfc3339(at + self.shift_seconds);
        (self.from, self.to) = self.times.map_or((None, None), |(from, to)| (shifted(from), shifted(to)));
    }

    fn text(&self) -> String {
        let mut text = vec![format!("{:>12}  {:<7}  {:<ROUTE_WIDTH_MAX$}  as logged", "requests", "method", "route")];
        text.extend(self.routes.iter().take(ROWS_MAX).map(Row::text));
        let rest = self.routes.iter().skip(ROWS_MAX);
        let (more, requests) = rest.fold((0_u64, self.other_requests), |(n, sum), row| (n + 1, sum + row.requests));
        if requests > 0 {
            let at_least = if self.other_requests > 0 { "at least " } else { "" };
            text.push(format!("{:>12}  on {at_least}{} more routes", with_commas(requests), with_commas(more)));
        }
        text.push(format!("\n{} lines, {} unreadable", with_commas(self.lines), with_commas(self.unreadable)));
        let examples = self.unreadable_examples.iter();
        text.extend(examples.map(|example| format!("  {}  {}: {}", example.line, example.reason, example.text)));
        if let (Some(from), Some(to)) = (&self.from, &self.to) {
            text.push(format!("times {from} to {to}"));
        }
        text.push("nothing was posted (--dry-run)".to_owned());
        text.join("\n")
    }
}

impl Row {
    fn text(&self) -> String {
        let route = printable(self.route.as_bytes());
        let shown = if self.example == self.route { "" } else { &self.example };
        let requests = with_commas(self.requests);
        format!("{requests:>12}  {:<7}  {route:<ROUTE_WIDTH_MAX$}  {shown}", self.method).trim_end().to_owned()
    }
}
