-- Adding to hours, days and months: by apply for what is late, by roll_up for everything else.
-- Lock order everywhere: services, endpoints, minutes, hours, days, months, then the same four levels of services, each
-- sorted by key.

-- Adds rows to every level of their services that still keeps their time. Rows that grew long are not returned: who merges
-- sketches asks for them (grown_services_v1). One text for four tables, as in add_coarser.
CREATE OR REPLACE FUNCTION add_services(p_deltas rollup_delta[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    unit text;
    floor_at timestamptz;
    deltas rollup_delta[];  -- of services: the first field is a service's id
BEGIN
    SELECT array_agg(ROW(sums.*)::rollup_delta) INTO deltas FROM (
        SELECT e.service_id, d.start, sum(requests)::bigint, sum(status_1xx)::bigint, sum(status_2xx)::bigint,
               sum(status_3xx)::bigint, sum(status_4xx)::bigint, sum(status_5xx)::bigint, sum(timed)::bigint,
               least(sum(duration_sum_us), 9223372036854775807)::bigint, min(duration_min_us), max(duration_max_us),
               string_agg(sketch, '' ORDER BY d.endpoint)
        FROM unnest(p_deltas) AS d JOIN endpoint e ON e.id = d.endpoint GROUP BY 1, 2) AS sums;
    FOREACH unit IN ARRAY ARRAY['minute', 'hour', 'day', 'month'] LOOP
        SELECT at INTO floor_at FROM kept_floor WHERE level = unit;
        EXECUTE format($sql$
            INSERT INTO %I AS t (start, service, requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx,
                                 timed, duration_sum_us, duration_min_us, duration_max_us, sketch)
            SELECT date_trunc(%L, start, 'UTC'), endpoint, sum(requests)::bigint, sum(status_1xx)::bigint,
                   sum(status_2xx)::bigint, sum(status_3xx)::bigint, sum(status_4xx)::bigint, sum(status_5xx)::bigint,
                   sum(timed)::bigint, least(sum(duration_sum_us), 9223372036854775807)::bigint,
                   min(duration_min_us), max(duration_max_us), string_agg(sketch, '' ORDER BY start)
            FROM unnest($1) WHERE start >= $2 GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT (start, service) DO UPDATE SET
                requests = t.requests + excluded.requests,
                status_1xx = t.status_1xx + excluded.status_1xx, status_2xx = t.status_2xx + excluded.status_2xx,
                status_3xx = t.status_3xx + excluded.status_3xx, status_4xx = t.status_4xx + excluded.status_4xx,
                status_5xx = t.status_5xx + excluded.status_5xx, timed = t.timed + excluded.timed,
                duration_sum_us = saturating_add(t.duration_sum_us, excluded.duration_sum_us),
                duration_min_us = least(t.duration_min_us, excluded.duration_min_us),
                duration_max_us = greatest(t.duration_max_us, excluded.duration_max_us),
                sketch = t.sketch || excluded.sketch
            $sql$, 'service_' || unit, unit)
        USING deltas, floor_at;
    END LOOP;
END
$$;

-- Adds rows to every level above minutes that still keeps their time, and to all levels of their services. Appends the rows
-- of endpoints that grew long to what is given. One text for three tables; this is off the hot path, where planning it again
-- is cheap. Rows that are not there yet are made first, service by service, so that those of a service lie together and a read of one
-- finds them on few pages; those that are there are locked by key.
CREATE OR REPLACE FUNCTION add_coarser(
    p_deltas rollup_delta[],
    INOUT grown_levels text[], INOUT grown_endpoints bigint[], INOUT grown_starts bigint[], INOUT grown_sketches bytea[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    unit text;
    longest integer;
    floor_at timestamptz;
    endpoints bigint[];
    starts bigint[];
    sketches bytea[];
BEGIN
    SELECT sketch_bytes INTO longest FROM setting;
    FOREACH unit IN ARRAY ARRAY['hour', 'day', 'month'] LOOP
        SELECT at INTO floor_at FROM kept_floor WHERE level = unit;
        EXECUTE format($sql$
            WITH sums AS MATERIALIZED (
                SELECT e.service_id, d.endpoint, date_trunc(%2$L, start, 'UTC') AS start, sum(requests)::bigint AS requests,
                       sum(status_1xx)::bigint AS status_1xx, sum(status_2xx)::bigint AS status_2xx,
                       sum(status_3xx)::bigint AS status_3xx, sum(status_4xx)::bigint AS status_4xx,
                       sum(status_5xx)::bigint AS status_5xx, sum(timed)::bigint AS timed,
                       least(sum(duration_sum_us), 9223372036854775807)::bigint AS duration_sum_us,
                       min(duration_min_us) AS duration_min_us, max(duration_max_us) AS duration_max_us,
                       string_agg(sketch, '' ORDER BY start) AS sketch
                FROM unnest($1) AS d LEFT JOIN endpoint e ON e.id = d.endpoint WHERE start >= $2 GROUP BY 1, 2, 3),
            made AS (
                INSERT INTO %1$I AS t (%3$s) SELECT %3$s FROM sums AS s
                WHERE NOT EXISTS (SELECT FROM %1$I k WHERE k.endpoint = s.endpoint AND k.start = s.start)
                ORDER BY service_id, endpoint, start
                ON CONFLICT (endpoint, start) DO NOTHING
                RETURNING t.endpoint, t.start, t.sketch, t.compact_bytes),
            written AS (
                INSERT INTO %1$I AS t (%3$s) SELECT %3$s FROM sums AS s
                WHERE NOT EXISTS (SELECT FROM made WHERE made.endpoint = s.endpoint AND made.start = s.start)
                ORDER BY endpoint, start
                ON CONFLICT (endpoint, start) DO UPDATE SET
                    requests = t.requests + excluded.requests,
                    status_1xx = t.status_1xx + excluded.status_1xx, status_2xx = t.status_2xx + excluded.status_2xx,
                    status_3xx = t.status_3xx + excluded.status_3xx, status_4xx = t.status_4xx + excluded.status_4xx,
                    status_5xx = t.status_5xx + excluded.status_5xx, timed = t.timed + excluded.timed,
                    duration_sum_us = saturating_add(t.duration_sum_us, excluded.duration_sum_us),
                    duration_min_us = least(t.duration_min_us, excluded.duration_min_us),
                    duration_max_us = greatest(t.duration_max_us, excluded.duration_max_us),
                    sketch = t.sketch || excluded.sketch
                RETURNING t.endpoint, t.start, t.sketch, t.compact_bytes)
            SELECT array_agg(endpoint), array_agg(extract(epoch FROM start)::bigint), array_agg(sketch)
            FROM (SELECT * FROM made UNION ALL SELECT * FROM written) AS rows
            WHERE octet_length(sketch) > $3 + compact_bytes
            $sql$, 'endpoint_' || unit, unit, 'endpoint, start, requests, status_1xx, status_2xx, status_3xx, status_4xx, '
                   'status_5xx, timed, duration_sum_us, duration_min_us, duration_max_us, sketch')
        INTO endpoints, starts, sketches USING p_deltas, floor_at, longest;
        grown_levels := grown_levels || array_fill(unit, ARRAY[coalesce(cardinality(endpoints), 0)]);
        grown_endpoints := grown_endpoints || endpoints;
        grown_starts := grown_starts || starts;
        grown_sketches := grown_sketches || sketches;
    END LOOP;
    PERFORM add_services(p_deltas);
END
$$;

-- Adds at most p_limit minutes that start before p_before, and are not yet rolled, to the coarser levels, and marks them.
-- The caller holds the locks of retention and of making partitions. A missing partition is named, and nothing changes.
CREATE OR REPLACE FUNCTION roll_minutes(
    p_before timestamptz, p_limit integer,
    OUT rolled_rows bigint, OUT more boolean, OUT need_level text, OUT need_start_s bigint,
    OUT grown_levels text[], OUT grown_endpoints bigint[], OUT grown_starts bigint[], OUT grown_sketches bytea[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    endpoints bigint[];
    starts timestamptz[];
    f_hour timestamptz;
    f_day timestamptz;
    deltas rollup_delta[];
BEGIN
    rolled_rows := 0;
    more := false;
    SELECT array_agg(endpoint), array_agg(start) INTO endpoints, starts FROM (
        SELECT endpoint, start FROM endpoint_minute WHERE NOT rolled AND start < p_before ORDER BY start LIMIT p_limit) AS due;
    IF endpoints IS NULL THEN
        RETURN;
    END IF;
    SELECT max(at) FILTER (WHERE level = 'hour'), max(at) FILTER (WHERE level = 'day') INTO f_hour, f_day FROM kept_floor;
    SELECT level, start_s INTO need_level, need_start_s FROM missing_partition(starts, 'infinity', f_hour, f_day);
    IF need_level IS NOT NULL THEN
        RETURN;
    END IF;
    more := cardinality(starts) = p_limit;
    -- Locked by key first; only then is the row, as it is now, marked and taken.
    PERFORM FROM endpoint_minute m JOIN unnest(endpoints, starts) AS due (endpoint, start)
        ON m.endpoint = due.endpoint AND m.start = due.start
        WHERE NOT m.rolled ORDER BY m.endpoint, m.start FOR NO KEY UPDATE OF m;
    WITH marked AS (
        UPDATE endpoint_minute m SET rolled = true
        FROM unnest(endpoints, starts) AS due (endpoint, start)
        WHERE m.endpoint = due.endpoint AND m.start = due.start AND NOT m.rolled
        RETURNING m.*)
    SELECT array_agg(ROW(endpoint, start, requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed,
                         duration_sum_us, duration_min_us, duration_max_us, sketch)::rollup_delta)
        INTO deltas FROM marked;
    rolled_rows := coalesce(cardinality(deltas), 0);
    IF rolled_rows > 0 THEN
        SELECT * INTO grown_levels, grown_endpoints, grown_starts, grown_sketches
        FROM add_coarser(deltas, grown_levels, grown_endpoints, grown_starts, grown_sketches);
    END IF;
END
$$;

-- Rolls up minutes that are over, at most setting.roll_up_rows of them.
CREATE OR REPLACE FUNCTION roll_up_v1(
    OUT rolled_rows bigint, OUT more boolean, OUT need_level text, OUT need_start_s bigint,
    OUT grown_levels text[], OUT grown_endpoints bigint[], OUT grown_starts bigint[], OUT grown_sketches bytea[])
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1413565516, 2), pg_advisory_xact_lock_shared(1413565516, 3);
    SELECT r.* INTO rolled_rows, more, need_level, need_start_s, grown_levels, grown_endpoints, grown_starts, grown_sketches
    FROM setting, roll_minutes(date_trunc('minute', tally_now(), 'UTC'), setting.roll_up_rows) AS r;
END
$$;

-- Raises the floor of a level to the bound of the partition that holds p_to, once nothing below it is left to roll. No
-- apply runs meanwhile. Not raised: it was there already; or too much is left (again: roll up first); or a partition is
-- missing (it is named).
CREATE OR REPLACE FUNCTION raise_floor_v1(
    p_level text, p_to timestamptz, OUT raised boolean, OUT again boolean, OUT need_level text, OUT need_start_s bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    bound constant timestamptz := (partition_of(p_level, p_to)).lower;
    rolled record;
BEGIN
    raised := false;
    again := false;
    IF NOT EXISTS (SELECT FROM kept_floor WHERE level = p_level AND at < bound) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(1413565516, 2), pg_advisory_xact_lock_shared(1413565516, 3);
    IF p_level = 'minute' THEN
        SELECT r.* INTO rolled FROM setting, roll_minutes(bound, setting.roll_up_rows) AS r;
        need_level := rolled.need_level;
        need_start_s := rolled.need_start_s;
        again := rolled.more;
        IF need_level IS NOT NULL OR again THEN
            RETURN;
        END IF;
    END IF;
    UPDATE retention_floor SET at = bound WHERE level = p_level AND at < bound;
    UPDATE kept_floor SET at = bound WHERE level = p_level AND at < bound;
    raised := FOUND;
END
$$;
