//! What is measured, for Prometheus. Labels are bounded by our code, never by visitors.

use std::cell::{OnceCell, RefCell};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tally_stream::AppenderStats;

use crate::front::Front;
use crate::ingest::Rejections;
use crate::pages::Trouble;
use crate::problem::{Kind, Problem};

/// Upper bounds of the duration buckets in seconds.
const DURATION_BUCKETS_SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Label of a request that matched no route.
pub(crate) const UNKNOWN: &str = "<unknown>";

/// A route's requests, kept with its resource on each thread: what a request is measured by is found without a look-up of its labels.
#[derive(Debug)]
pub(crate) struct Route {
    label: &'static str,
    durations: OnceCell<Histogram>,
    requests: RefCell<Vec<(&'static str, u16, Counter)>>,
}

impl Route {
    pub(crate) const fn new(label: &'static str) -> Self {
        Self { label, durations: OnceCell::new(), requests: RefCell::new(Vec::new()) }
    }

    fn answered(&self, metrics: &Metrics, method: &'static str, code: u16, began: Instant) {
        let route = self.label;
        let durations = || metrics.durations.get_or_create_owned(&RouteLabels { route });
        self.durations.get_or_init(durations).observe(began.elapsed().as_secs_f64());
        let mut requests = self.requests.borrow_mut();
        if let Some((.., counter)) = requests.iter().find(|(known, of, _)| *known == method && *of == code) {
            counter.inc();
            return;
        }
        let counter = metrics.requests.get_or_create_owned(&RequestLabels { route, method, code });
        counter.inc();
        requests.push((method, code, counter));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FieldLabels {
    field: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProblemLabels {
    problem: &'static str,
}

type Durations = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// All metrics of the process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    in_flight: Gauge,
    accepted: Counter,
    duplicates: Counter,
    rejected: Family<FieldLabels, Counter>,
    spans_passed_over: Counter,
    problems: Family<ProblemLabels, Counter>,
    answers_shared: Counter,
    pub(crate) live_streams: Gauge,
    listener_reconnects: Counter,
    appender: AppenderGauges,
}

/// The appender's own figures, copied when they are asked for.
#[derive(Debug, Default)]
struct AppenderGauges {
    queued_requests: Gauge<u64, AtomicU64>,
    queued_bytes: Gauge<u64, AtomicU64>,
    in_flight_requests: Gauge<u64, AtomicU64>,
    flushes: Counter,
    entries: Counter,
    bytes: Counter,
    resends: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS_SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("tally_api"),
            requests: Family::default(),
            durations: Family::new_with_constructor(seconds),
            in_flight: Gauge::default(),
            accepted: Counter::default(),
            duplicates: Counter::default(),
            rejected: Family::default(),
            spans_passed_over: Counter::default(),
            problems: Family::default(),
            answers_shared: Counter::default(),
            live_streams: Gauge::default(),
            listener_reconnects: Counter::default(),
            appender: AppenderGauges::default(),
        };
        metrics.register();
        metrics.appender.register(&mut metrics.registry);
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register("request_duration_seconds", "Time to answer a request", self.durations.clone());
        registry.register("requests_in_flight", "Requests being answered", self.in_flight.clone());
        registry.register("events_accepted", "Events accepted, votes included", self.accepted.clone());
        registry.register("events_duplicate", "Events of requests that came again", self.duplicates.clone());
        registry.register("events_rejected", "Events rejected, by the field to blame", self.rejected.clone());
        let passed_over = self.spans_passed_over.clone();
        registry.register("spans_passed_over", "Spans of traces that are no HTTP server spans", passed_over);
        registry.register("problems", "Requests refused, by problem", self.problems.clone());
        registry.register("live_streams", "Open streams of /v1/live", self.live_streams.clone());
        registry.register(
            "listener_reconnects",
            "Times that the connection that hears of commits was made again",
            self.listener_reconnects.clone(),
        );
        registry.register("answers_shared", "Reads answered by another's answer", self.answers_shared.clone());
    }

    /// Counts what became of a request's events.
    pub(crate) fn judged(&self, accepted: u64, rejections: &Rejections, duplicate: bool) {
        if duplicate {
            self.duplicates.inc_by(accepted);
            return;
        }
        self.accepted.inc_by(accepted);
        let shown = rejections.shown();
        for rejection in shown {
            self.rejected.get_or_create(&FieldLabels { field: rejection.field.unwrap_or("event") }).inc();
        }
        let more = rejections.count() - shown.len();
        if more > 0 {
            self.rejected.get_or_create(&FieldLabels { field: "more" }).inc_by(more as u64);
        }
    }

