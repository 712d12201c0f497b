//! A report, gathered from what the store can be asked.

use std::collections::HashMap;

use serde::Serialize;
use tally_model::{Cover, EndpointId, EndpointName, Level, Window};
use tally_store::{EndpointFigures, EndpointQuery, Figures, Floors, Store};

use crate::front::{Front, now_ms};
use crate::problem::Problem;
use crate::reads::accounting::{self, Books};
use crate::reads::changed::peak;
use crate::reads::cut::Cut;
use crate::reads::figures::Shown;
use crate::reads::marks::{Mark, marks};
use crate::reads::{span, unavailable};
use crate::reports::changed::{self, Changed};
use crate::reports::compared::Compared;
use crate::reports::question::Question;
use crate::reports::series::{Series, Step, buckets, steps};
use crate::reports::times;

/// What is counted this late is behind, and charts show where; less is the time that counting takes.
const BEHIND_MS: i64 = 10_000;

/// Everything that a report says.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) window: Window,
    pub(crate) level: Level,
    pub(crate) service: Option<String>,
    pub(crate) daily: bool,
    pub(crate) counted_through_ms: Option<i64>,
    pub(crate) made_ms: i64,
    /// When the first request was that is kept.
    pub(crate) first_s: Option<i64>,
    pub(crate) compared: Option<Compared>,
    pub(crate) total: Figures,
    pub(crate) before: Option<Figures>,
    /// Services with a request.
    pub(crate) services: usize,
    /// Most requests first.
    pub(crate) endpoints: Vec<Row>,
    pub(crate) changed: Vec<Changed>,
    pub(crate) step_s: Option<i64>,
    pub(crate) series: Series,
    pub(crate) before_series: Option<Series>,
    pub(crate) marks: Vec<Mark>,
    /// None while Redis does not answer: then nobody knows what was accepted.
    pub(crate) books: Option<Books>,
}

/// An endpoint, and what it did in the compared period: none if that had nothing of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: EndpointId,
    pub(crate) name: EndpointName,
    pub(crate) now: Measured,
    pub(crate) before: Option<Measured>,
}

/// Figures without their sketch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Measured {
    #[serde(flatten)]
    pub(crate) shown: Shown,
    /// Requests by status class, 1xx … 5xx.
    #[serde(skip)]
    pub(crate) status: [u64; 5],
}

impl Measured {
    pub(crate) fn of(figures: &Figures, seconds: i64) -> Self {
        Self { shown: Shown::of(figures, seconds), status: figures.status }
    }
}

impl Report {
    /// Asks the store for all of it.
    ///
    /// # Errors
    /// 503 without PostgreSQL.
    pub(crate) async fn gather(front: &Front, question: &Question) -> Result<Self, Problem> {
        let store = front.store()?;
        let made_ms = now_ms();
        // Before the data: what it promises is in them.
        let counted_through_ms = front.counted_through.ms(front).await?;
        let floors = store.floors().await.map_err(unavailable)?;
        let pieces = span::to_its_bounds(question.window, floors, made_ms);
        let window = pieces.window();
        let first_s = store.span().await.map_err(unavailable)?.map(|span| span.0);
        let compared = Compared::with(window, floors, first_s);
        let query = |pieces| EndpointQuery { cover: Cover::fewest(pieces), service: question.service.clone() };
        let found = store.endpoints(&query(&pieces)).await.map_err(unavailable)?;
        let earlier = match &compared {
            Some(compared) => Some(store.endpoints(&query(&compared.pieces)).await.map_err(unavailable)?),
            None => None,
        };
        let asking = Asking {
            store,
            cut: Cut::drawn(window, window.seconds(), floors),
            floors,
            service: question.service.as_deref(),
            now_s: made_ms.div_euclid(1_000),
        };
        let behind_ms = counted_through_ms.filter(|through_ms| through_ms + BEHIND_MS < made_ms);
        let steps = asking.steps().await?;
        let before_steps = asking.before_steps(compared.as_ref(), steps.len()).await?;
        let total = sum(&found);
        let before = earlier.as_deref().map(sum);
        let endpoints = rows(&found, earlier.as_deref(), window.seconds());
        let mut changed = changed::most(&endpoints, compared.is_some());
        for one in &mut changed {
            one.peak = peak(&buckets(&asking.of_endpoint(one.id).await?));
        }
        Ok(Self {
            level: pieces.level(),
            service: question.service.clone(),
            daily: question.daily,
            services: services(&endpoints),
            marks: marks(&buckets(&steps), before_steps.as_deref().map(buckets).as_deref()),
            step_s: asking.cut.step_s,
            books: accounting::books_now(front).await.ok(),
            window,
            counted_through_ms,
            made_ms,
            compared,
            total,
            before,
            endpoints,
            changed,
            before_series: before_steps.map(|steps| Series::of(steps, first_s)),
            series: Series { counted_through_s: behind_ms.map(|ms| ms / 1_000), ..Series::of(steps, first_s) },
            first_s,
        })
    }

