//! `tally`, the hand tool: counts the requests of access logs, posts demo traffic, fetches reports, and checks a running Tally.
//!
//! The way of a log: [`source`] opens and unpacks it, [`block`] cuts it, [`line`] and [`part`] turn a block
//! into what is posted, [`post`] gets it through, [`summary`] says what came of it; [`import`] is the pipeline, and
//! [`follow`] the one for a log that grows.

mod args;
mod block;
mod check;
mod demo;
mod dry_run;
mod error;
mod fetch;
mod follow;
mod history;
mod import;
mod line;
mod logs;
mod moment;
mod part;
mod post;
mod progress;
mod random;
mod reader;
mod report;
mod shift;
mod shop;
mod source;
mod summary;
mod traffic;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Import(args) => import::import(&args).await,
        Command::Demo(args) => demo::demo(&args).await,
        Command::Report(args) => report::report(&args).await,
        Command::Check(args) => check::check(&args).await,
    }
}
