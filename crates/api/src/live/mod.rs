//! What happens now, for whoever watches: one task a process looks at both servers and shares what it saw with all.
//!
//! ```text
//! commit ──▶ PostgreSQL NOTIFY ──▶ listener ──▶ Changes ─┐ at once, at most every 200 ms
//!                                     a second is over ──┴▶ look ──▶ Sight ──▶ state, rendered once ──▶ every stream
//! ```

mod appends;
mod details;
mod health;
pub(crate) mod pipeline;
mod rates;
mod sight;
mod state;
pub(crate) mod stream;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::front::Front;
use rates::Rates;

pub(crate) use appends::AppendTimes;
pub(crate) use details::Details;
pub(crate) use sight::Sight;

/// Shortest time between two looks that commits cause.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(200);
/// Longest time between two states while anybody watches; a commit that nobody heard of is seen by then.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks while nobody watches, for the history.
const LOOK_EVERY_IDLE: Duration = Duration::from_secs(15);

/// What the task keeps and shares.
#[derive(Debug)]
pub(crate) struct Live {
    /// The last state, rendered; none before the first look.
    states: watch::Sender<Option<State>>,
    /// Held while looking, so that those who look at once share one look.
    seen: Mutex<Seen>,
    details: Details,
    pub(crate) appends: AppendTimes,
    asked: Notify,
    stopped: watch::Sender<bool>,
    in_kubernetes: bool,
}

/// A state as it is sent, and when it was made.
#[derive(Debug, Clone)]
struct State {
    event: Bytes,
    made: Instant,
}

#[derive(Debug, Default)]
struct Seen {
    last: Option<Arc<Sight>>,
    rates: Rates,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            states: watch::Sender::new(None),
            seen: Mutex::default(),
            details: Details::default(),
            appends: AppendTimes::default(),
            asked: Notify::new(),
            stopped: watch::Sender::new(false),
            in_kubernetes: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }

    /// Ends all streams, and lets none begin.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Something is there that was not: look soon, and do not wait until it is time.
    pub(crate) fn look_soon(&self) {
        self.asked.notify_one();
    }

    fn is_watched(&self) -> bool {
        self.states.receiver_count() > 0
    }

    /// What was seen last, if that is younger than `age`; else what is seen now.
    async fn sight(&self, front: &Front, age: Duration) -> Arc<Sight> {
        let mut seen = self.seen.lock().await;
        if let Some(last) = seen.last.as_ref().filter(|last| last.taken.elapsed() < age) {
            return Arc::clone(last);
        }
        let sight = Arc::new(Sight::take(front, seen.last.as_deref()).await);
        seen.rates.add(&sight);
        if seen.last.as_ref().is_some_and(|last| sight.is_missed_by(last, front.changes.version())) {
            front.changes.bump();
        }
        seen.last = Some(Arc::clone(&sight));
        sight
    }
}

/// Hears of commits, for as long as the process serves.
pub(crate) async fn listen(front: &Front) {
    let store = loop {
        match front.found_store.get() {
            Some(store) => break store,
            None => sleep(STATE_EVERY).await,
        }
    };
    let mut listener = store.listen();
    loop {
        listener.changed().await;
        front.metrics.set_listener_connections(listener.connections());
        front.changes.bump();
    }
}

/// Looks, and shares what it saw, for as long as the process serves.
pub(crate) async fn watch(front: &Front) {
    let mut changes = front.changes.subscribe();
    loop {
        let looked = Instant::now();
        changes.mark_unchanged();
        look(front).await;
        let idle = async {
            // Watched from now on, or time for the history.
            let _ = timeout(LOOK_EVERY_IDLE.saturating_sub(looked.elapsed()), front.live.asked.notified()).await;
        };
        if !front.live.is_watched() {
            idle.await;
            continue;
        }
        let changed = async {
            if changes.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        let early = async {
            tokio::select! {
                () = changed => {}
                () = front.live.asked.notified() => {}
            }
            sleep(LOOK_EVERY_MIN.saturating_sub(looked.elapsed())).await;
        };
        let _ = timeout(STATE_EVERY.saturating_sub(looked.elapsed()), early).await;
    }
}

/// One look, shared. While a server keeps it waiting, what was seen last is sent again every second.
async fn look(front: &Front) {
    let looking = async {
        let sight = front.live.sight(front, Duration::ZERO).await;
        front.live.details.refresh(front, LOOK_EVERY_IDLE).await;
        sight
    };
    tokio::pin!(looking);
    let sight = loop {
        match timeout(STATE_EVERY, &mut looking).await {
            Ok(sight) => break sight,
            Err(_) => {
                // The same event with a new time would promise what nobody saw: it is sent as it was.
                front.live.states.send_modify(|_| {});
            }
        }
    };
    let rates = front.live.seen.lock().await.rates.now(&sight);
    let event = state::event(front, &sight, &rates).await;
    front.live.states.send_replace(Some(State { event, made: Instant::now() }));
}
