-- Entries of the audit log that are written many at a time, packed: what became of requests for tokens. They take their
-- numbers from the same count as those in `logs`. Words and marks as in 0001.

CREATE TABLE log_blocks (
    -- The numbers of the first and of the last entry; those between are all in it.
    first BIGINT PRIMARY KEY,
    last BIGINT NOT NULL,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    -- The earliest and the latest time of an entry: the clock may go back.
    earliest BIGINT NOT NULL,
    latest BIGINT NOT NULL,
    entries TEXT NOT NULL
);--table
CREATE INDEX log_blocks_workspace ON log_blocks (workspace, first);
