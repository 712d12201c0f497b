//! `GET /v1/endpoints/{id}/series`: one endpoint over time.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::{EndpointId, Level, Window};
use tally_store::{Figures, Floors};

use crate::front::{Front, now_ms};
use crate::problem::{Kind, Problem};
use crate::reads::figures::Shown;
use crate::reads::parameters::Parameters;
use crate::reads::span::{self, Span};
use crate::reads::{rfc3339_ms, rfc3339_s, unavailable};

/// Most points of one answer.
const POINTS_MAX: i64 = 1_500;
/// Most rows that one answer adds up.
const ROWS_MAX: i64 = 10_000;
const STEP_EXPECTED: &str = "expected a whole number of minutes, such as 1m, 5m, 1h or 1d, or month";

/// How a series is cut: at which level, from where, and in which steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    span: Span,
    /// `None` for calendar months.
    step_s: Option<i64>,
}

#[derive(Serialize)]
struct Answer {
    id: String,
    service: String,
    method: String,
    route: String,
    from: String,
    to: String,
    level: &'static str,
    step_seconds: Option<i64>,
    counted_through: Option<String>,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Point {
    start: String,
    #[serde(flatten)]
    shown: Shown,
}

/// Figures by step; a step without a request is there too, with zeros.
pub(crate) async fn get(
    front: web::Data<Front>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = id.parse().map_err(|_| Problem::parameter("id", "expected the id of an endpoint"))?;
    let id = EndpointId::from_raw(id);
    let parameters = Parameters::of(&request, &["from", "to", "step"])?;
    let asked = span::asked(&parameters, now_ms())?;
    let step = parameters.text("step").map(step).transpose()?;
    let store = front.store()?;
    let cut = cut(asked, step, store.floors().await.map_err(unavailable)?)?;
    let name = store.endpoint(id).await.map_err(unavailable)?;
    let name =
        name.ok_or_else(|| Problem::new(Kind::UnknownEndpoint, format!("there is no endpoint {id}")).on("id"))?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let Span { window, level } = cut.span;
    let step_s = cut.step_s.unwrap_or_else(|| Level::Month.next(0));
    let found = store.series(id, window, level, step_s).await.map_err(unavailable)?;
    Ok(HttpResponse::Ok().json(Answer {
        id: id.to_string(),
        service: name.service.into(),
        method: name.method.into(),
        route: name.route.into(),
        from: rfc3339_s(window.from_s),
        to: rfc3339_s(window.to_s),
        level: level.name(),
        step_seconds: cut.step_s,
        counted_through,
        points: points(cut, found),
    }))
}

/// What the client asks a step to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Seconds(i64),
    Month,
}

fn step(text: &str) -> Result<Step, Problem> {
    if text == "month" {
        return Ok(Step::Month);
    }
    let seconds = span::seconds_of(text).or_else(|| span::seconds_of(&format!("{text}s")));
    let whole = seconds.filter(|seconds| *seconds >= 60 && seconds % 60 == 0);
    whole.map(Step::Seconds).ok_or_else(|| Problem::parameter("step", STEP_EXPECTED))
}

/// Without a step, one unit of the level that answers the window. With one, the coarsest level whose units fill it, or
/// where that level is no longer kept, a coarser one with a step of its own.
fn cut(asked: Window, step: Option<Step>, floors: Floors) -> Result<Cut, Problem> {
    let step_s = match step {
        None => return Ok(by_units(span::of_window(asked, floors))),
        Some(Step::Month) => return Ok(by_units(Span { window: asked.snap(Level::Month), level: Level::Month })),
        Some(Step::Seconds(step_s)) => step_s,
    };
    let filling = [Level::Day, Level::Hour, Level::Minute].into_iter().find(|level| step_s % level.next(0) == 0);
    let filling = filling.unwrap_or(Level::Minute);
    let kept = |level: &Level| *level >= filling && floors.of(*level) <= level.floor(asked.from_s);
    let level = Level::ALL.into_iter().find(kept).unwrap_or(Level::Month);
    if level == Level::Month {
        return Ok(by_units(Span { window: asked.snap(level), level }));
    }
    let unit_s = level.next(0);
    let step_s = (step_s + unit_s - 1).div_euclid(unit_s).max(1) * unit_s;
    let from_s = asked.from_s.div_euclid(step_s) * step_s;
    let to_s = from_s + (asked.to_s - from_s).div_euclid(step_s) * step_s;
    let window = Window { from_s, to_s: if to_s < asked.to_s { to_s + step_s } else { to_s } };
    if window.seconds() / step_s > POINTS_MAX || window.seconds() / unit_s > ROWS_MAX {
        let least = (window.seconds() / POINTS_MAX).max(60);
        let expected =
            format!("too fine for this window: at most {POINTS_MAX} points; try {least}s or more, or 1h or 1d");
        return Err(Problem::parameter("step", expected));
    }
    Ok(Cut { span: Span { window, level }, step_s: Some(step_s) })
}

