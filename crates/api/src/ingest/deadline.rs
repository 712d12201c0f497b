//! Deadlines of bodies: one clock a thread for all that are being read. A timer for each costs more than reading most of them.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::replace;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;
use tokio::time::sleep;

/// How often the clock looks who is late.
const TICK: Duration = Duration::from_secs(1);

thread_local! {
    static CLOCK: RefCell<Clock> = const { RefCell::new(Clock { waiting: Slab::new(), is_running: false }) };
}

/// All deadlines of a thread.
struct Clock {
    waiting: Slab<Waiting>,
    is_running: bool,
}

struct Waiting {
    ticks_left: u64,
    waker: Waker,
}

/// When something must be over; forgotten when it is dropped.
pub(super) struct Deadline {
    place: usize,
    /// It is of its thread's clock, and must not leave it.
    _of_this_thread: PhantomData<Rc<()>>,
}

impl Deadline {
    /// Wakes `waker` once `after` has passed, and two ticks more at most. To be called on a thread of actix's.
    pub(super) fn set(after: Duration, waker: &Waker) -> Self {
        // The first tick may come at once.
        let ticks_left = after.as_secs().div_ceil(TICK.as_secs()) + 1;
        let (place, is_running) = CLOCK.with_borrow_mut(|clock| {
            let place = clock.waiting.insert(Waiting { ticks_left, waker: waker.clone() });
            (place, replace(&mut clock.is_running, true))
        });
        if !is_running {
            actix_web::rt::spawn(run(Running));
        }
        Self { place, _of_this_thread: PhantomData }
    }

    /// Whether it has passed; if not, `waker` is woken when it has.
    pub(super) fn has_passed(&self, waker: &Waker) -> bool {
        let (ticks_left, _before) = CLOCK.with_borrow_mut(|clock| {
            let waiting = &mut clock.waiting[self.place];
            let renewed = (!waiting.waker.will_wake(waker)).then(|| replace(&mut waiting.waker, waker.clone()));
            (waiting.ticks_left, renewed)
        });
        ticks_left == 0
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // What is dropped with the thread may find no clock any more.
        let _ = CLOCK.try_with(|clock| clock.borrow_mut().waiting.try_remove(self.place));
    }
}

/// Ticks until nobody waits.
async fn run(_running: Running) {
    loop {
        sleep(TICK).await;
        let Some(late) = CLOCK.with_borrow_mut(Clock::tick) else { return };
        late.into_iter().for_each(Waker::wake);
    }
}

impl Clock {
    /// Who is late now; `None` when nobody waits.
    fn tick(&mut self) -> Option<Vec<Waker>> {
        let mut late = Vec::new();
        for (_, waiting) in &mut self.waiting {
            waiting.ticks_left = waiting.ticks_left.saturating_sub(1);
            if waiting.ticks_left == 0 {
                late.push(waiting.waker.clone());
            }
        }
        (!self.waiting.is_empty()).then_some(late)
    }
}

/// That the clock runs; it ends with its runtime too.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        let _ = CLOCK.try_with(|clock| clock.borrow_mut().is_running = false);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::task::{LocalSet, yield_now};
    use tokio::time::Instant;

    use super::*;

    async fn passed(after: Duration) -> Duration {
        let (began, mut deadline) = (Instant::now(), None);
        poll_fn(|context| {
            let deadline = deadline.get_or_insert_with(|| Deadline::set(after, Waker::noop()));
            if deadline.has_passed(context.waker()) { Poll::Ready(began.elapsed()) } else { Poll::Pending }
        })
        .await
    }

    fn waiting() -> (usize, bool) {
        CLOCK.with_borrow(|clock| (clock.waiting.len(), clock.is_running))
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_neither_early_nor_late() {
        let all = async {
            for (early, after) in [(0, 1), (700, 1), (0, 30), (999, 30)] {
                sleep(Duration::from_millis(early)).await;
                let (short, long) =
                    tokio::join!(passed(Duration::from_secs(after)), passed(Duration::from_secs(2 * after)));
                assert!((after..=after + 2).contains(&short.as_secs()), "{after}: {short:?}");
                assert!((2 * after..=2 * after + 2).contains(&long.as_secs()), "{after}: {long:?}");
            }
        };
        LocalSet::new().run_until(all).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_is_forgotten_and_the_clock_rests() {
        let all = async {
            for _ in 0..3 {
                let deadlines: Vec<_> = (0..1_000).map(|_| Deadline::set(TICK, Waker::noop())).collect();
                assert_eq!(waiting(), (1_000, true));
                drop(deadlines);
                assert_eq!(waiting(), (0, true));
                sleep(2 * TICK).await;
                yield_now().await;
                assert_eq!(waiting(), (0, false));
            }
        };
        LocalSet::new().run_until(all).await;
        LocalSet::new().run_until(async { drop(Deadline::set(TICK, Waker::noop())) }).await;
        assert_eq!(waiting(), (0, false), "it ends with what it runs on");
    }
}
