-- The counts of each service by minute, hour, day and month, so that a question about everything reads few rows. A minute is
-- in all four once it is rolled up; until then a reader adds it from endpoint_minute. See docs/adr/0011.

-- Nothing is counted or rolled up meanwhile: each event must come to these tables once. The functions of the former release
-- would pass them by, so the one that adds goes with the old schema: whoever needs it before the new functions are built, a
-- moment later, fails and comes again.
SELECT pg_advisory_xact_lock(1413565516, 2);
DROP FUNCTION IF EXISTS add_coarser(rollup_delta[], text[], bigint[], bigint[], bytea[]);

-- Plain tables: 20 services make 200,000 minutes a week, which a bounded DELETE keeps up with. Start comes first in the key, so
-- that a window over all services is one range.
CREATE TABLE service_minute (
    start           timestamptz NOT NULL,
    service         bigint NOT NULL,                -- service_id; that of <other> too
    requests        bigint NOT NULL,
    status_1xx      bigint NOT NULL,
    status_2xx      bigint NOT NULL,
    status_3xx      bigint NOT NULL,
    status_4xx      bigint NOT NULL,
    status_5xx      bigint NOT NULL,
    timed           bigint NOT NULL,
    duration_sum_us bigint NOT NULL,
    duration_min_us bigint,
    duration_max_us bigint,
    compact_bytes   integer NOT NULL DEFAULT 0,
    sketch          bytea NOT NULL,
    PRIMARY KEY (start, service)
) WITH (fillfactor = 50);
ALTER TABLE service_minute ALTER COLUMN sketch SET STORAGE EXTERNAL;
CREATE TABLE service_hour (LIKE service_minute INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE service_day (LIKE service_minute INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE service_month (LIKE service_minute INCLUDING ALL) WITH (fillfactor = 50);

-- By how much a sketch has grown since it was last merged: whoever merges asks for the longest.
CREATE INDEX service_minute_grown ON service_minute ((octet_length(sketch) - compact_bytes));
CREATE INDEX service_hour_grown ON service_hour ((octet_length(sketch) - compact_bytes));
CREATE INDEX service_day_grown ON service_day ((octet_length(sketch) - compact_bytes));
CREATE INDEX service_month_grown ON service_month ((octet_length(sketch) - compact_bytes));

DO $$
DECLARE
    unit text;
BEGIN
    FOREACH unit IN ARRAY ARRAY['minute', 'hour', 'day', 'month'] LOOP
        EXECUTE format($sql$
            INSERT INTO %I (start, service, requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed,
                            duration_sum_us, duration_min_us, duration_max_us, sketch)
            SELECT t.start, e.service_id, sum(requests), sum(status_1xx), sum(status_2xx), sum(status_3xx), sum(status_4xx),
                   sum(status_5xx), sum(timed), least(sum(duration_sum_us), 9223372036854775807), min(duration_min_us),
                   max(duration_max_us), string_agg(sketch, '' ORDER BY t.endpoint)
            FROM %I t JOIN endpoint e ON e.id = t.endpoint %s GROUP BY 1, 2 ORDER BY 1, 2
            $sql$, 'service_' || unit, 'endpoint_' || unit, CASE unit WHEN 'minute' THEN 'WHERE t.rolled' ELSE '' END);
    END LOOP;
END
$$;
