//! A made-up shop: its endpoints with the habits of real ones, its day, and the night that payments broke.

use std::f64::consts::PI;

/// An endpoint and how it usually behaves.
pub(crate) struct Endpoint {
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    /// How busy it is beside the others.
    pub(crate) weight: f64,
    /// Median latency, in milliseconds.
    pub(crate) median_ms: f64,
    /// Width of the latency distribution: sigma of its logarithm.
    pub(crate) sigma: f64,
    /// Shares of requests answered with 3xx, 4xx and 5xx on a good day.
    pub(crate) shares: [f64; 3],
    /// What the incident does to it.
    pub(crate) trouble: Option<Trouble>,
}

/// What an incident does to an endpoint at its height.
#[derive(Clone, Copy)]
pub(crate) struct Trouble {
    /// Share of requests that fail.
    pub(crate) failing: f64,
    /// Share of the failing that do so by a timeout.
    pub(crate) timeouts: f64,
    /// How many times slower the median becomes.
    pub(crate) slower: f64,
}

impl Trouble {
    /// Whether clients notice and try again.
    pub(crate) fn is_retried(self) -> bool {
        self.failing >= 0.1
    }
}

type Row = (&'static str, &'static str, f64, f64, f64, [f64; 3]);

/// Method, route, weight, median, sigma, shares of 3xx, 4xx, 5xx.
const STOREFRONT: [Row; 9] = [
    ("GET", "/", 90.0, 38.0, 0.45, [0.004, 0.002, 0.0002]),
    ("GET", "/products", 66.0, 52.0, 0.5, [0.0, 0.003, 0.0003]),
    ("GET", "/products/{id}", 98.0, 44.0, 0.48, [0.01, 0.012, 0.0002]),
    ("GET", "/products/{id}/reviews", 34.0, 61.0, 0.5, [0.0, 0.006, 0.0004]),
    ("GET", "/categories/{slug}", 40.0, 47.0, 0.45, [0.02, 0.009, 0.0002]),
    ("GET", "/cart", 30.0, 33.0, 0.4, [0.0, 0.004, 0.0001]),
    ("POST", "/cart/items", 16.0, 58.0, 0.42, [0.0, 0.021, 0.0004]),
    ("DELETE", "/cart/items/{id}", 4.0, 41.0, 0.4, [0.0, 0.01, 0.0002]),
    ("GET", "/assets/{file}", 130.0, 3.1, 0.6, [0.38, 0.004, 0.0]),
];
const CHECKOUT: [Row; 8] = [
    ("POST", "/v1/orders", 20.0, 210.0, 0.45, [0.0, 0.034, 0.0007]),
    ("GET", "/v1/orders/{id}", 28.0, 64.0, 0.42, [0.0, 0.006, 0.0002]),
    ("POST", "/v1/orders/{id}/pay", 18.0, 340.0, 0.42, [0.0, 0.041, 0.0009]),
    ("POST", "/v1/orders/{id}/cancel", 0.7, 120.0, 0.4, [0.0, 0.03, 0.0004]),
    ("GET", "/v1/shipping-rates", 8.0, 180.0, 0.7, [0.0, 0.004, 0.0031]),
    ("POST", "/v1/coupons/validate", 3.4, 39.0, 0.4, [0.0, 0.21, 0.0002]),
    ("PUT", "/v1/orders/{id}/address", 1.6, 71.0, 0.42, [0.0, 0.03, 0.0003]),
    ("GET", "/v1/orders", 6.0, 96.0, 0.5, [0.0, 0.004, 0.0002]),
];
const PAYMENTS: [Row; 8] = [
    ("POST", "/v1/charges", 19.0, 160.0, 0.38, [0.0, 0.038, 0.0006]),
    ("GET", "/v1/charges/{id}", 24.0, 31.0, 0.4, [0.0, 0.004, 0.0002]),
    ("POST", "/v1/refunds", 0.6, 240.0, 0.4, [0.0, 0.02, 0.0004]),
    ("GET", "/v1/refunds/{id}", 0.9, 29.0, 0.4, [0.0, 0.01, 0.0002]),
    ("POST", "/v1/payment-methods", 2.2, 145.0, 0.45, [0.0, 0.06, 0.0007]),
    ("GET", "/v1/payment-methods", 6.0, 27.0, 0.4, [0.0, 0.003, 0.0002]),
    ("POST", "/webhooks/{provider}", 4.4, 22.0, 0.5, [0.0, 0.011, 0.0003]),
    ("GET", "/v1/balance", 0.15, 88.0, 0.4, [0.0, 0.0, 0.0]),
];
const ACCOUNTS: [Row; 8] = [
    ("POST", "/login", 9.0, 190.0, 0.32, [0.0, 0.09, 0.0003]),
    ("POST", "/logout", 3.0, 12.0, 0.4, [0.9, 0.002, 0.0001]),
    ("POST", "/register", 1.0, 260.0, 0.35, [0.0, 0.12, 0.0005]),
    ("POST", "/password/reset", 0.6, 130.0, 0.4, [0.0, 0.05, 0.0004]),
    ("GET", "/me", 40.0, 9.2, 0.45, [0.0, 0.03, 0.0001]),
    ("PATCH", "/me", 1.5, 37.0, 0.4, [0.0, 0.04, 0.0003]),
    ("GET", "/me/addresses", 7.0, 18.0, 0.4, [0.0, 0.006, 0.0001]),
    ("POST", "/token/refresh", 26.0, 14.0, 0.4, [0.0, 0.034, 0.0001]),
];
const SEARCH: [Row; 7] = [
    ("GET", "/search", 50.0, 84.0, 0.62, [0.0, 0.005, 0.0009]),
    ("GET", "/suggest", 104.0, 12.0, 0.5, [0.0, 0.001, 0.0001]),
    ("GET", "/facets", 30.0, 40.0, 0.5, [0.0, 0.002, 0.0004]),
    ("POST", "/index/documents", 2.6, 95.0, 0.6, [0.0, 0.008, 0.0012]),
    ("DELETE", "/index/documents/{id}", 0.8, 31.0, 0.4, [0.0, 0.02, 0.0003]),
    ("GET", "/trending", 9.0, 22.0, 0.4, [0.0, 0.002, 0.0001]),
    ("POST", "/reindex", 0.02, 4_100.0, 0.3, [0.0, 0.0, 0.0]),
];
const SERVICES: [(&str, &[Row]); 5] = [
    ("storefront", &STOREFRONT),
    ("checkout", &CHECKOUT),
    ("payments", &PAYMENTS),
    ("accounts", &ACCOUNTS),
    ("search", &SEARCH),
];

