//! `GET /v1/live`: the state as server-sent events, for as long as a page is open.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use super::{STATE_EVERY, State};
use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reads::parameters::Parameters;

/// How soon a browser tries again after the stream broke.
const HELLO: &[u8] = b"retry: 1000\n\n";
/// How long a state may be sent to whoever comes new: about as long as the next one may take.
const FRESH_FOR: Duration = Duration::from_millis(1_500);

/// One of the places for streams; free again when it is dropped.
struct Place {
    taken: Gauge,
}

impl Place {
    fn take(front: &Front) -> Result<Self, Problem> {
        let (taken, most) = (front.metrics.live_streams.clone(), front.config.live_max);
        // The number before this one.
        if taken.inc() >= i64::from(most) {
            taken.dec();
            let detail =
                format!("{most} pages watch already (TALLY_LIVE_MAX); ask again, or ask /v1/accounting now and then");
            return Err(Problem::new(Kind::Overloaded, detail));
        }
        Ok(Self { taken })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.dec();
    }
}

/// What one stream keeps.
struct Watching {
    states: watch::Receiver<Option<State>>,
    stopped: watch::Receiver<bool>,
    said: Said,
    _place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Hello,
    State,
}

/// The state now, and again whenever something was counted, and every second.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[])?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"));
    // Some proxies keep answers back until they are whole; this one never is.
    answer.insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let place = Place::take(&front)?;
    let (states, stopped) = (front.live.states.subscribe(), front.live.stopped.subscribe());
    front.live.look_soon();
    let watching = Watching { states, stopped, said: Said::Nothing, _place: place };
    Ok(answer.streaming(stream::unfold(watching, next)))
}

/// The next thing to say, or the end. A reader that is slow misses states, never the last one.
async fn next(mut watching: Watching) -> Option<(Result<Bytes, Infallible>, Watching)> {
    let event = match watching.said {
        Said::Nothing => {
            watching.said = Said::Hello;
            Bytes::from_static(HELLO)
        }
        Said::Hello => {
            watching.said = Said::State;
            match watching.fresh() {
                Some(event) => event,
                None => return Box::pin(next(watching)).await,
            }
        }
        Said::State => {
            tokio::select! {
                biased;
                _ = watching.stopped.wait_for(|stopped| *stopped) => return None,
                changed = watching.states.changed() => changed.ok()?,
            }
            let state = watching.states.borrow_and_update();
            state.as_ref().map(|state| state.event.clone()).unwrap_or_default()
        }
    };
    Some((Ok(event), watching))
}

impl Watching {
    /// The state that was sent last, if it is not old.
    fn fresh(&self) -> Option<Bytes> {
        let state = self.states.borrow();
        let fresh = state.as_ref().filter(|state| state.made.elapsed() < FRESH_FOR.max(STATE_EVERY));
        fresh.map(|state| state.event.clone())
    }
}
