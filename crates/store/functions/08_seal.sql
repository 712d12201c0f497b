-- Sealing: minutes of hours that are over leave their rows for the block of their hour, and days for that of their month. A
-- consumer packs them, in one transaction: it locks rows (Store::seal), and gives back their block. See docs/adr/0017.

-- The minutes or days of a block, as crates/model/src/block_unit.rs packs them: the place of each counts from 0.
CREATE OR REPLACE FUNCTION block_units(
    block bytea, OUT place integer, OUT requests bigint, OUT status_1xx bigint, OUT status_2xx bigint, OUT status_3xx bigint,
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
        place := fields[1];
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

-- Lets go of rows of hours that ended ten minutes ago, and of days after eight: from here on, readers find them in rows or in
-- blocks. Programs that do not know of blocks read coarser levels instead, so the floors they know are raised first. Eight days
-- leave such a program the last week. Returns what may hold rows below its floor: each partition, as far as it does, finest first.
CREATE OR REPLACE FUNCTION seal_due_v2() RETURNS TABLE (level text, from_s bigint, to_s bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE retention_floor f SET at = due.before
    FROM (VALUES ('minute', date_trunc('hour', tally_now() - interval '10 minutes', 'UTC')),
                 ('day', date_trunc('day', tally_now() - interval '8 days', 'UTC'))) AS due (level, before)
    WHERE f.level = due.level AND f.at < due.before;
    RETURN QUERY
        SELECT f.level, extract(epoch FROM greatest(part.lower, k.at))::bigint, extract(epoch FROM least(part.upper, f.at))::bigint
        FROM (VALUES (1, 'minute'), (2, 'day')) AS sealed (turn, level)
        JOIN retention_floor f USING (level) JOIN kept_floor k USING (level)
        JOIN pg_inherits i ON i.inhparent = partitioned(f.level)::regclass JOIN pg_class c ON c.oid = i.inhrelid
        CROSS JOIN LATERAL partition_of(f.level, partition_start(c.relname)) AS part
        WHERE c.relname = part.name AND part.lower < f.at AND part.upper > k.at
        ORDER BY turn, part.lower;
END
$$;

-- The same to the program before this one, which seals minutes only.
CREATE OR REPLACE FUNCTION seal_due_v1(OUT before_s bigint, OUT days_s bigint[])
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    SELECT coalesce(array_agg(due.from_s - due.from_s % 86400 ORDER BY due.from_s), '{}') INTO days_s
    FROM seal_due_v2() AS due WHERE due.level = 'minute';
    SELECT extract(epoch FROM f.at) INTO before_s FROM retention_floor f WHERE f.level = 'minute';
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

-- Puts blocks of a level in the place of the rows that are in them, which the caller has locked, and which hold so many requests.
CREATE OR REPLACE FUNCTION seal_v2(
    p_level text, b_endpoint bigint[], b_start_s bigint[], b_units bytea[], r_endpoint bigint[], r_start_s bigint[],
    p_requests numeric)
RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    gone record;
BEGIN
    EXECUTE format($sql$
        WITH deleted AS (
            DELETE FROM %I t USING unnest($1, $2) AS r (endpoint, start_s)
            WHERE t.endpoint = r.endpoint AND t.start = to_timestamp(r.start_s) %s RETURNING t.requests)
        SELECT count(*) AS units, coalesce(sum(requests), 0) AS requests FROM deleted
        $sql$, partitioned(p_level), CASE p_level WHEN 'minute' THEN 'AND t.rolled' END)
    INTO gone USING r_endpoint, r_start_s;
    IF gone.units <> cardinality(r_endpoint) OR gone.requests <> p_requests THEN
        RAISE EXCEPTION 'these are not the rows that were packed' USING ERRCODE = 'serialization_failure';
    END IF;
    EXECUTE format($sql$
        INSERT INTO %1$I AS t (endpoint, start, %2$I)
        SELECT endpoint, to_timestamp(start_s), units
        FROM unnest($1, $2, $3) AS b (endpoint, start_s, units) ORDER BY 1, 2
        ON CONFLICT (endpoint, start) DO UPDATE SET %2$I = t.%2$I || excluded.%2$I
        $sql$, p_level || '_block', p_level || 's')
    USING b_endpoint, b_start_s, b_units;
END
$$;

-- The same of minutes, for the program before this one.
CREATE OR REPLACE FUNCTION seal_v1(
    b_endpoint bigint[], b_start_s bigint[], b_minutes bytea[], m_endpoint bigint[], m_start_s bigint[], p_requests numeric)
RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT seal_v2('minute', b_endpoint, b_start_s, b_minutes, m_endpoint, m_start_s, p_requests)
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
        CROSS JOIN LATERAL partition_of('minute', partition_start(c.relname)) AS p
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
