-- How far the log may be trimmed, and what expires.

-- The position below which a shard's log may go, or null: applied, and older than p_retention, or further back than
-- p_bytes. Barriers of backups hold it back, but not beyond the bytes: such a barrier is released, and named.
CREATE OR REPLACE FUNCTION trim_target_v1(
    p_shard integer, p_retention interval, p_bytes bigint, OUT to_epoch bigint, OUT to_seq bigint, OUT released text[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    by_time record;
    by_bytes record;
    barrier record;
BEGIN
    SELECT h.epoch, h.seq INTO by_bytes FROM position_history h JOIN shard_position p USING (shard)
        WHERE shard = p_shard AND p.redis_bytes - h.redis_bytes >= p_bytes AND (h.epoch, h.seq) <= (p.epoch, p.seq)
        ORDER BY h.epoch DESC, h.seq DESC LIMIT 1;
    IF FOUND THEN
        WITH gone AS (
            UPDATE backup_barrier b SET released_at = tally_now()
            WHERE shard = p_shard AND released_at IS NULL AND (b.epoch, b.seq) < (by_bytes.epoch, by_bytes.seq)
            RETURNING b.label, b.epoch, b.seq),
        logged AS (
            INSERT INTO log_event (shard, kind, epoch, seq, detail, at)
            SELECT p_shard, 'barrier_released', epoch, seq, label, tally_now() FROM gone)
        SELECT array_agg(label ORDER BY label) INTO released FROM gone;
        to_epoch := by_bytes.epoch;
        to_seq := by_bytes.seq;
    END IF;
    SELECT h.epoch, h.seq INTO by_time FROM position_history h JOIN shard_position p USING (shard)
        WHERE shard = p_shard AND h.at <= tally_now() - p_retention AND (h.epoch, h.seq) <= (p.epoch, p.seq)
        ORDER BY h.epoch DESC, h.seq DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT epoch, seq INTO barrier FROM backup_barrier
        WHERE shard = p_shard AND released_at IS NULL ORDER BY epoch, seq LIMIT 1;
    IF FOUND AND (barrier.epoch, barrier.seq) < (by_time.epoch, by_time.seq) THEN
        by_time := barrier;
    END IF;
    IF to_epoch IS NULL OR (by_time.epoch, by_time.seq) > (to_epoch, to_seq) THEN
        to_epoch := by_time.epoch;
        to_seq := by_time.seq;
    END IF;
END
$$;

-- Deletes a bounded number of rows that nobody will ask for again: ledger, history, consumers, released barriers, dead
-- letters (their number stays in shard_position), redrives that are done, and of each level of services what lies below its
-- floor. Returns how many.
CREATE OR REPLACE FUNCTION expire_v1(p_ledger interval, p_history interval, p_evidence interval, p_limit integer)
RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    unit text;
    expired bigint;
    total bigint := 0;
BEGIN
    FOREACH unit IN ARRAY ARRAY['minute', 'hour', 'day', 'month'] LOOP
        -- Locked in the order of the key, as everybody does.
        EXECUTE format($sql$
            DELETE FROM %1$I WHERE ctid = ANY (ARRAY(
                SELECT t.ctid FROM %1$I t JOIN kept_floor f ON f.level = %2$L AND t.start < f.at
                ORDER BY t.start, t.service LIMIT $1 FOR UPDATE OF t))
            $sql$, 'service_' || unit, unit)
        USING p_limit;
        GET DIAGNOSTICS expired = ROW_COUNT;
        total := total + expired;
    END LOOP;
    DELETE FROM request_ledger WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM request_ledger WHERE at < tally_now() - p_ledger LIMIT p_limit));
    GET DIAGNOSTICS expired = ROW_COUNT;
    total := total + expired;
    DELETE FROM position_history WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM position_history WHERE at < tally_now() - p_history LIMIT p_limit));
    GET DIAGNOSTICS expired = ROW_COUNT;
    total := total + expired;
    DELETE FROM dead_letter WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM dead_letter WHERE at < tally_now() - p_evidence LIMIT p_limit));
    GET DIAGNOSTICS expired = ROW_COUNT;
    total := total + expired;
    DELETE FROM backup_barrier WHERE released_at < tally_now() - p_evidence;
    GET DIAGNOSTICS expired = ROW_COUNT;
    total := total + expired;
    DELETE FROM redrive WHERE done_at < tally_now() - p_evidence;
    GET DIAGNOSTICS expired = ROW_COUNT;
    total := total + expired;
    DELETE FROM consumer WHERE until < tally_now() - interval '1 day';
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN total + expired;
END
$$;