fn by_units(span: Span) -> Cut {
    Cut { span, step_s: (span.level != Level::Month).then(|| span.level.next(0)) }
}

/// One point a step, up to now or the last step that has something.
fn points(cut: Cut, found: Vec<(i64, Figures)>) -> Vec<Point> {
    let last_s = found.last().map_or(0, |point| point.0).max(now_ms() / 1_000);
    let mut found: HashMap<i64, Figures> = found.into_iter().collect();
    let mut points = Vec::new();
    let mut start_s = cut.span.window.from_s;
    while start_s < cut.span.window.to_s && start_s <= last_s {
        let next_s = cut.step_s.map_or_else(|| Level::Month.next(start_s), |step_s| start_s + step_s);
        let figures = found.remove(&start_s).unwrap_or_default();
        points.push(Point { start: rfc3339_s(start_s), shown: Shown::of(&figures, next_s - start_s) });
        start_s = next_s;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Floors = Floors { from_s: [i64::MIN; 4] };
    const HOUR_S: i64 = 3_600;

    fn cut_of(seconds: i64, text: Option<&str>, floors: Floors) -> Result<(Level, Option<i64>, i64), Problem> {
        let from_s = 1_773_145_296;
        let asked = Window { from_s, to_s: from_s + seconds };
        let cut = cut(asked, text.map(step).transpose()?, floors)?;
        assert!(cut.span.window.from_s <= asked.from_s && cut.span.window.to_s >= asked.to_s);
        assert_eq!(cut.span.window.snap(cut.span.level), cut.span.window);
        Ok((cut.span.level, cut.step_s, cut.span.window.seconds() / cut.step_s.unwrap_or(1)))
    }

    #[test]
    fn steps_and_levels() {
        assert_eq!(cut_of(HOUR_S, None, ALL).unwrap(), (Level::Minute, Some(60), 61));
        assert_eq!(cut_of(HOUR_S, Some("5m"), ALL).unwrap(), (Level::Minute, Some(300), 13));
        assert_eq!(cut_of(24 * HOUR_S, Some("3600"), ALL).unwrap(), (Level::Hour, Some(3_600), 25));
        assert_eq!(cut_of(24 * HOUR_S, Some("1m"), ALL).unwrap(), (Level::Minute, Some(60), 1_441));
        assert_eq!(cut_of(24 * HOUR_S, Some("90m"), ALL).unwrap(), (Level::Minute, Some(5_400), 17));
        assert_eq!(cut_of(30 * 24 * HOUR_S, Some("7d"), ALL).unwrap().0, Level::Day);
        assert_eq!(cut_of(30 * 24 * HOUR_S, Some("month"), ALL).unwrap().1, None);
        let no_minutes = Floors { from_s: [i64::MAX, i64::MIN, i64::MIN, i64::MIN] };
        assert_eq!(cut_of(24 * HOUR_S, Some("1m"), no_minutes).unwrap(), (Level::Hour, Some(3_600), 25));
        let months_only = Floors { from_s: [i64::MAX, i64::MAX, i64::MAX, i64::MIN] };
        assert_eq!(cut_of(24 * HOUR_S, Some("1m"), months_only).unwrap().1, None);
    }

    #[test]
    fn steps_that_are_none() {
        for bad in ["", "0", "59", "90s", "-1m", "1w", "1.5h", "m", "99999999999999999999d"] {
            assert!(cut_of(HOUR_S, Some(bad), ALL).unwrap_err().to_string().starts_with("step"), "{bad}");
        }
        assert!(cut_of(365 * 24 * HOUR_S, Some("1m"), ALL).is_err());
        assert!(cut_of(365 * 24 * HOUR_S, Some("61m"), ALL).is_err(), "too many rows");
    }

    #[test]
    fn empty_steps_are_there() {
        let cut = cut(Window { from_s: 0, to_s: 300 }, Some(Step::Seconds(60)), ALL).unwrap();
        let points = points(cut, vec![(120, Figures { requests: 6, ..Figures::default() })]);
        assert_eq!(points.iter().map(|point| point.shown.requests).collect::<Vec<_>>(), [0, 0, 6, 0, 0]);
        assert_eq!(points[2].shown.rate_per_second, 0.1);
    }
}
