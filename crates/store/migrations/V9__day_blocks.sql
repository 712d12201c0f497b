-- The days of a month, packed as minutes of an hour are: a row for each endpoint and month in place of thirty. See docs/adr/0017.
-- What is there already is packed later, in the background.

-- As in V8: the former function would raise one floor of two.
SELECT pg_advisory_xact_lock(1413565516, 2);
DROP FUNCTION IF EXISTS raise_floor_v1(text, timestamptz);

CREATE TABLE day_block (
    start    timestamptz NOT NULL,              -- of the month
    endpoint bigint NOT NULL,
    days     bytea NOT NULL,                    -- one behind the other: see block_units()
    PRIMARY KEY (endpoint, start)
) PARTITION BY RANGE (start);
ALTER TABLE day_block ALTER COLUMN days SET STORAGE EXTERNAL;

-- From when on each level is kept, in rows or in blocks; only ever raised. What retention_floor says is where its rows begin.
CREATE TABLE kept_floor (
    level text PRIMARY KEY CHECK (level IN ('minute', 'hour', 'day', 'month')),
    at    timestamptz NOT NULL
);
INSERT INTO kept_floor
    SELECT f.level, CASE f.level WHEN 'minute' THEN m.at ELSE f.at END FROM retention_floor f, minute_floor m;

-- What the program before this one asks: it knows blocks of minutes only. It takes a coarser unit for the finer ones that are in it,
-- so it may have no hour where it has no day.
CREATE OR REPLACE VIEW kept_from AS
    SELECT k.level, CASE k.level WHEN 'minute' THEN k.at WHEN 'hour' THEN greatest(k.at, d.at) ELSE f.at END AS at
    FROM kept_floor k JOIN retention_floor f USING (level), retention_floor d WHERE d.level = 'day';
DROP TABLE minute_floor;
