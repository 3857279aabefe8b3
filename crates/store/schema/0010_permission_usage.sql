-- How often permissions are used, and by whom last. Words and marks as in 0001.

-- A permission's newest row stays; others go after a month. One that was never used has none.
CREATE TABLE permission_usage (
    permission BIGINT NOT NULL REFERENCES permissions (number),
    -- Days since 1970, in UTC.
    day BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    -- The last use of the day, and whose it was: a key's, or that of the application with this `client_id`.
    last_at BIGINT NOT NULL,
    last_key BIGINT REFERENCES keys (number),
    last_client TEXT,
    PRIMARY KEY (permission, day)
);--index
CREATE INDEX permission_usage_day ON permission_usage (day);
