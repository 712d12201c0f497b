-- Who was counted, and the counts by minute, hour, day and month. Times are starts, in UTC; durations microseconds.

CREATE TABLE retention_floor (
    level text PRIMARY KEY CHECK (level IN ('minute', 'hour', 'day', 'month')),
    at    timestamptz NOT NULL DEFAULT '-infinity'  -- nothing before it is kept at this level; only ever raised
);
INSERT INTO retention_floor (level) VALUES ('minute'), ('hour'), ('day'), ('month');

-- Names are never indexed: a long route overflows an index row. Ids follow from the names (see endpoint_id).
CREATE TABLE service (
    id        bigint PRIMARY KEY,
    name      text NOT NULL,
    endpoints integer NOT NULL DEFAULT 0            -- admitted so far; the row is locked to admit another
);

CREATE TABLE endpoint (
    id         bigint PRIMARY KEY,                  -- endpoint_id(service, method, route)
    service_id bigint NOT NULL,                     -- service_id(service); <other> has no row in service
    service    text NOT NULL,
    method     text NOT NULL,
    route      text NOT NULL
);
CREATE INDEX endpoint_service ON endpoint (service_id);

CREATE TABLE folded_route (                         -- a sample of what met the limits of admission
    id       bigint PRIMARY KEY,                    -- endpoint_id of the endpoint as it was sent
    other    bigint NOT NULL,                       -- the <other> it counts under
    service  text NOT NULL,
    method   text NOT NULL,
    route    text NOT NULL,
    requests bigint NOT NULL,
    last_at  timestamptz NOT NULL                   -- latest minute
);
CREATE INDEX folded_route_other ON folded_route (other);

-- One row for all status classes. Partitioned so that retention is a DROP TABLE. The sketch grows in place, so rows
-- leave room on their page (fillfactor 50, set on each partition) and its bytes are never compressed.
CREATE TABLE endpoint_minute (
    endpoint        bigint NOT NULL,
    start           timestamptz NOT NULL,
    requests        bigint NOT NULL,
    status_1xx      bigint NOT NULL,
    status_2xx      bigint NOT NULL,
    status_3xx      bigint NOT NULL,
    status_4xx      bigint NOT NULL,
    status_5xx      bigint NOT NULL,
    timed           bigint NOT NULL,                -- requests that had a duration
    duration_sum_us bigint NOT NULL,                -- saturates
    duration_min_us bigint,                         -- null while timed is 0
    duration_max_us bigint,
    compact_bytes   integer NOT NULL DEFAULT 0,     -- length of the sketch when it was last merged
    sketch          bytea NOT NULL,                 -- runs of (n, (bin delta, count) x n), varints; appending merges
    rolled          boolean NOT NULL DEFAULT false, -- whether it is in the coarser levels
    PRIMARY KEY (endpoint, start)
) PARTITION BY RANGE (start);
ALTER TABLE endpoint_minute ALTER COLUMN sketch SET STORAGE EXTERNAL;
CREATE INDEX endpoint_minute_unrolled ON endpoint_minute (start) WHERE NOT rolled;

CREATE TABLE endpoint_hour (
    LIKE endpoint_minute INCLUDING DEFAULTS INCLUDING STORAGE, PRIMARY KEY (endpoint, start)
) PARTITION BY RANGE (start);
ALTER TABLE endpoint_hour DROP COLUMN rolled;
CREATE INDEX endpoint_hour_start ON endpoint_hour USING brin (start);

CREATE TABLE endpoint_day (
    LIKE endpoint_hour INCLUDING DEFAULTS INCLUDING STORAGE, PRIMARY KEY (endpoint, start)
) PARTITION BY RANGE (start);
CREATE INDEX endpoint_day_start ON endpoint_day USING brin (start);

-- Months stay, so there is nothing to drop and no reason for partitions: 5,000 endpoints make 60,000 rows a year.
CREATE TABLE endpoint_month (
    LIKE endpoint_hour INCLUDING DEFAULTS INCLUDING STORAGE, PRIMARY KEY (endpoint, start)
) WITH (fillfactor = 50);

-- What is to be added to the levels above minutes.
CREATE TYPE rollup_delta AS (
    endpoint        bigint,
    start           timestamptz,
    requests        bigint,
    status_1xx      bigint,
    status_2xx      bigint,
    status_3xx      bigint,
    status_4xx      bigint,
    status_5xx      bigint,
    timed           bigint,
    duration_sum_us bigint,
    duration_min_us bigint,
    duration_max_us bigint,
    sketch          bytea
);
