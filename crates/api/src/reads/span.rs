//! The window a question is about: `from` and `to`, the pieces that answer it, and the bounds really used.

use tally_model::{Level, Pieces, Window};
use tally_store::Floors;

use crate::ingest::parse_ms;
use crate::problem::Problem;
use crate::reads::parameters::Parameters;

/// Length of the window when `from` is not given, in seconds.
const DEFAULT_SECONDS: i64 = 3_600;
/// Earliest and latest time that can be asked for, in seconds since the Unix epoch: 1970 and 9000.
pub(crate) const ASKED_S: std::ops::RangeInclusive<i64> = 0..=221_845_392_000;

/// Reads `from` and `to`: RFC 3339, or before now like `-15m`; the last hour by default.
///
/// # Errors
/// 400 naming the bound.
pub(crate) fn asked(parameters: &Parameters, now_ms: i64) -> Result<Window, Problem> {
    let to_s = bound_s(parameters, "to", now_ms)?.unwrap_or_else(|| ceil_s(now_ms));
    let from_s = bound_s(parameters, "from", now_ms)?.unwrap_or(to_s - DEFAULT_SECONDS);
    if from_s < to_s {
        Ok(Window { from_s, to_s })
    } else {
        Err(Problem::parameter("from", "expected a time before to"))
    }
}

/// The window that is asked for, from few rows. One that ends now, of a length (`from=-24h`), is whole units of one level: so
/// that what a page asks again and again costs least. Any other is answered to its bounds.
pub(crate) fn pieces(parameters: &Parameters, asked: Window, floors: Floors, now_ms: i64) -> Pieces {
    if is_relative(parameters) {
        until_now(Pieces::whole(asked.level(|level| floors.of(level)), asked), asked, now_ms)
    } else {
        to_its_bounds(asked, floors, now_ms)
    }
}

/// The window to its very bounds, as finely as is still kept; until now, if it ends now or later.
pub(crate) fn to_its_bounds(asked: Window, floors: Floors, now_ms: i64) -> Pieces {
    until_now(reaching_now(asked, floors, now_ms).pieces(|level| floors.of(level)), asked, now_ms)
}

/// One that ends now, or later, goes on to the end of a unit: to the nearest it might end half an hour ago.
fn reaching_now(asked: Window, floors: Floors, now_ms: i64) -> Window {
    if asked.to_s < ceil_s(now_ms) {
        return asked;
    }
    let reaching = |window: Window| {
        let coarse = window.level(|level| floors.of(level));
        Window { to_s: coarse.finer().unwrap_or(coarse).ceil(asked.to_s), ..asked }
    };
    // What is longer by that may be read from coarser units.
    reaching(reaching(asked))
}

fn is_relative(parameters: &Parameters) -> bool {
    parameters.text("to").is_none() && parameters.text("from").is_none_or(|from| relative_ms(from).is_some())
}

/// A unit that is still running ends with the minute: with this one, or that in which the window ends as it was asked for.
/// Otherwise a rate would be spread over time that has not come yet.
fn until_now(pieces: Pieces, asked: Window, now_ms: i64) -> Pieces {
    let now_s = ceil_s(now_ms);
    let unit_s = pieces.last_level().floor(pieces.window().to_s - 1);
    if (unit_s..pieces.window().to_s).contains(&now_s) {
        pieces.ending(Level::Minute.ceil(now_s.max(asked.to_s)))
    } else {
        pieces
    }
}

fn bound_s(parameters: &Parameters, name: &str, now_ms: i64) -> Result<Option<i64>, Problem> {
    let Some(text) = parameters.text(name) else { return Ok(None) };
    let found_ms = relative_ms(text).map(|back_ms| now_ms - back_ms).or_else(|| absolute_ms(text));
    match found_ms.map(ceil_s).filter(|at_s| ASKED_S.contains(at_s)) {
        // A lower bound goes down to its second, an upper one up.
        Some(_) if name == "from" => Ok(found_ms.map(|at_ms| at_ms.div_euclid(1_000))),
        Some(at_s) => Ok(Some(at_s)),
        None => {
            let expected = "expected an RFC 3339 time with a zone, such as 2026-03-10T12:00:00Z, or a time before now, \
                            such as -15m, -1h or -7d";
            Err(Problem::parameter(name, expected))
        }
    }
}

