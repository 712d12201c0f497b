-- 5,000 endpoints of 20 services for measurements: a day of minutes, ten days of hours, a hundred of days, a year of months,
-- each row as wide as some requests a minute make it. The clock stands at 2026-03-10 12:34:30 UTC; the two latest minutes are
-- not rolled up.
SET synchronous_commit = off;
UPDATE setting SET pinned_clock = '2026-03-10 12:34:30Z';

SELECT pg_temp.admit(250);
SELECT make_partition_v1(level, extract(epoch FROM day::timestamptz)::bigint)
    FROM (VALUES ('minute', '2026-03-09Z'), ('minute', '2026-03-10Z'), ('hour', '2026-02-01Z'), ('hour', '2026-03-01Z'),
                 ('day', '2025-01-01Z'), ('day', '2026-01-01Z')) AS part (level, day);


INSERT INTO endpoint_minute
    SELECT id, t, 40, 0, 38, 0, 1, 1, 40, 500000, 900, 90000, octet_length(minute), minute, t < '2026-03-10 12:33Z'
    FROM generate_series(timestamptz '2026-03-09 12:34Z', '2026-03-10 12:34Z', '1 minute') AS t,
         (SELECT id, pg_temp.run(8, 400 + (id % 127)::integer) AS minute FROM endpoint) AS shape ORDER BY t, id;

-- Units of a level between two times: each is `minutes` such minutes, the running one as many as are rolled up. They lie as roll_up
-- inserts them, service by service.
CREATE FUNCTION pg_temp.fill(level text, since timestamptz, latest timestamptz, minutes integer, bins integer, first integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($sql$
        INSERT INTO %I
            SELECT id, t, 40 * n, 0, 38 * n, 0, n, n, 40 * n, 500000 * n, 900, 90000, octet_length(s), s
            FROM (SELECT t, least($3, extract(epoch FROM timestamptz '2026-03-10 12:33Z' - t) / 60)::bigint AS n
                  FROM generate_series($1, $2, $4) AS t) AS units,
                 (SELECT id, service_id, pg_temp.run($5, $6 + (id %% 127)::integer) AS s FROM endpoint) AS shape
            ORDER BY t, service_id, id
        $sql$, 'endpoint_' || level) USING since, latest, minutes, ('1 ' || level)::interval, bins, first;
END
$$;
-- Beside the latest hours and days are those that a window of 30 days and of a year begins with.
SELECT pg_temp.fill('hour', '2026-02-08 12:00Z', '2026-02-08 23:00Z', 60, 35, 400),
       pg_temp.fill('hour', '2026-02-28 00:00Z', '2026-03-10 12:00Z', 60, 35, 400),
       pg_temp.fill('day', '2025-03-10 00:00Z', '2025-03-31 00:00Z', 1440, 70, 380),
       pg_temp.fill('day', '2025-12-01 00:00Z', '2026-03-10 00:00Z', 1440, 70, 380),
       pg_temp.fill('month', '2025-03-01 00:00Z', '2026-03-01 00:00Z', 43200, 110, 360);
