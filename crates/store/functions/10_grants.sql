-- Who may do what, to the letter. Whoever installs Tally makes the roles (docs/postgres-roles.sql); those that are missing are
-- passed over, and so are objects: restore runs this over dumps of older schemas too.
--   tally_owner     migrates, backs up and restores; everything here is its own
--   tally_consumer  counts
--   tally_api       reads what it answers with, makes polls, and asks for redrives; it never sees a voter, only the masked audit
--   tally_grafana   reads figures: no payload, no voter
-- Functions run with the rights of their caller, so these rows bound them too; those that make and drop tables are the
-- owner's, and theirs is the one right that is taken from PUBLIC.

REVOKE ALL ON FUNCTION make_partition_v1(text, bigint), drop_partition_v1(text) FROM PUBLIC;

DO $$
DECLARE
    wanted record;
    had record;
BEGIN
    -- From a clean slate: an earlier release may have given more.
    FOR had IN
        SELECT DISTINCT c.oid::regclass AS object, r.rolname AS who
        FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.relnamespace = 'public'::regnamespace AND r.rolname IN ('tally_consumer', 'tally_api', 'tally_grafana')
          AND c.relowner <> r.oid
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', had.object, had.who);
    END LOOP;
    FOR wanted IN
        SELECT g.who, g.what, t.name
        FROM (VALUES
            -- Locking a row FOR UPDATE takes the right to update some column: hence poll and setting.
            ('tally_consumer', 'SELECT', 'layout backup_barrier retention_floor kept_floor kept_from'),
            ('tally_consumer', 'SELECT, UPDATE (one)', 'setting'),
            ('tally_consumer', 'SELECT, UPDATE', 'shard_position shard_lease'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE, DELETE', 'consumer redrive'),
            ('tally_consumer', 'SELECT, INSERT', 'log_event endpoint'),
            ('tally_consumer', 'SELECT, INSERT, DELETE', 'dead_letter position_history request_ledger'),
            ('tally_consumer', 'UPDATE (released_at), DELETE', 'backup_barrier'),
            ('tally_consumer', 'UPDATE (at)', 'retention_floor kept_floor'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE', 'service folded_route'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE', 'endpoint_hour endpoint_month minute_block day_block'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE, DELETE', 'endpoint_minute endpoint_day'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE, DELETE', 'service_minute service_hour service_day service_month'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE (name)', 'poll'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE (votes)', 'poll_option'),
            ('tally_consumer', 'SELECT, INSERT, UPDATE (option, at)', 'vote'),
            ('tally_consumer', 'INSERT', 'vote_event'),
            ('tally_api', 'SELECT', 'layout shard_position retention_floor kept_floor kept_from dead_letter folded_route'),
            ('tally_api', 'SELECT', 'endpoint endpoint_minute endpoint_hour endpoint_day endpoint_month minute_block day_block'),
            ('tally_api', 'SELECT', 'setting shard_lease consumer'),
            ('tally_api', 'SELECT, INSERT (reason, asked, through)', 'redrive'),
            ('tally_api', 'SELECT', 'service service_minute service_hour service_day service_month'),
            ('tally_api', 'SELECT, INSERT', 'poll poll_option'),
            -- A dump may be older than titles.
            ('tally_api', 'UPDATE (title)',
             (SELECT 'poll' FROM pg_attribute WHERE attrelid = to_regclass('poll') AND attname = 'title')),
            ('tally_api', 'SELECT', 'vote_audit'),
            ('tally_grafana', 'SELECT', 'endpoint endpoint_minute endpoint_hour endpoint_day endpoint_month'),
            ('tally_grafana', 'SELECT', 'minute_block day_block endpoint_minutes endpoint_days'),
            ('tally_grafana', 'SELECT', 'service service_minute service_hour service_day service_month'),
            ('tally_grafana', 'SELECT', 'endpoint_minute_figures endpoint_hour_figures endpoint_day_figures endpoint_month_figures'),
            ('tally_grafana', 'SELECT', 'shard_position log_event folded_route poll poll_option'),
            ('tally_grafana', 'SELECT (id, shard, epoch, seq, idx, events, reason, at)', 'dead_letter')
        ) AS g (who, what, names)
        JOIN pg_roles r ON r.rolname = g.who
        CROSS JOIN LATERAL unnest(string_to_array(g.names, ' ')) AS t (name)
        WHERE to_regclass(t.name) IS NOT NULL
    LOOP
        EXECUTE format('GRANT %s ON %I TO %I', wanted.what, wanted.name, wanted.who);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tally_consumer') THEN
        GRANT EXECUTE ON FUNCTION make_partition_v1(text, bigint), drop_partition_v1(text) TO tally_consumer;
    END IF;
    IF to_regprocedure('drop_sealed_v1()') IS NOT NULL THEN  -- not in dumps of older schemas
        REVOKE ALL ON FUNCTION drop_sealed_v1() FROM PUBLIC;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tally_consumer') THEN
            GRANT EXECUTE ON FUNCTION drop_sealed_v1() TO tally_consumer;
        END IF;
    END IF;
END
$$;
