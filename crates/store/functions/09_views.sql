-- For people: the figures of each endpoint by minute, hour, day and month, the minutes not yet rolled up included.
-- p50, p95 and p99 are computed only where they are selected. Durations in milliseconds.

-- Every minute, whether in a row or in the block of its hour; a minute may stand in several rows, which add up. Ask for its
-- hour too: blocks are found by it, and unpacked before a minute is looked at.
CREATE OR REPLACE VIEW endpoint_minutes AS
    SELECT endpoint, start, date_trunc('hour', start, 'UTC') AS hour, requests, status_1xx, status_2xx, status_3xx, status_4xx,
           status_5xx, timed, duration_sum_us, duration_min_us, duration_max_us, sketch FROM endpoint_minute
    UNION ALL
    SELECT b.endpoint, b.start + m.place * interval '1 minute', b.start, m.requests, m.status_1xx, m.status_2xx, m.status_3xx,
           m.status_4xx, m.status_5xx, m.timed, m.duration_sum_us, m.duration_min_us, m.duration_max_us, m.sketch
    FROM minute_block b CROSS JOIN LATERAL block_units(b.minutes) m;
DROP FUNCTION IF EXISTS block_minutes(bytea);

CREATE OR REPLACE VIEW endpoint_minute_figures AS
    SELECT e.service, e.method, e.route, t.start, t.requests, t.errors, t.client_errors,
           t.sum_us / nullif(t.timed, 0)::double precision / 1000 AS avg_ms,
           t.min_us / 1000.0::double precision AS min_ms, t.max_us / 1000.0::double precision AS max_ms,
           sketch_quantile(t.sketch, 0.5) / 1000 AS p50_ms, sketch_quantile(t.sketch, 0.95) / 1000 AS p95_ms,
           sketch_quantile(t.sketch, 0.99) / 1000 AS p99_ms, t.hour
    FROM (SELECT endpoint, start, hour, sum(requests)::bigint AS requests, sum(status_5xx)::bigint AS errors,
                 sum(status_4xx)::bigint AS client_errors, sum(timed)::bigint AS timed,
                 least(sum(duration_sum_us), 9223372036854775807)::bigint AS sum_us,
                 min(duration_min_us) AS min_us, max(duration_max_us) AS max_us, string_agg(sketch, '') AS sketch
          FROM endpoint_minutes GROUP BY endpoint, start, hour) AS t
    JOIN endpoint e ON e.id = t.endpoint;

CREATE OR REPLACE VIEW endpoint_hour_figures AS
    SELECT e.service, e.method, e.route, t.start, t.requests, t.errors, t.client_errors,
           t.sum_us / nullif(t.timed, 0)::double precision / 1000 AS avg_ms,
           t.min_us / 1000.0::double precision AS min_ms, t.max_us / 1000.0::double precision AS max_ms,
           sketch_quantile(t.sketch, 0.5) / 1000 AS p50_ms, sketch_quantile(t.sketch, 0.95) / 1000 AS p95_ms,
           sketch_quantile(t.sketch, 0.99) / 1000 AS p99_ms
    FROM (SELECT endpoint, start, sum(requests)::bigint AS requests, sum(status_5xx)::bigint AS errors,
                 sum(status_4xx)::bigint AS client_errors, sum(timed)::bigint AS timed, sum(duration_sum_us) AS sum_us,
                 min(duration_min_us) AS min_us, max(duration_max_us) AS max_us, string_agg(sketch, '') AS sketch
          FROM (SELECT endpoint, start, requests, status_5xx, status_4xx, timed, duration_sum_us, duration_min_us,
                       duration_max_us, sketch FROM endpoint_hour
                UNION ALL
                SELECT endpoint, date_trunc('hour', start, 'UTC'), requests, status_5xx, status_4xx, timed, duration_sum_us,
                       duration_min_us, duration_max_us, sketch FROM endpoint_minute WHERE NOT rolled) AS both_levels
          GROUP BY endpoint, start) AS t
    JOIN endpoint e ON e.id = t.endpoint;

