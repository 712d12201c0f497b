-- The one call that counts. See docs/adr/0002 for the rules, docs/adr/0003 for the rows.

-- Rows too late for every level become dead letters that hold all of their figures.
CREATE OR REPLACE FUNCTION set_aside_late(
    p_shard integer, p_epoch bigint, p_seq bigint, p_at timestamptz, p_before timestamptz, p_deltas rollup_delta[])
RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO dead_letter (shard, epoch, seq, events, reason, payload, at)
    SELECT p_shard, p_epoch, p_seq, d.requests, 'too_late', convert_to(json_build_object(
               'service', n.service, 'method', n.method, 'route', n.route, 'start', d.start, 'requests', d.requests,
               'status', json_build_array(d.status_1xx, d.status_2xx, d.status_3xx, d.status_4xx, d.status_5xx),
               'timed', d.timed, 'duration_sum_us', d.duration_sum_us, 'duration_min_us', d.duration_min_us,
               'duration_max_us', d.duration_max_us, 'sketch', encode(d.sketch, 'hex'))::text, 'UTF8'), p_at
    FROM unnest(p_deltas) AS d
    LEFT JOIN endpoint n ON n.id = d.endpoint
    WHERE d.start < p_before ORDER BY d.endpoint, d.start
$$;

-- Puts the rows of folded endpoints under their <other>, where keys fall together: grouped and sorted again.
CREATE OR REPLACE FUNCTION regroup(
    folded_ids bigint[], other_ids bigint[],
    INOUT m_endpoint bigint[], INOUT starts timestamptz[], INOUT m_requests bigint[],
    INOUT m_1xx bigint[], INOUT m_2xx bigint[], INOUT m_3xx bigint[], INOUT m_4xx bigint[], INOUT m_5xx bigint[],
    INOUT m_timed bigint[], INOUT m_sum bigint[], INOUT m_min bigint[], INOUT m_max bigint[], INOUT m_sketch bytea[])
LANGUAGE sql STABLE AS $$
    SELECT array_agg(g.endpoint), array_agg(g.start), array_agg(g.requests), array_agg(g.s1), array_agg(g.s2),
           array_agg(g.s3), array_agg(g.s4), array_agg(g.s5), array_agg(g.timed), array_agg(g.sum), array_agg(g.min),
           array_agg(g.max), array_agg(g.sketch)
    FROM (SELECT coalesce(f.other, m.endpoint) AS endpoint, m.start, sum(m.requests)::bigint AS requests,
                 sum(m.s1)::bigint AS s1, sum(m.s2)::bigint AS s2, sum(m.s3)::bigint AS s3, sum(m.s4)::bigint AS s4,
                 sum(m.s5)::bigint AS s5, sum(m.timed)::bigint AS timed,
                 least(sum(m.sum), 9223372036854775807)::bigint AS sum, min(m.min) AS min, max(m.max) AS max,
                 string_agg(m.sketch, '' ORDER BY m.endpoint) AS sketch
          FROM unnest(m_endpoint, starts, m_requests, m_1xx, m_2xx, m_3xx, m_4xx, m_5xx, m_timed, m_sum, m_min, m_max, m_sketch)
               AS m (endpoint, start, requests, s1, s2, s3, s4, s5, timed, sum, min, max, sketch)
          LEFT JOIN unnest(folded_ids, other_ids) AS f (id, other) ON f.id = m.endpoint
          GROUP BY 1, 2 ORDER BY 1, 2) AS g
$$;

