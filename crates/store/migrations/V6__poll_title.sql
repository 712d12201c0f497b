-- What a poll asks, and what a vote changed.

ALTER TABLE poll ADD COLUMN title text;                    -- 1 to 200 characters; null: people see the name
UPDATE poll SET title = 'Cats or dogs?' WHERE name = 'default';

ALTER TABLE vote_event ADD COLUMN changed_from text;       -- the voter's option before, where it was another one