/// In a query a plus that is not escaped arrives as a space; no RFC 3339 time has one anywhere else.
fn absolute_ms(text: &str) -> Option<i64> {
    parse_ms(text).or_else(|| parse_ms(&text.replace(' ', "+")))
}

fn relative_ms(text: &str) -> Option<i64> {
    seconds_of(text.strip_prefix('-')?)?.checked_mul(1_000)
}

/// Reads a length of time: `90s`, `15m`, `1h`, `7d`.
pub(crate) fn seconds_of(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| number.parse::<i64>().ok()?.checked_mul(seconds)).flatten()
}

fn ceil_s(at_ms: i64) -> i64 {
    at_ms.div_euclid(1_000) + i64::from(at_ms.rem_euclid(1_000) > 0)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const NOW_MS: i64 = 1_773_145_296_789;

    fn window(query: &str) -> Result<(i64, i64), Problem> {
        let request = TestRequest::with_uri(&format!("/x?{query}")).to_http_request();
        let parameters = Parameters::of(&request, &["from", "to"]).unwrap();
        asked(&parameters, NOW_MS).map(|window| (window.from_s, window.to_s))
    }

    #[test]
    fn windows() {
        let now_s = NOW_MS / 1_000 + 1;
        assert_eq!(window("").unwrap(), (now_s - 3_600, now_s));
        assert_eq!(window("from=-15m").unwrap(), (now_s - 1 - 900, now_s));
        let day = window("from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00.5Z").unwrap();
        assert_eq!(day.1 - day.0, 86_401);
        let zoned = window("from=2026-03-01T02:00:00+02:00&to=2026-03-01T04:00:00%2B02:00").unwrap();
        assert_eq!(zoned, (day.0, day.0 + 7_200));
    }

    #[test]
    fn a_running_unit_ends_with_the_minute() {
        let now_s = ceil_s(NOW_MS);
        let floors = Floors { from_s: [i64::MIN; 4] };
        let ends = |from_s: i64, to_s: i64| {
            let asked = Window { from_s, to_s };
            let level = asked.level(|level| floors.of(level));
            until_now(Pieces::whole(level, asked), asked, NOW_MS).window().to_s
        };
        for back_s in [300, 3_600, 86_400, 30 * 86_400, 365 * 86_400] {
            assert_eq!(ends(now_s - back_s, now_s), Level::Minute.ceil(now_s), "{back_s}");
        }
        assert_eq!(ends(now_s - 86_400, now_s - 60), Level::Minute.ceil(now_s), "all of the hour so far is in it");
        assert_eq!(ends(now_s - 86_400, now_s + 600), Level::Minute.ceil(now_s + 600));
        assert_eq!(ends(now_s - 90_000, now_s - 3_600), Level::Hour.floor(now_s));
        assert_eq!(ends(now_s + 3_600, now_s + 90_000), Level::Hour.ceil(now_s + 90_000));
    }

    #[test]
    fn what_ends_now_leaves_nothing_out() {
        let floors = Floors { from_s: [i64::MIN; 4] };
        let day_s = 86_400;
        // Seconds into a day, at which the nearest minute and hour are before now, and behind.
        for into_s in [10, 1_330, 2_500, 45_000, 86_399] {
            let now_s = 1_773_100_800 + into_s;
            for back_s in [600, 7_000, 3 * day_s, 8 * day_s, 40 * day_s, 400 * day_s] {
                let asked = Window { from_s: now_s - into_s - back_s, to_s: now_s };
                let now_ms = now_s * 1_000;
                let pieces = to_its_bounds(asked, floors, now_ms);
                assert_eq!(pieces.window().to_s, Level::Minute.ceil(now_s), "{into_s} {back_s}");
                let before = Window { to_s: now_s - 1, ..asked };
                assert_eq!(reaching_now(before, floors, now_ms), before);
            }
        }
    }

    #[test]
    fn wrong_bounds_are_named() {
        for (query, name) in [
            ("from=yesterday", "from"),
            ("from=2026-03-01", "from"),
            ("to=", "to"),
            ("to=9999-01-01T00:00:00Z", "to"),
            ("from=1969-12-31T00:00:00Z", "from"),
            ("from=-1x", "from"),
            ("from=--1h", "from"),
            ("from=-99999999999999999999d", "from"),
            ("from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ] {
            let problem = window(query).unwrap_err().to_string();
            assert!(problem.starts_with(name), "{query}: {problem}");
        }
    }
}
