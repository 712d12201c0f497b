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
INSERT INTO endpoint_hour
    SELECT id, t, 2400, 0, 2280, 0, 60, 60, 2400, 30000000, 900, 90000, octet_length(hour), hour
    FROM generate_series(timestamptz '2026-02-28 00:00Z', '2026-03-10 12:00Z', '1 hour') AS t, shape ORDER BY t, id;
INSERT INTO endpoint_day
    SELECT id, t, 57600, 0, 57000, 0, 300, 300, 57600, 720000000, 900, 90000, octet_length(day), day
    FROM generate_series(timestamptz '2025-12-01 00:00Z', '2026-03-10 00:00Z', '1 day') AS t, shape ORDER BY t, id;
INSERT INTO endpoint_month
    SELECT id, t, 1728000, 0, 1720000, 0, 4000, 4000, 1728000, 21600000000, 900, 90000, octet_length(month), month
    FROM generate_series(timestamptz '2025-03-01 00:00Z', '2026-03-01 00:00Z', '1 month') AS t, shape ORDER BY t, id;
