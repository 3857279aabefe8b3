-- Who uses the console, and the sessions and links by which they do. Words and marks as in 0001.

CREATE TABLE administrators (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    -- In lower case; empty for one that has none.
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    -- argon2id, as a PHC string.
    password TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX administrators_id ON administrators (workspace, id);
CREATE UNIQUE INDEX administrators_email ON administrators (workspace, email) WHERE email <> '';

-- What is in a link is random; its SHA-256 is kept. It goes with its first use.
CREATE TABLE sign_in_links (
    hash BYTEA PRIMARY KEY,
    administrator BIGINT NOT NULL REFERENCES administrators (number) ON DELETE CASCADE,
    ends_at BIGINT NOT NULL
);--index
CREATE INDEX sign_in_links_administrator ON sign_in_links (administrator);

-- The SHA-256 of what is in the cookie.
CREATE TABLE sessions (
    hash BYTEA PRIMARY KEY,
    administrator BIGINT NOT NULL REFERENCES administrators (number) ON DELETE CASCADE,
    begun_at BIGINT NOT NULL,
    -- When it was used last, within a minute.
    seen_at BIGINT NOT NULL
);--index
CREATE INDEX sessions_administrator ON sessions (administrator);
CREATE INDEX sessions_seen_at ON sessions (seen_at);

INSERT INTO numbers (kind, last) VALUES ('administrator', 0);
