-- What a year of 500 endpoints of 20 services leaves, made backwards from now: 40 requests an endpoint-minute; minutes are kept
-- for 7 days, hours for 90, days for two years, as by default. Everything is rolled up. `grow(kept, more)` adds what lies
-- between `kept` and `more` days ago.
SET synchronous_commit = off;
SET timezone = 'UTC';

SELECT pg_temp.admit(25);

CREATE TEMP TABLE clock AS SELECT date_trunc('minute', clock_timestamp()) AS now;
CREATE TEMP TABLE unit AS
    SELECT * FROM (VALUES ('minute', interval '1 minute', 8), ('hour', interval '1 hour', 35),
                          ('day', interval '1 day', 70), ('month', interval '1 month', 110)) AS unit (level, length, bins);
UPDATE kept_floor SET at = CASE level WHEN 'minute' THEN date_trunc('day', now) - interval '7 days'
                                           WHEN 'hour' THEN date_trunc('month', now - interval '90 days')
                                           WHEN 'day' THEN date_trunc('year', now - interval '731 days')
                                           ELSE at END FROM clock;

-- Requests of one endpoint in a unit, as far as it is over.
CREATE FUNCTION pg_temp.requests(start timestamptz, length interval) RETURNS bigint LANGUAGE sql AS $$
    SELECT 40 * (extract(epoch FROM least(start + length, now) - start) / 60)::bigint FROM clock
$$;

CREATE FUNCTION pg_temp.grow(kept integer, more integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    u record;
    first timestamptz;
    past timestamptz;
BEGIN
    FOR u IN SELECT level, length, bins, now, at AS floor FROM unit JOIN kept_floor USING (level), clock LOOP
        first := greatest(date_trunc(u.level, u.now - make_interval(days => more)), u.floor);
        past := CASE kept WHEN 0 THEN u.now ELSE date_trunc(u.level, u.now - make_interval(days => kept)) END;
        IF u.level <> 'month' THEN
            PERFORM make_partition_v1(u.level, extract(epoch FROM day)::bigint)
                FROM generate_series(date_trunc('day', first), past, '1 day') AS day WHERE first < past;
        END IF;
        EXECUTE format($sql$
            INSERT INTO %I (endpoint, start, requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed,
                            duration_sum_us, duration_min_us, duration_max_us, compact_bytes, sketch%s)
            SELECT e.id, t, n, 0, n - n / 20, 0, n / 40, n / 20 - n / 40, n, n * 12500, 900, 90000, octet_length(s), s%s
            FROM generate_series($1, $2 - interval '1 second', $3) AS t, pg_temp.requests(t, $3) AS n,
                 (SELECT id, pg_temp.run($4, 360 + (id %% 127)::integer) AS s FROM endpoint) AS e
            $sql$, 'endpoint_' || u.level, CASE u.level WHEN 'minute' THEN ', rolled' ELSE '' END,
            CASE u.level WHEN 'minute' THEN ', true' ELSE '' END) USING first, past, u.length, u.bins;
        EXECUTE format($sql$
            INSERT INTO %I (start, service, requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed,
                            duration_sum_us, duration_min_us, duration_max_us, compact_bytes, sketch)
            SELECT t, s.id, 25 * n, 0, 25 * (n - n / 20), 0, 25 * (n / 40), 25 * (n / 20 - n / 40), 25 * n, 25 * n * 12500, 900,
                   90000, octet_length(k), k
            FROM generate_series($1, $2 - interval '1 second', $3) AS t, pg_temp.requests(t, $3) AS n, service AS s,
                 pg_temp.run(120, 360) AS k
            $sql$, 'service_' || u.level) USING first, past, u.length;
    END LOOP;
END
$$;