/// Who suffers when payments break: the charge times out, and what waits for it suffers with it.
const TROUBLES: [(&str, &str, &str, Trouble); 6] = [
    ("payments", "POST", "/v1/charges", Trouble { failing: 0.35, timeouts: 0.95, slower: 3.2 }),
    ("payments", "POST", "/v1/refunds", Trouble { failing: 0.22, timeouts: 0.9, slower: 3.0 }),
    ("payments", "POST", "/v1/payment-methods", Trouble { failing: 0.02, timeouts: 0.0, slower: 2.2 }),
    ("payments", "GET", "/v1/charges/{id}", Trouble { failing: 0.004, timeouts: 0.0, slower: 2.4 }),
    ("checkout", "POST", "/v1/orders", Trouble { failing: 0.17, timeouts: 0.9, slower: 5.0 }),
    ("checkout", "POST", "/v1/orders/{id}/pay", Trouble { failing: 0.27, timeouts: 0.9, slower: 4.0 }),
];

/// All endpoints: forty of five services.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let rows = SERVICES.into_iter().flat_map(|(service, rows)| rows.iter().map(move |row| (service, *row)));
    rows.map(|(service, (method, route, weight, median_ms, sigma, shares))| {
        let name = (service, method, route);
        let trouble = TROUBLES.into_iter().find(|(service, method, route, _)| (*service, *method, *route) == name);
        Endpoint { service, method, route, weight, median_ms, sigma, shares, trouble: trouble.map(|found| found.3) }
    })
    .collect()
}

/// The names of the services.
pub(crate) fn services() -> impl Iterator<Item = &'static str> {
    SERVICES.into_iter().map(|(name, _)| name)
}

/// How busy the shop is at a time of the day (UTC), beside its average.
pub(crate) fn busyness(at_s: i64) -> f64 {
    /// The mean of the sum below over a day.
    const MEAN: f64 = 0.476;
    let hour = at_s.rem_euclid(86_400) as f64 / 3_600.0;
    let peak = |at: f64, width: f64| {
        let away = (hour - at).abs().min(24.0 - (hour - at).abs());
        (-(away / width).powi(2)).exp()
    };
    (0.17 + 0.52 * peak(12.6, 3.9) + 0.64 * peak(19.9, 3.3)) / MEAN
}

/// The one bad time of a history: charges time out, checkout suffers, clients try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incident {
    /// When it begins, in seconds since 1970.
    pub(crate) start_s: i64,
}

