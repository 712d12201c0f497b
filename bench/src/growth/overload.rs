//! Ten times what can be taken, for a minute, in whose middle third nobody counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tally_servers::{AppendFsync, Process};
use tokio::time::sleep;

use super::open_loop::{self, Became, Offer, Post};
use crate::chart::{Chart, Line, Panel};
use crate::chart_axis::Axis;
use crate::data::{Bodies, ENDPOINTS, key};
use crate::error::Error;
use crate::machine::{Watch, resident_bytes};
use crate::rounds::{Effort, short};
use crate::run::product;
use crate::say;
use crate::system::{Books, System};

/// What is offered, in multiples of what can be taken.
const TIMES: f64 = 10.0;
const CLIENTS: u32 = 8_192;
const SECONDS: u32 = 60;
const SECONDS_QUICK: u32 = 9;
/// What may wait to be counted, for each second: few enough to be reached while nobody counts.
const BACKLOG_EVENTS_PER_SECOND: u32 = 10_000;
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(500);
const MIB: f64 = 1_048_576.0;

/// One look at the system under load.
struct Look {
    at_s: f64,
    api_mib: f64,
    consumer_mib: f64,
    redis_mib: f64,
    waiting: f64,
}

pub(super) async fn overload(effort: Effort) -> Result<Chart, Error> {
    let seconds = if effort.repeats_max == 0 { SECONDS_QUICK } else { SECONDS };
    let backlog = (seconds * BACKLOG_EVENTS_PER_SECOND).to_string();
    let mut system = System::start_counting(AppendFsync::EverySec, &[("TALLY_BACKLOG_EVENTS", &backlog)]).await?;
    let bodies = Bodies::write(&system.dir, 1, ENDPOINTS, 1)?;
    let full = product(&system, &bodies, effort.seconds).await?.get("accepted").copied().unwrap_or_default();
    let offer = Offer { clients: CLIENTS, per_second: TIMES * full, seconds };
    say(&format!("  {} events/s can be taken, {} are offered", short(full), short(offer.per_second)));
    let (keys_before, (before, _)) = (system.requests().await?, system.counted().await?);
    let address = system.base.trim_start_matches("http://").to_owned();
    let watch = Watch::start();
    let (posts, looks) = tokio::join!(open_loop::post(&address, &bodies, offer), interrupt(&mut system, seconds));
    let (posts, looks) = (posts?, looks?);
    let strangers = watch.strangers_cores();
    let (after, _) = system.counted().await?;
    let sum = check(&bodies, &posts, (&keys_before, &system.requests().await?), (before, after))?;
    say(&format!("  {sum}"));
    Ok(chart(&posts, &looks, offer, vec![sum, format!("Strangers took {strangers:.2} cores.")]))
}

/// Looks at the system while it is under load, and takes its consumer away for the middle third.
async fn interrupt(system: &mut System, seconds: u32) -> Result<Vec<Look>, Error> {
    let (began, third) = (Instant::now(), Duration::from_secs(u64::from(seconds)) / 3);
    let (mut looks, mut stopped, mut started) = (Vec::new(), false, false);
    while began.elapsed() < 3 * third {
        if !stopped && began.elapsed() >= third {
            stopped = true;
            system.stop_consumer().await?;
        }
        if !started && began.elapsed() >= 2 * third {
            started = true;
            system.start_consumer(&[])?;
        }
        let mib = |pid| resident_bytes(pid) as f64 / MIB;
        looks.push(Look {
            at_s: began.elapsed().as_secs_f64(),
            api_mib: mib(system.api.pid()),
            consumer_mib: system.consumer.as_ref().map_or(0.0, |consumer: &Process| mib(consumer.pid())),
            redis_mib: mib(system.redis.pid()),
            waiting: system.books().await?.in_flight as f64,
        });
        sleep(LOOK).await;
    }
    Ok(looks)
}

