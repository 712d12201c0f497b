-- Polls and votes. All names are bounded at the front door (100 characters), short enough for an index row.

CREATE TABLE poll (
    name    text PRIMARY KEY,                       -- the row is locked while its votes are counted
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE poll_option (
    poll   text NOT NULL REFERENCES poll,
    option text NOT NULL,
    votes  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (poll, option)
) WITH (fillfactor = 50);

CREATE TABLE vote (                                 -- what each voter chose last; votes without a voter are only counted
    poll   text NOT NULL,
    voter  text NOT NULL,
    option text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (poll, voter)
);

CREATE TABLE vote_event (                           -- audit: every vote as it was cast
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    poll       text NOT NULL,
    option     text NOT NULL,
    voter      text,
    source_ip  text,
    user_agent text,
    at         timestamptz NOT NULL                 -- time of receipt
);

INSERT INTO poll (name) VALUES ('default');
INSERT INTO poll_option (poll, option) VALUES ('default', 'cats'), ('default', 'dogs');
