//! A report as JSON: everything that is on the page, as numbers.

use serde_json::{Value, json};

use crate::problem::{Kind, Problem};
use crate::reads::marks::Bucket;
use crate::reads::{rfc3339_ms, rfc3339_s};
use crate::reports::PROMISE;
use crate::reports::changed::Changed;
use crate::reports::charts::distribution;
use crate::reports::report::{Measured, Report, Row};
use crate::reports::series::{Series, Step};

/// The document.
///
/// # Errors
/// 500, if it cannot be written, which it has no reason not to.
pub(crate) fn json(report: &Report) -> Result<String, Problem> {
    let seconds = report.window.seconds();
    let figures = |figures| measured(&Measured::of(figures, seconds));
    let document = json!({
        "title": report.title(),
        "tally": env!("CARGO_PKG_VERSION"),
        "from": rfc3339_s(report.window.from_s),
        "to": rfc3339_s(report.window.to_s),
        "level": report.level.name(),
        "service": report.service,
        "daily": report.daily,
        "counted_through": report.counted_through_ms.map(rfc3339_ms),
        "made_at": rfc3339_ms(report.made_ms),
        "compare": report.compared.as_ref().map(|compared| json!({
            "by": compared.shift.name(),
            "called": compared.called(),
            "from": rfc3339_s(compared.pieces.window().from_s),
            "to": rfc3339_s(compared.pieces.window().to_s),
        })),
        "services": report.services,
        "endpoints_total": report.endpoints.len(),
        "summary": figures(&report.total),
        "before": report.before.as_ref().map(figures),
        "changed": report.changed.iter().map(changed).collect::<Vec<_>>(),
        "step_seconds": report.step_s,
        "series": columns(&report.series),
        "before_series": report.before_series.as_ref().map(columns),
        "marks": report.marks,
        "distribution": distribution::bars(&report.total),
        "before_distribution": report.before.as_ref().map(distribution::bars),
        "endpoints": report.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "accounting": report.books,
        "promise": PROMISE,
    });
    serde_json::to_string(&document).map_err(|error| Problem::new(Kind::Internal, error.to_string()))
}

fn measured(measured: &Measured) -> Value {
    serde_json::to_value(measured).unwrap_or_default()
}

fn endpoint(row: &Row) -> Value {
    let mut value = measured(&row.now);
    value["id"] = json!(row.id.to_string());
    value["service"] = json!(row.name.service());
    value["method"] = json!(row.name.method());
    value["route"] = json!(row.name.route());
    value["before"] = row.before.as_ref().map_or(Value::Null, measured);
    value
}

fn changed(one: &Changed) -> Value {
    let before = one.before.as_ref().map(|before| &before.shown);
    json!({
        "id": one.id.to_string(),
        "service": one.name.service(),
        "method": one.name.method(),
        "route": one.name.route(),
        "more_errors": one.more_errors,
        "error_ratio": one.now.shown.error_ratio,
        "before_error_ratio": before.map(|before| before.error_ratio),
        "peak_error_ratio": one.peak.and_then(Bucket::ratio),
        "peak_s": one.peak.map(|peak| peak.start_s),
        "p99": one.now.shown.duration_ms.p99,
        "before_p99": before.and_then(|before| before.duration_ms.p99),
    })
}

/// Columns of equal length, a step without requests included.
fn columns(series: &Series) -> Value {
    let column = |of: &dyn Fn(&Step) -> Value| series.steps.iter().map(of).collect::<Vec<_>>();
    json!({
        "start_s": column(&|step| json!(step.start_s)),
        "requests": column(&|step| json!(step.requests)),
        "status_2xx": column(&|step| json!(step.status[1])),
        "status_3xx": column(&|step| json!(step.status[2])),
        "status_4xx": column(&|step| json!(step.status[3])),
        "status_5xx": column(&|step| json!(step.status[4])),
        "p50": column(&|step| json!(step.quantiles_ms[0])),
        "p90": column(&|step| json!(step.quantiles_ms[1])),
        "p95": column(&|step| json!(step.quantiles_ms[2])),
        "p99": column(&|step| json!(step.quantiles_ms[3])),
    })
}
