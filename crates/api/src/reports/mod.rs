//! Reports: what was counted in a window, on one page that needs nothing else, as CSV, and as JSON; made on the spot, or kept
//! in a directory for some days.
//!
//! [`question`] is what is asked for; [`report`] gathers it from the store; [`changed`] finds what got worse; [`page`],
//! [`table`] and [`document`] write it down; [`kept`] has the routes of reports that are kept, and [`shelf`] the directory.

mod changed;
mod charts;
mod compared;
mod document;
pub(crate) mod kept;
mod name;
mod numbers;
pub(crate) mod once;
mod page;
mod question;
mod report;
mod series;
mod shelf;
mod table;
mod times;
mod turn;

pub(crate) use shelf::Shelf;
pub(crate) use turn::Turn;

use actix_web::web;

use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reports::question::Question;
use crate::reports::report::Report;

/// What a quantile of a report is; stands in each of them.
const PROMISE: &str = "Quantiles are merged from sketches, never averaged: true within 1\u{a0}% for any window.";

/// How a report is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Html,
    Csv,
    Json,
}

impl Format {
    const ALL: [Self; 3] = [Self::Html, Self::Csv, Self::Json];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension() == text)
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }

    /// The report in this format.
    ///
    /// # Errors
    /// 500, if it cannot be written down.
    fn write(self, report: &Report) -> Result<String, Problem> {
        match self {
            Self::Html => page::html(report),
            Self::Csv => Ok(table::csv(report)),
            Self::Json => document::json(report),
        }
    }
}

/// Gathers a report and writes it down, off the threads that serve: it may be long.
///
/// # Errors
/// 503 while too many are made at once, without PostgreSQL, or when it takes too long.
async fn made(
    front: &Front,
    question: &Question,
    formats: &'static [Format],
) -> Result<(Report, Vec<String>), Problem> {
    let _turn = front.report_turn.take().await?;
    let report = turn::in_time(Report::gather(front, question)).await?;
    let written = web::block(move || {
        let texts = formats.iter().map(|format| format.write(&report)).collect::<Result<Vec<_>, _>>()?;
        Ok((report, texts))
    });
    written.await.map_err(|_| Problem::new(Kind::Overloaded, "no thread is free to write the report; ask again"))?
}
