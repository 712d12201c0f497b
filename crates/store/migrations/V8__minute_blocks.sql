-- The minutes of an hour that is over, packed: a row for each endpoint and hour in place of sixty. See docs/adr/0017. What is
-- there already is packed later, in the background.

-- The former function would raise one floor of two: whoever needs it before the new one is built, a moment later, comes again.
SELECT pg_advisory_xact_lock(1413565516, 2);
DROP FUNCTION IF EXISTS raise_floor_v1(text, timestamptz);

CREATE TABLE minute_block (
    start    timestamptz NOT NULL,              -- of the hour
    endpoint bigint NOT NULL,
    minutes  bytea NOT NULL,                    -- one behind the other: see block_minutes()
    PRIMARY KEY (endpoint, start)
) PARTITION BY RANGE (start);
ALTER TABLE minute_block ALTER COLUMN minutes SET STORAGE EXTERNAL;
CREATE INDEX minute_block_start ON minute_block USING brin (start) WITH (autosummarize = on);

CREATE TABLE minute_floor (                     -- no minute before it is kept, neither in a row nor in a block
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    at  timestamptz NOT NULL                    -- only ever raised
);
INSERT INTO minute_floor (at) SELECT at FROM retention_floor WHERE level = 'minute';
