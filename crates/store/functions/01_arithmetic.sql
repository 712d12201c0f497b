-- Small arithmetic that the other functions share. Nothing here reads a table but tally_now().

-- What rules ask instead of now(); tests pin it. Stable, so that it may bound an index scan: one time for a statement.
CREATE OR REPLACE FUNCTION tally_now() RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT pinned_clock FROM setting), clock_timestamp())
$$;

-- a + b of two amounts, or the largest bigint: a hostile sum of durations must not stop a roll-up.
CREATE OR REPLACE FUNCTION saturating_add(a bigint, b bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN a > 9223372036854775807 - b THEN 9223372036854775807 ELSE a + b END
$$;

-- Top 63 bits of SHA-256.
CREATE OR REPLACE FUNCTION top_63_bits(text_bytes bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (('x' || encode(substring(sha256(text_bytes) FROM 1 FOR 8), 'hex'))::bit(64)::bigint >> 1)
           & 9223372036854775807
$$;

-- The id of an endpoint: over service NUL method NUL route, as the programs compute it.
CREATE OR REPLACE FUNCTION endpoint_id(service text, method text, route text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT top_63_bits(convert_to(service, 'UTF8') || '\x00'::bytea || convert_to(method, 'UTF8') || '\x00'::bytea
                       || convert_to(route, 'UTF8'))
$$;

CREATE OR REPLACE FUNCTION service_id(service text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT top_63_bits(convert_to(service, 'UTF8'))
$$;

-- What is partitioned: the rows of a level, and the blocks of some (minute_block, day_block).
CREATE OR REPLACE FUNCTION partitioned(level text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN level LIKE '%_block' THEN level ELSE 'endpoint_' || level END
$$;

-- The partition of a level that holds a time: days of minutes, months of hours, years of days, all of UTC; the same of their
-- blocks.
CREATE OR REPLACE FUNCTION partition_of(level text, at timestamptz, OUT name text, OUT lower timestamptz, OUT upper timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT partitioned(level) || '_' || to_char(first AT TIME ZONE 'UTC', digits), first,
           (first AT TIME ZONE 'UTC' + step) AT TIME ZONE 'UTC'
    FROM (SELECT CASE kind.unit WHEN 'hour' THEN 'YYYYMM' WHEN 'day' THEN 'YYYY' ELSE 'YYYYMMDD' END AS digits,
                 CASE kind.unit WHEN 'hour' THEN interval '1 month' WHEN 'day' THEN interval '1 year'
                                ELSE interval '1 day' END AS step,
                 date_trunc(CASE kind.unit WHEN 'hour' THEN 'month' WHEN 'day' THEN 'year' ELSE 'day' END, at, 'UTC') AS first
          FROM split_part(level, '_', 1) AS kind (unit)) AS unit
$$;

-- When a partition begins, by its name.
CREATE OR REPLACE FUNCTION partition_start(name text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_timestamp(rpad(substring(name FROM '\d+$'), 8, '0101'), 'YYYYMMDD')
$$;
