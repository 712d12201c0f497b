//! `tally check`: is Tally ready, does it count, is a connection refused? For healthchecks and tests: the exit code tells.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Deserialize;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep, timeout};

use crate::args::CheckArgs;
use crate::error::Error;
use crate::post::{Answer, Poster};
use crate::reader::Reader;
use crate::shift::show_duration;
use crate::summary::{say, show};

/// Longest wait for a connection that must be refused.
const REFUSED_WITHIN: Duration = Duration::from_secs(5);
/// How long a posted event may take to be counted, unless the command line says otherwise.
const COUNTED_WITHIN: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// What a posted event says it is of.
const SERVICE: &str = "tally-check";
/// Different checks at the same time should not take each other's event for theirs: each picks one of so many routes. Few
/// enough to be of no weight among a service's endpoints.
const ROUTES: i32 = 100;

/// Runs `tally check`.
pub(crate) async fn check(args: &CheckArgs) -> ExitCode {
    let outcome = match &args.refused {
        Some(address) => refused(address).await,
        None => answers(args).await,
    };
    match outcome {
        Ok(said) => {
            show(&said);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("tally: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn answers(args: &CheckArgs) -> Result<String, Error> {
    let tally = Tally { reader: Reader::new(args.to.clone())?, base: args.to.clone() };
    let until = Instant::now() + args.within.unwrap_or(if args.post { COUNTED_WITHIN } else { Duration::ZERO });
    tally.ready(until).await?;
    if !args.post {
        return Ok(format!("{} is ready", args.to));
    }
    let began = Instant::now();
    tally.count_one(until).await?;
    Ok(format!("{} counted an event in {} ms", args.to, began.elapsed().as_millis()))
}

/// A Tally that is looked at.
struct Tally {
    reader: Reader,
    base: Url,
}

#[derive(Deserialize)]
struct Endpoints {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    route: String,
    requests: u64,
}

impl Tally {
    /// Asks until it is ready, at least once.
    async fn ready(&self, until: Instant) -> Result<(), Error> {
        loop {
            match self.reader.text("ready").await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    /// Posts an event and waits until it is counted: until the requests of its route are more than before.
    async fn count_one(&self, until: Instant) -> Result<(), Error> {
        let now = Timestamp::now();
        let route = format!("/check/{:02}", now.subsec_microsecond().rem_euclid(ROUTES));
        let before = self.requests(&route).await?;
        let event = format!(r#"{{"service":"{SERVICE}","method":"GET","route":"{route}","status":200}}"#);
        let left = until.saturating_duration_since(Instant::now());
        let poster = Poster::new(self.base.clone(), left, Box::new(|_, _| ()))?;
        let key = format!("{SERVICE}-{}", now.as_nanosecond());
        match poster.post_events(&key, &Bytes::from(event)).await? {
            Answer::Accepted { accepted: 1, .. } => {}
            other => return Err(Error::NotCounted { reason: format!("the answer to an event was {other:?}") }),
        }
        while self.requests(&route).await? <= before {
            if Instant::now() >= until {
                return Err(Error::NotCounted {
                    reason: format!("an event was accepted, but not counted within {}", show_duration(left)),
                });
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Requests of a route of ours, around now by any clock.
    async fn requests(&self, route: &str) -> Result<u64, Error> {
        let (now, day) = (Timestamp::now(), SignedDuration::from_hours(24));
        let window = format!("from={}&to={}", now - day, now + day);
        let read: Endpoints = self.reader.json(&format!("v1/endpoints?service={SERVICE}&limit=1000&{window}")).await?;
        Ok(read.endpoints.iter().filter(|endpoint| endpoint.route == route).map(|endpoint| endpoint.requests).sum())
    }
}

/// Good is what cannot be connected to. A name that is not known proves nothing.
async fn refused(address: &str) -> Result<String, Error> {
    let unknown = |reason: String| Error::UnknownAddress { address: address.to_owned(), reason };
    let found = lookup_host(address).await.map_err(|error| unknown(error.to_string()))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err(unknown("it has no address".to_owned()));
    }
    for one in &found {
        if let Ok(Ok(_)) = timeout(REFUSED_WITHIN, TcpStream::connect(one)).await {
            return Err(Error::NotRefused { address: one.to_string() });
        }
    }
    Ok(format!("{address} cannot be connected to"))
}