-- What a REGRESS makes of the chain (docs/adr/0010): the first 8 bytes of SHA-256 over the chain before, the position before,
-- what was kept and the header.
CREATE OR REPLACE FUNCTION chain_regress(
    p_chain bigint, p_at_epoch bigint, p_at_seq bigint, p_kept_epoch bigint, p_kept_seq bigint, p_epoch bigint, p_seq bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ('x' || encode(substr(sha256(convert_to(format('%s/%s-%s/%s-%s/%s-%s', p_chain, p_at_epoch, p_at_seq, p_kept_epoch,
           p_kept_seq, p_epoch, p_seq), 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
$$;

-- Applies a batch to a shard: position and counts move together, or nothing does. outcome is done, lost (position,
-- generation or regress chain were others: they are returned) or need_partition (make it and call again).
-- All that it writes follows from the batch and from what it finds, but for applied_at and updated_at.
CREATE OR REPLACE FUNCTION apply_batch_v1(
    p_shard integer, p_prev_epoch bigint, p_prev_seq bigint, p_generation bigint, p_regress_chain bigint,
    p_epoch bigint, p_seq bigint, p_checksum bigint, p_stamp_ms bigint,
    p_redis_entries bigint, p_redis_events bigint, p_redis_bytes bigint,
    p_events bigint, p_filtered bigint, p_request_ids bytea,
    e_id bigint[], e_service text[], e_method text[], e_route text[],
    m_endpoint bigint[], m_start_s bigint[], m_requests bigint[],
    m_1xx bigint[], m_2xx bigint[], m_3xx bigint[], m_4xx bigint[], m_5xx bigint[],
    m_timed bigint[], m_sum bigint[], m_min bigint[], m_max bigint[], m_sketch bytea[],
    v_poll text[], v_voter text[], v_option text[], v_source_ip text[], v_user_agent text[], v_time_ms bigint[],
    d_epoch bigint[], d_seq bigint[], d_index integer[], d_events bigint[], d_reason text[], d_payload bytea[],
    c_at_epoch bigint[], c_at_seq bigint[], c_epoch bigint[], c_seq bigint[], c_kept_epoch bigint[], c_kept_seq bigint[],
    c_kept_events bigint[], c_incarnation text[],
    OUT outcome text, OUT at_epoch bigint, OUT at_seq bigint, OUT at_generation bigint, OUT at_regress_chain bigint,
    OUT counted_events bigint, OUT dead_events bigint, OUT need_level text, OUT need_start_s bigint,
    OUT grown_levels text[], OUT grown_endpoints bigint[], OUT grown_starts bigint[], OUT grown_sketches bytea[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    stamp constant timestamptz := to_timestamp(p_stamp_ms / 1000.0);
    starts timestamptz[];
    first_start timestamptz;
    last_start timestamptz;
    f_minute timestamptz;
    f_hour timestamptz;
    f_day timestamptz;
    f_month timestamptz;
    longest integer;
    late_events bigint := 0;
    is_regress boolean := coalesce((c_kept_epoch[1], c_kept_seq[1]) < (c_at_epoch[1], c_at_seq[1]), false);
    history_due boolean;
    folded_ids bigint[];
    other_ids bigint[];
    rolled_endpoints bigint[];
    rolled_starts timestamptz[];
    deltas rollup_delta[];
BEGIN
    IF (p_epoch, p_seq) <= (p_prev_epoch, p_prev_seq) THEN
        RAISE EXCEPTION 'a batch must move its shard forward' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Before any row: whoever raises a floor would starve behind row locks. The floors are read by a later statement.
    PERFORM pg_advisory_xact_lock_shared(1413565516, 2), pg_advisory_xact_lock_shared(1413565516, 3);
    SELECT max(at) FILTER (WHERE level = 'minute'), max(at) FILTER (WHERE level = 'hour'),
           max(at) FILTER (WHERE level = 'day'), max(at) FILTER (WHERE level = 'month'), max(sketch_bytes)
        INTO f_minute, f_hour, f_day, f_month, longest FROM kept_floor, setting;
    SELECT array_agg(to_timestamp(s)), to_timestamp(min(s)), to_timestamp(max(s))
        INTO starts, first_start, last_start FROM unnest(m_start_s) AS s;

    -- The name as partition_of() makes it; that function would be parsed and planned here by every call.
    IF first_start < f_minute OR date_trunc('day', first_start, 'UTC') <> date_trunc('day', last_start, 'UTC')
        OR to_regclass('endpoint_minute_' || to_char(first_start AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NULL THEN
        SELECT level, start_s INTO need_level, need_start_s FROM missing_partition(starts, f_minute, f_hour, f_day);
        IF need_level IS NOT NULL THEN
            outcome := 'need_partition';
            RETURN;
        END IF;
        SELECT coalesce(sum(requests), 0) INTO late_events FROM unnest(starts, m_requests) AS m (start, requests)
            WHERE start < least(f_minute, f_hour, f_day, f_month);
    END IF;
    dead_events := late_events;
    IF cardinality(d_events) > 0 THEN
        dead_events := dead_events + (SELECT sum(events) FROM unnest(d_events) AS events);
    END IF;
    counted_events := p_events - late_events;

    UPDATE shard_position p SET
        epoch = p_epoch, seq = p_seq, checksum = p_checksum, stamp_ms = p_stamp_ms, redis_entries = p_redis_entries,
        redis_events = p_redis_events, redis_bytes = p_redis_bytes,
        rebase_events = CASE WHEN is_regress THEN p.rebase_events + p.redis_events - c_kept_events[1] ELSE p.rebase_events END,
        counted = p.counted + counted_events, dead_lettered = p.dead_lettered + dead_events,
        filtered = p.filtered + p_filtered,
        regress_chain = CASE WHEN is_regress
            THEN chain_regress(p.regress_chain, c_at_epoch[1], c_at_seq[1], c_kept_epoch[1], c_kept_seq[1], c_epoch[1], c_seq[1])
            ELSE p.regress_chain END,
        history_stamp_ms = CASE WHEN history.due THEN p_stamp_ms ELSE p.history_stamp_ms END,
        history_bytes = CASE WHEN history.due THEN p_redis_bytes ELSE p.history_bytes END,
        applied_at = clock_timestamp(), updated_at = clock_timestamp()
    FROM (SELECT shard, p_stamp_ms - h.history_stamp_ms >= 60000 OR abs(p_redis_bytes - h.history_bytes) >= 4194304 AS due
          FROM shard_position h WHERE h.shard = p_shard) AS history
    WHERE p.shard = p_shard AND history.shard = p.shard
      AND p.epoch = p_prev_epoch AND p.seq = p_prev_seq AND p.generation = p_generation
      AND p.regress_chain = p_regress_chain
    RETURNING history.due INTO history_due;
    IF NOT FOUND THEN
        outcome := 'lost';
        SELECT epoch, seq, generation, regress_chain INTO at_epoch, at_seq, at_generation, at_regress_chain
            FROM shard_position WHERE shard = p_shard;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no shard %', p_shard USING ERRCODE = 'undefined_object';
        END IF;
        RETURN;
    END IF;
    outcome := 'done';

    IF cardinality(d_epoch) > 0 THEN
        INSERT INTO dead_letter (shard, epoch, seq, idx, events, reason, payload, at)
        SELECT p_shard, d.epoch, d.seq, d.idx, d.events, d.reason, d.payload, stamp
        FROM unnest(d_epoch, d_seq, d_index, d_events, d_reason, d_payload) WITH ORDINALITY
             AS d (epoch, seq, idx, events, reason, payload, n) ORDER BY d.n;
    END IF;
    IF octet_length(p_request_ids) > 0 THEN
        INSERT INTO request_ledger (shard, from_epoch, from_seq, to_epoch, to_seq, ids, at)
        VALUES (p_shard, p_prev_epoch, p_prev_seq, p_epoch, p_seq, p_request_ids, stamp);
    END IF;
    IF cardinality(c_epoch) > 0 THEN
        INSERT INTO log_event (shard, kind, epoch, seq, at_epoch, at_seq, kept_epoch, kept_seq, detail, at)
        SELECT p_shard, CASE WHEN (c.kept_epoch, c.kept_seq) < (c.at_epoch, c.at_seq) THEN 'regress' ELSE 'epoch_opened' END,
               c.epoch, c.seq, c.at_epoch, c.at_seq, c.kept_epoch, c.kept_seq, c.incarnation, stamp
        FROM unnest(c_at_epoch, c_at_seq, c_epoch, c_seq, c_kept_epoch, c_kept_seq, c_incarnation) WITH ORDINALITY
             AS c (at_epoch, at_seq, epoch, seq, kept_epoch, kept_seq, incarnation, n) ORDER BY c.n;
    END IF;
    IF history_due THEN
        INSERT INTO position_history (shard, epoch, seq, redis_entries, redis_events, redis_bytes, at)
        VALUES (p_shard, p_epoch, p_seq, p_redis_entries, p_redis_events, p_redis_bytes, stamp);
    END IF;

    IF (SELECT count(*) FROM endpoint WHERE id = ANY (e_id)) < cardinality(e_id) THEN
        SELECT a.folded_ids, a.other_ids INTO folded_ids, other_ids FROM admit(e_id, e_service, e_method, e_route) AS a;
    END IF;
    IF folded_ids IS NOT NULL THEN
        PERFORM sample_folded(folded_ids, other_ids, e_id, e_service, e_method, e_route, m_endpoint, starts, m_requests);
        SELECT r.* INTO m_endpoint, starts, m_requests, m_1xx, m_2xx, m_3xx, m_4xx, m_5xx, m_timed, m_sum, m_min, m_max, m_sketch
        FROM regroup(folded_ids, other_ids, m_endpoint, starts, m_requests, m_1xx, m_2xx, m_3xx, m_4xx, m_5xx, m_timed, m_sum,
                     m_min, m_max, m_sketch) AS r;
    END IF;

    WITH written AS (
        INSERT INTO endpoint_minute AS t (endpoint, start, requests, status_1xx, status_2xx, status_3xx, status_4xx,
                                          status_5xx, timed, duration_sum_us, duration_min_us, duration_max_us, sketch)
        SELECT m_endpoint[n], starts[n], m_requests[n], m_1xx[n], m_2xx[n], m_3xx[n], m_4xx[n], m_5xx[n], m_timed[n], m_sum[n],
               m_min[n], m_max[n], m_sketch[n]
        -- By number: thirteen arrays unnested would be written out one by one, and sorted with their sketches.
        FROM (SELECT n FROM generate_subscripts(m_endpoint, 1) AS n
              WHERE starts[n] >= f_minute ORDER BY m_endpoint[n], starts[n]) AS sorted
        ON CONFLICT (endpoint, start) DO UPDATE SET
            requests = t.requests + excluded.requests,
            status_1xx = t.status_1xx + excluded.status_1xx, status_2xx = t.status_2xx + excluded.status_2xx,
            status_3xx = t.status_3xx + excluded.status_3xx, status_4xx = t.status_4xx + excluded.status_4xx,
            status_5xx = t.status_5xx + excluded.status_5xx, timed = t.timed + excluded.timed,
            duration_sum_us = saturating_add(t.duration_sum_us, excluded.duration_sum_us),
            duration_min_us = least(t.duration_min_us, excluded.duration_min_us),
            duration_max_us = greatest(t.duration_max_us, excluded.duration_max_us),
            sketch = t.sketch || excluded.sketch
        RETURNING t.endpoint, t.start, t.rolled,
                  CASE WHEN octet_length(t.sketch) > longest + t.compact_bytes THEN t.sketch END AS grown)
    SELECT array_agg(endpoint) FILTER (WHERE rolled), array_agg(start) FILTER (WHERE rolled),
           array_agg('minute'::text) FILTER (WHERE grown IS NOT NULL), array_agg(endpoint) FILTER (WHERE grown IS NOT NULL),
           array_agg(extract(epoch FROM start)::bigint) FILTER (WHERE grown IS NOT NULL),
           array_agg(grown) FILTER (WHERE grown IS NOT NULL)
        INTO rolled_endpoints, rolled_starts, grown_levels, grown_endpoints, grown_starts, grown_sketches
        FROM written WHERE rolled OR grown IS NOT NULL;

    -- Too late for minutes, or in a minute that was rolled up before: the coarser levels now.
    IF first_start < f_minute OR rolled_endpoints IS NOT NULL THEN
        SELECT array_agg(ROW(m.*)::rollup_delta) INTO deltas
        FROM unnest(m_endpoint, starts, m_requests, m_1xx, m_2xx, m_3xx, m_4xx, m_5xx, m_timed, m_sum, m_min, m_max, m_sketch)
             AS m (endpoint, start)
        WHERE m.start < f_minute OR EXISTS (SELECT FROM unnest(rolled_endpoints, rolled_starts) AS r (endpoint, start)
                                            WHERE r.endpoint = m.endpoint AND r.start = m.start);
        SELECT g.* INTO grown_levels, grown_endpoints, grown_starts, grown_sketches
        FROM add_coarser(deltas, grown_levels, grown_endpoints, grown_starts, grown_sketches) AS g;
    END IF;
    IF late_events > 0 THEN
        PERFORM set_aside_late(p_shard, p_epoch, p_seq, stamp, least(f_minute, f_hour, f_day, f_month), deltas);
    END IF;
    IF cardinality(v_poll) > 0 THEN
        PERFORM increment_vote(v_poll, v_voter, v_option, v_source_ip, v_user_agent,
                               ARRAY(SELECT to_timestamp(ms / 1000.0) FROM unnest(v_time_ms) WITH ORDINALITY AS v (ms, n) ORDER BY n));
    END IF;
END
$$;