-- Puts merged sketches back where the row still starts with the bytes that were merged; what was appended since stays
-- behind them. Levels in lock order, rows locked by key. A level of services is named service_minute and so on, and their ids
-- stand where those of endpoints do.
CREATE OR REPLACE FUNCTION compact_v1(
    p_levels text[], p_endpoints bigint[], p_starts bigint[], p_olds bytea[], p_news bytea[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    unit text;
    rollup text;
    key text;
    changed bigint;
    total bigint := 0;
BEGIN
    FOREACH unit IN ARRAY ARRAY['minute', 'hour', 'day', 'month', 'service_minute', 'service_hour', 'service_day', 'service_month']
    LOOP
        CONTINUE WHEN NOT unit = ANY (p_levels);
        rollup := CASE WHEN unit LIKE 'service%' THEN unit ELSE 'endpoint_' || unit END;
        key := CASE WHEN unit LIKE 'service%' THEN 'start, t.service' ELSE 'endpoint, t.start' END;
        EXECUTE format($sql$
            SELECT count(*) FROM (
                SELECT FROM %1$I t JOIN unnest($1, $2, $3) AS g (level, id, start_s)
                    ON t.%2$I = g.id AND t.start = to_timestamp(g.start_s)
                WHERE g.level = %3$L ORDER BY t.%4$s FOR NO KEY UPDATE OF t) AS locked
            $sql$, rollup, split_part(rollup, '_', 1), unit, key)
        INTO changed USING p_levels, p_endpoints, p_starts;
        EXECUTE format($sql$
            UPDATE %1$I t
            SET sketch = g.new || substring(t.sketch FROM octet_length(g.old) + 1), compact_bytes = octet_length(g.new)
            FROM unnest($1, $2, $3, $4, $5) AS g (level, id, start_s, old, new)
            WHERE g.level = %3$L AND t.%2$I = g.id AND t.start = to_timestamp(g.start_s)
              AND substring(t.sketch FROM 1 FOR octet_length(g.old)) = g.old
            $sql$, rollup, split_part(rollup, '_', 1), unit)
        USING p_levels, p_endpoints, p_starts, p_olds, p_news;
        GET DIAGNOSTICS changed = ROW_COUNT;
        total := total + changed;
    END LOOP;
    RETURN total;
END
$$;

-- The rows of services that grew long, the longest first: at most p_rows, and with the first that many bytes in all.
CREATE OR REPLACE FUNCTION grown_services_v1(p_rows integer, p_bytes bigint)
RETURNS TABLE (level text, service bigint, start_s bigint, sketch bytea) LANGUAGE sql STABLE AS $$
    SELECT grown.level, grown.service, extract(epoch FROM grown.start)::bigint, grown.sketch
    FROM (SELECT longest.*, sum(octet_length(longest.sketch)) OVER (ORDER BY longest.by_bytes DESC, longest.level, start, service
                                                                   ROWS UNBOUNDED PRECEDING) AS bytes
          FROM setting, LATERAL (
              SELECT 'service_minute' AS level, t.start, t.service, t.sketch, octet_length(t.sketch) - compact_bytes AS by_bytes
                  FROM service_minute t WHERE octet_length(t.sketch) - compact_bytes > setting.sketch_bytes
              UNION ALL SELECT 'service_hour', t.start, t.service, t.sketch, octet_length(t.sketch) - compact_bytes
                  FROM service_hour t WHERE octet_length(t.sketch) - compact_bytes > setting.sketch_bytes
              UNION ALL SELECT 'service_day', t.start, t.service, t.sketch, octet_length(t.sketch) - compact_bytes
                  FROM service_day t WHERE octet_length(t.sketch) - compact_bytes > setting.sketch_bytes
              UNION ALL SELECT 'service_month', t.start, t.service, t.sketch, octet_length(t.sketch) - compact_bytes
                  FROM service_month t WHERE octet_length(t.sketch) - compact_bytes > setting.sketch_bytes
              ORDER BY by_bytes DESC LIMIT p_rows) AS longest) AS grown
    WHERE grown.bytes - octet_length(grown.sketch) < p_bytes
$$;

-- Rows that grew long and were not compacted, because whoever was told died. Minutes not yet rolled and the latest units of
-- the other levels only: elsewhere a long sketch costs space, not speed.
CREATE OR REPLACE FUNCTION sweep_grown_v1(p_limit integer)
RETURNS TABLE (level text, endpoint bigint, start_s bigint, sketch bytea) LANGUAGE sql STABLE AS $$
    SELECT grown.level, grown.endpoint, extract(epoch FROM grown.start)::bigint, grown.sketch
    FROM setting, LATERAL (
        SELECT 'minute' AS level, t.endpoint, t.start, t.sketch, t.compact_bytes FROM endpoint_minute t WHERE NOT rolled
        UNION ALL SELECT 'hour', t.endpoint, t.start, t.sketch, t.compact_bytes FROM endpoint_hour t
            WHERE t.start >= date_trunc('hour', tally_now() - interval '2 hours', 'UTC')
        UNION ALL SELECT 'day', t.endpoint, t.start, t.sketch, t.compact_bytes FROM endpoint_day t
            WHERE t.start >= date_trunc('day', tally_now() - interval '1 day', 'UTC')
        UNION ALL SELECT 'month', t.endpoint, t.start, t.sketch, t.compact_bytes FROM endpoint_month t
            WHERE t.start >= date_trunc('month', tally_now() - interval '1 day', 'UTC')) AS grown
    WHERE octet_length(grown.sketch) > setting.sketch_bytes + grown.compact_bytes
    LIMIT p_limit
$$;
