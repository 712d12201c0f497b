-- Partitions: made ahead, or when an apply misses one; dropped when the floor has passed them.
-- Advisory locks of Tally have the class 1413565516 ("TALL"): 1 migrations, 2 retention, 3 making partitions, 4 sealing. Whoever writes
-- rollups shares 3 from its start: between the commit of a new partition and the word of it to the other backends,
-- to_regclass sees the table there while INSERT still misses it (SQLSTATE 23514).

-- Makes the partition of a level, or of its blocks, that holds a time; false if it was there. CREATE and ATTACH, never
-- PARTITION OF: that waits for an open dump, and then every insert waits for it.
CREATE OR REPLACE FUNCTION make_partition_v1(p_level text, p_start_s bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    part record;
    -- The program before this one knows blocks of minutes only, by this name.
    kind constant text := CASE p_level WHEN 'block' THEN 'minute_block' ELSE p_level END;
    ahead constant interval := CASE split_part(kind, '_', 1) WHEN 'hour' THEN interval '62 days' WHEN 'day' THEN interval '732 days'
                                                             ELSE interval '7 days' END;
    parent constant text := partitioned(kind);
BEGIN
    IF kind NOT IN ('minute', 'minute_block', 'hour', 'day', 'day_block') THEN
        RAISE EXCEPTION 'no partitions at level %', p_level USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO part FROM partition_of(kind, to_timestamp(p_start_s));
    IF part.lower > tally_now() + ahead OR part.lower < timestamptz '1970-01-01 00:00:00Z' THEN
        RAISE EXCEPTION 'no % partition is made for %', kind, part.lower USING ERRCODE = 'datetime_field_overflow';
    END IF;
    -- Before the lock, for which everybody who writes would wait, and in it. Not to_regclass: a backend's cache may still say that
    -- the table of another, who had the lock before us, is missing.
    IF EXISTS (SELECT FROM pg_class WHERE relname = part.name AND relnamespace = 'public'::regnamespace) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(1413565516, 3);
    IF EXISTS (SELECT FROM pg_class WHERE relname = part.name AND relnamespace = 'public'::regnamespace) THEN
        RETURN false;
    END IF;
    -- Days of a month stay in their row: whoever reads it reads most of them.
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING STORAGE) WITH (%s)',
                   part.name, parent, CASE kind WHEN 'minute_block' THEN 'fillfactor = 100'
                                                WHEN 'day_block' THEN 'fillfactor = 100, toast_tuple_target = 8160'
                                                ELSE 'fillfactor = 50' END);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part.name, part.lower, part.upper);
    RETURN true;
END
$$;

-- The first partition that rows with these starts need and that is not there: minutes where they are kept, else the
-- finest level that is and those above. No row: nothing is missing. Floors lie on bounds of partitions.
CREATE OR REPLACE FUNCTION missing_partition(
    p_starts timestamptz[], f_minute timestamptz, f_hour timestamptz, f_day timestamptz,
    OUT level text, OUT start_s bigint)
LANGUAGE sql VOLATILE AS $$
    WITH days AS (SELECT DISTINCT date_trunc('day', start, 'UTC') AS start FROM unnest(p_starts) AS start),
         need AS (SELECT 'minute' AS level, start FROM days WHERE start >= f_minute
                  UNION ALL SELECT 'hour', start FROM days WHERE start < f_minute AND start >= f_hour
                  UNION ALL SELECT 'day', start FROM days WHERE start < f_minute AND start >= f_day)
    SELECT need.level, extract(epoch FROM need.start)::bigint
    FROM need, partition_of(need.level, need.start) AS part
    WHERE to_regclass(part.name) IS NULL
    ORDER BY 1, 2 LIMIT 1
$$;

-- Drops the oldest partition of a level, or of its blocks, that lies below the level's floor; its name, or null when there is
-- none. It waits for nobody: whoever reads or dumps the table goes first (SQLSTATE 55P03), and the next call tries again.
CREATE OR REPLACE FUNCTION drop_partition_v1(p_level text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '200ms' AS $$
DECLARE
    victim text;
BEGIN
    SELECT c.relname INTO victim
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    JOIN kept_floor f ON f.level = p_level
    JOIN unnest(ARRAY[p_level, p_level || '_block']) AS kind ON i.inhparent = to_regclass(partitioned(kind))
    CROSS JOIN LATERAL partition_of(kind, partition_start(c.relname)) AS part
    WHERE c.relname = part.name AND part.upper <= f.at
    ORDER BY c.relname LIMIT 1;
    IF victim IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I', victim);
    END IF;
    RETURN victim;
END
$$;
