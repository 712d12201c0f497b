-- The roles of Tally on a PostgreSQL of your own, and its database. Run once, as a superuser or whoever may make both:
--   psql -v database=tally -v owner=… -v consumer=… -v api=… -v grafana=… -f docs/postgres-roles.sql
-- Then `tally-consumer migrate` as tally_owner makes the schema, and grants each role what it runs (and no more) each time.

CREATE ROLE tally_owner LOGIN PASSWORD :'owner';        -- migrates, backs up, restores
CREATE ROLE tally_consumer LOGIN PASSWORD :'consumer';  -- tally-consumer run, drain, open
CREATE ROLE tally_api LOGIN PASSWORD :'api';            -- tally-api
CREATE ROLE tally_grafana LOGIN PASSWORD :'grafana';    -- dashboards: figures only
GRANT tally_owner TO CURRENT_USER;                      -- to give it the database, where you are no superuser
CREATE DATABASE :"database" OWNER tally_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO tally_consumer, tally_api, tally_grafana;
REVOKE tally_owner FROM CURRENT_USER;

\connect :"database"
-- As from PostgreSQL 15 on: nobody but the owner makes anything here.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO tally_owner;
