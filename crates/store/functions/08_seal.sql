-- Sealing: minutes of hours that are over leave their rows for the block of their hour. A consumer packs them, in one
-- transaction: it locks rows (Store::seal), and gives back their block. See docs/adr/0017.

-- The minutes of a block, as crates/model/src/minute_block.rs packs them.
CREATE OR REPLACE FUNCTION block_minutes(
    block bytea, OUT minute integer, OUT requests bigint, OUT status_1xx bigint, OUT status_2xx bigint, OUT status_3xx bigint,
    OUT status_4xx bigint, OUT status_5xx bigint, OUT timed bigint, OUT duration_sum_us bigint, OUT duration_min_us bigint,
    OUT duration_max_us bigint, OUT sketch bytea) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 60 COST 10000 AS $$
DECLARE
    bytes constant bytea := block || ''::bytea;  -- here, not fetched again for each of its bytes
    at integer := 0;
    fields bigint[];
    value bigint;
    shift integer;
    byte integer;
BEGIN
    WHILE at < octet_length(bytes) LOOP
        FOR field IN 1 .. 12 LOOP
            value := 0;
            shift := 0;
            LOOP
                byte := get_byte(bytes, at);
                at := at + 1;
                value := value | ((byte & 127)::bigint << shift);
                shift := shift + 7;
                EXIT WHEN byte < 128;
                IF shift > 56 THEN
                    RAISE EXCEPTION 'damaged block at byte %', at USING ERRCODE = 'data_corrupted';
                END IF;
            END LOOP;
            fields[field] := value;
        END LOOP;
        minute := fields[1];
        requests := fields[2];
        status_1xx := fields[3];
        status_2xx := fields[4];
        status_3xx := fields[5];
        status_4xx := fields[6];
        status_5xx := fields[7];
        timed := fields[8];
        duration_sum_us := fields[9];
        duration_min_us := CASE WHEN timed > 0 THEN fields[10] END;
        duration_max_us := CASE WHEN timed > 0 THEN fields[11] END;
        sketch := substring(bytes FROM at + 1 FOR fields[12]::integer);
        at := at + fields[12]::integer;
        RETURN NEXT;
    END LOOP;
END
$$;

-- Lets go of rows of hours that ended ten minutes ago: from here on, readers find them in rows or in blocks. Programs that do not
-- know of blocks read the hours instead, so the floor they know is raised first. Returns it, and the days that have rows
-- before it.
CREATE OR REPLACE FUNCTION seal_due_v1(OUT before_s bigint, OUT days_s bigint[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    bound timestamptz := date_trunc('hour', tally_now() - interval '10 minutes', 'UTC');
BEGIN
    UPDATE retention_floor SET at = bound WHERE level = 'minute' AND at < bound;
    SELECT greatest(at, bound) INTO bound FROM retention_floor WHERE level = 'minute';
    before_s := extract(epoch FROM bound);
    SELECT coalesce(array_agg(extract(epoch FROM part.lower)::bigint ORDER BY part.lower), '{}') INTO days_s
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL partition_of('minute', to_timestamp(substring(c.relname FROM '\d+$'), 'YYYYMMDD')) AS part
    WHERE i.inhparent = 'endpoint_minute'::regclass AND c.relname = part.name AND part.lower < bound
      AND part.upper > (SELECT at FROM kept_from WHERE level = 'minute');
END
$$;

-- Begins a transaction of sealing, before any row as apply does; false while another one seals.
CREATE OR REPLACE FUNCTION seal_begin_v1() RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1413565516, 2), pg_advisory_xact_lock_shared(1413565516, 3);
    RETURN pg_try_advisory_xact_lock(1413565516, 4);
END
$$;

-- Puts blocks in the place of the minutes that are in them, whose rows the caller has locked, and which hold so many requests.
CREATE OR REPLACE FUNCTION seal_v1(
    b_endpoint bigint[], b_start_s bigint[], b_minutes bytea[], m_endpoint bigint[], m_start_s bigint[], p_requests numeric)
RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    gone record;
BEGIN
    WITH deleted AS (
        DELETE FROM endpoint_minute t USING unnest(m_endpoint, m_start_s) AS m (endpoint, start_s)
        WHERE t.endpoint = m.endpoint AND t.start = to_timestamp(m.start_s) AND t.rolled RETURNING t.requests)
    SELECT count(*) AS minutes, coalesce(sum(requests), 0) AS requests INTO gone FROM deleted;
    IF gone.minutes <> cardinality(m_endpoint) OR gone.requests <> p_requests THEN
        RAISE EXCEPTION 'these are not the minutes that were packed' USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO minute_block AS t (endpoint, start, minutes)
    SELECT endpoint, to_timestamp(start_s), minutes
    FROM unnest(b_endpoint, b_start_s, b_minutes) AS b (endpoint, start_s, minutes) ORDER BY 1, 2
    ON CONFLICT (endpoint, start) DO UPDATE SET minutes = t.minutes || excluded.minutes;
END
$$;

-- Drops a partition of minutes whose rows are all sealed, its name, or null. Late events make it anew. As when a partition is
-- made, nobody writes meanwhile; whoever reads or dumps it goes first (SQLSTATE 55P03).
CREATE OR REPLACE FUNCTION drop_sealed_v1() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '200ms' AS $$
DECLARE
    part record;
    empty boolean;
BEGIN
    FOR part IN
        SELECT c.relname AS name
        FROM retention_floor f, pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        CROSS JOIN LATERAL partition_of('minute', to_timestamp(substring(c.relname FROM '\d+$'), 'YYYYMMDD')) AS p
        WHERE i.inhparent = 'endpoint_minute'::regclass AND c.relname = p.name AND f.level = 'minute'
          -- A day longer, for what is a little late.
          AND p.upper <= f.at - interval '1 day'
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I)', part.name) INTO empty;
        CONTINUE WHEN NOT empty;
        PERFORM pg_advisory_xact_lock(1413565516, 3);
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %I)', part.name) INTO empty;
        CONTINUE WHEN NOT empty;
        EXECUTE format('DROP TABLE %I', part.name);
        RETURN part.name;
    END LOOP;
    RETURN NULL;
END
$$;