    /// Counts a read that was answered by what another had asked for.
    pub(crate) fn shared(&self) {
        self.answers_shared.inc();
    }

    /// Counts spans that are not counted, because they are no requests that a service answered.
    pub(crate) fn passed_over(&self, spans: u64) {
        self.spans_passed_over.inc_by(spans);
    }

    /// Tells how many connections were made to hear of commits: the first is no reconnection.
    pub(crate) fn set_listener_connections(&self, connections: u64) {
        let reconnects = connections.saturating_sub(1);
        self.listener_reconnects.inner().fetch_max(reconnects, std::sync::atomic::Ordering::Relaxed);
    }

    fn refused(&self, kind: Kind) {
        self.problems.get_or_create(&ProblemLabels { problem: kind.slug() }).inc();
    }

    /// All metrics as text.
    fn text(&self, stats: Option<AppenderStats>) -> Result<String, std::fmt::Error> {
        self.appender.set(stats.unwrap_or_default());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl AppenderGauges {
    fn register(&self, registry: &mut Registry) {
        registry.register("appender_queued_requests", "Waiting for Redis or in flight", self.queued_requests.clone());
        registry.register("appender_queued_bytes", "Bytes of these requests", self.queued_bytes.clone());
        registry.register("appender_in_flight_requests", "Sent and not answered", self.in_flight_requests.clone());
        registry.register("appender_flushes", "Pipelines sent to Redis", self.flushes.clone());
        registry.register("appender_entries", "Log entries sent to Redis", self.entries.clone());
        registry.register("appender_bytes", "Bytes of payload sent to Redis", self.bytes.clone());
        registry.register("appender_resends", "Pipelines sent again", self.resends.clone());
    }

    fn set(&self, stats: AppenderStats) {
        self.queued_requests.set(stats.queued_requests);
        self.queued_bytes.set(stats.queued_bytes);
        self.in_flight_requests.set(stats.in_flight_requests);
        let counters = [
            (&self.flushes, stats.flushes),
            (&self.entries, stats.entries),
            (&self.bytes, stats.bytes),
            (&self.resends, stats.resends),
        ];
        for (counter, value) in counters {
            // Two scrapes at once must not both add the difference.
            counter.inner().fetch_max(value, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// A request that is being answered. The label is the route that matched, or `<unknown>`.
pub(crate) struct Measured {
    front: web::Data<Front>,
    method: &'static str,
    began: Instant,
}

impl Measured {
    pub(crate) fn begin(front: web::Data<Front>, method: &Method) -> Self {
        front.metrics.in_flight.inc();
        Self { front, method: method_label(method), began: Instant::now() }
    }

    pub(crate) fn end(self, route: Option<&Route>, status: StatusCode, problem: Option<&Problem>) {
        if let Some(route) = route {
            route.answered(&self.front.metrics, self.method, status.as_u16(), self.began);
        }
        if let Some(problem) = problem {
            self.front.metrics.refused(problem.kind());
        }
    }
}

impl Drop for Measured {
    /// However the request ends.
    fn drop(&mut self) {
        self.front.metrics.in_flight.dec();
    }
}

/// The problem that an error is, if it is one.
pub(crate) fn problem_of(error: &actix_web::Error) -> Option<&Problem> {
    error.as_error::<Problem>().or_else(|| error.as_error::<Trouble>().map(Trouble::problem))
}

fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// `GET /metrics`.
pub(crate) async fn scrape(front: web::Data<Front>) -> Result<HttpResponse, Problem> {
    let stats = front.redis().ok().map(|redis| redis.appenders.stats());
    let text = front.metrics.text(stats).map_err(|error| {
        tracing::error!(%error, "cannot write the metrics");
        Problem::new(Kind::Internal, "the metrics cannot be written")
    })?;
    Ok(HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_end_in_total_and_never_fall() {
        let metrics = Metrics::new();
        metrics.judged(7, &Rejections::default(), false);
        let stats = AppenderStats { flushes: 3, queued_requests: 2, ..AppenderStats::default() };
        let text = metrics.text(Some(stats)).unwrap();
        for line in [
            "tally_api_events_accepted_total 7",
            "tally_api_appender_flushes_total 3",
            "tally_api_appender_queued_requests 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(metrics.text(None).unwrap().contains("tally_api_appender_flushes_total 3"));
    }
}
