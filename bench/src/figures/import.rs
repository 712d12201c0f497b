//! `tally import` of a log until every line is counted, against GoAccess on the same file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tally_servers::{AppendFsync, binary};

use crate::data::Random;
use crate::error::Error;
use crate::rounds::{Effort, Sample, interleave};
use crate::system::{System, now_s, spawn};
use crate::table::{Row, Target};

const LINES: u64 = 1_000_000;
const LINES_QUICK: u64 = 100_000;
/// Routes of the log; half of the paths end with an id, which `tally import` folds.
const ROUTES: u64 = 240;
/// How long one run of either may take.
const PATIENCE: Duration = Duration::from_secs(300);
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "curl/8.5.0",
];

pub(super) async fn import(effort: Effort) -> Result<Vec<Row>, Error> {
    let system = System::start_counting(AppendFsync::EverySec, &[]).await?;
    let lines = if effort.repeats_max == 0 { LINES_QUICK } else { LINES };
    let mut turn = 0;
    let contenders = ["GoAccess", "tally import"];
    let measured = interleave(effort, &contenders, async |contender| {
        turn += 1;
        // A log of its own each time: the same lines again would be recognised, and not counted.
        let log = write_log(&system.dir, lines, turn)?;
        let seconds =
            if contender == 0 { goaccess(&system.dir, &log).await? } else { tally(&system, &log, lines).await? };
        std::fs::remove_file(&log).map_err(Error::io("remove the log"))?;
        Ok(Sample::from([("lines", lines as f64 / seconds)]))
    })
    .await?;
    let (value, limit) = (measured.range(1, "lines"), measured.range(0, "lines"));
    let row = Row::new("tally import, counted", "lines/s", value, measured.quiet());
    let ratio = measured.ratio((1, "lines"), (0, "lines"));
    Ok(vec![row.beside("GoAccess", limit, ratio).meeting(Target::Factor(10.0, 25.0))])
}

async fn goaccess(dir: &Path, log: &Path) -> Result<f64, Error> {
    let began = Instant::now();
    let (log, out) = (log.to_string_lossy(), dir.join("goaccess.json"));
    let out = out.to_string_lossy();
    let arguments = [&*log, "--log-format=COMBINED", "--no-global-config", "--no-progress", "--output", &out];
    let process = spawn(Path::new("goaccess"), &arguments, &[], dir, "goaccess")?;
    if !process.wait(PATIENCE).await?.success() {
        return Error::wrong(format!("goaccess failed:\n{}", tally_servers::tail(process.log())));
    }
    Ok(began.elapsed().as_secs_f64())
}

async fn tally(system: &System, log: &Path, lines: u64) -> Result<f64, Error> {
    let (before, _) = system.counted().await?;
    let began_s = now_s();
    let arguments = ["import", "--to", &system.base, "--service", "web", "--json", &log.to_string_lossy()];
    let process = spawn(&binary("tally")?, &arguments, &[], &system.dir, "import")?;
    if !process.wait(PATIENCE).await?.success() {
        return Error::wrong(format!("tally import failed:\n{}", tally_servers::tail(process.log())));
    }
    let (after, counted_at_s) = system.counted().await?;
    if after.counted - before.counted != lines {
        return Error::wrong(format!("{lines} lines, {} counted", after.counted - before.counted));
    }
    Ok(counted_at_s - began_s)
}

/// A log of the last hour in the combined format.
fn write_log(dir: &Path, lines: u64, seed: u64) -> Result<PathBuf, Error> {
    let (mut random, now_s) = (Random(seed), now_s() as i64);
    let mut text = String::with_capacity(lines as usize * 200);
    for line in 0..lines {
        let at_s = now_s - 3_600 + (line * 3_600 / lines) as i64;
        let time = jiff::Timestamp::from_second(at_s).unwrap_or_default().strftime("%d/%b/%Y:%H:%M:%S +0000");
        let (client, route, id) = (random.next() % 65_536, random.next() % ROUTES, random.next() % 1_000_000);
        let tail = if route % 2 == 0 { format!("/{id}") } else { String::new() };
        let (status, bytes) = ([200, 200, 200, 304, 404][random.next() as usize % 5], random.next() % 50_000);
        let _ = writeln!(
            text,
            r#"10.0.{}.{} - - [{time}] "GET /shop/section-{route}{tail}?page={} HTTP/1.1" {status} {bytes} "https://shop.example/section-{route}" "{}""#,
            client / 256,
            client % 256,
            id % 40,
            AGENTS[random.next() as usize % AGENTS.len()]
        );
    }
    let log = dir.join(format!("access-{seed}.log"));
    std::fs::write(&log, text).map_err(Error::io("write the log"))?;
    Ok(log)
}
