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
-- letters (their number stays in shard_position), redrives that are done. Returns how many.
CREATE OR REPLACE FUNCTION expire_v1(p_ledger interval, p_history interval, p_evidence interval, p_limit integer)
RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    expired bigint;
    total bigint := 0;
BEGIN
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
-- behind them. Levels in lock order, rows locked by key.
CREATE OR REPLACE FUNCTION compact_v1(
    p_levels text[], p_endpoints bigint[], p_starts bigint[], p_olds bytea[], p_news bytea[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    unit text;
    changed bigint;
    total bigint := 0;
BEGIN
    FOREACH unit IN ARRAY ARRAY['minute', 'hour', 'day', 'month'] LOOP
        CONTINUE WHEN NOT unit = ANY (p_levels);
        EXECUTE format($sql$
            SELECT count(*) FROM (
                SELECT FROM %1$I t JOIN unnest($1, $2, $3) AS g (level, endpoint, start_s)
                    ON t.endpoint = g.endpoint AND t.start = to_timestamp(g.start_s)
                WHERE g.level = %2$L ORDER BY t.endpoint, t.start FOR NO KEY UPDATE OF t) AS locked
            $sql$, 'endpoint_' || unit, unit)
        INTO changed USING p_levels, p_endpoints, p_starts;
        EXECUTE format($sql$
            UPDATE %1$I t
            SET sketch = g.new || substring(t.sketch FROM octet_length(g.old) + 1), compact_bytes = octet_length(g.new)
            FROM unnest($1, $2, $3, $4, $5) AS g (level, endpoint, start_s, old, new)
            WHERE g.level = %2$L AND t.endpoint = g.endpoint AND t.start = to_timestamp(g.start_s)
              AND substring(t.sketch FROM 1 FOR octet_length(g.old)) = g.old
            $sql$, 'endpoint_' || unit, unit)
        USING p_levels, p_endpoints, p_starts, p_olds, p_news;
        GET DIAGNOSTICS changed = ROW_COUNT;
        total := total + changed;
    END LOOP;
    RETURN total;
END
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