    /// What it is about, in words.
    pub(crate) fn title(&self) -> String {
        title(self.window, self.service.as_deref())
    }

    /// Whether everything that was accepted while it was made, or until its window ended, is in it.
    pub(crate) fn is_complete(&self) -> bool {
        let needed_ms = (self.window.to_s * 1_000).min(self.made_ms - BEHIND_MS);
        self.counted_through_ms.is_some_and(|through_ms| through_ms >= needed_ms)
    }
}

/// `Thu 12 Mar 2026, 02:40 – 04:10 UTC, payments`
pub(crate) fn title(window: Window, service: Option<&str>) -> String {
    let window = times::window(window.from_s, window.to_s);
    service.map_or_else(|| format!("{window} UTC"), |service| format!("{window} UTC, {service}"))
}

/// What all questions over time share.
struct Asking<'a> {
    store: &'a Store,
    cut: Cut,
    floors: Floors,
    service: Option<&'a str>,
    now_s: i64,
}

impl Asking<'_> {
    /// The steps of everything asked for.
    async fn steps(&self) -> Result<Vec<Step>, Problem> {
        let found = self.total(self.cut).await?;
        Ok(steps(&self.cut.points(found, self.now_s), 0, self.running_s()))
    }

    /// As many steps of the compared period, in the times of this one; none where they are not kept, or do not fall on steps.
    async fn before_steps(&self, compared: Option<&Compared>, count: usize) -> Result<Option<Vec<Step>>, Problem> {
        let shift_s = compared.map(|compared| compared.shift.seconds);
        let Some((shift_s, cut)) = shift_s.and_then(|by_s| Some((by_s, self.cut.earlier(by_s, self.floors)?))) else {
            return Ok(None);
        };
        let mut points = cut.points(self.total(cut).await?, self.now_s);
        points.truncate(count);
        Ok(Some(steps(&points, shift_s, i64::MAX)))
    }

    async fn of_endpoint(&self, id: EndpointId) -> Result<Vec<Step>, Problem> {
        let Cut { window, level, .. } = self.cut;
        let found = self.store.series(id, window, level, self.cut.read_step_s()).await.map_err(unavailable)?;
        Ok(steps(&self.cut.points(found, self.now_s), 0, self.running_s()))
    }

    async fn total(&self, cut: Cut) -> Result<Vec<(i64, Figures)>, Problem> {
        let Cut { window, level, .. } = cut;
        self.store.total_series(window, level, cut.read_step_s(), self.service).await.map_err(unavailable)
    }

    /// End of the minute that is running.
    fn running_s(&self) -> i64 {
        Level::Minute.next(Level::Minute.floor(self.now_s))
    }
}

fn sum(found: &[EndpointFigures]) -> Figures {
    let mut sum = Figures::default();
    found.iter().for_each(|endpoint| sum.add(&endpoint.figures));
    sum
}

/// The rows of a table, most requests first, then by name.
pub(crate) fn rows(found: &[EndpointFigures], earlier: Option<&[EndpointFigures]>, seconds: i64) -> Vec<Row> {
    let earlier: HashMap<EndpointId, &Figures> =
        earlier.into_iter().flatten().map(|endpoint| (endpoint.id, &endpoint.figures)).collect();
    let row = |endpoint: &EndpointFigures| Row {
        id: endpoint.id,
        name: endpoint.name.clone(),
        now: Measured::of(&endpoint.figures, seconds),
        before: earlier.get(&endpoint.id).map(|figures| Measured::of(figures, seconds)),
    };
    let mut rows: Vec<Row> = found.iter().map(row).collect();
    rows.sort_by(|a, b| b.now.shown.requests.cmp(&a.now.shown.requests).then_with(|| by_name(a).cmp(&by_name(b))));
    rows
}

fn by_name(row: &Row) -> (&str, &str, &str) {
    (row.name.service(), row.name.route(), row.name.method())
}

fn services(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.name.service()).collect::<std::collections::HashSet<_>>().len()
}
