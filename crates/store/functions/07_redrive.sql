-- Counting dead letters after all. See docs/adr/0013.

-- Counts the figures of some dead letters of one shard, all of them or none, in the one statement that takes the letters away:
-- whoever deletes them has counted them. apply_batch_v1 does the writing, from the shard's position to one that nobody sees:
-- the row is locked, and put back where it was. outcome is done or need_partition (make it and call again; nothing changed).
-- Letters that are gone: 40001, nothing changed, look again. Figures that are not theirs, or too late for every level: 22023.
CREATE OR REPLACE FUNCTION redrive_v1(
    p_request bigint, p_shard integer, p_letters bigint[], p_events bigint,
    e_id bigint[], e_service text[], e_method text[], e_route text[],
    m_endpoint bigint[], m_start_s bigint[], m_requests bigint[],
    m_1xx bigint[], m_2xx bigint[], m_3xx bigint[], m_4xx bigint[], m_5xx bigint[],
    m_timed bigint[], m_sum bigint[], m_min bigint[], m_max bigint[], m_sketch bytea[],
    v_poll text[], v_voter text[], v_option text[], v_source_ip text[], v_user_agent text[], v_time_ms bigint[],
    OUT outcome text, OUT need_level text, OUT need_start_s bigint,
    OUT grown_levels text[], OUT grown_endpoints bigint[], OUT grown_starts bigint[], OUT grown_sketches bytea[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p shard_position%ROWTYPE;
    applied record;
    gone record;
BEGIN
    -- As apply does, before any row.
    PERFORM pg_advisory_xact_lock_shared(1413565516, 2), pg_advisory_xact_lock_shared(1413565516, 3);
    SELECT * INTO p FROM shard_position WHERE shard = p_shard FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no shard %', p_shard USING ERRCODE = 'undefined_object';
    END IF;
    SELECT * INTO applied FROM apply_batch_v1(
        p_shard, p.epoch, p.seq, p.generation, p.regress_chain, p.epoch, p.seq + 1, p.checksum, p.stamp_ms,
        p.redis_entries, p.redis_events, p.redis_bytes, p_events, 0, ''::bytea,
        e_id, e_service, e_method, e_route, m_endpoint, m_start_s, m_requests, m_1xx, m_2xx, m_3xx, m_4xx, m_5xx,
        m_timed, m_sum, m_min, m_max, m_sketch,
        -- Votes follow below.
        '{}'::text[], '{}'::text[], '{}'::text[], '{}'::text[], '{}'::text[], '{}'::bigint[],
        '{}'::bigint[], '{}'::bigint[], '{}'::integer[], '{}'::bigint[], '{}'::text[], '{}'::bytea[],
        '{}'::bigint[], '{}'::bigint[], '{}'::bigint[], '{}'::bigint[], '{}'::bigint[], '{}'::bigint[], '{}'::bigint[],
        '{}'::text[]);
    outcome := applied.outcome;
    IF outcome = 'need_partition' THEN
        need_level := applied.need_level;
        need_start_s := applied.need_start_s;
        RETURN;
    ELSIF applied.dead_events > 0 THEN
        RAISE EXCEPTION 'too late for every level' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    grown_levels := applied.grown_levels;
    grown_endpoints := applied.grown_endpoints;
    grown_starts := applied.grown_starts;
    grown_sketches := applied.grown_sketches;

    WITH deleted AS (
        DELETE FROM dead_letter WHERE id = ANY (p_letters) AND shard = p_shard RETURNING events)
    SELECT count(*) AS letters, coalesce(sum(events), 0)::bigint AS events INTO gone FROM deleted;
    IF gone.letters <> cardinality(p_letters) THEN
        RAISE EXCEPTION 'letters are gone' USING ERRCODE = 'serialization_failure';
    ELSIF gone.events <> p_events THEN
        RAISE EXCEPTION 'these are not the figures of those letters' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- Back to where the log is counted to; counted went up, so dead_lettered goes down by the same.
    UPDATE shard_position SET
        epoch = p.epoch, seq = p.seq, history_stamp_ms = p.history_stamp_ms, history_bytes = p.history_bytes,
        dead_lettered = dead_lettered - p_events
    WHERE shard = p_shard;
    DELETE FROM position_history WHERE shard = p_shard AND epoch = p.epoch AND seq = p.seq + 1;
    UPDATE redrive SET redriven = redriven + p_events WHERE id = p_request;
    IF cardinality(v_poll) > 0 THEN
        PERFORM increment_late_votes(
            v_poll, v_voter, v_option, v_source_ip, v_user_agent,
            ARRAY(SELECT to_timestamp(ms / 1000.0) FROM unnest(v_time_ms) WITH ORDINALITY AS v (ms, n) ORDER BY n));
    END IF;
END
$$;

-- Counts votes that come late: of a voter who has voted since, they change nothing, and are audited all the same.
CREATE OR REPLACE FUNCTION increment_late_votes(
    p_polls text[], p_voters text[], p_options text[], p_source_ips text[], p_user_agents text[], p_ats timestamptz[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM poll WHERE name = ANY (p_polls) ORDER BY name FOR NO KEY UPDATE;
    INSERT INTO vote_event (poll, option, voter, source_ip, user_agent, at)
    SELECT poll, option, voter, source_ip, user_agent, at
    FROM unnest(p_polls, p_options, p_voters, p_source_ips, p_user_agents, p_ats) WITH ORDINALITY
         AS v (poll, option, voter, source_ip, user_agent, at, n)
    WHERE EXISTS (SELECT FROM vote w WHERE w.poll = v.poll AND w.voter = v.voter AND w.at > v.at) ORDER BY n;
    PERFORM increment_vote(array_agg(poll ORDER BY n), array_agg(voter ORDER BY n), array_agg(option ORDER BY n),
                           array_agg(source_ip ORDER BY n), array_agg(user_agent ORDER BY n), array_agg(at ORDER BY n))
    FROM unnest(p_polls, p_voters, p_options, p_source_ips, p_user_agents, p_ats) WITH ORDINALITY
         AS v (poll, voter, option, source_ip, user_agent, at, n)
    WHERE NOT EXISTS (SELECT FROM vote w WHERE w.poll = v.poll AND w.voter = v.voter AND w.at > v.at)
    HAVING count(*) > 0;
END
$$;
