-- Workspaces, APIs and their permissions, signing keys, and the audit log.
--
-- One text for both engines. On SQLite four words are replaced: BYTEA, BIGINT, BOOLEAN and the mark at the end of a
-- table, which becomes STRICT. Times are milliseconds since 1970. JSON is text that no statement looks into.

CREATE TABLE workspaces (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    -- The issuer of tokens and the base of every absolute URL; ends with a slash. Empty until the first start is done.
    public_url TEXT NOT NULL,
    created_at BIGINT NOT NULL
);--table

-- The number of the last committed change. Whoever changes the catalogue locks this row first, so that numbers are
-- handed out in the order of commits.
CREATE TABLE revision (
    singleton BIGINT PRIMARY KEY,
    value BIGINT NOT NULL
);--table

CREATE TABLE changes (
    revision BIGINT NOT NULL,
    kind TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (revision, kind, number)
);--table

-- The last number given to each kind of row. Numbers are never given twice.
CREATE TABLE numbers (
    kind TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);--table

-- The nodes that serve from this database: how far each has followed, and until when it may believe its memory. Empty
-- on SQLite, where there is one.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);--table

CREATE TABLE apis (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    name TEXT,
    system TEXT,
    settings TEXT NOT NULL,
    signing_secret BYTEA,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX apis_id ON apis (workspace, id);
-- An identifier is free again once its API is deleted.
CREATE UNIQUE INDEX apis_identifier ON apis (workspace, identifier) WHERE deleted_at IS NULL;

CREATE TABLE permissions (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    api BIGINT NOT NULL REFERENCES apis (number),
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    description TEXT,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX permissions_id ON permissions (workspace, id);
CREATE UNIQUE INDEX permissions_value ON permissions (api, value) WHERE deleted_at IS NULL;

CREATE TABLE signing_keys (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    kid TEXT NOT NULL,
    state TEXT NOT NULL,
    private BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX signing_keys_kid ON signing_keys (kid);

CREATE TABLE logs (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    log_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    client_id TEXT,
    subject TEXT,
    ip TEXT NOT NULL,
    detail TEXT NOT NULL
);--table
CREATE UNIQUE INDEX logs_log_id ON logs (workspace, log_id);

INSERT INTO workspaces (number, name, public_url, created_at) VALUES (1, 'default', '', 0);
INSERT INTO revision (singleton, value) VALUES (1, 0);
INSERT INTO numbers (kind, last) VALUES ('api', 0), ('permission', 0), ('signing_key', 0), ('log', 0);