impl Incident {
    /// How long it lasts, and how long it grows and fades, in seconds.
    const LASTS_S: f64 = 5_400.0;
    const GROWS_S: f64 = 600.0;
    const FADES_S: f64 = 1_200.0;
    /// It begins 2 h 40 into a third of a UTC day, and is over at least so long before now, in seconds: a history that is
    /// made again within hours has it at the same time.
    const GRID_S: i64 = 28_800;
    const OFFSET_S: i64 = 9_600;
    const OVER_S: i64 = 9_000;
    /// `payments` closed its charges for a deploy so long before, for so long, in seconds: a true zero.
    const CLOSED_BEFORE_S: i64 = 30_600;
    const CLOSED_S: i64 = 2_100;
    /// A route that nobody called before, in seconds before.
    const NEW_BEFORE_S: i64 = 28_800;

    /// The incident of a history that ends `now_s`: 4 to 12 hours before.
    pub(crate) fn before(now_s: i64) -> Self {
        let latest_s = now_s - Self::OVER_S - Self::LASTS_S as i64;
        Self { start_s: (latest_s - Self::OFFSET_S).div_euclid(Self::GRID_S) * Self::GRID_S + Self::OFFSET_S }
    }

    /// How bad it is at a time, from 0 to 1.
    pub(crate) fn strength(self, at_s: i64) -> f64 {
        let since_s = (at_s - self.start_s) as f64;
        if !(0.0..Self::LASTS_S).contains(&since_s) {
            return 0.0;
        }
        let slope = |part: f64| 0.5 - 0.5 * (PI * part.min(1.0)).cos();
        (0.3 + 0.7 * slope(since_s / Self::GROWS_S)).min(slope((Self::LASTS_S - since_s) / Self::FADES_S))
    }

    /// Whether an endpoint takes requests at a time at all.
    pub(crate) fn is_open(self, endpoint: &Endpoint, at_s: i64) -> bool {
        let closed_s = self.start_s - Self::CLOSED_BEFORE_S;
        match (endpoint.service, endpoint.method, endpoint.route) {
            ("payments", "POST", "/v1/charges") => !(closed_s..closed_s + Self::CLOSED_S).contains(&at_s),
            ("search", "POST", "/reindex") => at_s >= self.start_s - Self::NEW_BEFORE_S,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tally_model::{Method, RouteTemplate, Service};

    use super::*;

    #[test]
    fn every_endpoint_is_one_the_api_takes() {
        let (endpoints, mut names) = (endpoints(), HashSet::new());
        for Endpoint { service, method, route, weight, median_ms, sigma, shares, .. } in &endpoints {
            assert!(Service::parse(service).is_ok() && Method::parse(method).is_ok(), "{service} {method}");
            assert!(RouteTemplate::parse(route).is_ok() && names.insert((service, method, route)), "{route}");
            assert!(*weight > 0.0 && *median_ms > 0.0 && *sigma > 0.0 && shares.iter().sum::<f64>() < 1.0, "{route}");
        }
        assert_eq!((endpoints.len(), services().count()), (40, 5));
        assert_eq!(endpoints.iter().filter(|endpoint| endpoint.trouble.is_some()).count(), TROUBLES.len());
    }

    #[test]
    fn a_day_averages_to_one() {
        let mean = (0..1_440).map(|minute| busyness(minute * 60)).sum::<f64>() / 1_440.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!(busyness(3 * 3_600) < 0.6 && busyness(20 * 3_600) > 1.4, "nights are quiet");
    }

    #[test]
    fn the_incident_is_some_hours_ago_and_stays_where_it_is() {
        let now_s = 1_760_000_000;
        for hour in 0..48 {
            let now_s = now_s + hour * 3_600;
            let incident = Incident::before(now_s);
            let ago_s = now_s - incident.start_s;
            assert!((14_400..=43_200).contains(&ago_s), "{} h", ago_s / 3_600);
            let strengths: Vec<f64> = (0..90).map(|minute| incident.strength(incident.start_s + minute * 60)).collect();
            assert!(strengths.iter().all(|strength| (0.0..=1.0).contains(strength)) && strengths[40] > 0.99);
            assert!(
                incident.strength(incident.start_s - 1) == 0.0 && incident.strength(incident.start_s + 5_400) == 0.0
            );
        }
        let places: HashSet<i64> = (0..480).map(|m| Incident::before(now_s + m * 60).start_s).collect();
        assert!(places.len() <= 2, "{places:?}");
    }
}