-- Every day that is in a row, or in the block of its month, as with minutes: ask for its month too.
CREATE OR REPLACE VIEW endpoint_days AS
    SELECT endpoint, start, date_trunc('month', start, 'UTC') AS month, requests, status_1xx, status_2xx, status_3xx, status_4xx,
           status_5xx, timed, duration_sum_us, duration_min_us, duration_max_us, sketch FROM endpoint_day
    UNION ALL
    SELECT b.endpoint, b.start + d.place * interval '24 hours', b.start, d.requests, d.status_1xx, d.status_2xx, d.status_3xx,
           d.status_4xx, d.status_5xx, d.timed, d.duration_sum_us, d.duration_min_us, d.duration_max_us, d.sketch
    FROM day_block b CROSS JOIN LATERAL block_units(b.days) d;

CREATE OR REPLACE VIEW endpoint_day_figures AS
    SELECT e.service, e.method, e.route, t.start, t.requests, t.errors, t.client_errors,
           t.sum_us / nullif(t.timed, 0)::double precision / 1000 AS avg_ms,
           t.min_us / 1000.0::double precision AS min_ms, t.max_us / 1000.0::double precision AS max_ms,
           sketch_quantile(t.sketch, 0.5) / 1000 AS p50_ms, sketch_quantile(t.sketch, 0.95) / 1000 AS p95_ms,
           sketch_quantile(t.sketch, 0.99) / 1000 AS p99_ms, t.month
    FROM (SELECT endpoint, start, month, sum(requests)::bigint AS requests, sum(status_5xx)::bigint AS errors,
                 sum(status_4xx)::bigint AS client_errors, sum(timed)::bigint AS timed, sum(duration_sum_us) AS sum_us,
                 min(duration_min_us) AS min_us, max(duration_max_us) AS max_us, string_agg(sketch, '') AS sketch
          FROM (SELECT endpoint, start, month, requests, status_5xx, status_4xx, timed, duration_sum_us, duration_min_us,
                       duration_max_us, sketch FROM endpoint_days
                UNION ALL
                SELECT endpoint, date_trunc('day', start, 'UTC'), date_trunc('month', start, 'UTC'), requests, status_5xx,
                       status_4xx, timed, duration_sum_us, duration_min_us, duration_max_us, sketch
                FROM endpoint_minute WHERE NOT rolled) AS both_levels
          GROUP BY endpoint, start, month) AS t
    JOIN endpoint e ON e.id = t.endpoint;

CREATE OR REPLACE VIEW endpoint_month_figures AS
    SELECT e.service, e.method, e.route, t.start, t.requests, t.errors, t.client_errors,
           t.sum_us / nullif(t.timed, 0)::double precision / 1000 AS avg_ms,
           t.min_us / 1000.0::double precision AS min_ms, t.max_us / 1000.0::double precision AS max_ms,
           sketch_quantile(t.sketch, 0.5) / 1000 AS p50_ms, sketch_quantile(t.sketch, 0.95) / 1000 AS p95_ms,
           sketch_quantile(t.sketch, 0.99) / 1000 AS p99_ms
    FROM (SELECT endpoint, start, sum(requests)::bigint AS requests, sum(status_5xx)::bigint AS errors,
                 sum(status_4xx)::bigint AS client_errors, sum(timed)::bigint AS timed, sum(duration_sum_us) AS sum_us,
                 min(duration_min_us) AS min_us, max(duration_max_us) AS max_us, string_agg(sketch, '') AS sketch
          FROM (SELECT endpoint, start, requests, status_5xx, status_4xx, timed, duration_sum_us, duration_min_us,
                       duration_max_us, sketch FROM endpoint_month
                UNION ALL
                SELECT endpoint, date_trunc('month', start, 'UTC'), requests, status_5xx, status_4xx, timed, duration_sum_us,
                       duration_min_us, duration_max_us, sketch FROM endpoint_minute WHERE NOT rolled) AS both_levels
          GROUP BY endpoint, start) AS t
    JOIN endpoint e ON e.id = t.endpoint;
