//! From a POST to a count: Tally and its peers under the same load.

use tally_servers::{AppendFsync, TestServers};

use super::kind::KINDS;
use super::peer::Peer;
use super::programs::Programs;
use crate::data::{Bodies, ENDPOINTS};
use crate::error::Error;
use crate::rounds::{Effort, Measured, interleave};
use crate::run::product;
use crate::say;
use crate::system::System;
use crate::table::{Row, Target};

/// Load before the first round, so that all are warm and their first rows are there, in seconds.
const WARM_UP_SECONDS: u64 = 1;

/// What all get.
pub(super) struct Load {
    pub(super) name: &'static str,
    /// Events a POST.
    pub(super) batch: usize,
    /// Threads of HTTP that Tally has.
    pub(super) tally_workers: usize,
    /// How Tally should do beside Python that counts event by event.
    pub(super) target: Option<Target>,
}

/// Measures one load, with rows for each peer.
///
/// # Errors
/// If anything fails, or Tally counts wrongly.
pub(super) async fn measure(programs: &Programs, effort: Effort, load: Load) -> Result<Vec<Row>, Error> {
    let dir = TestServers::shared().await?.fresh_dir("peers")?;
    let workers = load.tally_workers.to_string();
    let tally = System::start_counting(AppendFsync::EverySec, &[("TALLY_WORKERS", &workers)]).await?;
    let mut peers = Vec::new();
    for kind in KINDS {
        peers.push(Peer::start(kind, programs, &dir).await?);
    }
    let mut seed = 0;
    let mut run = async |contender: usize, seconds| {
        seed += 1;
        let bodies = Bodies::write(&dir, load.batch, ENDPOINTS, seed)?;
        match contender {
            0 => product(&tally, &bodies, seconds).await,
            _ => peers[contender - 1].run(&bodies, seconds).await,
        }
    };
    say("  warming up");
    for contender in 0..=KINDS.len() {
        run(contender, WARM_UP_SECONDS).await?;
    }
    let names: Vec<&str> = std::iter::once("Tally").chain(KINDS.map(|kind| kind.name())).collect();
    let measured = interleave(effort, &names, async |contender| run(contender, effort.seconds).await).await?;
    Ok(rows(&measured, &names, &load))
}

/// Tally is the first contender.
fn rows(measured: &Measured, names: &[&str], load: &Load) -> Vec<Row> {
    let against = |what: &str, peer: usize| {
        let figure = format!("{what}, {}, against {}", load.name, names[peer]);
        let (value, limit) = (measured.range(0, what), measured.range(peer, what));
        let row = Row::new(&figure, "events/s", value, measured.quiet());
        row.beside(names[peer], limit, measured.ratio((0, what), (peer, what)))
    };
    let counted = |peer: usize| {
        let row = against("counted", peer).with_limit_hops(measured, peer);
        match load.target {
            _ if peer > 1 => row,
            Some(target) => row.with_hops(measured, 0).meeting(target),
            None => row.with_hops(measured, 0),
        }
    };
    let astray = |peer: usize| {
        ["lost", "surplus"].map(|what| {
            let figure = format!("{what}, {}, {}", load.name, names[peer]);
            Row::new(&figure, "events", measured.range(peer, what), measured.quiet())
        })
    };
    let peers = 1..names.len();
    let accepted = peers.clone().map(|peer| against("accepted", peer));
    peers.clone().map(counted).chain(accepted).chain(peers.flat_map(astray)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Sample;

    #[tokio::test]
    async fn a_row_is_a_peer_and_only_python_event_by_event_has_a_target() {
        let effort = Effort { rounds: 1, repeats_max: 0, seconds: 0 };
        let names = ["Tally", "Python", "Bento"];
        let measured = interleave(effort, &names, async |contender| {
            let (counted, lost) = [(300.0, 0.0), (20.0, 0.0), (10.0, 7.0)][contender];
            Ok(Sample::from([("counted", counted), ("accepted", counted), ("lost", lost), ("surplus", 0.0)]))
        });
        let load = Load { name: "singles", batch: 1, tally_workers: 1, target: Some(Target::Factor(15.0, 25.0)) };
        let rows = serde_json::to_value(rows(&measured.await.unwrap(), &names, &load)).unwrap();
        let of = |figure: &str| rows.as_array().unwrap().iter().find(|row| row["figure"] == figure).unwrap();
        let python = of("counted, singles, against Python");
        assert_eq!((&python["ratio"], &python["meets"]), (&15.0.into(), &"must".into()));
        assert_eq!(of("counted, singles, against Bento")["meets"], serde_json::Value::Null);
        assert_eq!(of("lost, singles, Bento")["value"], 7.0);
    }
}
