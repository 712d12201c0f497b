-- Who may do what. The roles are made by whoever installs Tally; those that are missing are passed over.
--   tally_consumer  counts            tally_api  reads, and makes polls            tally_reader  only reads

REVOKE ALL ON FUNCTION make_partition_v1(text, bigint), drop_partition_v1(text) FROM PUBLIC;

DO $$
DECLARE
    who text;
BEGIN
    FOR who IN SELECT rolname FROM pg_roles WHERE rolname IN ('tally_consumer', 'tally_api', 'tally_reader') LOOP
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I', who);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tally_api') THEN
        GRANT INSERT ON poll, poll_option TO tally_api;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tally_consumer') THEN
        GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tally_consumer;
        REVOKE INSERT, UPDATE, DELETE ON layout FROM tally_consumer;
        IF to_regclass('refinery_schema_history') IS NOT NULL THEN
            REVOKE INSERT, UPDATE, DELETE ON refinery_schema_history FROM tally_consumer;
        END IF;
        GRANT EXECUTE ON FUNCTION make_partition_v1(text, bigint), drop_partition_v1(text) TO tally_consumer;
    END IF;
END
$$;
