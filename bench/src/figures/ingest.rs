//! From a POST to a count: singles and batches.

use tally_servers::AppendFsync;

use crate::data::{Bodies, ENDPOINTS};
use crate::error::Error;
use crate::rounds::{Effort, Measured, interleave};
use crate::run::{Limits, product};
use crate::system::System;
use crate::table::{Row, Target};
use crate::xadd::xadd;

/// Threads that serve HTTP, of limits and product alike. wrk takes a core for singles, and next to none for batches.
pub(crate) const WORKERS_SINGLES: usize = 1;
pub(crate) const WORKERS_BATCHES: usize = 2;

pub(super) async fn singles(effort: Effort) -> Result<Vec<Row>, Error> {
    let limits = Limits::start(WORKERS_SINGLES).await?;
    let workers = WORKERS_SINGLES.to_string();
    let settings = [("TALLY_WORKERS", workers.as_str())];
    let everysec = System::start_counting(AppendFsync::EverySec, &settings).await?;
    let always = System::start_counting(AppendFsync::Always, &settings).await?;
    let one_shard =
        System::start_counting(AppendFsync::EverySec, &[("TALLY_WORKERS", &workers), ("TALLY_SHARDS", "1")]).await?;
    // As installed: actix and Tally take a thread a core unless they are told otherwise.
    let wide_limits = Limits::start(std::thread::available_parallelism().map_or(1, usize::from)).await?;
    let wide = System::start_counting(AppendFsync::EverySec, &[]).await?;
    let empty = Bodies::empty(&limits.dir)?;
    let mut seed = 0;
    let contenders = [
        "limit (a), bare",
        "limit (b), parsed",
        "product, everysec",
        "product, always",
        "limit (e), XADD",
        "product, everysec, one shard",
        "limit (a), bare, a thread a core",
        "product, everysec, a thread a core",
    ];
    let measured = interleave(effort, &contenders, async |contender| {
        seed += 1;
        let bodies = Bodies::write(&limits.dir, 1, ENDPOINTS, seed)?;
        match contender {
            0 => limits.run("/bare", &empty, effort.seconds).await,
            1 => limits.run("/parse", &bodies, effort.seconds).await,
            2 => product(&everysec, &bodies, effort.seconds).await,
            3 => product(&always, &bodies, effort.seconds).await,
            4 => xadd(effort.seconds).await,
            5 => product(&one_shard, &bodies, effort.seconds).await,
            6 => wide_limits.run("/bare", &empty, effort.seconds).await,
            _ => product(&wide, &bodies, effort.seconds).await,
        }
    })
    .await?;
    let row = |figure: &str, contender, name, limit: (&str, usize), target: Option<Target>| {
        let row = against(&measured, (figure, contender, name), limit);
        let row = target.map_or(row.clone(), |target| row.clone().meeting(target));
        if name == "counted" { row.with_hops(&measured, contender) } else { row }
    };
    let (a, b, e, wide) = (("(a)", 0), ("(b)", 1), ("(e)", 4), ("(a)", 6));
    Ok(vec![
        row("accepted, singles, everysec", 2, "accepted", a, Some(Target::Share(0.55, 0.70))),
        row("accepted, singles, always", 3, "accepted", a, Some(Target::Share(0.30, 0.38))),
        row("counted, singles, everysec", 2, "counted", a, Some(Target::Share(0.40, 0.53))),
        row("counted, singles, always", 3, "counted", a, Some(Target::Share(0.24, 0.32))),
        row("accepted, singles, everysec, beside read and parse", 2, "accepted", b, None),
        row("accepted, singles, everysec, beside XADD of each", 2, "accepted", e, None),
        row("accepted, singles, everysec, one shard", 5, "accepted", a, None),
        row("accepted, singles, everysec, a thread a core", 7, "accepted", wide, None),
    ])
}

pub(super) async fn batches(effort: Effort) -> Result<Vec<Row>, Error> {
    let limits = Limits::start(WORKERS_BATCHES).await?;
    let workers = WORKERS_BATCHES.to_string();
    let system = System::start_counting(AppendFsync::EverySec, &[("TALLY_WORKERS", &workers)]).await?;
    let mut seed = 0;
    let contenders = ["limit (c), 1000", "product, 1000", "limit (c), 100", "product, 100"];
    let measured = interleave(effort, &contenders, async |contender| {
        seed += 1;
        let batch = if contender < 2 { 1_000 } else { 100 };
        let bodies = Bodies::write(&limits.dir, batch, ENDPOINTS, seed)?;
        match contender {
            0 | 2 => limits.run("/pack", &bodies, effort.seconds).await,
            _ => product(&system, &bodies, effort.seconds).await,
        }
    })
    .await?;
    let row = |figure: &str, contender: usize, name, must, stretch| {
        let row =
            against(&measured, (figure, contender, name), ("(c)", contender - 1)).meeting(Target::Share(must, stretch));
        if name == "counted" { row.with_hops(&measured, contender) } else { row }
    };
    Ok(vec![
        row("accepted, batch 1000, everysec", 1, "accepted", 0.67, 0.85),
        row("accepted, batch 100, everysec", 3, "accepted", 0.45, 0.58),
        row("counted, batch 1000, everysec", 1, "counted", 0.50, 0.65),
        row("counted, batch 100, everysec", 3, "counted", 0.35, 0.45),
    ])
}

fn against(
    measured: &Measured,
    (figure, contender, name): (&str, usize, &str),
    (of_limit, limit): (&str, usize),
) -> Row {
    let (value, of) = (measured.range(contender, name), measured.range(limit, "events"));
    let ratio = measured.ratio((contender, name), (limit, "events"));
    Row::new(figure, "events/s", value, measured.quiet()).beside(of_limit, of, ratio)
}
