-- What restore runs before a dump, in the same transaction. Everything in the schema public goes: a dump restored over what is
-- there would leave the partitions and functions that it does not know.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL lock_timeout = '60s';
SET LOCAL search_path = public;
SELECT pg_advisory_xact_lock(1413565516, 1);  -- no migration meanwhile

DO $$
BEGIN
    IF to_regclass('public.layout') IS NULL AND EXISTS (
        SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
            AND relname <> 'refinery_schema_history'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')) THEN
        RAISE EXCEPTION 'the database holds tables that are not Tally''s; restore into an empty one';
    END IF;
END
$$;

-- All tables and views at once, none waited for while another is held: dropping one after another ended in a deadlock
-- with those who read two of them. What is in use is waited for alone, which also sends an autovacuum away.
DO $$
DECLARE
    attempts_max constant integer := 100;
    tables text[];
    one text;
BEGIN
    FOR attempt IN 1 .. attempts_max LOOP
        SELECT array_agg(format('public.%I', relname) ORDER BY relname) INTO tables FROM pg_class c
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e');
        EXIT WHEN tables IS NULL;
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', array_to_string(tables, ', '));
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = attempts_max THEN
                RAISE EXCEPTION 'the database is in use all the time; stop who reads it or writes to it, and restore again';
            END IF;
        END;
        FOREACH one IN ARRAY tables LOOP
            BEGIN
                EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', one);
                RAISE EXCEPTION USING ERRCODE = 'TYFRE';  -- gives the lock back
            EXCEPTION WHEN SQLSTATE 'TYFRE' OR undefined_table THEN
            END;
        END LOOP;
    END LOOP;
END
$$;

-- What is not of the past: which backups hold the log, and whose log it is.
CREATE TEMP TABLE kept_barrier (
    label text, shard integer, epoch bigint, seq bigint, made_at timestamptz, released_at timestamptz) ON COMMIT DROP;
CREATE TEMP TABLE kept_layout (cluster_id text) ON COMMIT DROP;
DO $$
BEGIN
    IF to_regclass('public.layout') IS NOT NULL THEN
        INSERT INTO kept_layout SELECT cluster_id FROM public.layout;
        INSERT INTO kept_barrier SELECT label, shard, epoch, seq, made_at, released_at FROM public.backup_barrier;
    END IF;
END
$$;

DO $$
DECLARE
    drops text[];
    one text;
BEGIN
    -- Named before anything is dropped: a name is not to be had any more once its object went with another.
    SELECT array_agg(text ORDER BY turn) INTO drops FROM (
        SELECT 1 AS turn, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) AS text FROM pg_proc p
            WHERE pronamespace = 'public'::regnamespace
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        -- Sequences of columns go with their tables, so they come last.
        SELECT CASE relkind WHEN 'S' THEN 3 ELSE 2 END, format('DROP %s IF EXISTS public.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                         WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, relname) FROM pg_class c
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'c')
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')) AS all_of_it;
    FOREACH one IN ARRAY coalesce(drops, '{}') LOOP
        EXECUTE one;
    END LOOP;
END
$$;
