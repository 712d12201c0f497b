-- Dead letters that are to be counted after all: who was asked for what, and what came of it. A consumer carries it out.

CREATE TABLE redrive (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason   text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked    bigint NOT NULL,                   -- events that were set aside for this reason then
    through  bigint NOT NULL,                   -- the last letter that is meant; what comes later was not asked for
    after    bigint NOT NULL DEFAULT 0,         -- letters through this one were looked at
    redriven bigint NOT NULL DEFAULT 0,         -- events counted
    refused  bigint NOT NULL DEFAULT 0,         -- events that still cannot be counted; their letters stay
    worker   text,                              -- the consumer that is at it; for liveness only, two are harmless
    until    timestamptz NOT NULL DEFAULT '-infinity',
    done_at  timestamptz
);
CREATE UNIQUE INDEX redrive_open ON redrive (reason) WHERE done_at IS NULL;
CREATE INDEX redrive_reason ON redrive (reason, id);

CREATE INDEX dead_letter_reason ON dead_letter (reason, id);
