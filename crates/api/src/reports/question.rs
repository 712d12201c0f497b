//! What a report is asked to be about.

use serde::Deserialize;
use tally_model::{Level, Service, Window};

use crate::front::now_ms;
use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reads::span;

const DAY_S: i64 = 86_400;

/// A window, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Ends no later than the minute that is running.
    pub(crate) window: Window,
    /// Only this service.
    pub(crate) service: Option<String>,
    /// The report of a day that is made every day, once.
    pub(crate) daily: bool,
}

/// The body of `POST /v1/reports`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    daily: Option<bool>,
}

impl Question {
    /// Reads `from`, `to` and `service` of a query.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub(crate) fn of_query(parameters: &Parameters) -> Result<Self, Problem> {
        Self::new(parameters, parameters.text("service"), false, now_ms())
    }

    /// Reads a body. A daily report without bounds is about yesterday, in UTC.
    ///
    /// # Errors
    /// 400 naming the field.
    pub(crate) fn of_body(asked: &Asked) -> Result<Self, Problem> {
        let now_ms = now_ms();
        let daily = asked.daily.unwrap_or_default();
        if daily && asked.from.is_none() && asked.to.is_none() {
            let to_s = Level::Day.floor(now_ms.div_euclid(1_000));
            let service = asked.service.as_deref().map(service).transpose()?;
            return Ok(Self { window: Window { from_s: to_s - DAY_S, to_s }, service, daily });
        }
        let bounds = [("from", &asked.from), ("to", &asked.to)];
        let bounds = bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), bound.clone()?)));
        Self::new(&Parameters::given(bounds.collect()), asked.service.as_deref(), daily, now_ms)
    }

    fn new(parameters: &Parameters, of: Option<&str>, daily: bool, now_ms: i64) -> Result<Self, Problem> {
        let asked = span::asked(parameters, now_ms)?;
        let service = of.map(service).transpose()?;
        // What has not come yet would only thin the rates; the minute that is running is in it as far as it has come.
        let running_s = Level::Minute.floor(now_ms.div_euclid(1_000));
        let to_s = if asked.to_s > running_s { Level::Minute.next(running_s) } else { asked.to_s };
        if asked.from_s >= to_s {
            return Err(Problem::parameter("from", "expected a time before now"));
        }
        Ok(Self { window: Window { from_s: asked.from_s, to_s }, service, daily })
    }
}

fn service(text: &str) -> Result<String, Problem> {
    let service = Service::parse(text).map_err(|error| Problem::parameter(error.field, error.reason))?;
    Ok(service.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_report_is_about_a_whole_day_that_is_over() {
        let asked = Asked { daily: Some(true), ..Asked::default() };
        let Question { window, service, daily } = Question::of_body(&asked).unwrap();
        let now_s = now_ms() / 1_000;
        assert!(daily && service.is_none());
        assert_eq!((window.seconds(), window.to_s % DAY_S), (DAY_S, 0));
        assert!((0..DAY_S + 5).contains(&(now_s - window.to_s)));
    }

    #[test]
    fn nothing_ends_in_the_future() {
        let asked = |from: &str, to: &str| Asked { from: Some(from.into()), to: Some(to.into()), ..Asked::default() };
        let question = Question::of_body(&asked("-1h", "2999-01-01T00:00:00Z")).unwrap();
        assert!(question.window.to_s <= now_ms() / 1_000 + 60);
        let refused = Question::of_body(&asked("2998-01-01T00:00:00Z", "2999-01-01T00:00:00Z")).unwrap_err();
        assert_eq!(refused.to_string(), "from: expected a time before now");
        let refused = Question::of_body(&Asked { service: Some(String::new()), ..Asked::default() }).unwrap_err();
        assert!(refused.to_string().starts_with("service"), "{refused}");
    }
}
