//! Owning shards: this process's share of them by leases, and a counter on each.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tally_model::Shard;
use tally_store::{Error as StoreError, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::connect::Waiting;
use crate::error::Error;
use crate::lease::{End, Grant, Permit};
use crate::shard::{Counter, Desk, keep_counting};
use crate::shutdown::Shutdown;

/// Connections for leases alone: a database busy with counts must not let them lapse.
const LEASE_CONNECTIONS: usize = 2;
/// Pause between two turns while a counter is ending, so that its shard is free for others soon.
const PAUSE_ENDING: Duration = Duration::from_millis(100);
/// Longest pause between two turns while this process has less than its share.
const PAUSE_WANTING_MAX: Duration = Duration::from_secs(1);
/// How long giving everything back may take at the end.
const LEAVE: Duration = Duration::from_secs(2);

struct Held {
    give: watch::Sender<Grant>,
    task: JoinHandle<()>,
}

impl Held {
    fn end(&self, end: End) {
        self.give.send_modify(|grant| grant.end = Some(end));
    }

    fn is_ending(&self) -> bool {
        self.give.borrow().end.is_some()
    }
}

/// Holds leases, and counters under them.
pub(crate) struct Owner {
    desk: Desk,
    leases: Store,
    lease: Duration,
    shards: u16,
    held: HashMap<Shard, Held>,
    share: usize,
}

impl Owner {
    pub(crate) async fn connect(
        config: &Config,
        desk: Desk,
        patience: Option<Duration>,
        shutdown: &Shutdown,
    ) -> Result<Self, Error> {
        let third = config.lease() / 3;
        let settings = tally_store::Config {
            pool_size: LEASE_CONNECTIONS,
            connect_timeout: third,
            statement_timeout: third,
            lock_timeout: third,
            ..config.database()
        };
        let waiting = Waiting { what: "PostgreSQL", patience, shutdown };
        let leases = waiting.until(async || Ok(Store::connect(&settings).await?)).await?;
        Ok(Self { desk, leases, lease: config.lease(), shards: config.shards, held: HashMap::new(), share: 0 })
    }

    /// Takes turns until asked to stop; then every counter finishes within `grace`, and all is given back.
    pub(crate) async fn own_shards(mut self, stop: Shutdown, grace: Duration) {
        let mut complained: Option<Instant> = None;
        while !stop.is_asked() {
            let turn = timeout(self.lease / 3, AssertUnwindSafe(self.turn()).catch_unwind()).await;
            let failure = match turn {
                Ok(Ok(Ok(()))) => None,
                Ok(Ok(Err(error))) => Some(error.to_string()),
                Ok(Err(_)) => Some("a panic".to_owned()),
                Err(_) => Some(format!("no answer within {} s", (self.lease / 3).as_secs_f32())),
            };
            self.desk.metrics.set_ready(failure.is_none());
            match failure {
                None => complained = None,
                Some(failure) if complained.is_none_or(|at| at.elapsed() > self.lease) => {
                    tracing::warn!(failure, "cannot renew leases; unrenewed at half their time, nothing is committed");
                    complained = Some(Instant::now());
                }
                Some(_) => {}
            }
            stop.sleep(self.pause()).await;
        }
        self.close(grace).await;
    }

    fn pause(&self) -> Duration {
        let third = self.lease / 3;
        if self.held.values().any(Held::is_ending) {
            PAUSE_ENDING.min(third)
        } else if self.held.len() < self.share {
            PAUSE_WANTING_MAX.min(third)
        } else {
            third
        }
    }

    /// Says that we live, renews, gives up what is above our share, takes what is below it.
    async fn turn(&mut self) -> Result<(), StoreError> {
        // Taken before the question is sent: the database's clock starts later than ours, never earlier.
        let asked = Instant::now();
        let consumer = self.desk.consumer.clone();
        let live = self.leases.heartbeat(&consumer, self.lease).await?;
        let ours = self.leases.renew(&consumer, self.lease).await?;
        self.extend(&ours, asked + self.lease / 2);
        self.reap(&ours).await?;
        self.share = usize::from(self.shards).div_ceil(live.max(1) as usize);
        // Those that an earlier turn took without hearing so, or whose counter is gone.
        for shard in ours {
            self.start(shard, asked + self.lease / 2);
        }
        self.give_up_surplus();
        if self.held.len() < self.share {
            let asked = Instant::now();
            let at_most = u32::try_from(self.share).unwrap_or(u32::MAX);
            for shard in self.leases.claim(&consumer, at_most, self.lease).await? {
                self.start(shard, asked + self.lease / 2);
            }
        }
        Ok(())
    }

    fn extend(&self, ours: &[Shard], until: Instant) {
        for (shard, held) in &self.held {
            if ours.contains(shard) {
                held.give.send_modify(|grant| grant.until = until);
            } else if !held.is_ending() {
                tracing::warn!(%shard, "the lease is lost; the shard is another's");
                held.end(End::Forget);
            }
        }
    }

    /// Releases the shards whose counters have ended.
    async fn reap(&mut self, ours: &[Shard]) -> Result<(), StoreError> {
        let ended: Vec<Shard> = self.held.iter().filter(|(_, held)| held.task.is_finished()).map(|(s, _)| *s).collect();
        let released: Vec<Shard> = ended.iter().filter(|shard| ours.contains(shard)).copied().collect();
        if !released.is_empty() {
            self.leases.release(&self.desk.consumer, &released).await?;
        }
        for shard in ended {
            self.held.remove(&shard);
            tracing::info!(%shard, "gave the shard up");
        }
        Ok(())
    }

    fn start(&mut self, shard: Shard, until: Instant) {
        if self.held.contains_key(&shard) {
            return;
        }
        let (give, permit) = Permit::new(Grant::until(until));
        self.desk.metrics.own(shard);
        tracing::info!(%shard, "owns the shard");
        let task = tokio::spawn(keep_counting(Counter::new(self.desk.clone(), shard, permit)));
        self.held.insert(shard, Held { give, task });
    }

    /// Lets counters above our share finish their batch; the next turn releases their shards.
    fn give_up_surplus(&self) {
        let mut active: Vec<Shard> =
            self.held.iter().filter(|(_, held)| !held.is_ending()).map(|(shard, _)| *shard).collect();
        active.sort_unstable();
        for shard in active.iter().skip(self.share) {
            self.held[shard].end(End::Finish);
        }
    }

    async fn close(mut self, grace: Duration) {
        self.desk.metrics.set_ready(false);
        self.held.values().for_each(|held| held.end(End::Finish));
        let tasks: Vec<_> = self.held.drain().map(|(_, held)| held.task).collect();
        let handles: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        if timeout(grace, join_all(tasks)).await.is_err() {
            tracing::warn!("some batches are not finished; they are left to the next owner");
            handles.iter().for_each(tokio::task::AbortHandle::abort);
        }
        match timeout(LEAVE, self.leases.leave(&self.desk.consumer)).await {
            Ok(Ok(())) => tracing::info!("released all shards"),
            Ok(Err(error)) => tracing::warn!(%error, "could not release the shards; their leases expire"),
            Err(_) => tracing::warn!("could not release the shards in time; their leases expire"),
        }
    }
}
