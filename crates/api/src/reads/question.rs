//! What every read of a window begins with: the window, what it is compared with, and up to when everything is counted.

use serde::Serialize;
use tally_model::{Level, Pieces, Window};
use tally_store::Floors;

use crate::front::{Front, now_ms};
use crate::problem::Problem;
use crate::reads::compare::{Compared, Named, Shift};
use crate::reads::cut::{Cut, Point};
use crate::reads::parameters::Parameters;
use crate::reads::{rfc3339_ms, rfc3339_s, span, unavailable};

/// A question about a window.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) now_s: i64,
    /// As it was asked for, before it was moved to what is kept.
    pub(crate) asked: Window,
    pub(crate) floors: Floors,
    pub(crate) pieces: Pieces,
    /// Starts of the first and the last unit that has a request, where the question needs them.
    pub(crate) counted: Option<(i64, i64)>,
    pub(crate) compared: Option<Compared>,
    counted_through: Option<String>,
}

/// What every answer about a window begins with.
#[derive(Debug, Serialize)]
pub(crate) struct Head {
    from: String,
    to: String,
    level: &'static str,
    counted_through: Option<String>,
    compare: Option<Named>,
}

/// What a question needs besides its window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// The pieces of an earlier page; they stand for `from` and `to`.
    pub(crate) pieces: Option<Pieces>,
    /// When counting began, and when the last request was.
    pub(crate) counted: bool,
}

impl Question {
    /// Reads `from`, `to` and `compare`.
    ///
    /// # Errors
    /// 400 naming the parameter, 503.
    pub(crate) async fn read(front: &Front, parameters: &Parameters, needs: Needs) -> Result<Self, Problem> {
        let now_ms = now_ms();
        let asked = match &needs.pieces {
            Some(pieces) => pieces.window(),
            None => span::asked(parameters, now_ms)?,
        };
        let shift = Shift::read(parameters)?;
        let store = front.store()?;
        let floors = store.floors().await.map_err(unavailable)?;
        let pieces = needs.pieces.unwrap_or_else(|| span::pieces(parameters, asked, floors, now_ms));
        let counted = if needs.counted || shift.is_some() { store.span().await.map_err(unavailable)? } else { None };
        let first_s = counted.map(|counted| counted.0);
        let compared = shift.map(|shift| Compared::of(pieces.window(), shift, floors, first_s));
        let counted_through = front.counted_through.ms(front).await?.map(rfc3339_ms);
        let now_s = now_ms.div_euclid(1_000);
        Ok(Self { now_s, asked, floors, pieces, counted, compared, counted_through })
    }

    /// Length of the window that was asked for, in whole minutes: its bounds were moved to whole seconds.
    pub(crate) fn asked_s(&self) -> i64 {
        (self.asked.seconds() / 60).max(1) * 60
    }

    /// The pieces compared with, where there are any.
    pub(crate) fn before(&self) -> Option<&Pieces> {
        self.compared.as_ref().and_then(|compared| compared.pieces.as_ref())
    }

    /// The same steps in the window compared with; `None` where they are not kept.
    pub(crate) fn earlier(&self, cut: Cut) -> Option<Cut> {
        let compared = self.compared.as_ref().filter(|compared| compared.pieces.is_some())?;
        cut.earlier(compared.shift.seconds, self.floors)
    }

    /// Points of an earlier cut, as many as those they stand beside.
    pub(crate) fn beside(points: &[Point], mut earlier: Vec<Point>) -> Vec<Point> {
        earlier.truncate(points.len());
        earlier
    }

    /// When the first and the last request were, to the unit that is kept.
    pub(crate) fn first_and_last(&self) -> (Option<String>, Option<String>) {
        self.counted.map(|(first_s, last_s)| (rfc3339_s(first_s), rfc3339_s(last_s))).unzip()
    }

    pub(crate) fn head(&self) -> Head {
        self.head_of(self.pieces.window(), self.pieces.level())
    }

    /// The beginning of an answer about another window than the pieces', such as one of whole steps.
    pub(crate) fn head_of(&self, window: Window, level: Level) -> Head {
        Head {
            from: rfc3339_s(window.from_s),
            to: rfc3339_s(window.to_s),
            level: level.name(),
            counted_through: self.counted_through.clone(),
            compare: self.compared.as_ref().map(Compared::named),
        }
    }
}