/// Every accepted event is counted under its endpoint, and of the others none but those without an answer.
fn check(
    bodies: &Bodies,
    posts: &[Post],
    (keys_before, keys_after): (&BTreeMap<crate::data::Key, u64>, &BTreeMap<crate::data::Key, u64>),
    (before, after): (Books, Books),
) -> Result<String, Error> {
    let count = |became| posts.iter().filter(|post| post.became == became).count() as u64;
    let [accepted, refused, unknown] = [Became::Accepted, Became::Refused, Became::Unknown].map(count);
    let mut times = vec![0; bodies.count()];
    posts.iter().filter(|post| post.became == Became::Accepted).for_each(|post| times[post.body as usize] += 1);
    let mut beyond = 0;
    for (endpoint, posted) in bodies.events(|body| times[body]).into_iter().enumerate() {
        let of = |counts: &BTreeMap<_, u64>| counts.get(&key(endpoint)).copied().unwrap_or_default();
        let counted = of(keys_after) - of(keys_before);
        if counted < posted {
            return Error::wrong(format!("{:?}: accepted {posted}, counted {counted}", key(endpoint)));
        }
        beyond += counted - posted;
    }
    let (counted, dead) = (after.counted - before.counted, after.dead_lettered - before.dead_lettered);
    let sum = format!(
        "{} posts sent = {counted} counted + {dead} dead-lettered + {refused} refused + {} without an answer and not counted; {} \
         fell due while their client waited.",
        accepted + refused + unknown,
        (accepted + unknown).saturating_sub(counted + dead),
        count(Became::NotSent)
    );
    if beyond > unknown || counted != accepted + beyond || dead > 0 {
        return Error::wrong(format!("{sum} {accepted} were accepted, {unknown} without an answer"));
    }
    Ok(sum)
}

fn chart(posts: &[Post], looks: &[Look], offer: Offer, mut notes: Vec<String>) -> Chart {
    let seconds = 0..offer.seconds as u16;
    let by_second: Vec<Vec<&Post>> =
        seconds.map(|second| posts.iter().filter(|post| post.second == second).collect()).collect();
    let rate = |name: &str, is: fn(Became) -> bool| {
        let count = |of_second: &Vec<&Post>| of_second.iter().filter(|post| is(post.became)).count() as f64;
        Line::once(name, by_second.iter().enumerate().map(|(second, posts)| (second as f64 + 0.5, count(posts))))
    };
    let latency = |name: &str, share: f64| {
        Line::once(
            name,
            by_second.iter().enumerate().map(|(second, posts)| (second as f64 + 0.5, quantile_ms(posts, share))),
        )
    };
    let look = |name: &str, of: fn(&Look) -> f64| Line::once(name, looks.iter().map(|look| (look.at_s, of(look))));
    let panel = |y, lines| Panel { x: Axis::linear("seconds"), y, lines };
    let third = offer.seconds / 3;
    notes.insert(
        0,
        format!(
            "{} clients, singles; no consumer from {third} s to {} s; at most {} events may wait to be counted.",
            offer.clients,
            2 * third,
            offer.seconds * BACKLOG_EVENTS_PER_SECOND
        ),
    );
    Chart {
        title: format!("Overload: {} posts/s are offered, ten times what can be taken", short(offer.per_second)),
        notes,
        panels: vec![
            panel(
                Axis::log("posts/s"),
                vec![
                    rate("offered", |_| true),
                    rate("accepted", |became| became == Became::Accepted),
                    rate("refused (503)", |became| became == Became::Refused),
                ],
            ),
            panel(Axis::log("latency of accepted posts, ms"), vec![latency("p50", 0.5), latency("p99", 0.99)]),
            panel(Axis::linear("accepted and not yet counted, events"), vec![look("events", |look| look.waiting)]),
            panel(
                Axis::linear("memory, MiB"),
                vec![
                    look("API", |look| look.api_mib),
                    look("consumer", |look| look.consumer_mib),
                    look("Redis", |look| look.redis_mib),
                ],
            ),
        ],
    }
}

fn quantile_ms(posts: &[&Post], share: f64) -> f64 {
    let mut taken: Vec<u32> =
        posts.iter().filter(|post| post.became == Became::Accepted).map(|post| post.latency_us).collect();
    taken.sort_unstable();
    let at = ((taken.len() as f64 * share).ceil() as usize).saturating_sub(1);
    taken.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1e3)
}
