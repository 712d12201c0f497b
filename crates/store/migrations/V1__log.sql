-- How far each shard's log is counted, who counts it, and what happened to it.

CREATE TABLE layout (
    one               boolean PRIMARY KEY DEFAULT true CHECK (one),
    cluster_id        text NOT NULL,                -- made once; Redis carries the same
    shards            integer NOT NULL CHECK (shards BETWEEN 1 AND 65535),
    hash_names        text NOT NULL,                -- what chooses a shard; a change of either is another layout
    functions_version integer NOT NULL,             -- schema version whose functions were built last
    made_at           timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE setting (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    services_max  integer NOT NULL DEFAULT 1000 CHECK (services_max >= 0),   -- admission: services in all
    endpoints_max integer NOT NULL DEFAULT 5000 CHECK (endpoints_max >= 0),  -- admission: endpoints of a service
    folded_max    integer NOT NULL DEFAULT 100 CHECK (folded_max >= 0),      -- sample kept of what was not admitted
    sketch_bytes  integer NOT NULL DEFAULT 800 CHECK (sketch_bytes > 0),     -- growth that asks for compaction; TOAST starts at 2 kB
    roll_up_rows  integer NOT NULL DEFAULT 4000 CHECK (roll_up_rows > 0),    -- minutes that one roll_up takes
    pinned_clock  timestamptz                                                -- tests only: what tally_now() answers
);
INSERT INTO setting DEFAULT VALUES;

CREATE TABLE shard_position (
    shard            integer PRIMARY KEY,
    epoch            bigint NOT NULL DEFAULT 0,  -- P, the last entry applied: epoch-seq
    seq              bigint NOT NULL DEFAULT 0,
    generation       bigint NOT NULL DEFAULT 1,  -- which life of this database; raised when a restored one is found
    regress_chain    bigint NOT NULL DEFAULT 0,  -- chained hash of the REGRESSes crossed: the same P by another way is another
    checksum         bigint NOT NULL DEFAULT 0,  -- CRC-32 of the entry at P
    stamp_ms         bigint NOT NULL DEFAULT 0,  -- Redis TIME of the entry at P
    redis_entries    bigint NOT NULL DEFAULT 0,  -- Redis's own totals through P
    redis_events     bigint NOT NULL DEFAULT 0,
    redis_bytes      bigint NOT NULL DEFAULT 0,
    rebase_events    bigint NOT NULL DEFAULT 0,  -- what to add to Redis's total to have all events ever accepted
    counted          bigint NOT NULL DEFAULT 0,  -- events in the rollups and polls
    dead_lettered    bigint NOT NULL DEFAULT 0,  -- events set aside
    filtered         bigint NOT NULL DEFAULT 0,  -- events counted before a REGRESS that came again after it
    lost             bigint NOT NULL DEFAULT 0,  -- events that an operator gave up over a GAP
    halted           text,                       -- why nothing is applied, for operators
    history_stamp_ms bigint NOT NULL DEFAULT 0,  -- stamp and bytes of the last row in position_history
    history_bytes    bigint NOT NULL DEFAULT 0,
    applied_at       timestamptz,                -- last commit of a batch
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);                        -- updated five times a second

CREATE TABLE shard_lease (
    shard integer PRIMARY KEY,
    owner text,                                  -- id of a consumer; null: free
    term  bigint NOT NULL DEFAULT 0,             -- counts the owners
    until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

CREATE TABLE consumer (
    id         text PRIMARY KEY,
    until      timestamptz NOT NULL,             -- alive until then, unless renewed
    started_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE TABLE log_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard       integer NOT NULL,
    kind        text NOT NULL,                   -- epoch_opened, regress, restored, barrier_released
    epoch       bigint NOT NULL,                 -- the header, or P
    seq         bigint NOT NULL,
    at_epoch    bigint,                          -- P before it
    at_seq      bigint,
    kept_epoch  bigint,                          -- last entry that Redis still had
    kept_seq    bigint,
    detail      text,                            -- Redis incarnation, label of the backup, generation
    at          timestamptz NOT NULL             -- Redis TIME of the batch
);
CREATE INDEX log_event_shard ON log_event (shard, at);

CREATE TABLE dead_letter (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard   integer NOT NULL,
    epoch   bigint NOT NULL,
    seq     bigint NOT NULL,
    idx     integer,                             -- index within the entry; null: all of it, or a row of counts
    events  bigint NOT NULL,
    reason  text NOT NULL,
    payload bytea NOT NULL,                      -- as it was in the log, or JSON
    at      timestamptz NOT NULL                 -- Redis TIME of the batch
);
CREATE INDEX dead_letter_at ON dead_letter USING brin (at);

CREATE TABLE position_history (                  -- a row a minute, or every 4 MiB; for trimming, and to replay from a time
    shard         integer NOT NULL,
    epoch         bigint NOT NULL,
    seq           bigint NOT NULL,
    redis_entries bigint NOT NULL,
    redis_events  bigint NOT NULL,
    redis_bytes   bigint NOT NULL,
    at            timestamptz NOT NULL,          -- Redis TIME of the entry
    PRIMARY KEY (shard, epoch, seq)
);

CREATE TABLE backup_barrier (                    -- the log stays from here on, so that this backup can be replayed
    label       text NOT NULL,
    shard       integer NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    made_at     timestamptz NOT NULL,
    released_at timestamptz,
    PRIMARY KEY (label, shard)
);

CREATE TABLE request_ledger (                    -- which requests a batch counted; asked only over a REGRESS
    shard      integer NOT NULL,
    from_epoch bigint NOT NULL,                  -- exclusive
    from_seq   bigint NOT NULL,
    to_epoch   bigint NOT NULL,                  -- inclusive
    to_seq     bigint NOT NULL,
    ids        bytea NOT NULL,                   -- 16 bytes each, in log order
    at         timestamptz NOT NULL,             -- Redis TIME of the batch
    PRIMARY KEY (shard, to_epoch, to_seq)
);
ALTER TABLE request_ledger ALTER COLUMN ids SET STORAGE EXTERNAL;  -- hashes do not compress
CREATE INDEX request_ledger_at ON request_ledger USING brin (at);
