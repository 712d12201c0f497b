
-- What restore runs after a dump, in the same transaction. Then come the grants, and COMMIT.
SET search_path = public;
SET client_min_messages = warning;
SELECT set_config('tally.newest', :'newest', true);

DO $$
BEGIN
    IF to_regclass('layout') IS NULL OR NOT EXISTS (SELECT FROM layout) THEN
        RAISE EXCEPTION 'this is no backup of Tally';
    ELSIF (SELECT functions_version FROM layout) > current_setting('tally.newest')::integer THEN
        RAISE EXCEPTION 'this backup has schema %, but this program knows only %: restore it with the Tally that made it',
            (SELECT functions_version FROM layout), current_setting('tally.newest');
    ELSIF EXISTS (SELECT FROM pg_temp.kept_layout k JOIN layout l ON l.cluster_id <> k.cluster_id) THEN
        RAISE EXCEPTION 'this is the backup of another Tally (cluster %, here it is %); restore it into an empty database',
            (SELECT cluster_id FROM layout), (SELECT cluster_id FROM pg_temp.kept_layout);
    END IF;
END
$$;

INSERT INTO backup_barrier (label, shard, epoch, seq, made_at, released_at)
    SELECT label, shard, epoch, seq, made_at, released_at FROM pg_temp.kept_barrier
    ON CONFLICT (label, shard) DO UPDATE SET released_at = excluded.released_at;
-- Whoever counted when the backup was made does not hold a lease today.
DELETE FROM consumer;
UPDATE shard_lease SET owner = NULL, until = '-infinity';
ANALYZE shard_position, endpoint, endpoint_minute, endpoint_hour, endpoint_day, endpoint_month;
DO $$
BEGIN
    IF to_regclass('service_month') IS NOT NULL THEN  -- not in dumps of older schemas
        ANALYZE service_minute, service_hour, service_day, service_month;
    END IF;
    IF to_regclass('minute_block') IS NOT NULL THEN
        ANALYZE minute_block;
    END IF;
    IF to_regclass('day_block') IS NOT NULL THEN
        ANALYZE day_block;
    END IF;
END
$$;
