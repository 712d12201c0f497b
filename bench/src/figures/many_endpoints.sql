-- 5,000 endpoints of 20 services for measurements: a day of minutes, ten days of hours, a hundred of days, a year of months,
-- each row as wide as some requests a minute make it. The clock stands at 2026-03-10 12:34:30 UTC; the two latest minutes are
-- not rolled up.
SET synchronous_commit = off;
UPDATE setting SET pinned_clock = '2026-03-10 12:34:30Z';

-- A run of `bins` bins from `first` on, five requests in each.
CREATE FUNCTION pg_temp.run(bins integer, first integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(lpad(to_hex(bins), 2, '0') || to_hex(first & 127 | 128) || lpad(to_hex(first >> 7), 2, '0') || '05'
                  || repeat('0305', bins - 1), 'hex')
$$;

INSERT INTO service SELECT service_id('service-' || s), 'service-' || s, 250 FROM generate_series(1, 20) AS s;
INSERT INTO endpoint
    SELECT endpoint_id(service, 'GET', route), service_id(service), service, 'GET', route
    FROM (SELECT 'service-' || s AS service, '/resource/' || r || '/{id}' AS route
          FROM generate_series(1, 20) AS s, generate_series(1, 250) AS r) AS names;
SELECT make_partition_v1(level, extract(epoch FROM day::timestamptz)::bigint)
    FROM (VALUES ('minute', '2026-03-09Z'), ('minute', '2026-03-10Z'), ('hour', '2026-02-01Z'), ('hour', '2026-03-01Z'),
                 ('day', '2025-01-01Z'), ('day', '2026-01-01Z')) AS part (level, day);

CREATE TEMP TABLE shape AS
    SELECT id, pg_temp.run(8, 400 + n) AS minute, pg_temp.run(35, 400 + n) AS hour, pg_temp.run(70, 380 + n) AS day,
           pg_temp.run(110, 360 + n) AS month
    FROM (SELECT id, (id % 127)::integer AS n FROM endpoint) AS numbered;
INSERT INTO endpoint_minute
    SELECT id, t, 40, 0, 38, 0, 1, 1, 40, 500000, 900, 90000, octet_length(minute), minute, t < '2026-03-10 12:33Z'
    FROM generate_series(timestamptz '2026-03-09 12:34Z', '2026-03-10 12:34Z', '1 minute') AS t, shape ORDER BY t, id;
-- An hour is 60 such minutes, a day 1,440, a month 43,200, the running ones as many as are rolled up. Beside the latest hours and
-- days are those that a window of 30 days and of a year begins with.
INSERT INTO endpoint_hour
    SELECT id, t, 40 * n, 0, 38 * n, 0, n, n, 40 * n, 500000::bigint * n, 900, 90000, octet_length(hour), hour
    FROM (SELECT t, CASE WHEN t < '2026-03-10 12:00Z' THEN 60 ELSE 33 END AS n
          FROM (SELECT generate_series(timestamptz '2026-02-08 12:00Z', '2026-02-08 23:00Z', '1 hour')
                UNION ALL SELECT generate_series(timestamptz '2026-02-28 00:00Z', '2026-03-10 12:00Z', '1 hour')) AS h (t)) AS h,
         shape ORDER BY t, id;
INSERT INTO endpoint_day
    SELECT id, t, 40 * n, 0, 38 * n, 0, n, n, 40 * n, 500000::bigint * n, 900, 90000, octet_length(day), day
    FROM (SELECT t, CASE WHEN t < '2026-03-10Z' THEN 1440 ELSE 753 END AS n
          FROM (SELECT generate_series(timestamptz '2025-03-10 00:00Z', '2025-03-31 00:00Z', '1 day')
                UNION ALL SELECT generate_series(timestamptz '2025-12-01 00:00Z', '2026-03-10 00:00Z', '1 day')) AS d (t)) AS d,
         shape ORDER BY t, id;
INSERT INTO endpoint_month
    SELECT id, t, 40 * n, 0, 38 * n, 0, n, n, 40 * n, 500000::bigint * n, 900, 90000, octet_length(month), month
    FROM (SELECT t, CASE WHEN t < '2026-03-01Z' THEN 43200 ELSE 9 * 1440 + 753 END AS n
          FROM generate_series(timestamptz '2025-03-01 00:00Z', '2026-03-01 00:00Z', '1 month') AS t) AS m,
         shape ORDER BY t, id;
