-- Votes. apply calls the array form with a whole batch; people call the other from psql; both count the same.

-- Counts votes in the order given: without a voter each counts, of a voter the last one wins. A missing poll or option is
-- added: it was checked before the vote was accepted, and a restored database may have forgotten it. Every vote is audited,
-- with what its voter had chosen before, so the audit is written before the choices are.
-- The rows of the polls are locked first, so that nothing below can meet another writer of the same poll.
CREATE OR REPLACE FUNCTION increment_vote(
    p_polls text[], p_voters text[], p_options text[], p_source_ips text[], p_user_agents text[], p_ats timestamptz[])
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO poll (name) SELECT DISTINCT name FROM unnest(p_polls) AS name ORDER BY name ON CONFLICT DO NOTHING;
    PERFORM FROM poll WHERE name = ANY (p_polls) ORDER BY name FOR NO KEY UPDATE;
    INSERT INTO poll_option (poll, option)
    SELECT DISTINCT poll, option FROM unnest(p_polls, p_options) AS v (poll, option) ORDER BY 1, 2 ON CONFLICT DO NOTHING;

    INSERT INTO vote_event (poll, option, voter, source_ip, user_agent, at, changed_from)
    SELECT poll, option, voter, source_ip, user_agent, at,
           CASE WHEN voter IS NOT NULL AND option_before <> option THEN option_before END
    FROM (SELECT c.*, coalesce(lag(c.option) OVER (PARTITION BY c.poll, c.voter ORDER BY n), v.option) AS option_before
          FROM unnest(p_polls, p_options, p_voters, p_source_ips, p_user_agents, p_ats) WITH ORDINALITY
               AS c (poll, option, voter, source_ip, user_agent, at, n)
          LEFT JOIN vote v ON v.poll = c.poll AND v.voter = c.voter) AS audited
    ORDER BY n;

    WITH cast_votes AS (
        SELECT * FROM unnest(p_polls, p_voters, p_options, p_ats) WITH ORDINALITY AS v (poll, voter, option, at, n)
    ), choices AS (
        SELECT DISTINCT ON (poll, voter) poll, voter, option, at
        FROM cast_votes WHERE voter IS NOT NULL ORDER BY poll, voter, n DESC
    ), changes AS (
        SELECT poll, option, 1 AS by FROM cast_votes WHERE voter IS NULL
        UNION ALL SELECT poll, option, 1 FROM choices
        UNION ALL SELECT v.poll, v.option, -1 FROM vote v JOIN choices c USING (poll, voter)
    ), chosen AS (
        INSERT INTO vote AS t (poll, voter, option, at) SELECT poll, voter, option, at FROM choices
        ON CONFLICT (poll, voter) DO UPDATE SET option = excluded.option, at = excluded.at
    )
    UPDATE poll_option o SET votes = o.votes + c.by
    FROM (SELECT poll, option, sum(by)::bigint AS by FROM changes GROUP BY 1, 2) AS c
    WHERE o.poll = c.poll AND o.option = c.option AND c.by <> 0;
END
$$;

-- Counts one vote: SELECT increment_vote('default', 'a voter or null', 'cats').
CREATE OR REPLACE FUNCTION increment_vote(
    poll text, voter text, option text, source_ip text DEFAULT NULL, user_agent text DEFAULT NULL,
    at timestamptz DEFAULT clock_timestamp())
RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT increment_vote(ARRAY[poll], ARRAY[voter], ARRAY[option], ARRAY[source_ip], ARRAY[user_agent], ARRAY[at])
$$;

-- Results of a poll, most votes first, then by name; percentages with two digits, 0 while there is no vote.
CREATE OR REPLACE FUNCTION get_vote_results(p_poll text DEFAULT 'default')
RETURNS TABLE (option text, votes bigint, percentage numeric) LANGUAGE sql STABLE AS $$
    SELECT o.option, o.votes, coalesce(round(100.0 * o.votes / nullif(sum(o.votes) OVER (), 0), 2), 0)
    FROM poll_option o WHERE o.poll = p_poll ORDER BY o.votes DESC, o.option
$$;

-- The audit for whoever may not see voters: a voter is six digits of a hash, salted with the database's own id, so that the
-- votes of one can be followed and nobody can be named.
CREATE OR REPLACE VIEW vote_audit AS
    SELECT e.id, e.at, e.poll, e.option, e.changed_from, left(e.hash, 4) || '…' || right(e.hash, 2) AS voter
    FROM (SELECT v.*, encode(sha256(convert_to(l.cluster_id || v.voter, 'UTF8')), 'hex') AS hash
          FROM vote_event v CROSS JOIN layout l) AS e;
