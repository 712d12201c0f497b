//! `/vote/{poll}/result`: how a poll stands, and whether the vote that was just cast is in it.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use tally_model::{Position, Shard};
use tally_store::Poll;

use crate::front::Front;
use crate::pages::assets::{self, Entry};
use crate::pages::trouble::{Trouble, linkable};
use crate::pages::{rendered, standing};
use crate::polls;
use crate::problem::Problem;
use crate::reads::unavailable;

#[derive(Template)]
#[template(path = "result.html")]
struct Page<'a> {
    entry: &'static Entry,
    poll: &'a str,
    title: &'a str,
    mine: Option<Mine>,
    lead: String,
    rows: Vec<Row>,
    total: String,
    as_of: Option<String>,
}

/// The vote that this browser was just led here for.
struct Mine {
    option: String,
    counted: bool,
    /// When it went into the log, by Redis's clock, which also says how far everything is counted; only while it waits.
    received_ms: Option<i64>,
}

struct Row {
    option: String,
    mine: bool,
    votes: String,
    share: String,
    has_unit: bool,
    width: String,
    less: bool,
}

/// What the form's answer put into the address. What else stands there is passed over: links are shared and decorated.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    voted: Option<String>,
    #[serde(default)]
    at: Option<String>,
}

/// The result of the poll that the path names.
pub(crate) async fn get(
    front: web::Data<Front>,
    poll: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Trouble> {
    let trouble = |problem| Trouble::looking(problem, linkable(&poll), request.path());
    let known = front.polls.find(&front, &poll).await.map_err(trouble)?;
    let asked = web::Query::<Asked>::from_query(request.query_string()).ok();
    let page = page(&front, &known, asked.as_deref()).await.map_err(trouble)?;
    rendered(HttpResponse::Ok(), &page).map_err(trouble)
}

/// Asks first how far everything is counted, then for the counts: what is said to be counted is in them.
async fn page<'a>(front: &Front, poll: &'a Poll, asked: Option<&Asked>) -> Result<Page<'a>, Problem> {
    let counted_through_ms = front.counted_through.ms(front).await?;
    let mine = match asked {
        Some(asked) => mine(front, poll, asked).await?,
        None => None,
    };
    let found = front.store()?.poll_results(&poll.name).await.map_err(unavailable)?;
    let mut votes = found.ok_or_else(|| polls::unknown(&poll.name))?;
    votes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total = votes.iter().map(|(_, votes)| votes).sum();
    Ok(Page {
        entry: assets::vote_entry(),
        poll: &poll.name,
        title: poll.title.as_deref().unwrap_or(&poll.name),
        lead: standing::lead(&votes),
        rows: rows(&votes, total, mine.as_ref()),
        total: format!("{}, each counted once", standing::counted(total)),
        as_of: counted_through_ms.map(time),
        mine,
    })
}

/// Whether the log is counted through the vote's own entry; no clock is asked.
async fn mine(front: &Front, poll: &Poll, asked: &Asked) -> Result<Option<Mine>, Problem> {
    let Some(option) = asked.voted.as_ref().filter(|voted| poll.options.contains(voted)) else { return Ok(None) };
    let at: Option<Position> = asked.at.as_ref().and_then(|at| at.parse().ok());
    let Some(at) = at else { return Ok(None) };
    let shard = Shard::of_poll(&poll.name, front.config.shards);
    let positions = front.store()?.positions().await.map_err(unavailable)?;
    let counted = positions.iter().any(|row| row.shard == shard && row.position() >= at);
    let received_ms = if counted { None } else { stamp_ms(front, shard, at).await };
    Ok(Some(Mine { option: option.clone(), counted, received_ms }))
}

/// What the entry itself says; without Redis nobody knows, and the page just does not turn by itself.
async fn stamp_ms(front: &Front, shard: Shard, at: Position) -> Option<i64> {
    let before = Position::new(at.epoch, at.seq.checked_sub(1)?);
    let entry = front.redis().ok()?.log.first_after(shard, before).await.ok()??;
    (entry.position == at).then_some(entry.stamp_ms)
}

fn rows(votes: &[(String, i64)], total: i64, mine: Option<&Mine>) -> Vec<Row> {
    let most = votes.first().map_or(0, |first| first.1);
    let row = |(option, votes): &(String, i64)| {
        let share = standing::share(*votes, total);
        Row {
            mine: mine.is_some_and(|mine| mine.option == *option),
            votes: standing::grouped(*votes),
            has_unit: share.is_some(),
            share: share.unwrap_or_else(|| "–".to_owned()),
            width: standing::width(*votes, total),
            less: *votes < most,
            option: option.clone(),
        }
    };
    votes.iter().map(row).collect()
}

/// In UTC: a page without a script cannot know the reader's zone.
fn time(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%H:%M:%S UTC").to_string()
}
