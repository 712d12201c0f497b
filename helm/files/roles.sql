-- The roles of Tally, each for one program, and its database. Once, as a superuser, with psql (it quotes the passwords):
--   psql -v database=tally -v owner=… -v consumer=… -v api=… -v grafana=… -f roles.sql
-- What each may do is granted by `tally-consumer migrate`, which runs as tally_owner. The bundled PostgreSQL runs this file too.
CREATE ROLE tally_owner LOGIN PASSWORD :'owner';        -- migrates, backs up, restores
CREATE ROLE tally_consumer LOGIN PASSWORD :'consumer';  -- counts
CREATE ROLE tally_api LOGIN PASSWORD :'api';            -- reads, and makes polls
CREATE ROLE tally_grafana LOGIN PASSWORD :'grafana';    -- reads figures
GRANT pg_monitor TO tally_grafana;                      -- and, for the exporter, the server's own
CREATE DATABASE :"database" OWNER tally_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO tally_consumer, tally_api, tally_grafana;
